import json
import shutil
from datetime import date

import pytest
from rows import batch, job, kept, text

from runner import brought, compose, load, run
from runner.job import State
from runner.problems import ManifestError

TONIGHT = date(2026, 11, 25)
SIZE = {"width": 64, "height": 64}
PICTURED = [
    {"type": "text", "text": "describe"},
    {"type": "image_url", "image_url": {"url": {"file": "{{ path }}"}}},
]
STAGES = {
    "stories": {"dialect": "openai-chat", "prompt": "a {{ animal }}", "vars": {"animal": ["fox", "owl"]}},
    "pictures": {
        "dialect": "nebula-images",
        "from": "stories",
        "id": "{{ id }}-picture",
        "prompt": "{{ text }}",
        "params": SIZE,
    },
    "captions": {
        "dialect": "openai-chat",
        "from": "pictures",
        "messages": [{"role": "user", "content": PICTURED}],
    },
    "vectors": {"dialect": "openai-embeddings", "from": "captions", "prompt": "{{ animal }}: {{ text }}"},
}


def stage(folder, name, **fields):
    """A manifest of one group, by its name or as a test wants it."""
    group = {**STAGES.get(name, {"dialect": "openai-chat"}), **fields}
    endpoint = {"dialect": group.pop("dialect"), "url": "demo"}
    path = folder / f"{name.replace('{{ date }}', 'of')}.json"
    path.write_text(
        json.dumps({"name": name, "endpoints": {"e": endpoint}, "jobs": [{"model": "m", **group}]})
    )
    return load(path, today=TONIGHT)


def lines(folder, name):
    return [
        json.loads(line) for line in (folder / "outputs" / name / "results.jsonl").read_text().splitlines()
    ]


@pytest.fixture
async def stories(tmp_path):
    await run(stage(tmp_path, "stories"), db=tmp_path / "runner.db")
    return tmp_path


def submitted(folder, name, **fields):
    """What submitting it changes: new, kept, withdrawn."""
    done = compose.submit(str(folder / "runner.db"), stage(folder, name, **fields), yes=False)
    return done.new, done.kept, done.withdrawn


def prompts(folder, name="next"):
    with compose.reading(str(folder / "runner.db")) as store:
        return [row.prompt for row in store.jobs(store.batch(name).id)]


def refused(folder, name, **fields):
    with pytest.raises(ManifestError) as caught:
        submitted(folder, name, **fields)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


async def test_text_becomes_picture_becomes_caption_becomes_vector(tmp_path):
    for name in STAGES:
        tally = await run(stage(tmp_path, name), db=tmp_path / "runner.db")
        assert (tally.succeeded, tally.total) == (2, 2)
    stories, pictures, captions, vectors = (lines(tmp_path, name) for name in STAGES)
    for story, picture, caption, vector in zip(stories, pictures, captions, vectors, strict=True):
        [said], [seen], [told] = story["outputs"], picture["outputs"], caption["outputs"]
        assert picture["prompt"] == said["text"]
        assert picture["id"] == f"{story['id']}-picture"
        assert caption["vars"]["path"] == str(tmp_path / "outputs" / "pictures" / seen["path"])
        assert (caption["vars"]["key"], caption["vars"]["params"]) == (picture["key"], SIZE)
        assert vector["prompt"] == f"{story['vars']['animal']}: {told['text']}"
        assert vector["outputs"][0]["kind"] == "embedding"


async def test_a_file_is_part_of_a_job_by_its_content(stories):
    await run(stage(stories, "pictures"), db=stories / "runner.db")
    assert submitted(stories, "captions") == (2, 0, 0)
    assert submitted(stories, "captions", expect={"empty": False}) == (0, 2, 0)
    first, second = (line["outputs"][0]["path"] for line in lines(stories, "pictures"))
    shutil.copy(stories / "outputs" / "pictures" / second, stories / "outputs" / "pictures" / first)
    assert submitted(stories, "captions", expect={"cut": False}) == (1, 1, 1)


async def test_resubmitting_follows_what_has_come_since(tmp_path):
    db = tmp_path / "runner.db"
    await run(stage(tmp_path, "stories"), db=db, limit=1)
    follow = {"from": "stories", "prompt": "{{ text }}"}
    assert submitted(tmp_path, "next", **follow) == (1, 0, 0)
    again = compose.submit(str(db), stage(tmp_path, "next", **follow), yes=False)
    assert again.unchanged
    await run(stage(tmp_path, "stories"), db=db)
    assert submitted(tmp_path, "next", **follow) == (1, 1, 0)
    submitted(tmp_path, "stories", vars={"animal": ["owl"]})
    assert submitted(tmp_path, "next", **follow) == (0, 1, 1)
    assert len(prompts(tmp_path)) == 2


