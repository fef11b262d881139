"""What is known of a picture that was decoded, or why it could not be."""

from dataclasses import dataclass

SUFFIXES = ("png", "jpg", "webp", "gif", "avif")
"""Of the files that pictures are kept in."""


class Unreadable(Exception):
    """Bytes that are no picture, or not a whole one: `is not an image`, `is cut or damaged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image file, and what it turned out to be."""

    data: bytes
    suffix: str
    mime: str
    width: int
    height: int
