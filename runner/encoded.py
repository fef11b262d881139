"""Pictures in the base64 of a body: found and decoded far faster than that is searched."""

import binascii
import re
from collections.abc import Iterator

import pybase64

from runner.picture import LONGEST_SIGNATURE, media_type
from runner.value import value

LONG = 1 << 16
"""Bytes of base64 from which on it is worth it."""
HEAD = re.compile(rb"data:[^,]{0,256},")
"""Of a data URI."""
START = LONGEST_SIGNATURE * 4 // 3
"""Bytes of base64 that tell whether there is a picture."""
QUOTE = b'"'


@value(kw_only=False)
class Run:
    """A stretch of base64, without the quotes around it."""

    begin: int
    end: int
    decoded: bytes


def runs(body: bytes) -> Iterator[Run]:
    """Every string in double quotes that is long and, to its end, a picture in base64."""
    at = LONG
    while at < len(body):
        begin, end = body.rfind(QUOTE, 0, at) + 1, body.find(QUOTE, at)
        if end - begin >= LONG and (run := decoded(body, begin, end)) is not None:
            yield run
        at = max(at, end) + LONG


def decoded(body: bytes, begin: int, end: int) -> Run | None:
    """The picture there, a data URI's head left out; None where it is something else."""
    text = headless(memoryview(body)[begin:end])
    begin = end - len(text)
    try:
        if media_type(pybase64.b64decode(text[:START], validate=True)) is None:
            return None
        return Run(begin, end, pybase64.b64decode(text, validate=True))
    except binascii.Error:
        return None


def headless(text: memoryview | bytes) -> memoryview | bytes:
    """Base64 without the head that makes a data URI of it."""
    head = HEAD.match(text)
    return text[head.end() :] if head else text
