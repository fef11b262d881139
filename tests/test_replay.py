"""A picture's request sent again, from its file alone; and whom a picture can make us send to."""

import hashlib
import io
import json
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
from PIL import Image
from runs import Desk, animals

from runner.compose.replaying import Asked, put, replay
from runner.endpoint import Endpoint
from runner.inscription import inscribed
from runner.problems import ManifestError
from runner.provenance import Untold, of_file, read
from runner.settings import Settings

SERVER = {"dialect": "nebula-images", "url": "https://api.example.com/v1", "key": "${KEY}"}
TOLD = {
    "runner": 1,
    "batch": "animals",
    "id": "fox",
    "key": "ab" * 32,
    "sample": 1,
    "index": 0,
    "model": "sdxl",
    "endpoint": "nebula",
    "served_by": "nebula",
    "server": SERVER,
    "made_at": "2026-11-23T00:00:00+00:00",
    "request": {"model": "sdxl", "prompt": "{{ a fox }}", "seed": 7},
    "params": {"seed": 7},
    "vars": {"animal": "fox"},
}


def told(**changes):
    return read(orjson.dumps({**TOLD, **changes}))


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", "sk-of-mine-12345")
    monkeypatch.setenv("OTHER", "sk-of-others-12345")
    return str(tmp_path / "runner.db")


AS_IT_TELLS = Asked()


def asked(db, *, then=AS_IT_TELLS, **changes):
    return replay(db, told(**changes), then)


def test_the_same_request_is_the_same_job(db):
    made = asked(db)
    assert made.job.body == b'{"model":"sdxl","prompt":"{{ a fox }}","seed":7}'
    canonical = b'["nebula","nebula-images","sdxl",' + made.job.body + b",1]"
    assert made.job.key == hashlib.sha256(canonical).hexdigest()
    assert (made.name, made.job.id, made.job.sample) == ("replay-fox", "fox", 1)


def test_a_batch_files_request_goes_where_it_went_in_its_own_order(db):
    made = asked(db, path="/v1/images/generations", request={"prompt": "a fox", "model": "sdxl"}).job
    assert (made.body, made.path) == (b'{"prompt":"a fox","model":"sdxl"}', "/v1/images/generations")
    seen = b'["nebula","nebula-images","sdxl",{"body":{"model":"sdxl","prompt":"a fox"},"url":"%b"},1]'
    assert made.key == hashlib.sha256(seen % made.path.encode()).hexdigest()


def test_another_seed_takes_the_place_of_its_own(db):
    assert orjson.loads(asked(db, then=Asked(seed=8)).job.body)["seed"] == 8
    with pytest.raises(Untold, match="no seed"):
        asked(db, then=Asked(seed=8), request={"prompt": "a fox"})


@pytest.mark.parametrize(
    ("then", "server", "doubt"),
    [
        (Asked(), SERVER, "https://api.example.com/v1 with the value of ${KEY}"),
        (
            Asked(),
            {**SERVER, "headers": {"X": "${OTHER}"}},
            "https://api.example.com/v1 with the value of ${KEY}, ${OTHER}",
        ),
        (Asked(), {**SERVER, "key": None}, "https://api.example.com/v1"),
        (Asked(key_env="OTHER"), SERVER, "https://api.example.com/v1"),
        (Asked(url="http://127.0.0.1:1/v1"), SERVER, "http://127.0.0.1:1/v1 with the value of ${KEY}"),
        (Asked(url="http://127.0.0.1:1/v1", key_env="OTHER"), SERVER, None),
        (Asked(url="http://127.0.0.1:1/v1"), {**SERVER, "key": None}, None),
        (Asked(url="demo"), {**SERVER, "headers": {"X": "${NOWHERE}"}}, None),
        (Asked(), {**SERVER, "url": "demo", "headers": {"X": "${OTHER}"}}, None),
    ],
)
def test_nothing_is_sent_to_anybody_on_the_word_of_a_picture_alone(db, then, server, doubt):
    found = asked(db, then=then, server=server).doubt
    assert found == (None if doubt is None else f"it would be sent to {doubt}")


def test_whom_the_queue_has_sent_to_is_sent_to_again_within_its_limits(db):
    known = {**SERVER, "limits": {"requests_per_minute": 60}, "price": {"image": 0.01}, "timeout": 5}
    made = asked(db)
    put(db, replace(made, settings=Settings.model_validate({"endpoints": {"nebula": known}})))
    again = asked(db)
    assert again.doubt is None
    assert again.settings.endpoints["nebula"].limits.requests_per_minute == 60
    for changed in (
        {"key": "${OTHER}"},
        {"url": "https://api.example.org/v1"},
        {"headers": {"X": "${OTHER}"}},
    ):
        assert asked(db, server={**SERVER, **changed}).doubt
    assert asked(db, then=Asked(url="https://elsewhere.example.com")).doubt


