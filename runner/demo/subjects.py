"""What a prompt is about, as a sign: animals, buildings, vessels, and a rosette for all the rest."""

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

from runner.demo.canvas import Brush, Point
from runner.demo.palettes import WHITE, Colour, Palette, darker, lighter, mix, paint_for, rgb, words
from runner.value import value

INK = rgb("20202c")
CREAM = rgb("fbf3e4")


@value
class Coat:
    """The colours a sign is drawn in."""

    main: Colour
    palette: Palette

    @property
    def shade(self) -> Colour:
        return darker(self.main)

    @property
    def lit(self) -> Colour:
        return lighter(self.main)


Sign = Callable[[Brush, Coat], None]


def eyes(brush: Brush, apart: float, y: float, radius: float, colour: Colour = INK) -> None:
    for side in (-apart, apart):
        brush.oval(side, y, radius, radius, colour)
        brush.oval(side + radius * 0.3, y - radius * 0.3, radius * 0.3, radius * 0.3, WHITE)


def mirrored(brush: Brush, points: list[Point], colour: Colour) -> None:
    """A shape and its mirror image."""
    brush.shape(points, colour)
    brush.shape([(-x, y) for x, y in points], colour)


def fox(brush: Brush, coat: Coat) -> None:
    mirrored(brush, [(-0.85, -0.95), (-0.1, -0.5), (-0.75, 0.05)], coat.shade)
    mirrored(brush, [(-0.72, -0.72), (-0.3, -0.45), (-0.66, -0.1)], INK)
    brush.shape([(-0.85, -0.15), (-0.45, -0.55), (0.45, -0.55), (0.85, -0.15), (0, 0.95)], coat.main)
    mirrored(brush, [(-0.85, -0.15), (-0.95, 0.3), (-0.45, 0.55), (0, 0.95), (-0.16, 0.2)], CREAM)
    brush.shape([(-0.2, 0.0), (0.2, 0.0), (0.1, 0.75), (-0.1, 0.75)], coat.main)
    eyes(brush, 0.4, -0.02, 0.1)
    brush.oval(0, 0.82, 0.14, 0.11, INK)


def owl(brush: Brush, coat: Coat) -> None:
    mirrored(brush, [(-0.72, -0.98), (-0.1, -0.62), (-0.68, -0.3)], coat.shade)
    brush.oval(0, 0.15, 0.78, 0.88, coat.main)
    mirrored(brush, [(-0.78, 0.0), (-0.98, 0.75), (-0.5, 0.85), (-0.42, 0.3)], coat.shade)
    brush.oval(0, 0.5, 0.48, 0.5, CREAM)
    for row, count in enumerate((3, 4, 3)):
        for spot in range(count):
            brush.oval((spot - (count - 1) / 2) * 0.2, 0.42 + row * 0.17, 0.05, 0.07, coat.shade)
    for side in (-0.34, 0.34):
        brush.oval(side, -0.25, 0.36, 0.36, CREAM)
    eyes(brush, 0.34, -0.25, 0.2)
    brush.shape([(-0.12, -0.1), (0.12, -0.1), (0, 0.16)], rgb("f0a33c"))


def cat(brush: Brush, coat: Coat) -> None:
    mirrored(brush, [(-0.8, -0.95), (-0.12, -0.55), (-0.8, 0.0)], coat.main)
    mirrored(brush, [(-0.7, -0.7), (-0.35, -0.5), (-0.7, -0.2)], rgb("eea5a5"))
    head(brush, coat)
    for side in (-1, 1):
        for y in (0.25, 0.36, 0.47):
            brush.line([(side * 0.3, 0.36), (side * 0.98, y * 1.5 - 0.18)], 0.025, INK)


def rabbit(brush: Brush, coat: Coat) -> None:
    for side in (-0.36, 0.36):
        brush.oval(side, -0.85, 0.2, 0.62, coat.main)
        brush.oval(side, -0.85, 0.1, 0.48, rgb("eea5a5"))
    head(brush, coat)


def bear(brush: Brush, coat: Coat) -> None:
    for side in (-0.6, 0.6):
        brush.oval(side, -0.55, 0.3, 0.3, coat.main)
        brush.oval(side, -0.55, 0.16, 0.16, coat.shade)
    head(brush, coat)


def dog(brush: Brush, coat: Coat) -> None:
    head(brush, coat)
    for side in (-0.78, 0.78):
        brush.oval(side, -0.02, 0.22, 0.56, coat.shade)


