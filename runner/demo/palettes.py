"""Colours for a prompt: the mood that its words name, or one that its hash picks."""

import re
from collections.abc import Mapping
from random import Random

from runner.value import value

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
WORD = re.compile(r"[^\W\d_]+")


@value(kw_only=False)
class Palette:
    """One mood: the sky from its top down, its light, the land from far to near, and one loud colour."""

    top: Colour
    middle: Colour
    horizon: Colour
    light: Colour
    far: Colour
    near: Colour
    accent: Colour
    dark: bool = False
    """Whether there are stars."""


def rgb(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


def palette(colours: str, *, dark: bool = False) -> Palette:
    """Seven hex colours, in the order of `Palette`."""
    top, middle, horizon, light, far, near, accent = map(rgb, colours.split())
    return Palette(top, middle, horizon, light, far, near, accent, dark)


PALETTES: Mapping[str, Palette] = {
    "day": palette("3a86c8 7cc0e8 e2f3f5 fffbe6 9cc4b2 2f6b4f ef6f4c"),
    "dawn": palette("5b6fb5 e79aa8 ffe0b0 fff3cf b58fae 4f4a7a f26a6a"),
    "dusk": palette("2b2358 b4416f ff9e5e ffe1a1 7a3b6e 231942 ffb703"),
    "night": palette("0b1030 1f2f66 46609c f4f1d6 2b3d70 0a1128 f7b32b", dark=True),
    "storm": palette("2c3640 53626f 9fb0b5 e6eef0 5d707c 1d2a33 f2c14e"),
    "snow": palette("7fa6c9 bcd6e8 f7fbff ffffff c4d7e6 6f93b3 d1495b"),
    "forest": palette("7fb7a3 c5dfb6 f6f3cf fffde0 86ab84 1f4733 e4572e"),
    "desert": palette("4aa3b5 a9d3c4 fbe7c0 fff6d8 e3a868 b3592f 7a2e3a"),
    "sea": palette("2274a5 6fb9d6 dff2ef fff8dc 4f97b8 0e4166 ff7f50"),
    "autumn": palette("d98e55 f0be7b fff0cc fff8e2 cf7a3c 6b2d1c b02e2a"),
    "blossom": palette("9b8fd6 e8b3d6 ffe9ee fffaf2 c99cc8 6f4d8c ef476f"),
    "neon": palette("12002f 4b0f6b d11f7e 5ff4ee 3b1667 0d0221 00d9ff", dark=True),
    "mint": palette("2a9d8f 8fd5c0 f2f7dd fffce8 74bfae 1d5c5c e76f51"),
}
MOODS: tuple[tuple[str, str], ...] = (
    ("neon", "neon cyberpunk synthwave"),
    ("dusk", "dusk sunset evening golden twilight"),
    ("dawn", "dawn sunrise morning mist fog"),
    ("night", "night midnight moon moonlit star stars owl space galaxy dark"),
    ("storm", "storm stormy rain rainy thunder lightning ruin"),
    ("snow", "snow snowy winter ice arctic polar glacier frost penguin"),
    ("day", "noon summer meadow meadows sunny hill field photograph"),
    ("forest", "forest wood woods jungle pine moss fern deer bear"),
    ("desert", "desert dune dunes sand camel canyon cactus"),
    ("sea", "sea ocean lake river harbour harbor beach island boat ship whale fish lighthouse"),
    ("autumn", "autumn fall fox squirrel leaf leaves harvest pumpkin coffee tea"),
    ("blossom", "spring blossom flower flowers rose garden tulip cherry pink rabbit"),
    ("neon", "city street robot skyline future futuristic"),
)
"""Palettes by the words that name them, the strongest first: times of day and weathers beat places."""
PAINTS: Mapping[str, Colour] = {
    "red": rgb("c8452f"),
    "orange": rgb("e8832a"),
    "yellow": rgb("f0c33c"),
    "golden": rgb("e0ac3f"),
    "green": rgb("4f9d5d"),
    "blue": rgb("3f73b5"),
    "purple": rgb("7d4f9e"),
    "pink": rgb("ea86a8"),
    "white": rgb("f4f1ea"),
    "black": rgb("2b2a33"),
    "brown": rgb("8a5a3c"),
    "grey": rgb("8b929a"),
    "gray": rgb("8b929a"),
    "silver": rgb("c3cad0"),
}


def words(prompt: str) -> list[str]:
    """The words of a prompt, in lower case, in their order."""
    return WORD.findall(prompt.lower())


def mood(prompt: str, chance: Random) -> Palette:
    """What is named beats the dice."""
    named = set(words(prompt))
    for name, names in MOODS:
        if named & set(names.split()):
            return PALETTES[name]
    return PALETTES[chance.choice(sorted(PALETTES))]


def paint_for(prompt: str, usual: Colour) -> Colour:
    """The first colour that a prompt names, or the usual one."""
    return next((PAINTS[word] for word in words(prompt) if word in PAINTS), usual)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` at share 0, `other` at share 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float = 0.25) -> Colour:
    return mix(colour, (12, 12, 30), share)


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    return mix(colour, WHITE, share)
