import io

import pytest
from PIL import Image, ImageDraw

from runner.likeness import Alikes, are_alike, sight


def scene(seed, colour=(200, 60, 40), size=(256, 192)):
    """A sky, a hill, and a round thing that stands elsewhere for each seed."""
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    pen = ImageDraw.Draw(picture)
    wide, high = size
    left, top = wide * (10 + 17 * seed % 60) // 100, high * (10 + 29 * seed % 50) // 100
    pen.ellipse((left, top, left + wide // 4, top + wide // 4), fill=colour)
    pen.polygon(
        [(0, high), (wide * (20 + 31 * seed % 60) // 100, high // 2), (wide, high)], fill=(40, 90, 50)
    )
    return picture


def saved(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return Image.open(file).convert("RGB")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda each: saved(each, "JPEG", quality=40), id="jpeg"),
        pytest.param(lambda each: saved(each, "WEBP", quality=50), id="webp"),
        pytest.param(lambda each: each.resize((100, 75)), id="smaller"),
        pytest.param(lambda each: each.resize((640, 480)), id="larger"),
        pytest.param(lambda each: each.point(lambda level: min(level + 8, 255)), id="lighter"),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_the_same_picture_in_another_form_looks_the_same(changed, seed):
    assert are_alike(sight(scene(seed)), sight(changed(scene(seed))))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(scene(2), id="another"),
        pytest.param(scene(1, colour=(40, 60, 200)), id="blue"),
        pytest.param(scene(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT), id="mirrored"),
        pytest.param(scene(1).rotate(90), id="turned"),
    ],
)
def test_another_picture_does_not(other):
    assert not are_alike(sight(scene(1)), sight(other))


def test_pictures_that_look_the_same_are_a_group_of_the_first():
    alikes = Alikes()
    for number in range(12):
        alikes.add(f"{number}.png", sight(scene(number % 5 if number < 10 else number)))
    assert alikes.groups == {f"{number}.png": [f"{number + 5}.png"] for number in range(5)}


def test_a_picture_is_found_whichever_bits_differ():
    alikes, seen = Alikes(), sight(scene(1))
    alikes.add("first", seen)
    for first in range(0, 128, 7):
        changed = seen.lights
        for bit in range(first, min(first + 7, 128)):
            changed ^= 1 << bit
        alikes.add(f"from {first}", type(seen)(lights=changed, hues=seen.hues))
    assert len(alikes.groups["first"]) == 19
