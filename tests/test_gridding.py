import json

import pytest
import queues
from PIL import Image

from runner import cli, compose
from runner.axes import Axes, Unsheeted
from runner.cli import errors


@pytest.fixture
def studio(tmp_path):
    """A queue whose batch has two pictures for each of two steps and two styles."""
    folder = tmp_path / "outputs" / "animals"
    folder.mkdir(parents=True)
    db = str(tmp_path / "runner.db")
    made = [
        queues.job(
            f"{steps} {style} {sample}",
            params=b'{"steps":%d}' % steps,
            vars=b'{"style":"%s"}' % style.encode(),
            sample=sample,
        )
        for style in ("oil/ink", "oil?ink")
        for steps in (50, 9)
        for sample in (1, 2)
    ]
    with compose.writing(db) as store:
        batch = store.submit(queues.batch(folder=str(folder)), made, now=queues.NOW).batch_id
        claims = queues.claim(store, batch, len(made))
        for number, claim in enumerate(claims):
            Image.new("RGB", (32, 32), (number * 30, 0, 0)).save(folder / f"{claim.id}.png")
        done = [queues.done(claim, queues.kept(f"{claim.id}.png")) for claim in claims]
        store.settle(batch, done, now=queues.NOW)
    return db


def test_there_is_a_sheet_for_each_value_of_z_under_names_of_their_own(studio, tmp_path):
    made = compose.grid(studio, "animals", Axes(x="steps", y="sample", z="style"), side=32)
    assert [(sheet.path.name, sheet.value, sheet.columns, sheet.rows) for sheet in made.sheets] == [
        ("animals-grid-oil_ink.png", "oil/ink", 2, 2),
        ("animals-grid-oil_ink~1.png", "oil?ink", 2, 2),
    ]
    assert (made.pictures, made.left_out) == (8, 0)
    reds = []
    for sheet in made.sheets:
        assert sheet.path.parent == tmp_path / "outputs"
        with Image.open(sheet.path) as picture:
            colours = {colour for _, colour in picture.getcolors(100_000)}
        reds.append({red for red, green, blue in colours if not green and not blue})
    assert reds == [{0, 30, 60, 90}, {120, 150, 180, 210}]


def test_without_y_and_z_there_is_one_row_on_one_sheet(studio, tmp_path):
    made = compose.grid(studio, "animals", Axes(x="steps"), path=tmp_path / "new" / "one.png")
    assert [(sheet.path, sheet.value, sheet.columns, sheet.rows) for sheet in made.sheets] == [
        (tmp_path / "new" / "one.png", None, 2, 1)
    ]


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        (Axes(x="stepps"), "no job has 'stepps'. Did you mean 'steps'?"),
        (Axes(x="steps", y="colour"), "no job has 'colour'. What varies: sample"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_what_varies(studio, axes, words):
    with pytest.raises(Unsheeted) as refusal:
        compose.grid(studio, "animals", axes)
    assert words in str(refusal.value)


def test_no_sheet_takes_the_name_of_an_output(studio, tmp_path):
    target = next((tmp_path / "outputs" / "animals").glob("*.png"))
    before = target.read_bytes()
    with pytest.raises(Unsheeted, match="is among the outputs of animals"):
        compose.grid(studio, "animals", Axes(x="steps"), path=target)
    assert target.read_bytes() == before


def test_a_batch_of_texts_has_nothing_to_draw(tmp_path):
    db = str(tmp_path / "runner.db")
    with compose.writing(db) as store:
        queues.submit(store, queues.jobs(2))
    with pytest.raises(Unsheeted, match="animals has no pictures yet"):
        compose.grid(db, "animals", Axes(x="model"))


def test_the_command_draws_and_says_what_it_left_out(studio, tmp_path, capsys):
    with compose.writing(studio) as store:
        row = store.batch("animals")
        store.submit(queues.batch(folder=row.folder), queues.jobs(2), now=queues.NOW)
    arguments = ["--db", studio, "grid", "animals", str(tmp_path / "sheets"), "--x", "style", "--cell", "64"]
    with pytest.raises(SystemExit) as end:
        cli.app([*arguments, "--json"])
    out, err = capsys.readouterr()
    assert (end.value.code or 0, err) == (0, "2 jobs without style are left out\n")
    assert json.loads(out)["sheets"] == [
        {"path": str(tmp_path / "sheets" / "grid.png"), "value": None, "columns": 2, "rows": 1}
    ]


def test_what_cannot_be_drawn_is_one_clear_line(studio, capsys):
    with pytest.raises(SystemExit) as end, errors.Plainly():
        cli.app(["--db", studio, "grid", "--x", "styl"])
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("no job has 'styl'. Did you mean 'style'?")
