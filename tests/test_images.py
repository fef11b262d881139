import io
import struct
import zlib

import pytest
from canned import png_of
from PIL import Image

from runner.images import FORMATS, MOST_PIXELS, inspect
from runner.picture import SUFFIXES, Look, Unreadable


def painted(kind, *, size=(40, 30), frames=1):
    """A file of this format whose frames all differ."""
    pictures = [Image.effect_noise(size, 60 + turn).convert("RGB") for turn in range(frames)]
    file = io.BytesIO()
    pictures[0].save(file, kind, **({"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}))
    return file.getvalue()


def claiming(width, height, frames=1):
    """A small PNG whose header says that it is huge."""

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    animation, pixels = struct.pack(">II", frames, 0), zlib.compress(bytes(1000))
    return png_of((b"IHDR", header), (b"acTL", animation), (b"IDAT", pixels), (b"IEND", b""))


@pytest.mark.parametrize(
    ("kind", "suffix", "mime"),
    [
        ("PNG", "png", "image/png"),
        ("JPEG", "jpg", "image/jpeg"),
        ("WEBP", "webp", "image/webp"),
        ("GIF", "gif", "image/gif"),
        ("AVIF", "avif", "image/avif"),
    ],
)
def test_a_format_is_told_by_its_content(kind, suffix, mime):
    data = painted(kind)
    picture = inspect(data)
    assert (picture.suffix, picture.mime, picture.width, picture.height) == (suffix, mime, 40, 30)
    assert picture.data is data


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_an_animation_is_one_picture(kind):
    picture = inspect(painted(kind, frames=3))
    assert (picture.width, picture.height) == (40, 30)


def test_a_jpeg_with_a_second_picture_is_a_jpeg():
    assert inspect(painted("MPO", frames=2)).suffix == "jpg"


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><body>502 Bad Gateway</body></html>", b'{"error": "busy"}', b"RIFF", b"BM" + bytes(60)],
    ids=["empty", "html", "json", "riff", "bitmap"],
)
def test_what_is_no_image_is_said_to_be_none(data):
    with pytest.raises(Unreadable, match="is not an image"):
        inspect(data)


@pytest.mark.parametrize("missing", [1, 4, 12, 13, 500])
def test_a_png_is_missed_to_its_last_byte(missing):
    with pytest.raises(Unreadable, match="is cut or damaged"):
        inspect(painted("PNG")[:-missing])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_cut_picture_is_no_picture(kind, part):
    data = painted(kind)
    with pytest.raises(Unreadable):
        inspect(data[: int(len(data) * part)])


def test_an_animation_cut_after_its_first_frame_is_no_picture():
    data = painted("GIF", frames=3)
    with pytest.raises(Unreadable, match="is cut or damaged"):
        inspect(data[: len(data) * 5 // 6])


def test_no_flipped_bit_in_a_png_goes_unnoticed():
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "PNG")
    for place in range(len(file.getvalue())):
        data = bytearray(file.getvalue())
        data[place] ^= 4
        with pytest.raises(Unreadable):
            inspect(bytes(data))


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000), (MOST_PIXELS + 1, 1)])
def test_a_small_file_may_not_claim_to_be_a_huge_picture(width, height):
    with pytest.raises(Unreadable, match="has more than 89,478,485 pixels"):
        inspect(claiming(width, height))


def test_frames_count_towards_the_size_of_a_picture():
    with pytest.raises(Unreadable, match="has more than 89,478,485 pixels"):
        inspect(claiming(1000, 1000, frames=90))


def test_every_format_that_is_decoded_has_its_suffix():
    assert {suffix for suffix, _ in FORMATS.values()} == set(SUFFIXES)


def filed(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def drawn(size, ground, dots, colour=(255, 255, 255)):
    image = Image.new("RGB", size, ground)
    for dot in dots:
        image.putpixel(dot, colour)
    return image


BLACK, BLUE = Image.new("RGB", (300, 200)), Image.new("RGB", (300, 200), (20, 40, 200))
NIGHT = Image.linear_gradient("L").resize((640, 480)).point([value // 10 for value in range(256)])
GRAIN = Image.effect_noise((300, 200), 1).point([max(0, value - 120) for value in range(256)])


@pytest.mark.parametrize(
    ("data", "is_flat", "is_black"),
    [
        (filed(BLACK), True, True),
        (filed(BLACK, "JPEG", quality=30), True, True),
        (filed(BLACK, "WEBP", quality=30), True, True),
        (filed(BLACK.convert("P")), True, True),
        (filed(BLACK.convert("L"), "AVIF"), True, True),
        (filed(GRAIN), True, True),
        (filed(Image.new("RGBA", (300, 200), (0, 0, 0, 0))), True, False),
        (filed(Image.new("RGBA", (300, 200), (0, 0, 0, 255))), True, True),
        (filed(BLUE), True, False),
        (filed(BLUE, "WEBP", quality=30), True, False),
        (filed(Image.new("RGB", (300, 200), "white")), True, False),
        (filed(Image.new("I;16", (300, 200), 40_000)), True, False),
        (filed(Image.new("I;16", (300, 200), 0)), True, True),
        (filed(drawn((1024, 1024), (0, 0, 0), [(700, 90)])), False, False),
        (
            filed(drawn((1024, 1024), (2, 2, 6), [(3, 3), (900, 40)], (60, 60, 50)), "JPEG", quality=90),
            False,
            False,
        ),
        (filed(NIGHT), False, False),
        (filed(NIGHT.point([value // 3 for value in range(256)])), False, False),
        (filed(Image.linear_gradient("L")), False, False),
        (filed(Image.new("I;16", (2, 1), 40_000).resize((4, 4))), True, False),
        (painted("PNG"), False, False),
        (painted("GIF", frames=3), False, False),
    ],
)
def test_one_flat_colour_is_told_from_a_dark_scene(data, is_flat, is_black):
    picture = inspect(data, Look(colours=True))
    assert (picture.is_flat, picture.is_black) == (is_flat, is_black)


def test_deep_grey_is_not_taken_for_its_brightest_eighth():
    deep = Image.new("I;16", (8, 8), 20_000)
    deep.putpixel((1, 1), 60_000)
    assert not inspect(filed(deep), Look(colours=True)).is_flat


def test_a_picture_that_begins_black_is_not_black():
    frames = [Image.new("L", (40, 30)), Image.new("L", (40, 30), 200)]
    data = filed(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert not inspect(data, Look(colours=True)).is_black


def test_pixels_are_the_same_whatever_file_they_stand_in():
    noise = Image.effect_noise((40, 30), 60).convert("RGB")
    pixels = {
        inspect(filed(noise, kind, lossless=True), Look(pixels=True)).pixels for kind in ("PNG", "WEBP")
    }
    assert len(pixels) == 1
    assert len(pixels.pop()) == 64
    assert inspect(filed(noise.rotate(180)), Look(pixels=True)).pixels not in pixels
    assert not inspect(filed(noise)).pixels
