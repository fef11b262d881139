"""Pictures that tell of their requests: what is in them, and what can be done with one and no queue."""

import hashlib
import io
import json
import os
import shutil
from dataclasses import replace

import canned
import orjson
import pytest
from PIL import Image
from runs import animals

from runner.endpoint import Endpoint
from runner.expect import varied
from runner.inscription import inscribed, inscription
from runner.job import Particulars
from runner.outcome import Artifact, Output
from runner.provenance import Origin, Untold, of_file, read, server
from runner.sinks import Folder

ENDPOINT = Endpoint.model_validate(
    {
        "dialect": "nebula-images",
        "url": "https://${HOST}/v1",
        "key": "${NEBULA_API_KEY}",
        "headers": {"X-Team": "${TEAM}", "X-Version": "2"},
        "limits": {"requests_per_minute": 60},
        "price": {"image": 0.01},
        "idempotency_header": "Idempotency-Key",
    }
)
ORIGIN = Origin("animals", {"nebula": ENDPOINT, "backup": ENDPOINT})
BODY = orjson.dumps(
    {"model": "sdxl", "prompt": "ein Fuchs", "seed": 7, "image": {"file": "/a.png", "sha256": "0"}}
)
PARTICULARS = Particulars(endpoint="nebula", sample=2, params=b'{"seed":7}', vars=b'{"animal":"Fuchs"}')
CLAIM = replace(canned.claim(BODY), key="ab" * 32, endpoint="backup", particulars=PARTICULARS)


def picture(kind="PNG", colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, kind)
    return file.getvalue()


def told(claim=CLAIM):
    return [orjson.loads(text) for text in ORIGIN.told(claim, claim.particulars, 1, now=0.0)]


def test_a_picture_tells_what_was_sent_to_whom_and_no_secret():
    assert told()[0] == {
        "runner": 1,
        "batch": "animals",
        "id": "fox",
        "key": "ab" * 32,
        "sample": 2,
        "index": 1,
        "model": "m",
        "endpoint": "nebula",
        "served_by": "backup",
        "server": {
            "dialect": "nebula-images",
            "url": "https://${HOST}/v1",
            "key": "${NEBULA_API_KEY}",
            "headers": {"X-Team": "${TEAM}", "X-Version": "2"},
        },
        "made_at": "1970-01-01T00:00:00+00:00",
        "request": orjson.loads(BODY),
        "params": {"seed": 7},
        "vars": {"animal": "Fuchs"},
    }


def test_a_fresh_seed_is_told_as_it_was_sent():
    varying = replace(CLAIM, variant=1)
    body, seed = varied(BODY, CLAIM.key, 1)
    assert (told(varying)[0]["seed"], told(varying)[0]["request"]) == (seed, orjson.loads(body))


def test_where_a_batch_file_had_it_go_is_told():
    assert told(replace(CLAIM, path="/v1/images/generations"))[0]["path"] == "/v1/images/generations"


def test_where_there_is_no_room_the_request_is_left_out_last():
    assert [tree.get("left_out") for tree in told()] == [
        None,
        ["vars"],
        ["vars", "params"],
        ["vars", "params", "request"],
    ]
    assert ["request" in tree for tree in told()] == [True, True, True, False]


def test_what_is_told_is_read_as_it_was_and_its_request_byte_by_byte():
    text = next(ORIGIN.told(CLAIM, PARTICULARS, 0, now=0.0))
    seen = read(text)
    assert (seen.id, seen.sample, server(seen.server)) == ("fox", 2, server(ENDPOINT))
    assert orjson.dumps(seen.request, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        orjson.loads(BODY), option=orjson.OPT_SORT_KEYS
    )


GOOD = orjson.loads(next(ORIGIN.told(CLAIM, PARTICULARS, 0, now=0.0)))


def at(**changes):
    """A text whose server is another."""
    return orjson.dumps({**GOOD, "server": {**GOOD["server"], **changes}})