def test_a_picture_opens_no_door_of_ours(db):
    """What lets answers lead inside, or grow, is not a picture's to say."""
    made = asked(db, server={**SERVER, "downloads": ["127.0.0.1:80"], "max_answer_mb": 100_000})
    assert made.settings.endpoints["nebula"] == Endpoint.model_validate(SERVER)


def test_each_replay_is_a_batch_of_its_own_beside_what_is_there(db, tmp_path):
    assert put(db, asked(db)) == "replay-fox"
    (tmp_path / "outputs" / "replay-fox-2").mkdir(parents=True)
    assert put(db, asked(db)) == "replay-fox-3"
    assert asked(db, id="../../evil").name == "replay-.._.._evil"


def file_in(tmp_path, data=b"a cat"):
    path = tmp_path / "cat.png"
    path.write_bytes(data)
    return {"image": {"file": str(path), "sha256": hashlib.sha256(b"a cat").hexdigest()}}


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: path.unlink(), "which is not there"),
        (lambda path: path.write_bytes(b"a dog"), "which is not what it was"),
        (lambda path: (path.unlink(), path.mkdir()), "which is not what it was"),
        (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "which is not what it was"),
    ],
)
def test_files_of_the_request_have_to_be_there_as_they_were(db, tmp_path, prepare, words):
    request = file_in(tmp_path)
    assert asked(db, request=request).job.body
    prepare(tmp_path / "cat.png")
    with pytest.raises(Untold, match=words):
        asked(db, request=request)


@pytest.mark.parametrize(
    ("changes", "then", "words"),
    [
        ({"server": {**SERVER, "key": "${NOBODY_HAS_IT}"}}, Asked(), "NOBODY_HAS_IT"),
        ({}, Asked(key_env="NOBODY_HAS_IT"), "NOBODY_HAS_IT"),
        ({}, Asked(key_env="sk-1234"), "the name of a variable"),
        ({}, Asked(url="file:///etc/passwd"), "http"),
    ],
)
def test_what_is_missing_or_wrong_is_told_before_anything_is_made(db, tmp_path, changes, then, words):
    with pytest.raises(ManifestError, match=words):
        asked(db, then=then, **changes)
    assert not (tmp_path / "runner.db").exists()


def test_a_request_that_was_left_out_cannot_be_sent(db):
    with pytest.raises(Untold, match="no room"):
        replay(db, read(orjson.dumps({name: TOLD[name] for name in TOLD if name != "request"})), Asked())


# Whole runs


@asynccontextmanager
async def elsewhere(tmp_path_factory):
    """An empty folder, far from the queue."""
    async with Desk.at(tmp_path_factory.mktemp("elsewhere")) as desk:
        (desk.folder / ".env").write_text("KEY=sk-of-mine-12345\n")
        yield desk


async def test_a_picture_taken_away_from_its_queue_is_sent_again_as_it_was(desk, provider, tmp_path_factory):
    (desk.folder / ".env").write_text("KEY=sk-of-mine-12345\n")
    desk.write(animals(provider.url, "a red fox", params={"seed": 7}, key="${KEY}", model_field="model_name"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    [name] = [path for path in desk.pictures() if path.endswith(".png")]
    async with elsewhere(tmp_path_factory) as away:
        shutil.copy(desk.outputs() / name, away.folder / "taken.png")
        refused = await away.run("replay", "taken.png")
        assert (refused.status, provider.sent) == (2, 1)
        assert f"it would be sent to {provider.url} with the value of ${{KEY}}" in refused.err
        assert not (away.folder / "runner.db").exists()
        done = await away.run("replay", "taken.png", "--yes", "--json")
        again = await away.run("replay", f"outputs/{done.last['batch']}/{name}", "--seed", "8")
        assert (done.status, again.status) == (0, 0)
        first, second, third = provider.requests
        assert (second.body, second.path, second.headers["authorization"]) == (
            first.body, first.path, "Bearer sk-of-mine-12345")  # fmt: skip
        assert third.json == {**first.json, "seed": 8}
        pictures = [away.outputs(done.last["batch"]) / name, desk.outputs() / name]
        one, other = (Image.open(path).tobytes() for path in pictures)
        assert one == other
        assert of_file(pictures[0]).batch == done.last["batch"]
        assert len(away.rows("SELECT name FROM batches")) == 2


async def test_a_replay_against_the_demo_needs_neither_queue_nor_word(desk):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    text = orjson.dumps(
        {**TOLD, "server": {**SERVER, "url": "demo"}, "request": {"model": "demo", "prompt": "a fox"}}
    )
    (desk.folder / "found.png").write_bytes(b"".join(inscribed(file.getvalue(), "png", text)))
    (desk.folder / "plain.png").write_bytes(file.getvalue())
    done = await desk.run("replay", "found.png", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 1)
    assert "replay-fox/fox.png" in str(desk.outputs("replay-fox") / json.loads(
        (desk.outputs("replay-fox") / "results.jsonl").read_text())["outputs"][0]["path"])  # fmt: skip
    plain = await desk.run("replay", "plain.png")
    assert (plain.status, "tells of no request" in plain.err) == (2, True)
