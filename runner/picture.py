"""What is known of a picture that was decoded, or why it could not be."""

from dataclasses import dataclass

SUFFIXES = ("png", "jpg", "webp", "gif", "avif")
"""Of the files that pictures are kept in."""


class Unreadable(Exception):
    """Bytes that are no picture, or not a whole one: `is not an image`, `is cut or damaged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is to be found out of a picture while it is decoded, beside its size."""

    colours: bool = False
    pixels: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
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
