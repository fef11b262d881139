"""A picture made small: read no larger than it is shown, where its format allows that."""

from pathlib import Path

from PIL import Image

from runner.picture import Unreadable


def thumbnail(path: Path, room: tuple[int, int]) -> Image.Image:
    """Its first frame, as large as there is room for; RGB, or RGBA where one sees through it.

    Raises `Unreadable`.
    """
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", room)
            shown = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
            shown.thumbnail(room, Image.Resampling.LANCZOS)
            return shown
    except FileNotFoundError as error:
        raise Unreadable("is missing") from error
    except Exception as error:  # a decoder may stumble over damaged bytes in any way
        raise Unreadable("is damaged") from error


def on_paper(picture: Image.Image, paper: str) -> Image.Image:
    """Without what one sees through."""
    if picture.mode != "RGBA":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, paper), picture).convert("RGB")
