import json
import socket

import pytest
from rows import attempt
from runs import ENVIRONMENT, Desk

from runner import load, run
from runner.compose import RunOptions
from runner.demo import Knobs, refused, serve
from runner.engine.allowance import Allowance

KEY = "sk-canary-0123456789abcdef"
GROUPS = [
    {"model": "m", "prompts": ["a fox", "an owl", "an elk"]},
    {"model": "n", "prompts": ["a cat", "a dog"]},
]


def batch(folder, url, dialect="openai-chat", **fields):
    endpoint = {"dialect": dialect, "url": f"{url}/v1", "key": "${API_KEY}"}
    path = folder / "jobs.yaml"
    path.write_text(json.dumps({"name": "animals", "endpoints": {"api": endpoint}, "jobs": GROUPS, **fields}))
    return path


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("API_KEY", KEY)
    monkeypatch.setitem(ENVIRONMENT, "API_KEY", KEY)


async def flown(path):
    """The exit status, the status as an object, and what was said."""
    async with Desk.at(path.parent) as desk:
        done = await desk.run("run", "jobs.yaml", "--preflight", "--json")
    return done.status, done.last, done.err


@pytest.mark.parametrize(
    ("knobs", "dialect", "reason", "words"),
    [
        ({"key": "another"}, "openai-chat", "unauthorized", "api: the key is refused: see that it is right"),
        (
            {"key": "another"},
            "nebula-images",
            "unauthorized",
            "api: the key is refused: see that it is right",
        ),
        ({"models": {"mm", "n"}}, "openai-chat", "not_found", "lists no model 'm'. Did you mean 'mm'?"),
        ({"credit": 0}, "nebula-images", "no_credit", "api: $0.00 are left: pay in, and run again"),
    ],
)
async def test_what_stands_in_the_way_stops_a_run_before_anything_is_sent(
    tmp_path, knobs, dialect, reason, words
):
    given = {name: frozenset(each) if isinstance(each, set) else each for name, each in knobs.items()}
    async with serve(Knobs(latency_s=0, **given)) as provider:
        status, told, said = await flown(batch(tmp_path, provider.url, dialect))
        assert provider.sent == 0
    assert (status, told["state"], told["reason"]) == (75, "stopped", reason)
    assert (told["jobs"]["pending"], told["attempts"]) == (5, 0)
    assert f"not begun: {words}" in said or words in said
    assert KEY not in said


async def test_an_endpoint_that_is_not_there_stops_it_too(tmp_path):
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        status, told, said = await flown(batch(tmp_path, url))
    assert (status, told["reason"], told["attempts"]) == (75, "unavailable", 0)
    assert "not begun: api: 127.0.0.1:" in said


async def test_the_first_of_each_group_goes_ahead_and_the_rest_follows(tmp_path):
    async with serve(Knobs(latency_s=0, record=True, models=frozenset({"m", "n"}))) as provider:
        status, told, _ = await flown(batch(tmp_path, provider.url))
        bodies = [json.loads(seen.body) for seen in provider.requests if seen.method == "POST"]
    first = [body["messages"][0]["content"] for body in bodies]
    assert (status, told["jobs"]["succeeded"]) == (0, 5)
    assert sorted(first[:2]) == ["a cat", "a fox"]


async def test_a_group_whose_first_job_fails_is_not_begun(tmp_path):
    def script(seen):
        bad = seen.method == "POST" and b"a cat" in seen.body
        return refused(400, "no cats") if bad else None

    async with serve(Knobs(latency_s=0, models=frozenset({"m", "n"}))) as provider:
        provider.script = script
        status, told, said = await flown(batch(tmp_path, provider.url))
        assert provider.sent == 2
    assert (status, told["reason"]) == (75, "canary")
    assert (told["jobs"]["failed"], told["jobs"]["pending"]) == (1, 3)
    assert "sent alone before the rest of its group: rejected: no cats" in said


async def test_a_canary_that_is_refused_for_pace_is_waited_for(tmp_path):
    async with serve(Knobs(latency_s=0, models=frozenset({"m", "n"}))) as provider:
        provider.play(refused(429, **{"retry-after": "0"}))
        status, told, _ = await flown(batch(tmp_path, provider.url))
    assert (status, told["jobs"]["succeeded"]) == (0, 5)


async def test_the_embedded_provider_needs_no_look(tmp_path):
    path = batch(tmp_path, "unused", endpoints={"api": {"dialect": "openai-chat", "url": "demo"}})
    work = run(load(path), db=tmp_path / "runner.db")
    work._options = RunOptions(preflight=True)
    assert (await work).succeeded == 5


def test_nothing_is_begun_that_would_come_back_after_the_end():
    allowance = Allowance(until=100.0, typical_s=8.0)
    assert [allowance.is_over(now) for now in (91.9, 92.0, 100.0)] == [False, True, True]


def test_how_long_answers_take_follows_the_latest():
    allowance = Allowance(until=100.0)
    allowance.took([attempt(latency_s=4.0)])
    assert allowance.typical_s == 4.0
    allowance.took([attempt(latency_s=14.0), None, attempt(latency_s=99.0, cause="timed_out")])
    assert allowance.typical_s == 5.0