def head(brush: Brush, coat: Coat) -> None:
    """A round face with a muzzle."""
    brush.oval(0, 0.1, 0.84, 0.76, coat.main)
    brush.oval(0, 0.42, 0.42, 0.34, CREAM)
    eyes(brush, 0.36, -0.05, 0.12)
    brush.oval(0, 0.27, 0.13, 0.09, INK)
    brush.line([(0, 0.3), (0, 0.48)], 0.035, INK)
    brush.line([(-0.16, 0.5), (0, 0.56), (0.16, 0.5)], 0.035, INK)


def bird(brush: Brush, coat: Coat) -> None:
    brush.shape([(-0.55, 0.1), (-1.15, -0.1), (-1.05, 0.35)], coat.shade)
    brush.oval(0, 0.1, 0.72, 0.5, coat.main)
    brush.oval(0.5, -0.3, 0.38, 0.36, coat.main)
    brush.oval(0.12, 0.28, 0.45, 0.28, CREAM)
    brush.shape([(-0.6, 0.35), (0.3, 0.1), (0.1, -0.2), (-0.4, -0.1)], coat.shade)
    brush.shape([(0.84, -0.36), (1.15, -0.25), (0.84, -0.18)], rgb("f0a33c"))
    brush.oval(0.6, -0.36, 0.08, 0.08, INK)
    for x in (-0.1, 0.15):
        brush.line([(x, 0.55), (x, 0.85)], 0.05, rgb("f0a33c"))


def whale(brush: Brush, coat: Coat) -> None:
    brush = replace(brush, y=brush.y + 0.35 * brush.size)
    for x in (-0.34, -0.1):
        brush.line([(-0.22, -0.5), (x - 0.05, -0.95)], 0.07, lighter(coat.palette.horizon, 0.6))
        brush.oval(x - 0.05, -0.98, 0.13, 0.09, lighter(coat.palette.horizon, 0.6))
    brush.shape([(0.55, 0.2), (0.9, -0.3), (0.7, -0.7), (1.02, -0.5), (1.35, -0.68), (1.1, -0.22)], coat.main)
    brush.oval(-0.1, 0.1, 0.95, 0.56, coat.main)
    brush.shape([(0.1, 0.5), (0.95, -0.2), (1.05, -0.2), (0.72, 0.42)], coat.main)
    brush.oval(-0.26, 0.38, 0.68, 0.28, CREAM)
    brush.shape([(-0.05, 0.3), (0.35, 0.85), (0.4, 0.3)], coat.shade)
    brush.oval(-0.68, 0.02, 0.07, 0.07, INK)


def fish(brush: Brush, coat: Coat) -> None:
    brush.shape([(0.5, 0), (1.1, -0.5), (0.95, 0), (1.1, 0.5)], coat.shade)
    brush.shape([(-0.3, -0.35), (0.15, -0.78), (0.4, -0.25)], coat.shade)
    brush.oval(-0.1, 0, 0.85, 0.5, coat.main)
    for x in (-0.2, 0.12, 0.42):
        brush.line([(x, -0.4), (x + 0.08, 0), (x, 0.4)], 0.06, coat.lit)
    brush.oval(-0.6, -0.1, 0.13, 0.13, WHITE)
    brush.oval(-0.62, -0.1, 0.07, 0.07, INK)


def lighthouse(brush: Brush, coat: Coat) -> None:
    beam = mix(coat.palette.middle, coat.palette.light, 0.38)
    brush.shape([(0.12, -0.93), (40, -9.9), (40, 1.5)], beam)
    brush.shape([(-0.95, 1.0), (-0.6, 0.62), (0.55, 0.58), (0.95, 1.0)], darker(coat.palette.near, 0.5))
    for band in range(5):
        top, bottom = -0.7 + band * 0.28, -0.7 + (band + 1) * 0.28
        wide, wider = 0.2 + band * 0.035, 0.2 + (band + 1) * 0.035
        colour = CREAM if band % 2 else coat.main
        brush.shape([(-wide, top), (wide, top), (wider, bottom), (-wider, bottom)], colour)
    brush.box(-0.3, -0.78, 0.3, -0.68, INK)
    brush.box(-0.16, -1.05, 0.16, -0.78, coat.palette.light)
    brush.shape([(-0.24, -1.05), (0, -1.35), (0.24, -1.05)], coat.main)
    brush.box(-0.09, 0.4, 0.09, 0.68, INK)


def boat(brush: Brush, coat: Coat) -> None:
    brush.line([(0, -1.1), (0, 0.45)], 0.06, INK)
    brush.shape([(0.07, -1.05), (0.07, 0.25), (0.85, 0.25)], CREAM)
    brush.shape([(-0.07, -0.8), (-0.07, 0.25), (-0.68, 0.25)], coat.main)
    brush.shape([(-0.95, 0.4), (1.05, 0.4), (0.72, 0.8), (-0.65, 0.8)], coat.shade)
    brush.shape([(-0.95, 0.4), (1.05, 0.4), (0.98, 0.5), (-0.86, 0.5)], coat.lit)


