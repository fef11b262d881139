"""`runner prune`: what goes, what stays, what the disk has back, and what a kill in the middle leaves."""

import asyncio
import os
import sqlite3
import time
from contextlib import closing

import pytest
import queues
from rows import AT, batch, tally
from runs import animals, herd

from runner import compose, database, load, run
from runner.cli.times import span_of
from runner.compose.pruning import choices
from runner.demo import Knobs, serve
from runner.schema import BatchState

DAY_S = 86_400
LONG_AGO = time.time() - 60 * DAY_S
MONTH = ("--older-than", "30d")
AT_ONCE = ("--older-than", "0m")
KILLED = -9


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 30 * DAY_S), ("12h", 43_200), ("90 m", 5400), ("2w", 14 * DAY_S), ("0d", 0)]
)
def test_a_span_of_time_is_a_number_and_a_unit(text, seconds):
    assert span_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1.5h", "1 month", "2026-11-23"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="is no span of time such as 30d, 12h or 2w"):
        span_of(text)


def night(number, *, ended=AT, name=None, **fields):
    """A finished batch of the series, in whose folder nothing is to be looked for."""
    row = {"state": BatchState.FINISHED, "finished_at": ended, "updated_at": ended, **fields}
    name = name or f"nightly-{number}"
    return batch(id=number, name=name, pattern="nightly", night=f"2026-11-{number:02}", **row)


THREE = [night(number, ended=AT + number) for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("rows", "terms", "going"),
    [
        (THREE, {"before": AT + 9}, ["nightly-1", "nightly-2", "nightly-3"]),
        (THREE, {"before": AT + 2}, ["nightly-1"]),
        (THREE, {"before": AT + 9, "keep": 1}, ["nightly-1", "nightly-2"]),
        (THREE, {"before": AT + 9, "keep": 3}, []),
        ([*THREE, batch(id=4, name="other", updated_at=AT)], {"before": AT + 9, "keep": 3}, []),
        (
            [night(1, tally=tally(succeeded=2, failed=1))],
            {"before": AT + 9, "unexported": True},
            ["nightly-1"],
        ),
        ([night(1, tally=tally(unknown=1))], {"before": AT + 9, "unexported": True}, []),
        (
            [night(1, tally=tally(unknown=1))],
            {"before": AT + 9, "unexported": True, "unknown": True},
            ["nightly-1"],
        ),
    ],
)
def test_old_batches_go_but_for_the_newest_of_their_pattern(rows, terms, going):
    found = choices(rows, compose.Terms(**terms))
    assert [each.row.name for each in found if each.kept_for is None] == going


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"state": BatchState.STOPPED, "finished_at": None, "tally": tally(pending=3)},
            "not finished, 3 left",
        ),
        (
            {"state": BatchState.RUNNING, "finished_at": None, "tally": tally(running=1)},
            "not finished, 1 left",
        ),
        ({"tally": tally(unknown=2)}, "2 unknown"),
        ({"tally": tally(succeeded=2)}, "not exported since its end"),
    ],
)
def test_what_stays_says_why(fields, why):
    [found] = choices([night(1, **fields)], compose.Terms(before=AT + 9))
    assert why in found.kept_for


def fill(folder, name, number, *, ended=LONG_AGO, size=20):
    """A finished batch of so many jobs, each with an answer of that size; its results are written."""
    db = folder / "runner.db"
    with compose.writing(str(db)) as store:
        new = queues.batch(name, folder=str(folder / name), pattern=name)
        made = [queues.job(f"{name} {each}") for each in range(number)]
        batch_id = store.submit(new, made, now=ended).batch_id
        store.assign(batch_id, {"nebula": "a" * 64})
        settled = [
            queues.done(claim, queues.kept(f"{claim.id}.png"), body=b"x" * size, started_at=ended)
            for claim in queues.claim(store, batch_id, number, now=ended)
        ]
        store.settle(batch_id, settled, now=ended)
        store.finish_if_done(batch_id, now=ended)
    (folder / name).mkdir()
    (folder / name / "results.jsonl").write_text("{}\n")
    return str(db)


def counted(db, name):
    """The counters of a batch, and what its rows make of them."""
    with compose.reading(db) as store:
        row = store.batch(name)
        rows = store.recount(row.id)
        return {name: getattr(row.tally, name) for name in rows}, rows


