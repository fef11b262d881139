"""What a provider may do with a request instead of answering it honestly."""

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Literal

import orjson

from runner.value import value

JSON = "application/json"
EVENTS = "text/event-stream"
MEGABYTE = 1 << 20


@value
class Answer:
    """One whole answer: an honest one, or what a script wants sent in its place."""

    status: int = 200
    body: bytes = b""
    type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    paid: bool | None = None
    """Whether it is charged for; None: where the status is below 300."""
    hangs_up: bool = False
    """Close the connection behind it without having said so: a race for a client that keeps it alive."""

    @property
    def costs(self) -> bool:
        return self.status < HTTPStatus.MULTIPLE_CHOICES if self.paid is None else self.paid


@value
class Close:
    """The connection ends without a byte of an answer."""

    reset: bool = False
    """By RST rather than FIN."""
    costs: bool = True
    """Whether the work was done first: done, then closed."""


@value
class Cut:
    """The honest answer, its body cut short and the connection closed."""

    keep: float = 0.5
    """The share of the body that is sent."""
    framing: Literal["length", "chunked", "close"] = "length"
    """How the body's end would have been known; by `close` the cut cannot be seen from outside."""
    reset: bool = False
    """End by RST rather than FIN."""
    costs: bool = True


@value
class Hang:
    """Silence until the client leaves: before the headers, or behind so much of the honest body."""

    keep: float | None = None
    """The share of the body that is sent first; None: not even headers."""
    costs: bool = True


@value
class Drip:
    """The honest answer, a few bytes at a time."""

    size: int = 1
    every_s: float = 0.1
    costs: bool = True


@value
class Slow:
    """The honest answer, so many seconds later."""

    seconds: float
    costs: bool = True


@value
class Change:
    """The honest answer, changed."""

    how: Callable[[Answer], Answer]
    costs: bool = True


@value
class Raw:
    """These bytes on the socket in place of an answer, then the end of the connection."""

    data: bytes
    costs: bool = True


Act = Answer | Close | Cut | Hang | Drip | Slow | Change | Raw


def said(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; `retry_after="3"` among the keywords is the header `retry-after: 3`."""
    return Answer(status=status, body=orjson.dumps(value), headers=spelled(headers))


def refused(status: int, message: str = "", code: str | None = None, **headers: str) -> Answer:
    """An error as OpenAI's API words it."""
    text = message or HTTPStatus(status).phrase if status in set(HTTPStatus) else message
    return said({"error": {"message": text, "type": kind(status), "code": code}}, status, **headers)


def kind(status: int) -> str:
    """The `type` of an error."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"


def page(status: int = 200) -> Answer:
    """What a proxy puts in an API's place."""
    body = b"<!doctype html><html><head><title>Just a moment</title></head><body>Please wait</body></html>"
    return Answer(status=status, body=body, type="text/html; charset=utf-8")


@lru_cache(maxsize=2)
def bomb(megabytes: int = 400) -> Answer:
    """A small gzip body that grows to so many megabytes of spaces in a JSON array."""
    blank = b" " * MEGABYTE
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = squeeze.compress(blank) + squeeze.flush(zlib.Z_FULL_FLUSH)
    head = gzip.compress(b"", 9)[:10]
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(blank, check)
    tail = check.to_bytes(4, "little") + (megabytes * MEGABYTE % 2**32).to_bytes(4, "little")
    body = head + block * megabytes + b"\x03\x00" + tail
    return Answer(body=body, headers={"content-encoding": "gzip"})


def spelled(headers: Mapping[str, str]) -> dict[str, str]:
    """Keywords as header names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