def cottage(brush: Brush, coat: Coat) -> None:
    brush.box(0.3, -0.85, 0.52, -0.2, coat.shade)
    brush.box(-0.7, -0.1, 0.7, 0.85, CREAM)
    brush.shape([(-0.95, -0.05), (0, -0.95), (0.95, -0.05)], coat.main)
    brush.box(-0.15, 0.3, 0.2, 0.85, coat.shade)
    for x in (-0.5, 0.36):
        brush.box(x, 0.15, x + 0.22, 0.42, coat.palette.light)
        brush.line([(x + 0.11, 0.15), (x + 0.11, 0.42)], 0.03, coat.shade)


def castle(brush: Brush, coat: Coat) -> None:
    stone = lighter(coat.palette.far, 0.3)
    for x, top in ((-0.85, -0.3), (0.45, -0.3), (-0.25, -0.75)):
        brush.box(x, top, x + 0.45, 0.9, darker(stone, 0.12 if x < 0 else 0.2))
        brush.shape([(x - 0.08, top), (x + 0.22, top - 0.55), (x + 0.53, top)], coat.main)
        brush.box(x + 0.16, top + 0.2, x + 0.29, top + 0.45, INK)
    brush.box(-0.85, 0.25, 0.9, 0.9, stone)
    for step in range(5):
        brush.box(-0.85 + step * 0.37, 0.1, -0.64 + step * 0.37, 0.3, stone)
    brush.oval(0.02, 0.6, 0.2, 0.24, INK)
    brush.box(-0.18, 0.6, 0.22, 0.9, INK)


def tree(brush: Brush, coat: Coat) -> None:
    brush.shape([(-0.12, 0.0), (0.12, 0.0), (0.2, 0.95), (-0.2, 0.95)], rgb("6b4a35"))
    for x, y, radius in ((-0.42, -0.1, 0.42), (0.42, -0.12, 0.42), (0, -0.5, 0.52), (0, 0.02, 0.45)):
        brush.oval(x, y, radius, radius, coat.main)
    for x, y, radius in ((-0.15, -0.68, 0.2), (-0.5, -0.25, 0.15), (0.3, -0.3, 0.14)):
        brush.oval(x, y, radius, radius, coat.lit)


def flower(brush: Brush, coat: Coat) -> None:
    leaf = rgb("4f9d5d")
    brush.line([(0, -0.2), (0.05, 1.0)], 0.08, leaf)
    brush.shape([(0.03, 0.75), (0.5, 0.35), (0.45, 0.65)], leaf)
    brush.shape([(0.03, 0.85), (-0.45, 0.5), (-0.4, 0.78)], leaf)
    for petal in range(8):
        turn = petal * math.tau / 8
        brush.oval(0.42 * math.cos(turn), -0.3 + 0.42 * math.sin(turn), 0.25, 0.25, coat.main)
    brush.oval(0, -0.3, 0.3, 0.3, rgb("f6c945"))


def robot(brush: Brush, coat: Coat) -> None:
    brush.line([(0, -0.7), (0, -1.0)], 0.06, INK)
    brush.oval(0, -1.02, 0.11, 0.11, coat.palette.accent)
    brush.box(-0.62, -0.72, 0.62, 0.12, coat.main)
    brush.box(-0.48, -0.56, 0.48, -0.02, INK)
    for side in (-0.22, 0.22):
        brush.oval(side, -0.32, 0.13, 0.13, coat.palette.light)
    brush.line([(-0.16, -0.11), (0.16, -0.11)], 0.05, coat.palette.light)
    for x in (-0.42, 0.12):
        brush.box(x, 0.9, x + 0.3, 1.3, INK)
    brush.box(-0.12, 0.1, 0.12, 0.22, INK)
    brush.box(-0.5, 0.2, 0.5, 0.95, coat.shade)
    mirrored(brush, [(-0.55, 0.25), (-0.9, 0.7), (-0.75, 0.8), (-0.5, 0.5)], coat.main)
    brush.oval(0, 0.5, 0.16, 0.16, coat.palette.accent)


def balloon(brush: Brush, coat: Coat) -> None:
    for x in (-0.2, 0.2):
        brush.line([(x * 2.2, 0.2), (x, 0.75)], 0.03, INK)
    brush.shape([(-0.62, -0.05), (0.62, -0.05), (0.2, 0.5), (-0.2, 0.5)], coat.main)
    brush.oval(0, -0.35, 0.75, 0.72, coat.main)
    brush.oval(0, -0.35, 0.42, 0.72, CREAM)
    brush.shape([(-0.36, 0.02), (0.36, 0.02), (0.11, 0.5), (-0.11, 0.5)], CREAM)
    brush.oval(0, -0.35, 0.16, 0.72, coat.main)
    brush.box(-0.2, 0.7, 0.2, 0.95, rgb("8a5a3c"))


