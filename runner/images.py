"""Whether bytes are a picture, told by their content and by decoding every pixel of it."""

import io
import warnings

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

from runner.picture import Picture, Unreadable

warnings.simplefilter("error", Image.DecompressionBombWarning)

FORMATS = {
    PngImageFile.format: ("png", "image/png"),
    JpegImagePlugin.JpegImageFile.format: ("jpg", "image/jpeg"),
    "MPO": ("jpg", "image/jpeg"),  # what Pillow calls a JPEG that carries a second picture
    WebPImagePlugin.WebPImageFile.format: ("webp", "image/webp"),
    GifImagePlugin.GifImageFile.format: ("gif", "image/gif"),
    AvifImagePlugin.AvifImageFile.format: ("avif", "image/avif"),
}
"""Pillow's name of a format → the suffix and the media type of its files. Nothing else is decoded."""

MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485
"""Pixels of a picture at most, all frames together: a small file can claim to be of any size."""

END_OF_PNG = b"\0\0\0\0IEND\xae\x42\x60\x82"
"""The last bytes of a PNG: Pillow does not miss them."""


def inspect(data: bytes) -> Picture:
    """Decode a picture whole, every frame of it; raises `Unreadable`. Takes long: call it in a thread."""
    try:
        return decoded(data)
    except UnidentifiedImageError as error:
        raise Unreadable("is not an image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Unreadable(f"has more than {MOST_PIXELS:,} pixels") from error
    except Exception as error:  # a decoder may stumble over damaged bytes in any way
        raise Unreadable("is cut or damaged") from error


def decoded(data: bytes) -> Picture:
    """Raises whatever Pillow does."""
    with opened(data) as image:
        image.verify()
    with opened(data) as image:
        load(image)
        if image.format == PngImageFile.format and data.rfind(END_OF_PNG) < 0:
            raise EOFError
        suffix, mime = FORMATS[image.format or ""]
        return Picture(data=data, suffix=suffix, mime=mime, width=image.width, height=image.height)


def opened(data: bytes) -> ImageFile:
    """The picture with its header read, its format told by its content."""
    return Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name != "MPO"])


def load(image: ImageFile) -> None:
    """Decode all frames, unless there is more in them than any picture holds."""
    frames = getattr(image, "n_frames", 1)
    if frames * image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    for frame in ImageSequence.Iterator(image):
        frame.load()