BAD = {
    "no json": (b'{"runner":1', "cannot be read"),
    "deep": (b'{"runner":1,"request":' + b'{"a":' * 5000, "cannot be read"),
    "rather deep": (orjson.dumps(GOOD)[:-1] + b',"x":' + b"[" * 500 + b"]" * 500 + b"}", "nested"),
    "another version": (orjson.dumps({**GOOD, "runner": 2}), "runner: Input should be 1"),
    "a field of another kind": (orjson.dumps({**GOOD, "sample": "2"}), "sample: "),
    "a body that is none": (orjson.dumps({**GOOD, "request": [1]}), "request: "),
    "an address of a file": (at(url="file:///etc/passwd"), "url"),
    "an address with a password": (at(url="https://me:pw@example.com"), "url"),
    "a key written out": (at(key="sk-secret"), "key"),
    "a dialect nobody speaks": (at(dialect="smtp"), "dialect"),
    "a header that is two": (at(headers={"A": "b\r\nC: d"}), "headers"),
    "a list": (b"[]", "cannot be used"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_text_that_is_no_request_is_refused_in_words(text, words):
    with pytest.raises(Untold, match=words):
        read(text)


def test_a_file_that_cannot_be_read_or_tells_nothing_is_named(tmp_path):
    (tmp_path / "plain.png").write_bytes(picture())
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    silent = dict.fromkeys(("plain.png", "empty.png", "pipe.png"), "no request")
    for name, words in {"none.png": "No such file", **silent}.items():
        with pytest.raises(Untold, match=words):
            of_file(tmp_path / name)


# The sink


def answer(*pictures):
    return Output(
        artifacts=tuple(Artifact(kind="image", index=at, data=data) for at, data in enumerate(pictures))
    )


def carried(path):
    with path.open("rb") as file:
        found = inscription(file)
    return None if found is None else orjson.loads(found)


@pytest.mark.parametrize(("kind", "carries"), [("PNG", True), ("JPEG", True), ("WEBP", True), ("GIF", False)])
async def test_a_kept_file_carries_its_request_and_its_row_is_of_the_file(tmp_path, kind, carries):
    folder = Folder(tmp_path / "animals", spread=False, origin=ORIGIN)
    claim = replace(CLAIM, body=b'{"prompt":"ein Fuchs"}')
    (kept,) = await folder.name(claim.key, 1, await folder.keep(claim, answer(picture(kind))))
    data = (folder.root / kept.path).read_bytes()
    assert (kept.bytes, kept.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (data == picture(kind)) is not carries
    assert (carried(folder.root / kept.path) or {}).get("request") == (
        {"prompt": "ein Fuchs"} if carries else None
    )


@pytest.mark.parametrize("changes", [{"origin": None}, {"particulars": None}])
async def test_a_file_is_as_it_came_where_nothing_is_to_be_told(tmp_path, changes):
    folder = Folder(tmp_path / "animals", spread=False, origin=changes.get("origin", ORIGIN))
    (kept,) = await folder.keep(
        replace(CLAIM, particulars=changes.get("particulars", PARTICULARS)), answer(picture())
    )
    assert (folder.root / ".pending" / f"{CLAIM.key}-1-0of1.png").read_bytes() == picture()
    assert kept.sha256 == hashlib.sha256(picture()).hexdigest()


@pytest.mark.parametrize(("letters", "left_out"), [(70_000, ["vars"]), (1_000, None)])
async def test_a_request_that_is_too_large_is_told_in_part(tmp_path, letters, left_out):
    folder = Folder(tmp_path / "animals", spread=False, origin=ORIGIN)
    large = replace(PARTICULARS, vars=orjson.dumps({"text": "x" * letters}))
    await folder.keep(replace(CLAIM, particulars=large), answer(picture()))
    seen = carried(folder.root / ".pending" / f"{CLAIM.key}-1-0of1.png")
    assert (seen.get("left_out"), seen["request"]) == (left_out, orjson.loads(BODY))


async def test_a_picture_that_was_kept_and_not_recorded_is_adopted_as_it_stands(tmp_path):
    folder = Folder(tmp_path / "animals", spread=False, origin=ORIGIN)
    kept = await folder.keep(CLAIM, answer(picture(), picture(colour="blue")))
    (found,) = await folder.recover()
    assert await folder.adopt(replace(CLAIM, particulars=None), found) == kept


# Whole runs


def foxes(**more):
    made = animals("demo")
    made["jobs"][0] = {
        "model": "demo", "id": "fox", "prompt": "a {{ colour }} fox", "vars": {"colour": "red"},
        "params": {"width": 64, "height": 64, "seed": 7}}  # fmt: skip
    return {**made, **more}


async def test_a_picture_taken_away_from_its_queue_shows_its_request(desk, tmp_path_factory):
    desk.write(foxes())
    assert (await desk.run("run", "jobs.yaml")).status == 0
    [[body]] = desk.rows("SELECT body FROM jobs")
    [[sha256, size]] = desk.rows("SELECT sha256, bytes FROM outputs")
    data = (desk.outputs() / "fox.png").read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size)
    assert (await desk.run("verify")).status == 0
    away = tmp_path_factory.mktemp("away") / "taken.png"
    shutil.copy(desk.outputs() / "fox.png", away)
    shown = await desk.run("show", str(away), "--json", "--db", str(away.with_name("none.db")))
    assert (shown.last["batch"], shown.last["id"], shown.last["vars"]) == (
        "animals",
        "fox",
        {"colour": "red"},
    )
    assert orjson.dumps(shown.last["request"], option=orjson.OPT_SORT_KEYS) == body
    words = await desk.run("show", str(away))
    assert "a red fox" in words.out
    assert not away.with_name("none.db").exists()


async def test_pictures_that_are_not_to_tell_are_as_the_provider_made_them(desk):
    desk.write(foxes(outputs={"embed": False}))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert carried(desk.outputs() / "fox.png") is None
    shown = await desk.run("show", str(desk.outputs() / "fox.png"))
    assert (shown.status, shown.out) == (2, "")
    assert "tells of no request" in shown.err


async def test_the_same_picture_of_two_jobs_is_still_the_same(desk):
    """Their files differ by what they tell; what is compared is pixels."""
    twice = foxes()
    twice["jobs"][0] |= {"matrix": {"steps": [1, 2]}, "expect": {"duplicate": False, "retries": 0}}
    desk.write(twice)
    done = await desk.run("run", "jobs.yaml")
    assert (done.status, desk.states()) == (1, {"succeeded": 1, "failed": 1})
    assert "the same picture as fox" in json.dumps(desk.results())


def hostile(tmp_path, **changes):
    path = tmp_path / "hostile.png"
    text = orjson.dumps({**GOOD, **changes})
    path.write_bytes(b"".join(inscribed(picture(), "png", text)))
    return path


async def test_what_a_strangers_picture_tells_does_a_terminal_no_harm(desk):
    path = hostile(desk.folder, batch="\x1b[2J\x1b]0;evil\x07", request={"prompt": "\x1b[31m\r\nall is well"})
    shown = await desk.run("show", str(path))
    assert shown.status == 0
    assert "\x1b" not in shown.out
    assert "\r" not in shown.out
