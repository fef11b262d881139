"""Skies and grounds."""

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageOps

from runner.demo.canvas import Canvas, Point
from runner.demo.palettes import Colour, Palette, darker, lighter, mix, words

HORIZON = 0.6
"""Where sky and ground meet, as a share of the height."""
LAYERS = 4
LIT = 0.42
"""The share of windows with light in them."""


def sky(size: tuple[int, int], palette: Palette) -> Image.Image:
    """The gradient that everything stands in."""
    fade = Image.linear_gradient("L").resize(size, Image.Resampling.BILINEAR)
    return ImageOps.colorize(
        fade,
        black=palette.top,
        mid=palette.middle,
        white=palette.horizon,
        midpoint=110,
        whitepoint=int(255 * (HORIZON + 0.08)),
    )


def heavens(canvas: Canvas) -> None:
    """Stars where it is dark, the sun or the moon, clouds where it is not."""
    palette, chance = canvas.palette, canvas.chance
    x = canvas.width * chance.uniform(0.16, 0.84)
    y = canvas.height * chance.uniform(0.14, 0.34)
    radius = canvas.short * chance.uniform(0.07, 0.12)
    if palette.dark:
        stars(canvas)
    canvas.glow(x, y, radius * 5, palette.light, 0.75)
    canvas.disc(x, y, radius, palette.light)
    if palette.dark:
        canvas.disc(x + radius * 0.35, y - radius * 0.2, radius * 0.06, mix(palette.light, palette.far, 0.3))
        canvas.disc(x - radius * 0.3, y + radius * 0.25, radius * 0.14, mix(palette.light, palette.far, 0.2))
    else:
        clouds(canvas)


def stars(canvas: Canvas) -> None:
    chance = canvas.chance
    for _ in range(90):
        x, y = canvas.width * chance.random(), canvas.height * HORIZON * chance.random()
        canvas.disc(x, y, canvas.short * chance.uniform(0.001, 0.0035), canvas.palette.light)


def clouds(canvas: Canvas) -> None:
    """Heaps of discs with a flat foot."""
    chance, palette = canvas.chance, canvas.palette
    for _ in range(chance.randint(2, 4)):
        x, y = canvas.width * chance.random(), canvas.height * chance.uniform(0.1, 0.42)
        size = canvas.short * chance.uniform(0.05, 0.09)
        colour = mix(palette.horizon, palette.light, 0.6)
        for step in range(-2, 3):
            puff = size * (1 - abs(step) * 0.28)
            canvas.disc(x + step * size * 0.8, y - puff * 0.3, puff * 0.75, colour)
        foot = (x - 2.2 * size, y - size * 0.1, x + 2.2 * size, y + size * 0.42)
        canvas.pen.rounded_rectangle(foot, radius=size * 0.26, fill=colour)


def ridge(canvas: Canvas, base: float, rise: float, wave: Callable[[float], float]) -> list[Point]:
    """An outline from edge to edge, `wave` from -1 to 1 over x from 0 to 1, closed below."""
    steps = 96
    across = [index / steps for index in range(steps + 1)]
    line = [(x * canvas.width, (base - rise * wave(x)) * canvas.height) for x in across]
    return [*line, (canvas.width, canvas.height), (0, canvas.height)]


def rolling(chance: Random) -> Callable[[float], float]:
    """A wave of three sines."""
    parts = [(0.6 / k, chance.uniform(1.2, 2.2) * k, chance.uniform(0, 7)) for k in (1, 2, 3)]
    return lambda x: sum(high * math.sin(x * rate * 4 + shift) for high, rate, shift in parts)


def jagged(chance: Random) -> Callable[[float], float]:
    """Straight lines between peaks and saddles."""
    count = chance.randint(4, 6) * 2
    heights = [chance.uniform(0.5, 1) if k % 2 else chance.uniform(-0.9, -0.1) for k in range(count + 1)]

    def wave(x: float) -> float:
        spot = min(x * count, count - 1e-9)
        left = int(spot)
        return heights[left] + (heights[left + 1] - heights[left]) * (spot - left)

    return wave


