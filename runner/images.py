"""Whether bytes are a picture, told by their content and by decoding all of it."""

import hashlib
import io
import warnings
from dataclasses import dataclass, field

from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageSequence,
    JpegImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from runner import scanlines
from runner.picture import Look, Picture, Unreadable

warnings.simplefilter("error", Image.DecompressionBombWarning)

PNG = PngImageFile.format
FORMATS = {
    PNG: ("png", "image/png"),
    JpegImagePlugin.JpegImageFile.format: ("jpg", "image/jpeg"),
    "MPO": ("jpg", "image/jpeg"),  # what Pillow calls a JPEG that carries a second picture
    WebPImagePlugin.WebPImageFile.format: ("webp", "image/webp"),
    GifImagePlugin.GifImageFile.format: ("gif", "image/gif"),
    AvifImagePlugin.AvifImageFile.format: ("avif", "image/avif"),
}
"""Pillow's name of a format → the suffix and the media type of its files. Nothing else is decoded."""

MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485
"""Pixels of a picture at most, all frames together: a small file can claim to be of any size."""

NOTHING = Look()
END_OF_PNG = b"\0\0\0\0IEND\xae\x42\x60\x82"
"""The last bytes of a PNG: Pillow does not miss them."""


NOISE = 16
"""Levels, of 256, that the values of one colour may lie apart: lossy formats do that to it."""
DRIFT = 2
"""Levels that their means over blocks may: a scene, however dark, has light and shade."""
BLACK = 16
"""The lightest value that passes for black."""
BLOCKS = 8
"""Blocks along the longer side of a picture: larger than those that lossy formats work in."""
COLOURS = frozenset({"L", "RGB", "RGBA"})
"""Modes whose values are the colours that are seen: no copy is made to look at them."""
STRIP = 256
"""Rows of pixels that are copied at once: a large picture is not in memory twice."""
DEEP = 257
"""Values of 16 bits to a level of 8."""


def inspect(data: bytes, look: Look | None = None) -> Picture:
    """Decode a picture whole, every frame of it; raises `Unreadable`. Takes long: call it in a thread."""
    try:
        return decoded(data, look or Look())
    except UnidentifiedImageError as error:
        raise Unreadable("is not an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"has more than {MOST_PIXELS:,} pixels") from error
    except Exception as error:  # a decoder may stumble over damaged bytes in any way
        raise Unreadable("is cut or damaged") from error


def decoded(data: bytes, look: Look) -> Picture:
    """Raises whatever Pillow does, which has the last word on what is not whole at once."""
    seen = Seeing(look)
    with opened(data) as image:
        is_whole = image.format == PNG and scanlines.are_whole(data)
        if not is_whole or look != NOTHING:
            painted(data, image, seen)
        suffix, mime = FORMATS[image.format or ""]
        return Picture(
            data=data,
            suffix=suffix,
            mime=mime,
            width=image.width,
            height=image.height,
            is_flat=look.colours and seen.is_flat,
            is_black=look.colours and seen.is_black,
            pixels=seen.digest.hexdigest() if look.pixels else "",
        )


def painted(data: bytes, image: ImageFile, seen: "Seeing") -> None:
    """Every pixel of it, for nothing less will do."""
    image.verify()
    with opened(data) as again:
        load(again, seen)
    if image.format == PNG and data.rfind(END_OF_PNG) < 0:
        raise EOFError


def opened(data: bytes) -> ImageFile:
    """The picture with its header read, its format told by its content."""
    return Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name != "MPO"])


def load(image: ImageFile, seeing: "Seeing") -> None:
    """Decode all frames, unless there is more in them than any picture holds."""
    frames = getattr(image, "n_frames", 1)
    if frames * image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    for frame in ImageSequence.Iterator(image):
        frame.load()
        seeing.see(frame)


@dataclass(slots=True)
class Seeing:
    """What the frames so far show."""

    look: Look
    is_flat: bool = True
    is_black: bool = True
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def see(self, frame: Image.Image) -> None:
        if self.look.colours and self.is_flat:
            self.is_flat, is_black = colours(frame if frame.mode in COLOURS else plain(frame))
            self.is_black = self.is_black and is_black
        if self.look.pixels:
            self.digest.update(f"{frame.width}x{frame.height}".encode())
            for top in range(0, frame.height, STRIP):
                strip = frame.crop((0, top, frame.width, min(top + STRIP, frame.height)))
                self.digest.update(plain(strip).tobytes())


def plain(image: Image.Image) -> Image.Image:
    """Red, green, blue and alpha; or one channel of 16 bits, which these would cut off."""
    return image.convert("I" if image.mode.startswith("I") else "RGBA")


def colours(image: Image.Image) -> tuple[bool, bool]:
    """Whether a picture is of one colour, and whether that is black."""
    level = DEEP if image.mode == "I" else 1
    bands = spans(image)
    noise = max(high - low for low, high in bands) / level
    is_seen = len(bands) < len("RGBA") or bands[3][1] > BLACK
    is_black = is_seen and max(high for _, high in bands[:3]) / level <= BLACK
    if noise > NOISE:
        return False, False
    blocks = image.reduce(max(1, max(image.size) // BLOCKS))
    drift = max(high - low for low, high in spans(blocks)) / level
    return drift <= DRIFT, drift <= DRIFT and is_black


def spans(image: Image.Image) -> list[tuple[float, float]]:
    """The lowest and the highest value of each channel."""
    found = image.getextrema()
    return [found] if isinstance(found[0], int | float) else list(found)
