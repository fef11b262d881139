"""A picture made small: read no larger than it is shown, where its format allows that."""

import io
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from runner.picture import Unreadable

QUALITY = 72
"""Of small pictures in a page: one of 320 by 320 is about 10 kB."""


def decoded(source: Path | BinaryIO, room: tuple[int, int]) -> Image.Image:
    """Its first frame, no smaller than the room; RGB, or RGBA where one sees through it.

    Raises `Unreadable`.
    """
    try:
        with Image.open(source) as picture:
            picture.draft("RGB", room)
            return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except FileNotFoundError as error:
        raise Unreadable("is missing") from error
    except Exception as error:  # a decoder may stumble over damaged bytes in any way
        raise Unreadable("is damaged") from error


def thumbnail(source: Path | BinaryIO, room: tuple[int, int]) -> Image.Image:
    """As large as there is room for; raises `Unreadable`."""
    picture = decoded(source, room)
    picture.thumbnail(room, Image.Resampling.LANCZOS)
    return picture


def webp(source: Path | BinaryIO, room: tuple[int, int]) -> bytes:
    """The file of a small picture; raises `Unreadable`."""
    file = io.BytesIO()
    thumbnail(source, room).save(file, "WEBP", quality=QUALITY)
    return file.getvalue()


def on_paper(picture: Image.Image, paper: str) -> Image.Image:
    """Without what one sees through."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, paper), picture).convert("RGB")
