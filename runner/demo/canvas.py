"""Where a picture is drawn: an image with its pen, and brushes that measure in their own units."""

from collections.abc import Sequence
from random import Random

from PIL import Image, ImageDraw

from runner.demo.palettes import Colour, Palette
from runner.value import value

Point = tuple[float, float]


@value
class Canvas:
    """A picture in the making; `chance` decides what the prompt leaves open."""

    image: Image.Image
    pen: ImageDraw.ImageDraw
    palette: Palette
    chance: Random

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    @property
    def short(self) -> int:
        """The shorter side: what sizes are measured by."""
        return min(self.image.size)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """A soft round light."""
        side = max(2, int(2 * radius))
        fade = Image.radial_gradient("L").resize((side, side), Image.Resampling.BILINEAR)
        mask = fade.point([int(strength * max(0, 255 - 1.42 * value)) for value in range(256)])
        self.image.paste(colour, (int(x - radius), int(y - radius)), mask)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


@value
class Brush:
    """Draws in units of `size` pixels around a point, x to the right and y down; `flip` mirrors."""

    pen: ImageDraw.ImageDraw
    x: float
    y: float
    size: float
    flip: bool = False

    def at(self, point: Point) -> Point:
        across = -point[0] if self.flip else point[0]
        return self.x + across * self.size, self.y + point[1] * self.size

    def shape(self, points: Sequence[Point], colour: Colour) -> None:
        self.pen.polygon([self.at(point) for point in points], fill=colour)

    def oval(self, x: float, y: float, wide: float, high: float, colour: Colour) -> None:
        """An ellipse by its centre and its half axes."""
        left, right = sorted((self.at((x - wide, 0))[0], self.at((x + wide, 0))[0]))
        top, bottom = self.at((0, y - high))[1], self.at((0, y + high))[1]
        self.pen.ellipse((left, top, right, bottom), fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def line(self, points: Sequence[Point], wide: float, colour: Colour) -> None:
        thick = max(1, round(wide * self.size))
        self.pen.line([self.at(point) for point in points], fill=colour, width=thick, joint="curve")
