import pytest
from PIL import Image

from runner.axes import Cell, Unsheeted
from runner.lettering import font, wrapped
from runner.sheet import EMPTY, PAPER, WRONG, Plan, drawn, framed

RED, BLUE = (200, 30, 40), (20, 60, 200)


def plan(cells, across=("5", "9"), down=("",)):
    return Plan(
        title="animals",
        caption="across: guidance_scale",
        across=[(each, each) for each in across],
        down=[(each, each) for each in down],
        cells=cells,
    )


def paint(folder, name, colour, size=(64, 64), mode="RGB"):
    Image.new(mode, size, colour).save(folder / name)
    return Cell("job", "no picture", path=name, size=size, pictures=1)


def seen(sheet, frame, column, row=0):
    """The colour in the middle of a cell."""
    left, top = frame.corner(column, row)
    return sheet.getpixel((left + frame.wide // 2, top + frame.high // 2))


def near(colour, other):
    return all(abs(a - b) <= 4 for a, b in zip(colour, other, strict=True))


def test_each_picture_stands_in_its_cell(tmp_path):
    cells = {
        ("5", "a"): paint(tmp_path, "r.png", RED),
        ("9", "b"): paint(tmp_path, "b.jpg", BLUE),
    }
    shown = plan(cells, down=("a", "b"))
    frame = framed(shown, 64)
    sheet = drawn(shown, frame, tmp_path.joinpath)
    assert (sheet.size, frame.wide, frame.high) == (frame.size, 64, 64)
    assert near(seen(sheet, frame, 0, 0), RED)
    assert near(seen(sheet, frame, 1, 1), BLUE)
    left, top = frame.corner(0, 0)
    assert near(sheet.getpixel((left, top)), RED)
    assert sheet.getpixel((left - 1, top)) == (255, 255, 255)


def test_a_wide_picture_makes_wide_cells_and_a_tall_one_is_shown_whole_in_them(tmp_path):
    cells = {
        ("5", ""): paint(tmp_path, "wide.png", RED, (200, 100)),
        ("9", ""): paint(tmp_path, "tall.png", BLUE, (100, 200)),
    }
    frame = framed(plan(cells), 100)
    sheet = drawn(plan(cells), frame, tmp_path.joinpath)
    assert (frame.wide, frame.high) == (100, 50)
    left, top = frame.corner(1, 0)
    assert near(seen(sheet, frame, 1), BLUE)
    assert sheet.getpixel((left + 5, top + 25)) == (255, 255, 255)


def test_a_picture_that_one_sees_through_stands_on_paper(tmp_path):
    cells = {("5", ""): paint(tmp_path, "clear.png", (0, 0, 0, 0), mode="RGBA")}
    frame = framed(plan(cells), 64)
    assert seen(drawn(plan(cells), frame, tmp_path.joinpath), frame, 0) == (255, 255, 255)


@pytest.mark.parametrize(
    ("cell", "colour"),
    [
        (Cell("job", "failed: blocked"), WRONG),
        (Cell("job", "pending"), EMPTY),
        (Cell("job", "no picture", path="gone.png", pictures=1), WRONG),
        (Cell("job", "no picture", path="cut.png", pictures=1), WRONG),
        (None, PAPER),
    ],
)
def test_a_cell_without_a_picture_is_told_apart(tmp_path, cell, colour):
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    shown = plan({} if cell is None else {("5", ""): cell}, across=("5",))
    frame = framed(shown, 128)
    sheet = drawn(shown, frame, tmp_path.joinpath)
    left, top = frame.corner(0, 0)
    expected = Image.new("RGB", (1, 1), colour).getpixel((0, 0))
    assert sheet.getpixel((left + 3, top + 3)) == expected
    inside = sheet.crop((left + 4, top + 4, left + 124, top + 124))
    assert len(inside.getcolors(10_000)) > 1, "nothing says why"


def test_further_pictures_are_counted_in_the_corner(tmp_path):
    one, four = paint(tmp_path, "r.png", RED, (128, 128)), paint(tmp_path, "r.png", RED, (128, 128))
    four.pictures = 4
    shown = plan({("5", ""): one, ("9", ""): four})
    frame = framed(shown, 128)
    sheet = drawn(shown, frame, tmp_path.joinpath)
    colours = [
        len(sheet.crop((left, top, left + 128, top + 128)).getcolors(10_000))
        for left, top in (frame.corner(0, 0), frame.corner(1, 0))
    ]
    assert colours[0] == 1 < colours[1]


def test_cells_are_as_wide_as_there_is_room_for():
    many = [str(number) for number in range(200)]
    assert framed(plan({}), None).wide == 256
    assert 48 <= framed(plan({}, across=many), None).wide < 80
    with pytest.raises(Unsheeted, match=r"200 x 1 cells of 256 pixels .* `--cell \d+` fits"):
        framed(plan({}, across=many), 256)
    with pytest.raises(Unsheeted, match="choose names with fewer values"):
        framed(plan({}, across=many, down=many), None)


@pytest.mark.parametrize(
    ("text", "most", "lines"),
    [
        ("fox", 2, ["fox"]),
        ("", 2, []),
        ("a\n\x07fox", 2, ["a fox"]),
        ("a red fox in the snow", 9, ["a red fox", "in the", "snow"]),
        ("a red fox in the snow", 2, ["a red fox", "in the s…"]),
    ],
)
def test_words_are_broken_where_the_room_ends(text, most, lines):
    wide = round(font("a red fox", 14).getlength("a red fox")) + 2
    made = wrapped(text, 14, wide, most)
    assert [line[:4] for line in made] == [line[:4] for line in lines]
    assert all(font(line, 14).getlength(line) <= wide for line in made)


def test_what_has_no_spaces_is_broken_all_the_same():
    lines = wrapped("x" * 100, 14, 80, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("x…")
