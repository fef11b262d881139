"""What pictures are called: by a template, each name once, and what becomes of files when it changes."""

import hashlib
from datetime import date

import pytest
from runs import animals

from runner.api import Silent
from runner.compose import RunOptions, submit, work
from runner.dialects import DIALECTS
from runner.expand import expand
from runner.manifest import from_mapping, load
from runner.problems import ManifestError

BODIES = {name: dialect.body for name, dialect in DIALECTS.items()}
TODAY = date(2026, 11, 23)


def manifest(name, *jobs, folder, **sets):
    made = {**animals("demo", jobs=jobs), "outputs": {"name": name}}
    made["jobs"] = made["jobs"][1:]
    return from_mapping(made, folder=folder, sets=sets, today=TODAY)


def stems(name, *jobs, folder, **sets):
    return [job.stem for job in expand(manifest(name, *jobs, folder=folder, **sets), BODIES)]


FOX = {
    "model": "a/b",
    "id": "fox",
    "prompt": "a {{ colour }} fox",
    "vars": {"colour": "red"},
    "params": {"seed": 7},
}


@pytest.mark.parametrize(
    ("template", "stem"),
    [
        ("{{ id }}-{{ seed }}", "fox-7"),
        ("{{ seed }}", "7"),
        ("{{ colour }}/{{ model }}", "red_a_b"),
        ("{{ vars.colour }}-{{ params.seed }}-{{ sample }}", "red-7-1"),
        ("{{ prompt }}", "a red fox"),
        ("{{ date }} {{ id }}", "2026-11-23 fox"),
        ("../../{{ id }}", "_.._.._fox"),
        ("con", "_con"),
        ("{{ id }}\u202e{{ id }}", "fox_fox"),
        ("{{ 'ä' * 200 }}", "ä" * 90),
    ],
)
def test_a_template_names_files_and_the_names_are_safe(tmp_path, template, stem):
    assert stems(template, FOX, folder=tmp_path) == [stem]


def test_a_key_is_a_name_too(tmp_path):
    [job] = expand(manifest("{{ key[:8] }}", FOX, folder=tmp_path), BODIES)
    assert job.stem == job.key[:8]


def test_what_only_a_files_name_uses_is_used(tmp_path):
    job = {**FOX, "prompt": "a fox"}
    assert stems("{{ colour }}-{{ tag }}", job, folder=tmp_path, tag="x") == ["red-x"]
    assert stems("{{ vars.colour }}", job, folder=tmp_path) == ["red"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ sed }}", "outputs.name: .*'sed' is undefined"),
        ("{{ '' }}", "outputs.name: empty"),
        ("{{ [1] }}", "outputs.name: text expected"),
        ("{{ id", "outputs"),
        ("{{ id.__class__ }}", "outputs.name"),
    ],
)
def test_a_template_that_makes_no_name_is_told_of(tmp_path, template, words):
    with pytest.raises(ManifestError, match=words):
        stems(template, FOX, folder=tmp_path)


def twice(tmp_path, text):
    path = tmp_path / "jobs.yaml"
    path.write_text(text)
    with pytest.raises(ManifestError) as caught:
        list(expand(load(path, today=TODAY), BODIES))
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


HEAD = "name: animals\nendpoints: {demo: {dialect: nebula-images, url: demo}}\n"


def test_two_jobs_of_one_name_are_named_with_their_lines(tmp_path):
    (tmp_path / "rows.csv").write_text("id,prompt,tag\na,a fox,X\nb,an owl,y\nc,a cat,x\n")
    said = twice(tmp_path, HEAD + "outputs: {name: '{{ tag }}'}\njobs: [{model: m, file: rows.csv}]\n")
    assert said == ["rows.csv:4: outputs.name: 'x' names the files of c and of a, at rows.csv:2"]


def test_a_name_that_several_pictures_of_another_would_take_is_taken(tmp_path):
    rows = "jobs: [{model: m, prompts: [{id: a, prompt: x, params: {n: 2}}, {id: a-1, prompt: y}]}]\n"
    [said] = twice(tmp_path, HEAD + "outputs: {name: '{{ id }}'}\n" + rows)
    assert "'a-1' names the files of a-1 and of a, at jobs.yaml:4" in said


def test_very_many_of_one_name_are_told_of_at_once(tmp_path):
    (tmp_path / "rows.txt").write_text("".join(f"animal {at}\n" for at in range(100_000)))
    said = twice(tmp_path, HEAD + "outputs: {name: '{{ model }}'}\njobs: [{model: m, file: rows.txt}]\n")
    assert len(said) == 20


# Whole runs


def foxes(name, *seeds):
    job = {"model": "m", "prompt": "a fox", "vars": {"colour": "red"}, "matrix": {"seed": list(seeds)}}
    made = animals("demo", jobs=[{**job, "id": "fox", "params": {"width": 64, "height": 64}}])
    made["jobs"] = made["jobs"][1:]
    return {**made, "outputs": {"name": name, "embed": False}}


async def ran(desk, made):
    """The tally once it is run."""
    db = str(desk.folder / "runner.db")
    submit(db, from_mapping(made, folder=desk.folder, today=TODAY), yes=False)
    return (await work(db, "animals", RunOptions(), Silent())).tally


def contents(desk):
    return {
        path: hashlib.sha256((desk.outputs() / path).read_bytes()).hexdigest() for path in desk.pictures()
    }


async def test_files_follow_a_template_that_changes_and_nothing_is_sent_again(desk):
    await ran(desk, foxes("{{ colour }}-{{ seed }}", 1, 2))
    before = contents(desk)
    assert sorted(before) == ["red-1.png", "red-2.png"]
    tally = await ran(desk, foxes("{{ colour }}-{{ 3 - seed }}", 1, 2))
    assert (tally.succeeded, tally.attempts) == (2, 2)
    assert contents(desk) == {"red-1.png": before["red-2.png"], "red-2.png": before["red-1.png"]}
    assert [line["outputs"][0]["path"] for line in desk.results()] == ["red-2.png", "red-1.png"]


async def test_a_finished_file_makes_room_for_another_job_of_its_name(desk):
    await ran(desk, foxes("{{ colour }}", 1))
    before = contents(desk)["red.png"]
    await ran(desk, foxes("{{ colour }}", 2))
    after = contents(desk)
    assert sorted(after) == ["red.png", "red~1.png"]
    assert after["red~1.png"] == before != after["red.png"]
    told = {line["outputs"][0]["path"]: line["outputs"][0]["sha256"] for line in desk.results()}
    assert told == after
