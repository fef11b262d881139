"""Faults by name, and a mix of them by chance: `429:0.05,reset:0.01`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from http import HTTPStatus

import pybase64

from runner.demo import lapses
from runner.demo.acts import (
    Act,
    Answer,
    Change,
    Close,
    Cut,
    Drip,
    Hang,
    Raw,
    Slow,
    bomb,
    page,
    refused,
    said,
)
from runner.value import value

STATUS = re.compile(r"[345]\d\d")
PAUSES = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
SHOWN_STREAM = 2
"""Events of a stream that come before its early end."""


class BadFaults(ValueError):
    """A mix of faults that cannot be read; its text says what is wrong with it."""


@value
class Share:
    """One fault and how often it happens, from 0 to 1."""

    name: str
    chance: float


@value
class Mix:
    """Faults by chance; at most one happens to a request."""

    shares: tuple[Share, ...] = ()

    def pick(self, chance: float) -> str | None:
        """The name of the fault that stands at `chance`, from 0 to 1, or none."""
        for share in self.shares:
            chance -= share.chance
            if chance < 0:
                return share.name
        return None


def parse_faults(text: str) -> Mix:
    """Read `NAME:CHANCE,…`; a name is an HTTP status or one of `NAMES`. Raises BadFaults."""
    shares = tuple(share(part.strip()) for part in text.split(",") if part.strip())
    total = sum(one.chance for one in shares)
    if total > 1 + 1e-9:
        raise BadFaults(f"the chances of all faults add up to {total:g}, more than 1")
    return Mix(shares=shares)


def share(text: str) -> Share:
    name, colon, number = text.partition(":")
    if not colon:
        raise BadFaults(f"'{text}' has no chance. Write it as '{text}:0.05'")
    if not known(name):
        raise BadFaults(f"unknown fault '{name}'.{suggestion(name)}")
    return Share(name=name, chance=probability(number, text))


def probability(number: str, text: str) -> float:
    try:
        chance = float(number)
    except ValueError:
        raise BadFaults(f"'{number}' in '{text}' is not a number") from None
    if not 0 <= chance <= 1:
        raise BadFaults(f"the chance in '{text}' is not between 0 and 1")
    return chance


def known(name: str) -> bool:
    return name in NAMES or STATUS.fullmatch(name) is not None


def suggestion(name: str) -> str:
    near = get_close_matches(name, NAMES, 1)
    return f" Did you mean '{near[0]}'?" if near else f" Known: an HTTP status, {', '.join(NAMES)}"


def named(name: str) -> Act:
    """The act behind a name of a mix."""
    return NAMES[name] if name in NAMES else status(int(name))


def status(code: int) -> Answer:
    """A bare refusal; 429 and 503 name a second's wait, a redirect its target."""
    if code in PAUSES:
        return refused(code, retry_after="1")
    return refused(code, location="/moved") if code < HTTPStatus.BAD_REQUEST else refused(code)


def body(change: Callable[[bytes], bytes]) -> Change:
    """The honest answer with another body."""
    return Change(how=lambda answer: replace(answer, body=change(answer.body)))


def recoded(change: Callable[[bytes], bytes]) -> Change:
    """The honest answer, every base64 picture in it changed as bytes."""

    def picture(match: re.Match[bytes]) -> bytes:
        return b'"b64_json":"' + pybase64.b64encode(change(pybase64.b64decode(match[1]))) + b'"'

    return body(lambda data: B64.sub(picture, data))


def early(data: bytes) -> bytes:
    """A stream that ends between two events, without its end marker."""
    return b"".join(event + b"\n\n" for event in data.split(b"\n\n")[:SHOWN_STREAM])


def swollen(answer: Answer) -> Answer:
    """A small body that grows to 400 MB."""
    return replace(answer, body=bomb().body, headers={**answer.headers, **bomb().headers})


B64 = re.compile(rb'"b64_json":"([^"]*)"')
FAILED = {"error": {"message": "the model is overloaded", "type": "server_error", "code": "overloaded"}}
NAMES: Mapping[str, Act] = {
    "reset": Close(reset=True),
    "close": Close(),
    "unread": Close(reset=True, costs=False),
    "cut": Cut(),
    "cut-chunked": Cut(framing="chunked"),
    "cut-close": Cut(framing="close"),
    "hang": Hang(),
    "stall": Hang(keep=0.5),
    "drip": Drip(),
    "slow": Slow(seconds=5),
    "html": page(),
    "empty": Answer(),
    "nan": body(lambda _: b'{"data":[{"embedding":[NaN]}],"score":NaN}'),
    "latin": body(lambda _: '{"data":"é"}'.encode("latin-1")),
    "deep": body(lambda _: b"[" * 100_000),
    "huge": body(lambda _: b'{"created":' + b"9" * 5_000 + b"}"),
    "error": replace(said(FAILED), paid=False),
    "none": said({"object": "list", "data": [], "choices": [], "status": "success"}),
    "base64": body(lambda data: B64.sub(b'"b64_json":"#not base64#"', data)),
    "noimage": recoded(lambda _: b"this is no picture"),
    "torn": recoded(lambda picture: picture[: len(picture) // 2]),
    "black": recoded(lapses.black),
    "flat": recoded(lapses.flat),
    "small": recoded(lapses.small),
    "same": recoded(lapses.same),
    "length": body(lapses.length),
    "blank": body(lapses.blank),
    "early": body(early),
    "bomb": Change(how=swollen),
    "broken": Raw(data=b"HTTP/1.1 two hundred\r\n\r\n"),
}
"""What `runner demo --fault` knows besides HTTP statuses."""
