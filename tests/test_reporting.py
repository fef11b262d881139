"""A batch summed up from a real queue and real pictures, by `compose.report` and by the command."""

import json
from itertools import pairwise

import pytest
import queues
from PIL import Image, ImageDraw

from runner import cli, compose
from runner.cli import errors
from runner.outcome import Cause


def scene(number, colour):
    picture = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    ImageDraw.Draw(picture).ellipse((number * 7 % 70, number * 5 % 40, 90, 60), fill=colour)
    return picture


PICTURES = {
    "fox.png": scene(0, (200, 60, 40)),
    "owl.png": scene(5, (90, 60, 30)),
    "twin.jpg": scene(0, (200, 60, 40)).resize((48, 32)),
    "black.png": Image.new("RGB", (32, 32)),
    "white.png": Image.new("RGB", (32, 32), "white"),
    "gone.png": None,
}


@pytest.fixture
def studio(tmp_path):
    """A queue with a job for each picture, one that failed after a refusal, and one that waits."""
    folder = tmp_path / "outputs" / "animals"
    folder.mkdir(parents=True)
    db = str(tmp_path / "runner.db")
    named = [queues.named(name, f"a <b>{name}</b> & more") for name in (*PICTURES, "refused", "waiting")]
    with compose.writing(db) as store:
        batch = store.submit(
            queues.batch(folder=str(folder), settings='{"endpoints":{}}'), named, now=queues.NOW
        ).batch_id
        *claims, refused = queues.claim(store, batch, len(PICTURES) + 1)
        done = [queues.done(claim, queues.kept(claim.id)) for claim in claims]
        store.settle(batch, [*done, queues.failed(refused, Cause.BLOCKED)], now=queues.NOW + 9)
        for name, picture in PICTURES.items():
            if picture is not None:
                picture.save(folder / name)
    return db


@pytest.fixture
def call(studio, capsys):
    def called(*arguments):
        with pytest.raises(SystemExit) as end, errors.Plainly():
            cli.app(["--db", studio, "report", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert (end.value.code or 0, err) == (0, "")
        return out

    return called


def test_flat_pictures_and_those_that_look_alike_are_found_and_counted(studio):
    looks = compose.report(studio, "animals", at=queues.NOW).facts.looks
    assert looks.looked_at == 6
    assert looks.flat == ("black.png", "white.png")
    assert looks.black == 1
    assert looks.unreadable == ("gone.png",)
    assert [group.paths for group in looks.alike] == [("fox.png", "twin.jpg")]
    assert looks.duplicates == 1


def test_a_batch_is_summed_up(studio):
    found = compose.report(studio, "animals", at=queues.NOW, shows=False).facts
    assert (found.attempts, dict(found.causes), found.pictures) == (7, {"blocked": 1}, 6)
    assert found.nusd == 6 * 3_800_000
    assert [(part.endpoint, dict(part.jobs)) for part in found.parts] == [
        ("nebula", {"failed": 1, "pending": 1, "succeeded": 6})
    ]
    assert [(each.cause, each.example.id) for each in found.failures] == [(Cause.BLOCKED, "refused")]


def test_no_more_pictures_are_looked_at_than_asked_for_and_they_are_the_same_each_time(studio):
    some = [compose.report(studio, "animals", at=queues.NOW, looked_at=3).facts.looks for _ in range(2)]
    assert some[0] == some[1]
    assert 2 <= some[0].looked_at <= 4
    assert compose.report(studio, "animals", at=queues.NOW, looked_at=0).facts.looks.looked_at == 0


def test_an_even_choice_keeps_step_with_nothing(tmp_path):
    db = str(tmp_path / "runner.db")
    made = [queues.job(f"picture {number}", sample=number % 4 + 1) for number in range(2_000)]
    with compose.writing(db) as store:
        batch = queues.submit(store, made)
        claims = queues.claim(store, batch, len(made))
        store.settle(batch, [queues.done(claim, queues.kept(f"{claim.id}.png")) for claim in claims], now=9)
        chosen = list(store.chosen(batch, 0.1))
    places = [made.index(next(job for job in made if job.id == row.id)) for row in chosen]
    assert len(chosen) == pytest.approx(200, abs=3)
    assert places == sorted(places)
    assert max(after - before for before, after in pairwise(places)) <= 20
    assert all(sum(row.sample == sample for row in chosen) >= 40 for sample in (1, 2, 3, 4))


def test_the_page_is_written_beside_the_outputs_and_is_none_of_them(studio, call, tmp_path):
    page = tmp_path / "outputs" / "animals" / "report.html"
    assert call() == f"{page}\n"
    assert page.read_text().startswith("<!doctype html>")
    assert compose.verify(studio, "animals").counts["unknown"] == 0


def test_numbers_are_one_object_for_programs(call, tmp_path):
    printed = json.loads(call("--json"))
    assert not (tmp_path / "outputs" / "animals" / "report.html").exists()
    assert printed["pictures"] == {
        "count": 6,
        "looked_at": 6,
        "unreadable": ["gone.png"],
        "flat": ["black.png", "white.png"],
        "black": 1,
        "duplicates": 1,
        "alike": [["fox.png", "twin.jpg"]],
    }
    assert printed["jobs"]["failed"] == 1
    assert printed["cost_usd"] == 0.0228
    assert printed["cost_per_output_usd"] == 0.0038
    assert printed["rates"] == {"succeeded": 0.857143, "refused": 0.0, "invalid": 0.0, "blocked": 0.142857}
    assert printed["latency_s"]["p50"] == pytest.approx(0.5, rel=0.01)
    assert printed["failures"][0]["advice"].startswith("the provider refused the content")
    kept = tmp_path / "kept.json"
    call("animals", kept)
    assert json.loads(kept.read_text())["failures"] == printed["failures"]


def test_a_folder_may_be_named_for_the_page(call, tmp_path):
    assert call("animals", tmp_path / "pages") == f"{tmp_path / 'pages' / 'report.html'}\n"
