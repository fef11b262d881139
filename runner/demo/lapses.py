"""Answers that are whole and not what was asked for: only who looks at them can tell."""

import io
import re
from collections.abc import Callable

import orjson
from PIL import Image

PLAIN = (94, 129, 172)
FINISH = re.compile(rb'"finish_reason":"stop"')
STRIPES = (31, 17)
"""Always the same stripes: what makes two pictures one."""


def black(picture: bytes) -> bytes:
    """What a safety filter paints."""
    return painted(Image.new("RGB", size_of(picture)))


def flat(picture: bytes) -> bytes:
    return painted(Image.new("RGB", size_of(picture), PLAIN))


def small(picture: bytes) -> bytes:
    """The picture at half its size."""
    with Image.open(io.BytesIO(picture)) as image:
        return painted(image.resize((max(1, image.width // 2), max(1, image.height // 2))))


def same(picture: bytes) -> bytes:
    """One picture, whatever was asked for."""
    width, height = size_of(picture)
    stripes = Image.new("RGB", STRIPES)
    stripes.putdata([(8 * x, 14 * y, 128) for y in range(STRIPES[1]) for x in range(STRIPES[0])])
    return painted(stripes.resize((width, height), Image.Resampling.NEAREST))


def size_of(picture: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(picture)) as image:
        return image.size


def painted(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def length(body: bytes) -> bytes:
    """Texts that reach the limit of their length half-way; those of a stream only say so."""
    return reworded(FINISH.sub(b'"finish_reason":"length"', body), lambda text: text[: len(text) // 2])


def blank(body: bytes) -> bytes:
    """Texts of nothing but space."""
    return reworded(body, lambda _: " \n")


def reworded(body: bytes, change: Callable[[str], str]) -> bytes:
    """The answer, every text of its choices changed; one that is no JSON, as it is."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    for choice in answer.get("choices", ()) if isinstance(answer, dict) else ():
        message = choice.get("message", {})
        if isinstance(message.get("content"), str):
            message["content"] = change(message["content"])
    return orjson.dumps(answer)
