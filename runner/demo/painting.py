"""A picture of a prompt: a scene from its words, the words themselves, and the mark of a demo."""

import io
import unicodedata
from collections.abc import Mapping
from random import Random

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from runner.demo.canvas import Brush, Canvas
from runner.demo.finishes import finish
from runner.demo.palettes import WHITE, Colour, Palette, darker, mood
from runner.demo.scenes import ANYWHERE, ground, heavens, sky, thunder, weather
from runner.demo.subjects import Coat, Sign, rosette, sign
from runner.value import value

FORMATS = ("png", "jpeg", "webp")
MIMES: Mapping[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
SHARP_TO = 1024
"""Pictures up to this side are drawn at twice their size, for smooth edges."""
LEGIBLE_FROM = 96
"""Smaller pictures have no room for words."""
LINES = 2
PLAIN = {
    0x2013: "-",
    0x2014: "--",
    0x2018: "'",
    0x2019: "'",
    0x201C: '"',
    0x201D: '"',
    0x201E: '"',
}
"""Dashes and quotes that Pillow's own font lacks."""


@value
class Picture:
    """A picture that is wanted; equal ones are painted equal, to the byte."""

    prompt: str
    model: str
    width: int = 512
    height: int = 512
    salt: int = 0
    """What makes two pictures of one prompt differ."""
    note: str = ""
    """A few words on how it was asked for."""
    format: str = "png"


def paint(picture: Picture) -> bytes:
    """An image file; a PNG carries prompt, model and note in its text chunks."""
    palette = mood(picture.prompt, Random(picture.prompt))
    image = finish(picture.prompt, scene(picture, palette))
    if min(image.size) >= LEGIBLE_FROM:
        caption(image, picture, palette)
        mark(image, palette)
    return encoded(image, picture)


def scene(picture: Picture, palette: Palette) -> Image.Image:
    scale = 2 if max(picture.width, picture.height) <= SHARP_TO else 1
    image = sky((picture.width * scale, picture.height * scale), palette)
    chance = Random(f"{picture.model}|{picture.prompt}|{picture.note}|{picture.salt}")
    canvas = Canvas(image=image, pen=ImageDraw.Draw(image), palette=palette, chance=chance)
    heavens(canvas)
    thunder(picture.prompt, canvas)
    named = ground(picture.prompt)
    (named or Random(picture.prompt).choice(ANYWHERE))(canvas)
    if found := sign(picture.prompt):
        place(canvas, *found)
    elif named is None:
        place(canvas, rosette(picture.prompt), palette.accent)
    weather(picture.prompt, canvas)
    return image.reduce(scale) if scale > 1 else image


def place(canvas: Canvas, draw: Sign, colour: Colour) -> None:
    """The sign of the prompt, a little elsewhere each time."""
    chance = canvas.chance
    brush = Brush(
        pen=canvas.pen,
        x=canvas.width * chance.uniform(0.36, 0.64),
        y=canvas.height * chance.uniform(0.46, 0.54),
        size=canvas.short * chance.uniform(0.2, 0.25),
        flip=chance.random() < 1 / 2,
    )
    draw(brush, Coat(main=colour, palette=canvas.palette))


def caption(image: Image.Image, picture: Picture, palette: Palette) -> None:
    """A band along the lower edge, the prompt in it, and below it how it was asked for."""
    side = min(image.size)
    margin, size = side * 0.04, side * 0.06
    font, small = ImageFont.load_default(size), ImageFont.load_default(size * 0.55)
    lines = wrapped(picture.prompt, font, image.width - 2 * margin)
    high = int(margin * 1.5 + len(lines) * size * 1.25 + size * 0.75)
    band = (0, image.height - high, image.width, image.height)
    veil = Image.new("RGB", (image.width, high), darker(palette.near, 0.72))
    image.paste(Image.blend(image.crop(band), veil, 0.8), band)
    pen = ImageDraw.Draw(image)
    y = image.height - high + margin * 0.6
    for line in lines:
        pen.text((margin, y), line, font=font, fill=WHITE)
        y += size * 1.25
    below = " · ".join(filter(None, (picture.model.rpartition("/")[2], picture.note)))
    pen.text(
        (margin, y + size * 0.05), cut(below, small, image.width - 2 * margin), font=small, fill=palette.light
    )


def wrapped(prompt: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> list[str]:
    """The prompt in lines as wide as there is room; what does not fit ends in an ellipsis."""
    lines = [""]
    for word in printable(prompt).split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], " ".join(lines[LINES - 1 :])]
    return [cut(line, font, room) for line in lines]


def cut(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    line = line[:200]
    if font.getlength(line) <= room:
        return line
    while line and font.getlength(f"{line}…") > room:
        line = line[:-1]
    return f"{line.rstrip()}…"


def printable(prompt: str) -> str:
    """The font knows ASCII: accents go, quotes become plain, other letters are shown as dots."""
    plain = unicodedata.normalize("NFKD", prompt[:400]).translate(PLAIN)
    return "".join("·" if letter > "~" else letter for letter in plain if not unicodedata.combining(letter))


def mark(image: Image.Image, palette: Palette) -> None:
    """The word DEMO in the upper left corner."""
    side = min(image.size)
    font = ImageFont.load_default(side * 0.042)
    pen = ImageDraw.Draw(image)
    left, top = side * 0.035, side * 0.035
    box = (left, top, left + side * 0.165, top + side * 0.068)
    pen.rounded_rectangle(box, radius=side * 0.034, fill=darker(palette.near, 0.72))
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    pen.text(middle, "DEMO", font=font, fill=WHITE, anchor="mm")


def encoded(image: Image.Image, picture: Picture) -> bytes:
    file = io.BytesIO()
    if picture.format == "png":
        image.save(file, "PNG", compress_level=3, pnginfo=words_of(picture))
    else:
        image.save(file, picture.format.upper(), quality=88)
    return file.getvalue()


def words_of(picture: Picture) -> PngInfo:
    words = PngInfo()
    for name, text in (("prompt", picture.prompt), ("model", picture.model), ("note", picture.note)):
        words.add_itxt(name, text)
    return words