def terms(**fields):
    return compose.Terms(before=time.time() - 30 * DAY_S, **fields)


def test_what_goes_gives_its_room_back_and_the_ledger_stays(tmp_path):
    db = fill(tmp_path, "old", 900, size=3000)
    fill(tmp_path, "new", 10, ended=time.time())
    with compose.reading(db) as store:
        booked = store.requests_of("a" * 64, since=0)
    done = compose.prune(db, terms())
    assert [(each.name, each.jobs) for each in done.removed] == [("old", 900)]
    assert done.freed > 900 * 3000
    assert database.named(db).size() < 400_000
    with closing(sqlite3.connect(db)) as queue:
        assert queue.execute("PRAGMA freelist_count").fetchone() == (0,)
        assert queue.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert queue.execute("PRAGMA foreign_key_check").fetchall() == []
        assert queue.execute("SELECT count(*) FROM jobs").fetchone() == (10,)
    with compose.reading(db) as store:
        assert store.requests_of("a" * 64, since=0) == booked == 910
        assert [row.name for row in store.batches()] == ["new"]


def as_of_old(db):
    """The queue as it was made before it could be made shorter bit by bit."""
    with closing(sqlite3.connect(db, isolation_level=None)) as queue:
        queue.executescript(
            "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = 0; VACUUM; PRAGMA journal_mode = WAL"
        )


def test_an_older_queue_is_written_anew_once_and_only_while_no_runner_has_it(tmp_path):
    db = fill(tmp_path, "old", 300, size=3000)
    as_of_old(db)
    queue = database.named(db)
    with queue.lock():
        done = compose.prune(db, terms())
    assert (len(done.removed), done.freed) == (1, 0)
    assert "only while no runner is at work" in done.notes[0]
    again = compose.prune(db, terms())
    assert (again.removed, again.notes) == ((), ())
    assert again.freed > 300 * 3000
    with closing(sqlite3.connect(db)) as opened:
        assert opened.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_a_batch_that_has_work_again_is_let_alone(tmp_path):
    db = fill(tmp_path, "old", 3)
    with compose.writing(db) as store:
        old = store.batch("old")
        store.submit(queues.batch("old", folder=old.folder), [queues.job("one more")], now=LONG_AGO)
        assert not store.is_finished(old.id, "old")
        assert not store.is_finished(old.id + 1, "old")
    [kept] = compose.prune(db, terms()).kept
    assert kept.kept_for.startswith("not finished, 1 left")
    assert counted(db, "old")[0]["total"] == 4


async def test_killed_in_the_middle_it_leaves_a_smaller_finished_batch_and_then_the_rest_goes(desk):
    db = fill(desk.folder, "old", 500)
    assert (await desk.run("prune", *MONTH, crash_at="pruned:2")).status == KILLED
    counters, rows = counted(db, "old")
    assert counters == rows
    assert 0 < counters["total"] < 500
    with compose.reading(db) as store:
        assert store.batch("old").state is BatchState.FINISHED
    done = await desk.run("prune", *MONTH, "--json")
    assert (done.status, done.last["removed"][0]["jobs"]) == (0, counters["total"])
    assert desk.rows("SELECT (SELECT count(*) FROM batches) + (SELECT count(*) FROM attempts)") == [(0,)]


@pytest.mark.parametrize("point", ["pruned", "cleared"])
async def test_killed_among_the_outputs_the_next_time_does_the_rest(desk, provider, point):
    await finished(desk, provider, *herd(3))
    assert (await desk.run("prune", *AT_ONCE, "--outputs", crash_at=point)).status == KILLED
    assert len(desk.rows("SELECT * FROM batches")) == 1
    assert (await desk.run("prune", *AT_ONCE, "--outputs")).status == 0
    assert (desk.rows("SELECT * FROM batches"), desk.outputs().exists()) == ([], False)


def db_of(desk):
    return str(desk.folder / "runner.db")


async def finished(desk, provider, *prompts, **manifest):
    desk.write(animals(provider.url, *prompts, **manifest))
    tally = await run(load(desk.folder / "jobs.yaml"), db=db_of(desk))
    assert tally.succeeded == tally.total


