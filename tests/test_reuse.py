"""What another batch of the queue has paid for is taken over: files linked, nothing sent, nothing spent."""

import signal
from datetime import date

import pytest
from runs import animals

from runner.api import Silent
from runner.compose import RunOptions, plan, submit, work
from runner.demo import refused
from runner.manifest import from_mapping


def batch(name, url, *prompts, group=(), **more):
    made = animals(url, *prompts, name=name, price={"image": 0.5})
    made["jobs"][0] |= dict(group)
    return {**made, **more}


def manifest(desk, made):
    return from_mapping(made, folder=desk.folder, today=date(2026, 11, 23))


def queue(desk):
    return str(desk.folder / "runner.db")


async def ran(desk, made):
    """What submitting it has changed, and its tally once it is run."""
    done = submit(queue(desk), manifest(desk, made), yes=False)
    ended = await work(queue(desk), done.batch, RunOptions(), Silent())
    return done, ended.tally


def inode(desk, name, path):
    return (desk.outputs(name) / path).stat().st_ino


async def test_what_another_batch_has_paid_for_is_taken_over(desk, provider):
    await ran(desk, batch("first", provider.url, "a fox"))
    second = batch("second", provider.url, "a fox", "an owl", reuse=True)
    planned = plan(queue(desk), manifest(desk, second))
    assert (planned.reused, planned.requests, planned.cost_usd, planned.new) == (1, 1, 0.5, 2)
    done, tally = await ran(desk, second)
    assert (done.reused, done.notes) == (1, ("1 reused from other batches, at no cost",))
    assert (tally.succeeded, tally.attempts, tally.outputs, provider.sent) == (2, 1, 2, 2)
    assert tally.spent_nusd == 500_000_000
    one, other = desk.results("first")[0], desk.results("second")[0]
    assert one["key"] == other["key"]
    assert list(one) == list(other)
    assert one["outputs"] == other["outputs"]
    assert (other["attempts"], other["cost_usd"], other["state"]) == (0, 0, "succeeded")
    assert other["message"] == f"reused from first/{one['id']}"
    path = one["outputs"][0]["path"]
    assert inode(desk, "first", path) == inode(desk, "second", path)


async def test_what_is_taken_over_is_said_wherever_it_is_shown(desk, provider):
    await ran(desk, batch("first", provider.url, "a fox"))
    desk.write(batch("second", provider.url, "a fox", reuse=True))
    assert "would reuse 1 output of other batches, at no cost" in (await desk.run("plan", "jobs.yaml")).out
    done = await desk.run("run", "jobs.yaml")
    assert (done.status, provider.sent) == (0, 1)
    assert "1 reused from other batches, at no cost" in done.err
    [name] = [line["id"] for line in desk.results("second")]
    assert f"reused from first/{name}" in (await desk.run("show", name)).out
    assert (await desk.run("verify", "second")).status == 0


async def test_only_those_jobs_reuse_that_are_told_to(desk, provider):
    await ran(desk, batch("first", provider.url, "a fox", "an owl"))
    second = batch("second", provider.url, "a fox", group={"reuse": False}, reuse=True)
    second["jobs"].append({**second["jobs"][0], "prompts": ["an owl"], "reuse": True})
    done, tally = await ran(desk, second)
    assert (done.reused, tally.attempts, tally.succeeded, provider.sent) == (1, 1, 2, 3)


async def test_a_failure_is_not_reused_nor_what_was_expected_of_it_otherwise(desk, provider):
    provider.script = lambda seen: refused(400, "no") if seen.json["prompt"] == "a fox" else None
    _, tally = await ran(desk, batch("first", provider.url, "a fox", "an owl"))
    assert (tally.failed, tally.succeeded) == (1, 1)
    expecting = {"expect": {"size": "64x64"}}
    done, tally = await ran(
        desk, batch("second", provider.url, "a fox", "an owl", group=expecting, reuse=True)
    )
    assert (done.reused, tally.attempts, tally.failed, provider.sent) == (0, 2, 1, 4)
    done, _ = await ran(desk, batch("third", provider.url, "an owl", group=expecting, reuse=True))
    assert (done.reused, provider.sent) == (1, 4)


@pytest.mark.parametrize("harm", ["gone", "changed"])
async def test_what_is_not_there_any_more_is_sent_and_said(desk, provider, harm):
    await ran(desk, batch("first", provider.url, "a fox"))
    (name,) = desk.pictures("first")
    path = desk.outputs("first") / name
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    done, tally = await ran(desk, batch("second", provider.url, "a fox", reuse=True))
    assert done.reused == 0
    assert done.notes[0].startswith("not reused, for their files are gone, changed or in a bucket: first/")
    assert (tally.attempts, tally.succeeded, provider.sent) == (1, 1, 2)


async def test_what_has_come_since_is_taken_over_when_a_manifest_is_submitted_again(desk, provider):
    second = batch("second", provider.url, "a fox", reuse=True)
    submit(queue(desk), manifest(desk, second), yes=False)
    await ran(desk, batch("first", provider.url, "a fox"))
    done, tally = await ran(desk, second)
    assert (done.reused, done.kept, tally.attempts, tally.succeeded) == (1, 1, 0, 1)
    done, _ = await ran(desk, second)
    assert (done.unchanged, provider.sent) == (True, 1)


@pytest.mark.parametrize("point", ["lent", "taken over"])
async def test_a_kill_while_answers_are_taken_over_loses_none_and_pays_for_none(desk, provider, point):
    await ran(desk, batch("first", provider.url, "a fox", "an owl"))
    second = batch("second", provider.url, "a fox", "an owl", reuse=True)
    desk.write(second)
    killed = await desk.run("submit", "jobs.yaml", crash_at=f"{point}:1")
    assert killed.status == -signal.SIGKILL
    _, tally = await ran(desk, second)
    assert (tally.succeeded, tally.attempts, tally.outputs, provider.sent) == (2, 0, 2, 2)
    assert desk.pictures("second") == desk.pictures("first")


async def test_texts_are_taken_over_too(desk):
    for name, more in (("first", {}), ("second", {"reuse": True})):
        made = {
            "name": name,
            "endpoints": {"chat": {"dialect": "openai-chat", "url": "demo"}},
            "jobs": [{"model": "demo", "prompts": ["hello", "good night"]}],
            **more,
        }
        _, tally = await ran(desk, made)
    assert (tally.attempts, tally.outputs) == (0, 2)
    first, second = ([line["outputs"] for line in desk.results(name)] for name in ("first", "second"))
    assert first == second


async def test_a_picture_that_the_batch_has_already_is_not_taken_over_twice(desk):
    """Where none may be there twice: two jobs of other batches each have it."""
    free = {"params": {"width": 64, "height": 64, "seed": 7}, "expect": {"duplicate": False, "retries": 0}}

    def of(name, *steps, **more):
        return batch(name, "demo", "a fox", group={**free, "matrix": {"steps": list(steps)}}, **more)

    await ran(desk, of("first", 1))
    await ran(desk, of("other", 2))
    done, tally = await ran(desk, of("second", 1, 2, reuse=True))
    assert (done.reused, tally.attempts, tally.succeeded, tally.failed) == (1, 1, 1, 1)
    assert "the same picture as" in desk.results("second")[1]["message"]
