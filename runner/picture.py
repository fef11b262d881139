"""What is known of a picture that was decoded, or why it could not be."""

import re

from runner.value import value

SUFFIXES = ("png", "jpg", "webp", "gif", "avif")
"""Of the files that pictures are kept in."""
SIGNATURES = {
    re.compile(rb"\x89PNG\r\n\x1a\n"): "image/png",
    re.compile(rb"\xff\xd8\xff"): "image/jpeg",
    re.compile(rb"GIF8[79]a"): "image/gif",
    re.compile(rb"RIFF.{4}WEBP", re.DOTALL): "image/webp",
    re.compile(rb".{4}ftypavi[fs]", re.DOTALL): "image/avif",
}
"""How the files of these media types begin."""
LONGEST_SIGNATURE = 12
"""Bytes that tell of any of them."""


class Unreadable(Exception):
    """Bytes that are no picture, or not a whole one: `is not an image`, `is cut or damaged`."""


@value
class Look:
    """What is to be found out of a picture while it is decoded, beside its size."""

    colours: bool = False
    pixels: bool = False


@value
class Picture:
    """An image file, and what it turned out to be."""

    data: bytes
    suffix: str
    mime: str
    width: int
    height: int
    is_flat: bool = False
    """Whether it is of one colour, as far as that was looked at; noise that nobody sees makes no colours."""
    is_black: bool = False
    """Whether that one colour is black."""
    pixels: str = ""
    """Hash of its pixels, in whatever format they came, if it was asked for: 64 hex digits."""


def media_type(start: bytes) -> str | None:
    """The media type of a picture that begins so; None: it is none, or of another kind."""
    return next((name for signature, name in SIGNATURES.items() if signature.match(start)), None)