async def test_outputs_go_when_asked_and_what_is_not_the_batchs_stays(desk, provider):
    await finished(desk, provider, *herd(3))
    changed, *others = [desk.outputs() / line["outputs"][0]["path"] for line in desk.results()]
    changed.write_bytes(b"painted over")
    (desk.outputs() / "mine").mkdir()
    (desk.outputs() / "mine" / "notes.txt").write_text("mine")
    size = sum(path.stat().st_size for path in others)
    told = await desk.run("prune", *AT_ONCE, "--outputs", "--dry-run", "--json")
    assert told.last["removed"] == [{"batch": "animals", "jobs": 3}]
    assert told.last["output_bytes"] > size
    assert desk.states() == {"succeeded": 3}
    done = await desk.run("prune", *AT_ONCE, "--outputs")
    assert "removed animals: 3 jobs" in done.out
    assert "2 files in " in done.out
    assert desk.pictures() == sorted([changed.name, "mine/notes.txt"])
    assert not (desk.outputs() / "results.jsonl").exists()


async def test_without_being_asked_outputs_stay(desk, provider):
    await finished(desk, provider, *herd(2))
    before = desk.pictures()
    done = await desk.run("prune", *AT_ONCE, "--json")
    assert (done.last["removed"][0]["batch"], done.last["output_bytes"]) == ("animals", 0)
    assert desk.pictures() == before
    assert len(desk.results()) == 2


async def test_what_another_batch_has_borrowed_stays_its_own(desk, provider):
    await finished(desk, provider, *herd(2))
    again = animals(provider.url, *herd(2), name="again")
    again["jobs"][0]["reuse"] = True
    desk.write(again, "again.yaml")
    await run(load(desk.folder / "again.yaml"), db=db_of(desk))
    assert provider.sent == 2
    with compose.writing(str(desk.folder / "runner.db")) as store:
        lender = store.batch("animals")
        store._mark(lender.id, finished_at=LONG_AGO)
    done = await desk.run("prune", *MONTH, "--outputs", "--json")
    assert (done.last["removed"][0]["batch"], done.last["output_bytes"] < 2000) == ("animals", True)
    assert not desk.outputs().exists()
    assert compose.verify(db_of(desk), "again").is_well
    assert len(desk.pictures("again")) == 2


async def test_what_is_not_exported_stays_unless_that_is_said(desk, provider):
    await finished(desk, provider, "a fox")
    (desk.outputs() / "results.jsonl").unlink()
    kept = await desk.run("prune", *AT_ONCE)
    assert "kept animals: not exported since its end: `runner export animals`, or --unexported" in kept.out
    assert desk.states() == {"succeeded": 1}
    (desk.outputs() / "results.jsonl").write_text("")
    os.utime(desk.outputs() / "results.jsonl", (LONG_AGO, LONG_AGO))
    assert (await desk.run("prune", *AT_ONCE, "--json")).last["removed"] == []
    gone = await desk.run("prune", *AT_ONCE, "--unexported", "--json")
    assert gone.last["removed"][0]["jobs"] == 1


async def test_a_runner_at_work_on_another_batch_goes_on_meanwhile(desk):
    fill(desk.folder, "old", 600, size=2000)
    async with serve(Knobs(latency_s=0.1)) as provider:
        desk.write(animals(provider.url, *herd(30), concurrency=2))
        runner = await desk.start("run", "jobs.yaml")
        await runner.until(
            lambda: desk.rows("SELECT count(*) FROM jobs WHERE state = 'succeeded' AND batch_id > 1")[0][0]
        )
        done = await asyncio.to_thread(compose.prune, str(desk.folder / "runner.db"), terms())
        [[state]] = desk.rows("SELECT state FROM batches")
        assert ([each.jobs for each in done.removed], state) == ([600], "running")
        assert done.freed > 600 * 1500
        assert (await runner.ends()).status == 0
    assert desk.states() == {"succeeded": 30}
    assert compose.verify(db_of(desk), "animals").is_well


async def test_prune_asks_for_an_age(desk):
    assert (await desk.run("prune")).status == 2
    refused = await desk.run("prune", "--older-than", "soon")
    assert (refused.status, "'soon' is no span of time such as 30d, 12h or 2w" in refused.err) == (2, True)