def rocket(brush: Brush, coat: Coat) -> None:
    brush.shape([(-0.25, 0.55), (0, 1.15), (0.25, 0.55)], rgb("f6a83c"))
    mirrored(brush, [(-0.3, 0.1), (-0.7, 0.7), (-0.25, 0.55)], coat.main)
    brush.shape(
        [(0, -1.15), (-0.24, -0.75), (-0.34, -0.2), (-0.28, 0.6), (0.28, 0.6), (0.34, -0.2), (0.24, -0.75)],
        CREAM,
    )
    brush.shape([(0, -1.15), (-0.24, -0.75), (0.24, -0.75)], coat.main)
    brush.oval(0, -0.3, 0.19, 0.19, coat.shade)
    brush.oval(0, -0.3, 0.12, 0.12, coat.palette.middle)


def cup(brush: Brush, coat: Coat) -> None:
    for x in (-0.3, 0.0, 0.3):
        steam = [(x + 0.07 * math.sin(k), -0.35 - k * 0.1) for k in range(6)]
        brush.line(steam, 0.06, CREAM)
    brush.oval(0.7, 0.2, 0.32, 0.3, coat.shade)
    brush.oval(0.7, 0.2, 0.18, 0.17, coat.palette.near)
    brush.shape([(-0.72, -0.2), (0.72, -0.2), (0.5, 0.75), (-0.5, 0.75)], coat.main)
    brush.oval(0, -0.2, 0.72, 0.15, CREAM)
    brush.oval(0, -0.19, 0.6, 0.1, rgb("6b4a35"))
    brush.oval(0, 0.82, 0.95, 0.1, CREAM)


SIGNS: tuple[tuple[Sign, str, str], ...] = (
    (fox, "d9622b", "fox foxes wolf"),
    (owl, "9a6b43", "owl owls"),
    (cat, "e0953f", "cat cats kitten tiger lion"),
    (rabbit, "b9a593", "rabbit rabbits hare bunny"),
    (bear, "8a5a3c", "bear bears panda"),
    (dog, "c08a52", "dog dogs puppy"),
    (bird, "3f73b5", "bird birds robin sparrow parrot eagle penguin duck"),
    (whale, "3d6f9e", "whale whales dolphin"),
    (fish, "e8832a", "fish koi goldfish shark"),
    (lighthouse, "c8452f", "lighthouse"),
    (boat, "c8452f", "boat boats ship ships sail sailing yacht storm"),
    (cottage, "b5493a", "house cottage cabin barn home"),
    (castle, "6a4c93", "castle palace tower fortress"),
    (tree, "4f9d5d", "tree trees oak forest"),
    (flower, "ef6f8f", "flower flowers rose tulip daisy blossom garden"),
    (robot, "8fa3b5", "robot robots android"),
    (balloon, "e4572e", "balloon balloons"),
    (rocket, "d1495b", "rocket spaceship astronaut space"),
    (cup, "e4572e", "cup coffee tea mug"),
)
"""Signs with their usual colour and the words that ask for them."""


def sign(prompt: str) -> tuple[Sign, Colour] | None:
    """What a prompt is about, and its colour; animals before things, a `barn owl` being an owl."""
    named = set(words(prompt))
    for draw, usual, names in SIGNS:
        if named & set(names.split()):
            return draw, paint_for(prompt, rgb(usual))
    return None


def rosette(prompt: str) -> Sign:
    """A figure of petals that no other prompt has."""
    chance = Random(prompt)
    petals, rings = chance.choice((5, 6, 7, 8, 9, 12)), chance.randint(2, 3)

    def draw(brush: Brush, coat: Coat) -> None:
        brush.oval(0, 0, 1.0, 1.0, lighter(coat.palette.horizon, 0.5))
        for ring in range(rings, 0, -1):
            reach = 0.9 * ring / rings
            colour = mix(coat.palette.accent, coat.palette.near, (ring - 1) / rings)
            for petal in range(petals):
                leaf(brush, (petal + ring / 2) * math.tau / petals, reach, math.pi / petals, colour)
        brush.oval(0, 0, 0.14, 0.14, coat.palette.light)

    return draw


def leaf(brush: Brush, turn: float, reach: float, half: float, colour: Colour) -> None:
    side = reach * 0.62
    ends = [(0.0, 0.0), polar(turn - half * 0.8, side), polar(turn, reach), polar(turn + half * 0.8, side)]
    brush.shape(ends, colour)


def polar(turn: float, reach: float) -> Point:
    return reach * math.cos(turn), reach * math.sin(turn)