def depth(canvas: Canvas, layer: int) -> Colour:
    """Far land takes the colour of the air."""
    return mix(canvas.palette.far, canvas.palette.near, layer / (LAYERS - 1))


def hills(canvas: Canvas) -> None:
    for layer in range(LAYERS):
        base = HORIZON + 0.09 * layer
        canvas.pen.polygon(ridge(canvas, base, 0.055, rolling(canvas.chance)), fill=depth(canvas, layer))


def dunes(canvas: Canvas) -> None:
    """Hills with a lit edge."""
    for layer in range(LAYERS):
        outline = ridge(canvas, HORIZON + 0.09 * layer, 0.05, rolling(canvas.chance))
        colour = depth(canvas, layer)
        canvas.pen.polygon(outline, fill=lighter(colour))
        lower = [(x, y + canvas.height * 0.012) for x, y in outline]
        canvas.pen.polygon(lower, fill=colour)


def peaks(canvas: Canvas) -> None:
    """Mountains, the far ones under snow, and hills before them."""
    for layer, rise in enumerate((0.2, 0.14)):
        outline = ridge(canvas, HORIZON + 0.08 * layer, rise, jagged(canvas.chance))
        canvas.pen.polygon(outline, fill=lighter(depth(canvas, layer), 0.72 - 0.4 * layer))
        snow = canvas.height * (0.05 + 0.03 * layer)
        canvas.pen.polygon([(x, y + snow) for x, y in outline], fill=depth(canvas, layer))
    for layer in (2, 3):
        base = HORIZON + 0.09 * layer
        canvas.pen.polygon(ridge(canvas, base, 0.04, rolling(canvas.chance)), fill=depth(canvas, layer))


def pines(canvas: Canvas) -> None:
    """Rows of trees, the nearer the taller."""
    chance = canvas.chance
    for layer in range(3):
        colour = depth(canvas, layer + (layer > 0))
        base = HORIZON + 0.1 * layer
        canvas.pen.polygon(ridge(canvas, base, 0.02, rolling(chance)), fill=colour)
        tall = canvas.height * (0.11 + 0.05 * layer)
        x = -tall * chance.random()
        while x < canvas.width + tall:
            pine(canvas, (x, (base + 0.03) * canvas.height), tall * chance.uniform(0.7, 1.15), colour)
            x += tall * chance.uniform(0.3, 0.75)


def pine(canvas: Canvas, foot: Point, tall: float, colour: Colour) -> None:
    x, y = foot
    for start, end, wide in ((0.05, 0.5, 0.2), (0.3, 0.75, 0.16), (0.55, 1.0, 0.11)):
        low, high, half = y - tall * start, y - tall * end, tall * wide
        canvas.pen.polygon([(x - half, low), (x, high), (x + half, low)], fill=colour)


