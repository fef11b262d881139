import io
import json
import struct
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from runner.exif import EMPTY, Malformed, added, texts
from runner.inscription import MOST, inscribed, inscription

TEXT = orjson.dumps({"runner": 1, "request": {"prompt": "ein Fuchs, 狐, 🦊 \x00\n", "seed": 7}})
COMMENT, DESCRIPTION, ORIENTATION, SUB = 0x9286, 0x010E, 0x0112, 0x8769


def scene(mode="RGB", size=(40, 30)):
    noise = bytes(at * at % 251 for at in range(size[0] * size[1] * len(mode)))
    return Image.frombytes(mode, size, noise)


def saved(kind, image=None, **options):
    file = io.BytesIO()
    (image or scene()).save(file, kind, **options)
    return file.getvalue()


def exif(**tags):
    """Exif as Pillow writes it, by the names of tags."""
    made = Image.Exif()
    names = {"orientation": ORIENTATION, "description": DESCRIPTION}
    for name, value in tags.items():
        if name == "comment":
            made.get_ifd(SUB)[COMMENT] = value
        else:
            made[names[name]] = value
    return made.tobytes()


def frames():
    return [scene(size=(40, 30)).rotate(turn) for turn in (0, 90, 180)]


def animated(kind, **options):
    first, *rest = frames()
    return saved(kind, first, save_all=True, append_images=rest, **options)


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(image)]


def with_text(data, suffix, text=TEXT):
    pieces = inscribed(data, suffix, text)
    return None if pieces is None else b"".join(pieces)


def read(data):
    found = inscription(io.BytesIO(data))
    return None if found is None else json.loads(found)


PNG_TEXT = PngInfo()
PNG_TEXT.add_itxt("parameters", "kept")

PICTURES = {
    "png": ("png", saved("PNG")),
    "png with alpha": ("png", saved("PNG", scene("RGBA"))),
    "png of a palette": ("png", saved("PNG", scene().quantize(16))),
    "png with texts and a profile": ("png", saved("PNG", pnginfo=PNG_TEXT, icc_profile=b"profile")),
    "animated png": ("png", animated("PNG")),
    "jpeg": ("jpg", saved("JPEG")),
    "progressive jpeg": ("jpg", saved("JPEG", progressive=True)),
    "jpeg with a comment": ("jpg", saved("JPEG", comment=b"kept")),
    "jpeg with exif": ("jpg", saved("JPEG", exif=exif(orientation=6, description="kept"))),
    "jpeg of several pictures": ("jpg", animated("MPO")),
    "lossy webp": ("webp", saved("WEBP")),
    "lossless webp": ("webp", saved("WEBP", lossless=True)),
    "lossless webp with alpha": ("webp", saved("WEBP", scene("RGBA"), lossless=True)),
    "lossy webp with alpha": ("webp", saved("WEBP", scene("RGBA"))),
    "webp with exif": ("webp", saved("WEBP", exif=exif(orientation=6))),
    "webp with xmp": ("webp", saved("WEBP", xmp=b"<x:xmpmeta/>")),
    "webp with exif and xmp": ("webp", saved("WEBP", exif=exif(orientation=6), xmp=b"<x:xmpmeta/>")),
    "animated webp": ("webp", animated("WEBP", lossless=True)),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "data"), PICTURES.values(), ids=PICTURES)
def test_a_picture_carries_a_text_and_not_a_pixel_is_another(suffix, data):
    written = with_text(data, suffix)
    assert read(data) is None
    assert read(written) == json.loads(TEXT)
    assert pixels(written) == pixels(data)
    with Image.open(io.BytesIO(written)) as image:
        image.verify()


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (16_383, 1), (1, 16_383)])
@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_simple_webp_becomes_an_extended_one_of_its_size(size, lossless, mode):
    data = saved("WEBP", Image.new(mode, size, (9, 9, 9, 99)[: len(mode)]), lossless=lossless)
    written = with_text(data, "webp")
    with Image.open(io.BytesIO(written)) as image:
        assert (image.size, image.mode) == (size, mode)
    assert pixels(written) == pixels(data)
    assert struct.unpack("<I", written[4:8])[0] == len(written) - 8


def test_a_png_shows_its_text_to_other_programs():
    with Image.open(io.BytesIO(with_text(PICTURES["png with texts and a profile"][1], "png"))) as image:
        image.load()
        assert json.loads(image.info["runner"]) == json.loads(TEXT)
        assert image.info["parameters"] == "kept"
        assert image.info["icc_profile"] == b"profile"


