"""What is long and base64 in a body, mostly a picture: found and decoded far faster than it is searched."""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass

import pybase64

LONG = 1 << 16
"""Bytes of a string that is worth being decoded."""
PREFIX = 64
"""Within so many the head of a data URL ends: `data:image/png;base64,`."""
QUOTE, COMMA = b'"', b","


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of base64, without the quotes around it."""

    begin: int
    end: int
    decoded: bytes


def runs(body: bytes) -> Iterator[Run]:
    """Every string in double quotes that is long and base64 to its end; its bytes where it is decoded."""
    at = LONG
    while at < len(body):
        begin, end = body.rfind(QUOTE, 0, at) + 1, body.find(QUOTE, at)
        if end - begin >= LONG and (run := decoded(body, begin, end)) is not None:
            yield run
        at = max(at, end) + LONG


def decoded(body: bytes, begin: int, end: int) -> Run | None:
    """The string there, a data URL's head left out; None where it is not base64."""
    begin += body[begin : begin + PREFIX].rfind(COMMA) + 1
    try:
        return Run(begin, end, pybase64.b64decode(memoryview(body)[begin:end], validate=True))
    except binascii.Error:
        return None