def sea(canvas: Canvas) -> None:
    """Bands of waves under a path of light."""
    chance, palette = canvas.chance, canvas.palette
    bands = 7
    for band in range(bands):
        share = band / (bands - 1)
        rate, shift = 9 - 6 * share, chance.uniform(0, 7)
        base = HORIZON + 0.4 * share**1.4 * 0.9
        outline = ridge(canvas, base, 0.004 + 0.014 * share, crests(rate, shift))
        canvas.pen.polygon(outline, fill=mix(palette.far, palette.near, share))
    for _ in range(26):
        y = canvas.height * chance.uniform(HORIZON + 0.02, 0.86)
        x, half = canvas.width * chance.random(), canvas.short * chance.uniform(0.01, 0.05)
        thick = max(2, canvas.short // 300)
        canvas.pen.line((x - half, y, x + half, y), fill=lighter(palette.far, 0.4), width=thick)


def crests(rate: float, shift: float) -> Callable[[float], float]:
    """Waves with round valleys and sharp crests."""
    return lambda x: 1 - 2 * abs(math.sin(x * rate * math.pi + shift)) ** 0.8


def city(canvas: Canvas) -> None:
    """Three rows of houses, lit windows in the nearest two."""
    chance = canvas.chance
    for layer in range(3):
        x = -canvas.width * 0.05
        while x < canvas.width:
            wide = canvas.width * chance.uniform(0.06, 0.13)
            top = canvas.height * (HORIZON - chance.uniform(0.02, 0.3) + 0.1 * layer)
            house(canvas, (x, top, x + wide, canvas.height), layer)
            x += wide + canvas.width * chance.uniform(0, 0.012)


def house(canvas: Canvas, place: tuple[float, float, float, float], layer: int) -> None:
    left, top, right, _ = place
    canvas.pen.rectangle(place, fill=depth(canvas, layer + (layer > 0)))
    if not layer:
        return
    step = canvas.short * 0.028
    lit = mix(canvas.palette.light, canvas.palette.accent, 0.35)
    for row in range(12):
        for column in range(int((right - left) / step) - 1):
            if canvas.chance.random() < LIT:
                x, y = left + step * (column + 0.7), top + step * (row + 0.8)
                canvas.pen.rectangle((x, y, x + step * 0.5, y + step * 0.5), fill=lit)


GROUNDS: tuple[tuple[Callable[[Canvas], None], str], ...] = (
    (sea, "sea ocean lake river harbour harbor beach island boat ship whale fish lighthouse wave waves"),
    (city, "city street skyline neon cyberpunk tokyo york downtown skyscraper robot"),
    (peaks, "mountain mountains alps peak peaks snow snowy winter glacier eagle castle"),
    (dunes, "desert dune dunes sand camel canyon rocket mars"),
    (pines, "forest wood woods pine fox owl deer bear wolf cabin autumn squirrel"),
    (hills, "hill hills meadow meadows field garden flower house balloon rabbit spring"),
)
ANYWHERE = (hills, dunes, peaks, sea, pines)


def ground(prompt: str) -> Callable[[Canvas], None] | None:
    """What the words of a prompt stand on; None where they do not say."""
    named = set(words(prompt))
    return next((draw for draw, names in GROUNDS if named & set(names.split())), None)


def rain(canvas: Canvas) -> None:
    chance, colour = canvas.chance, lighter(canvas.palette.middle, 0.45)
    length, thick = canvas.short * 0.035, max(1, canvas.short // 400)
    for _ in range(150):
        x, y = canvas.width * chance.random(), canvas.height * chance.random() * 0.85
        canvas.pen.line((x, y, x - length * 0.35, y + length), fill=colour, width=thick)


def bolt(canvas: Canvas) -> None:
    """Lightning from the upper edge to the horizon."""
    chance, palette = canvas.chance, canvas.palette
    x, y = canvas.width * chance.uniform(0.25, 0.75), 0.0
    line = [(x, y)]
    while y < canvas.height * HORIZON:
        x += canvas.width * chance.uniform(-0.07, 0.07)
        y += canvas.height * chance.uniform(0.05, 0.1)
        line.append((x, y))
    canvas.glow(x, canvas.height * 0.4, canvas.short * 0.5, palette.accent, 0.35)
    thick = max(2, canvas.short // 90)
    canvas.pen.line(line, fill=lighter(palette.accent, 0.6), width=thick, joint="curve")


def thunder(prompt: str, canvas: Canvas) -> None:
    """Lightning, where the prompt says so."""
    if set(words(prompt)) & {"storm", "thunder", "lightning"}:
        bolt(canvas)


def weather(prompt: str, canvas: Canvas) -> None:
    """What falls from the sky, where the prompt says so."""
    named = set(words(prompt))
    if named & {"storm", "stormy", "rain", "rainy"}:
        rain(canvas)
    if named & {"snow", "snowy", "winter", "blizzard"}:
        flakes(canvas)


def flakes(canvas: Canvas) -> None:
    chance = canvas.chance
    for _ in range(120):
        x, y = canvas.width * chance.random(), canvas.height * chance.random()
        canvas.disc(x, y, canvas.short * chance.uniform(0.002, 0.008), darker((255, 255, 255), 0.03))
