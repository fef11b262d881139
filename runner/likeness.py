"""Which pictures look the same, whatever their format and size: by their light and their colours.

A picture is taken for nine by nine fields. Whether each is lighter than the one beside it, and than the one
below it, are 128 bits (a `dHash`), which neither compression nor another size changes much; the colours of
four by four fields tell a red fox from a blue one of the same shape.
"""

from collections import defaultdict
from itertools import product

from PIL import Image

from runner.value import value

FIELDS = 8
BITS = 2 * FIELDS * FIELDS
APART = 7
"""Bits that differ at most between pictures that look the same."""
NOISE = 2
"""Levels of 256 that a field is lighter by at least: compression makes that much out of nothing."""
HUES = 4
SHADE = 16
"""Levels of 256 that the colour of one of their fields differs by at most."""
BANDS = APART + 1
"""Parts of the bits: of two pictures that look the same, one part at least is the same."""
BAND = BITS // BANDS


@value
class Sight:
    """How a picture looks."""

    lights: int
    hues: bytes


def sight(picture: Image.Image) -> Sight:
    """Of an RGB picture."""
    light = picture.convert("L").resize((FIELDS + 1, FIELDS + 1), Image.Resampling.BOX)
    rows = [light.crop((0, row, FIELDS + 1, row + 1)).tobytes() for row in range(FIELDS + 1)]
    places = list(product(range(FIELDS), repeat=2))
    bits = [rows[row][column] + NOISE < rows[row][column + 1] for row, column in places]
    bits += [rows[row][column] + NOISE < rows[row + 1][column] for row, column in places]
    return Sight(
        lights=sum(bit << place for place, bit in enumerate(bits)),
        hues=picture.resize((HUES, HUES), Image.Resampling.BOX).tobytes(),
    )


def are_alike(one: Sight, other: Sight) -> bool:
    if (one.lights ^ other.lights).bit_count() > APART:
        return False
    return all(abs(a - b) <= SHADE for a, b in zip(one.hues, other.hues, strict=True))


class Alikes:
    """Pictures in groups: each belongs to the first that it looks like, never to one by way of another."""

    def __init__(self) -> None:
        self._firsts: list[tuple[str, Sight]] = []
        self._bands: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        self.groups: defaultdict[str, list[str]] = defaultdict(list)
        """By the name of the first: the others."""

    def add(self, name: str, seen: Sight) -> None:
        first = self._like(seen)
        if first is not None:
            self.groups[self._firsts[first][0]].append(name)
            return
        for band in bands(seen):
            self._bands[band].append(len(self._firsts))
        self._firsts.append((name, seen))

    def _like(self, seen: Sight) -> int | None:
        near = {number for band in bands(seen) for number in self._bands.get(band, ())}
        return min((number for number in near if are_alike(self._firsts[number][1], seen)), default=None)


def bands(seen: Sight) -> list[tuple[int, int]]:
    return [(place, seen.lights >> (place * BAND) & ((1 << BAND) - 1)) for place in range(BANDS)]