async def test_a_plan_counts_what_is_there_and_writes_nothing(stories):
    follow = stage(stories, "next", **{"from": "stories", "prompt": "{{ text }}"}, samples=3)
    planned = compose.plan(str(stories / "runner.db"), follow)
    assert (planned.new, planned.requests) == (6, 6)
    with compose.reading(str(stories / "runner.db")) as store:
        assert [each.name for each in store.batches()] == ["stories"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"rows": "1:"}, ["owl"]),
        ({"where": "animal == 'fox'"}, ["fox"]),
        ({"where": "kind == 'image'"}, []),
        ({"where": "output.mime == 'text/plain' and index == 0"}, ["fox", "owl"]),
        ({"take": 1}, ["fox"]),
        ({"shuffle": 4, "take": 9}, {"fox", "owl"}),
        ({"prompt": "{{ prompt }}"}, ["a fox", "a owl"]),
    ],
)
async def test_outputs_are_rows_like_any(stories, keys, expected):
    submitted(stories, "next", **{"from": "stories", "prompt": "{{ animal }}", **keys})
    assert type(expected)(prompts(stories)) == expected


async def test_the_other_batch_may_be_that_of_a_night(tmp_path):
    db = tmp_path / "runner.db"
    made = {"prompt": "a fox"}
    await run(stage(tmp_path, "of-{{ date }}", **made), db=db)
    assert submitted(tmp_path, "next", **{"from": "of-{{ date }}", "prompt": "{{ text }}"}) == (1, 0, 0)


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("next", {"from": "storys"}, "there is no batch 'storys' in the queue. Did you mean 'stories'?"),
        ("next", {"from": "x"}, "there is no batch 'x' in the queue; known: stories"),
        ("next", {"from": "next"}, "'next' is this batch itself, which has brought nothing to begin with"),
        ("next", {"from": "{{ nigth }}"}, "the variable 'nigth' is undefined"),
        (
            "next",
            {"from": "stories", "file": "a.txt", "prompt": "x"},
            "'file' and 'from' cannot both be given",
        ),
        (
            "next",
            {"from": "stories", "prompts": ["x"], "prompt": None},
            "'prompts' and 'from' cannot both be given",
        ),
        (
            "next",
            {"from": "stories", "prompt": None},
            'say what is asked of each output: prompt: "{{ text }}", or messages',
        ),
    ],
)
async def test_what_cannot_be_followed_is_one_error_with_its_place(stories, name, keys, said):
    (stories / "a.txt").write_text("x\n")
    [problem] = refused(stories, name, **{"prompt": "{{ text }}", **keys})
    place, _, message = problem.partition(": ")
    assert message == said
    assert place.startswith("next.json:1:")


def test_without_a_queue_there_is_no_batch_to_follow(tmp_path):
    follow = stage(tmp_path, "next", **{"from": "stories", "prompt": "{{ text }}"})
    with pytest.raises(ManifestError, match=r"there is no batch 'stories': there is no queue yet"):
        compose.plan(str(tmp_path / "runner.db"), follow)


async def test_a_column_that_an_output_has_not_is_told_of_by_its_job(stories):
    ids = [story["id"] for story in lines(stories, "stories")]
    problems = refused(stories, "next", **{"from": "stories", "prompt": "{{ path }}"})
    assert problems == [f"stories/{name}: 'path' is undefined" for name in sorted(ids)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (job(outputs=(kept(),)), [("fox", {"path": "/home/ann/outputs/animals/fox.png", "kind": "image"})]),
        (job(outputs=(text("a fox"),)), [("fox", {"text": "a fox", "kind": "text", "animal": "red fox"})]),
        (
            job(outputs=(kept(index=0, path="fox-0.png"), kept(index=1, path="fox-1.png"))),
            [("fox-0", {"index": 0}), ("fox-1", {"index": 1})],
        ),
        (
            job(vars=b'{"text":"of the batch before","tone":"dry"}', outputs=(kept(),)),
            [("fox", {"tone": "dry"})],
        ),
        (job(state=State.SUCCEEDED, outputs=()), []),
    ],
)
def test_a_row_tells_of_one_output(row, expected):
    made = [columns for _, columns in brought.rows(batch(), [row])]
    assert [columns["id"] for columns in made] == [name for name, _ in expected]
    for columns, (_, some) in zip(made, expected, strict=True):
        assert columns | some == columns
        assert ("text" in columns) == (columns["kind"] == "text")
        assert ("path" in columns) == (columns["kind"] == "image")
