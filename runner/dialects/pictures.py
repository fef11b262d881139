"""Base64 in an answer: cut out of its body and decoded before anything else looks at it."""

import re
from collections.abc import Mapping

import orjson
import pybase64

from runner.encoded import headless
from runner.value import value

FIELD = re.compile(rb'(?<!\\)"(?:b64_json"\s*:\s*"|url"\s*:\s*"(?=data:))')
"""Where a picture's base64 begins, or its data URI."""


@value
class Sliced:
    """A body and what was cut out of it."""

    rest: bytes
    """The body with a marker, such as `<image 1: 1048576 bytes>`, in each picture's place."""
    pictures: Mapping[str, bytes]
    """Marker → the bytes of the picture."""


def sliced(body: bytes) -> Sliced:
    """Cut the pictures out of a JSON body: a parser would copy their base64 three times."""
    if body.find(b"b64_json") < 0 and body.find(b'"data:') < 0:
        return Sliced(rest=body, pictures={})
    parts: list[bytes] = []
    pictures: dict[str, bytes] = {}
    copied = position = 0
    while match := FIELD.search(body, position):
        start = match.end()
        end = body.find(b'"', start)
        if end < 0:
            break
        position = end + 1
        if data := decoded(unescaped(body, start, end)):
            marker = f"<image {len(pictures) + 1}: {len(data)} bytes>"
            pictures[marker] = data
            parts += body[copied:start], marker.encode()
            copied = end
    return Sliced(rest=b"".join((*parts, body[copied:])) if parts else body, pictures=pictures)


def unescaped(body: bytes, start: int, end: int) -> memoryview | bytes:
    """The text of a JSON string; some servers escape the slashes of base64, or wrap its lines."""
    if body.find(b"\\", start, end) < 0:
        return memoryview(body)[start:end]
    try:
        text: str = orjson.loads(body[start - 1 : end + 1])
    except orjson.JSONDecodeError:
        return body[start:end]
    return "".join(text.split()).encode()


def decoded(text: memoryview | bytes) -> bytes:
    """The bytes that base64 or a data URI stands for, strictly.

    What is no base64 stays as it is: where pictures are kept it is found to be none, and kept as evidence.
    """
    payload = headless(text)
    try:
        return pybase64.b64decode(payload, validate=True)
    except ValueError:
        return bytes(payload)
