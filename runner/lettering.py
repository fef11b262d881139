"""Words on a picture: in a font that has their characters, in as many lines as there is room for."""

from collections.abc import Iterator
from functools import lru_cache

from PIL import ImageFont

FAMILIES = (
    "NotoSans-Regular.ttf",
    "DejaVuSans.ttf",
    "Arial.ttf",
    "segoeui.ttf",
    "NotoSansCJK-Regular.ttc",
    "Arial Unicode.ttf",
    "msyh.ttc",
)
"""Looked for where the system keeps its fonts; the first with all the characters of a text writes it."""
NO_CHARACTER = "\uffff"
"""No font has it, so what is drawn in its place is what every missing one looks like."""
ELLIPSIS = "…"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache
def fonts(size: int) -> tuple[Font, ...]:
    """Those that there are, and the one that Pillow brings."""
    there = [face for name in FAMILIES if (face := installed(name, size))]
    return (*there, ImageFont.load_default(size))


def installed(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def font(text: str, size: int) -> Font:
    """The first that has every character of the text; where none has, the first."""
    return next((each for each in fonts(size) if covers(each, text)), fonts(size)[0])


def covers(face: Font, text: str) -> bool:
    missing = drawn(face, NO_CHARACTER)
    return all(drawn(face, sign) != missing for sign in set(text) if not sign.isspace())


def drawn(face: Font, sign: str) -> tuple[tuple[int, int], bytes]:
    mask = face.getmask(sign)
    return mask.size, bytes(mask)


def wrapped(text: str, size: int, wide: int, most: int) -> list[str]:
    """The text in lines of so many pixels, `most` of them; what has no room ends in an ellipsis."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    lines = list(broken(line, font(line, size), wide, most + 1))
    if len(lines) > most:
        lines[most - 1 :] = [shortened(lines[most - 1] + ELLIPSIS, font(line, size), wide)]
    return lines


def broken(line: str, face: Font, wide: int, most: int) -> Iterator[str]:
    """At spaces where there are any, and otherwise where the room ends."""
    for _ in range(most):
        if not line:
            return
        fits = fitting(line, face, wide)
        cut = line.rfind(" ", 0, fits + 1)
        cut = fits if fits == len(line) or cut <= 0 else cut
        yield line[:cut].rstrip()
        line = line[cut:].lstrip()


def fitting(line: str, face: Font, wide: int) -> int:
    """How many of its characters have room, one at least."""
    low, high = 1, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        if face.getlength(line[:middle]) <= wide:
            low = middle
        else:
            high = middle - 1
    return low


def shortened(line: str, face: Font, wide: int) -> str:
    """Ends in its last character, whatever has to go before that."""
    while len(line) > 1 and face.getlength(line) > wide:
        line = line[:-2].rstrip() + line[-1]
    return line
