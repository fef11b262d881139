"""The hand a picture is made in, where its prompt names one."""

from collections.abc import Callable
from random import Random

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from runner.demo.palettes import words

PAPER = (250, 245, 235)
BLOCKS = 64
"""Blocks along the shorter side of pixel art."""


def watercolour(image: Image.Image) -> Image.Image:
    """Soft, pale, and fading into paper at its edges."""
    soft = ImageEnhance.Color(image.filter(ImageFilter.GaussianBlur(min(image.size) / 300))).enhance(0.85)
    grain = stains(image.size)
    rim = Image.radial_gradient("L").resize(image.size, Image.Resampling.BILINEAR)
    worn = Image.blend(rim, grain, 0.3)
    mask = worn.point([min(235, max(18, int((value - 132) * 4.2))) for value in range(256)])
    return Image.composite(Image.new("RGB", image.size, PAPER), soft, mask)


def stains(size: tuple[int, int]) -> Image.Image:
    """Blots of two sizes; always the same, so that a picture can be painted again."""
    chance = Random(7)
    blots = [bytes(chance.randrange(40, 216) for _ in range(side * side)) for side in (14, 52)]
    large, small = (
        Image.frombytes("L", (side, side), blot).resize(size, Image.Resampling.BICUBIC)
        for side, blot in zip((14, 52), blots, strict=True)
    )
    return Image.blend(large, small, 0.35)


def photograph(image: Image.Image) -> Image.Image:
    """Full of contrast, darker towards the corners."""
    rich = ImageEnhance.Contrast(image).enhance(1.15)
    rim = Image.radial_gradient("L").resize(image.size, Image.Resampling.BILINEAR)
    mask = rim.point([max(0, int((value - 120) * 1.35)) for value in range(256)])
    return Image.composite(Image.new("RGB", image.size, (8, 8, 16)), rich, mask)


def sketch(image: Image.Image) -> Image.Image:
    """Pencil lines on paper."""
    grey = ImageOps.grayscale(image)
    lines = ImageOps.invert(grey.filter(ImageFilter.FIND_EDGES)).point(
        [max(0, 3 * v - 510) for v in range(256)]
    )
    tones = grey.point([150 + int(v * 0.41) for v in range(256)])
    return ImageOps.colorize(Image.blend(tones, lines, 0.45), black=(40, 38, 48), white=PAPER)


def pixels(image: Image.Image) -> Image.Image:
    """A few large blocks."""
    share = BLOCKS / min(image.size)
    small = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.BOX)
    return small.quantize(24).convert("RGB").resize(image.size, Image.Resampling.NEAREST)


def grey(image: Image.Image) -> Image.Image:
    return ImageOps.grayscale(image).convert("RGB")


HANDS: tuple[tuple[Callable[[Image.Image], Image.Image], str], ...] = (
    (watercolour, "watercolour watercolor aquarelle gouache"),
    (photograph, "photograph photo photographic photorealistic film"),
    (sketch, "sketch pencil drawing charcoal ink etching"),
    (pixels, "pixel pixels pixelart voxel lego"),
    (grey, "monochrome noir grayscale"),
)


def finish(prompt: str, image: Image.Image) -> Image.Image:
    named = set(words(prompt))
    return next((hand(image) for hand, names in HANDS if named & set(names.split())), image)
