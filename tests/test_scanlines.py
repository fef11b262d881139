import io
import struct
import zlib
from itertools import pairwise

import pytest
from canned import png_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from runner.images import inspect
from runner.inscription import PNG
from runner.picture import Look, Unreadable
from runner.scanlines import BLOCK, are_whole

END = (b"IEND", b"")
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]


def header(width, height, *, bits=8, colour=2, interlacing=0):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlacing)


def rows(length, height, filters=(0,)):
    return b"".join(bytes([filters[row % len(filters)], *bytes(length - 1)]) for row in range(height))


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def is_told_whole(png):
    try:
        return are_whole(png)
    except EOFError:
        return False


def is_painted(png):
    """Whether Pillow reads it to its last pixel."""
    try:
        with Image.open(io.BytesIO(png)) as image:
            image.verify()
        with Image.open(io.BytesIO(png)) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error):
        return False
    return True


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(1, 1), (7, 3), (9, 200)])
def test_a_picture_of_any_kind_is_told_by_its_rows(mode, size):
    assert are_whole(saved(Image.new(mode, size, 1)))


def test_a_picture_of_many_blocks_and_parts_is_whole():
    noise = Image.effect_noise((700, 900), 90).convert("RGB")
    packed = saved(noise)
    assert len(packed) > 5 * BLOCK
    assert packed.count(b"IDAT") > 1
    assert are_whole(packed)


@pytest.mark.parametrize(
    "parts",
    [
        (header(2, 2, interlacing=1), (b"IDAT", zlib.compress(bytes(18)))),
        (header(2, 2), (b"acTL", struct.pack(">II", 1, 0)), (b"IDAT", zlib.compress(bytes(14)))),
    ],
    ids=["interlaced", "animated"],
)
def test_what_has_more_than_rows_is_not_told_by_them(parts):
    assert not are_whole(png_of(*parts, END))


@pytest.mark.parametrize("look", [Look(), Look(colours=True)])
def test_rows_that_are_missing_are_missed_though_pillow_paints_them_black(look):
    png = png_of(header(2, 2), (b"IDAT", zlib.compress(rows(7, 1))), END)
    assert is_painted(png)
    with pytest.raises(Unreadable, match="is cut or damaged"):
        inspect(png, look)


@pytest.mark.parametrize(
    "parts",
    [
        (header(2, 2), (b"IDAT", zlib.compress(rows(7, 2)[:-1]))),
        (header(2, 2), (b"IDAT", zlib.compress(b""))),
        (header(2, 2), (b"IDAT", zlib.compress(rows(7, 2, (0, 5))))),
        (header(2, 2), (b"IDAT", b"\0" * 20)),
        (header(2, 2), (b"IDAT", zlib.compress(rows(7, 2))[:5]), (b"tEXt", b"a\0b"), (b"IDAT", b"rest")),
        (header(2, 2),),
        (header(2, 2, colour=1), (b"IDAT", zlib.compress(rows(7, 2)))),
        ((b"IHDR", b"short"), (b"IDAT", zlib.compress(rows(7, 2)))),
    ],
    ids=["part of a row", "empty", "filter", "not packed", "torn", "no rows", "colours", "header"],
)
def test_what_is_not_whole_is_noticed(parts):
    png = png_of(*parts, END)
    assert not is_told_whole(png)
    assert not is_painted(png)
    with pytest.raises(Unreadable):
        inspect(png)


def test_a_filter_is_looked_at_in_every_row_wherever_a_block_ends():
    length, height = 1_001, 400
    for wrong in (0, 32, 33, 131, 399):
        # Not packed, so that a block of the file ends in the middle of a row.
        filters = [9 if row == wrong else row % 5 for row in range(height)]
        noise = zlib.compress(rows(length, height, filters), 0)
        parts = [(b"IDAT", noise[at:end]) for at, end in pairwise([0, 5_000, 5_001, 300_000, len(noise)])]
        assert not are_whole(png_of(header(length - 1, height, colour=0), *parts, END))
    sound = zlib.compress(rows(length, height, range(5)), 0)
    assert are_whole(png_of(header(length - 1, height, colour=0), (b"IDAT", sound), END))


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_picture_without_its_end_is_not_whole(cut):
    assert not are_whole(png_of(header(2, 2), (b"IDAT", zlib.compress(rows(7, 2))), END)[:-cut])


def test_what_stands_after_the_end_is_no_part_of_it():
    assert are_whole(png_of(header(2, 2), (b"IDAT", zlib.compress(rows(7, 2))), END) + b"more")


@given(
    mode=st.sampled_from(MODES),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    level=st.integers(0, 9),
    where=st.floats(0, 1, exclude_max=True),
    flip=st.integers(0, 255),
    split=st.floats(0, 1),
)
def test_nothing_passes_for_whole_that_cannot_be_painted(mode, width, height, level, where, flip, split):
    """Damage within the packed rows, whose sum is made right again."""
    image = Image.effect_noise((width, height), 60)
    image = image.convert(mode) if mode == "I;16" else image.convert("RGBA").convert(mode)
    png = saved(image, compress_level=level)
    at = png.index(b"IDAT")
    (length,) = struct.unpack_from(">I", png, at - 4)
    packed = bytearray(png[at + 4 : at + 4 + length])
    packed[int(where * length)] ^= flip
    middle = int(split * length)
    parts = [(b"IDAT", bytes(packed[:middle])), (b"IDAT", bytes(packed[middle:]))]
    damaged = png[: at - 4] + png_of(*parts, END)[len(PNG) :]
    assert not is_told_whole(damaged) or is_painted(damaged)
    if not flip:
        assert is_told_whole(damaged)