@pytest.mark.parametrize("name", ["jpeg", "jpeg with exif", "lossy webp", "webp with exif and xmp"])
def test_exif_shows_the_text_as_the_users_comment(name):
    suffix, data = PICTURES[name]
    with Image.open(io.BytesIO(with_text(data, suffix))) as image:
        comment = image.getexif().get_ifd(SUB)[COMMENT]
    assert comment.startswith(b"ASCII\0\0\0{")
    assert json.loads(comment[8:]) == json.loads(TEXT)


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        ("jpg", saved("JPEG", exif=exif(orientation=6, comment=b"ASCII\0\0\0mine"))),
        ("webp", saved("WEBP", exif=exif(orientation=6, comment=b"ASCII\0\0\0mine"))),
    ],
)
def test_a_comment_of_others_stays_and_the_description_takes_the_text(suffix, data):
    written = with_text(data, suffix)
    with Image.open(io.BytesIO(written)) as image:
        seen = image.getexif()
        assert seen[ORIENTATION] == 6
        assert seen.get_ifd(SUB)[COMMENT] == b"ASCII\0\0\0mine"
        assert json.loads(seen[DESCRIPTION]) == json.loads(TEXT)
    assert read(written) == json.loads(TEXT)
    assert pixels(written) == pixels(data)


def test_what_stands_in_exif_is_kept():
    with Image.open(io.BytesIO(with_text(PICTURES["jpeg with exif"][1], "jpg"))) as image:
        assert (image.getexif()[ORIENTATION], image.getexif()[DESCRIPTION]) == (6, "kept")


FULL = exif(description="kept", comment=b"ASCII\0\0\0mine")
NO_PLACE = {
    "gif": ("gif", saved("GIF")),
    "avif": ("avif", saved("AVIF")),
    "no png": ("png", b"\x89PNG\r\n\x1a\n" + bytes(40)),
    "jpeg whose places are taken": ("jpg", saved("JPEG", exif=FULL)),
    "webp whose places are taken": ("webp", saved("WEBP", exif=FULL)),
    "jpeg with damaged exif": ("jpg", saved("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "jpeg with exif in two parts": ("jpg", (once := saved("JPEG", exif=exif(orientation=6)))[:2] + once[2:]
        .replace(b"\xff\xe1", b"\xff\xe1\0\x10Exif\0\0II*\0\x08\0\0\0\xff\xe1", 1)),
    "jpeg with exif too large": ("jpg", saved("JPEG", exif=exif(description="x" * 65_400))),
    "no webp": ("webp", b"RIFF\x20\0\0\0WEBPVP9 " + bytes(24)),
}  # fmt: skip


@pytest.mark.parametrize(("suffix", "data"), NO_PLACE.values(), ids=NO_PLACE)
def test_a_file_without_a_place_for_it_is_left_alone(suffix, data):
    assert with_text(data, suffix) is None


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_text_that_is_too_long_is_not_written(suffix):
    data = saved({"jpg": "JPEG"}.get(suffix, suffix))
    most = b'{"runner":1,"a":"' + b"x" * (MOST - 19) + b'"}'
    assert read(with_text(data, suffix, most))["a"] == "x" * (MOST - 19)
    assert with_text(data, suffix, most + b" ") is None


def test_exif_of_either_order_of_bytes_is_read_and_added_to():
    big = b"MM\0*\0\0\0\x08" + struct.pack(">HHHI4s", 1, ORIENTATION, 3, 1, b"\0\x06\0\0") + bytes(4)
    assert [*texts(added(big, b"{}"))] == [b"{}", b""]
    assert [*texts(added(EMPTY, b"{}"))] == [b"{}", b""]


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"XX*\0" + bytes(20), b"II*\0\x08\0\0\0\xff\xff"]
)
def test_damaged_exif_is_told(data):
    with pytest.raises(Malformed):
        added(data, b"{}")
    assert [*texts(data)] == []


@given(st.sampled_from([with_text(data, suffix) for suffix, data in PICTURES.values()]), st.data())
def test_whatever_a_file_has_become_reading_it_ends(written, data):
    at = data.draw(st.integers(0, len(written) - 1))
    cut = data.draw(st.integers(0, len(written)))
    broken = bytearray(written[:cut] or b"\0")
    broken[at % len(broken)] ^= data.draw(st.integers(1, 255))
    found = inscription(io.BytesIO(bytes(broken)))
    assert found is None or isinstance(found, bytes)


@given(st.sampled_from([*PICTURES.values()]), st.data())
def test_whatever_a_provider_has_sent_writing_into_it_ends(picture, data):
    suffix, whole = picture
    broken = bytearray(whole)
    for at in data.draw(st.lists(st.integers(0, min(len(whole), 200) - 1), max_size=4)):
        broken[at] = data.draw(st.integers(0, 255))
    pieces = inscribed(bytes(broken), suffix, TEXT)
    assert pieces is None or b"".join(pieces) != bytes(broken)


def test_a_large_picture_is_not_copied_for_it():
    data = saved("PNG") + bytes(64 << 20)
    began = time.process_time()
    pieces = inscribed(data, "png", TEXT)
    assert time.process_time() - began < 0.01
    assert sum(len(piece) for piece in pieces if isinstance(piece, bytes)) < 1000
