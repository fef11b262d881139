import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from queues import (
    NOW,
    attempt,
    batch,
    claim,
    done,
    due_again,
    failed,
    job,
    jobs,
    kept,
    named,
    settlement,
    submit,
)
from sqlalchemy import Connection, MetaData, select, text

from runner import database, schema
from runner.database import versions
from runner.job import State
from runner.outcome import Cause
from runner.retry import Policy
from runner.schema import BatchState
from runner.store import ALONE, Among, Change, Judged, Rename, Settled, Store

POSTGRES = os.environ.get("RUNNER_TEST_POSTGRES")
PLACES = ["sqlite", *(["postgres"] if POSTGRES else [])]


@pytest.fixture(params=PLACES)
def connection(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A connection to an empty queue, in a transaction."""
    if request.param == "sqlite":
        queue = database.named(tmp_path / "runner.db")
        queue.prepare()
    else:
        queue = database.named(POSTGRES or "")
        empty(queue)
    with queue.writing().connect() as opened, opened.begin():
        yield opened


def empty(queue: database.Database) -> None:
    """Leave nothing of an earlier test."""
    there = MetaData()
    with queue.writing().begin() as opened:
        there.reflect(opened)
        there.drop_all(opened)
        versions.build(opened)


@pytest.fixture
def store(connection: Connection) -> Iterator[Store]:
    """A queue whose counters are compared with its rows when the test is over."""
    made = Store(connection)
    yield made
    counted = select(schema.jobs.c.batch_id, schema.jobs.c.state)
    rows = connection.execute(counted).all()
    for each in made.batches():
        for state in State:
            assert getattr(each.tally, state.value) == rows.count((each.id, state.value)), state


def ids(rows) -> list[str]:
    return [row.id for row in rows]


def states(store: Store, batch_id: int) -> dict[str, str]:
    return {row.prompt: row.state.value for row in store.jobs(batch_id)}


# Submitting


def test_jobs_come_out_as_they_went_in(store: Store):
    given = [
        job("a fox", params=b'{"width":64}', vars=b'{"n":1}'),
        named("owl", "an owl"),
        job("none", prompt=None, endpoint="other", sample=2),
    ]
    batch_id = submit(store, given)
    rows = list(store.jobs(batch_id))
    fields = ("id", "stem", "key", "endpoint", "model", "prompt", "params", "vars", "sample", "body")
    assert [[getattr(row, name) for name in fields] for row in rows] == [
        [getattr(each, name) for name in fields] for each in given
    ]
    assert {(row.state, row.due_at, row.attempt, row.outputs) for row in rows} == {
        (State.PENDING, 0.0, 0, ())
    }


def test_a_batch_comes_out_as_it_went_in(store: Store):
    store.submit(batch(), jobs(3), now=NOW)
    row = store.batch()
    assert (row.name, row.path, store.manifest(row.id), row.sets) == (
        "animals",
        "/home/ann/jobs.yaml",
        "name: animals",
        {"style": "oil"},
    )
    assert (row.state, row.tally.total, row.tally.pending, row.submission) == (BatchState.PENDING, 3, 3, 1)
    assert (row.created_at, row.updated_at, row.priced, row.paused) == (NOW, NOW, True, False)


def test_more_jobs_than_a_chunk_keep_their_order(store: Store):
    given = jobs(2_345)
    batch_id = submit(store, iter(given))
    assert ids(store.jobs(batch_id)) == ids(given)
    assert store.tally(batch_id).total == 2_345


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("abc", "abc", (0, 3, 0)),
        ("abc", "zabc", (1, 3, 0)),
        ("abc", "cba", (0, 3, 0)),
        ("abc", "ac", (0, 2, 1)),
        ("abc", "xyz", (3, 0, 3)),
        ("abc", "", (0, 0, 3)),
        ("", "ab", (2, 0, 0)),
    ],
)
def test_m9_a_changed_manifest_is_told_by_content(store: Store, before, after, change):
    batch_id = submit(store, map(job, before))
    expected = Change(new=change[0], kept=change[1], withdrawn=change[2])
    assert store.compare("animals", map(job, after)) == expected
    submitted = store.submit(batch(), map(job, after), now=NOW + 1)
    assert submitted.change == expected
    listed = [row.prompt for row in store.jobs(batch_id) if row.listed]
    assert listed == list(after)
    pending = {row.prompt for row in store.jobs(batch_id, states=[State.PENDING])}
    assert pending == set(after)


def test_comparing_writes_nothing(store: Store):
    assert store.compare("animals", map(job, "ab")) == Change(new=2, kept=0, withdrawn=0)
    assert store.batches() == []


def test_what_is_finished_is_kept_when_the_manifest_has_it_no_more(store: Store):
    batch_id = submit(store, map(job, "abcd"))
    first, second, third = claim(store, batch_id, 3)
    store.settle(batch_id, [done(first, kept("a.png")), failed(second)], now=NOW)
    change = store.submit(batch(), [job("d")], now=NOW).change
    assert change == Change(new=0, kept=1, withdrawn=1)
    assert states(store, batch_id) == {"d": "pending", "a": "succeeded", "b": "cancelled", "c": "running"}
    assert [row.prompt for row in store.jobs(batch_id)] == ["d", "a", "b", "c"]
    assert third.attempt == 1


def test_what_a_batch_has_brought_is_of_jobs_that_its_manifest_still_has(store: Store):
    batch_id = submit(store, map(job, "abcd"))
    first, second, third = claim(store, batch_id, 3)
    brought = done(first, kept("a-0.png"), kept("a-1.png", 1)), done(second, kept("b.png"))
    store.settle(batch_id, [*brought, failed(third)], now=NOW)
    assert [row.prompt for row in store.succeeded(batch_id)] == ["a", "b"]
    assert store.outputs_succeeded(batch_id) == 3
    submit(store, map(job, "acd"))
    assert [(row.prompt, len(row.outputs)) for row in store.succeeded(batch_id)] == [("a", 2)]
    assert store.outputs_succeeded(batch_id) == 2


def test_a_withdrawn_job_that_returns_is_pending_again(store: Store):
    batch_id = submit(store, map(job, "ab"))
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [failed(taken)], now=NOW)
    store.submit(batch(), [], now=NOW)
    assert store.batch().state is BatchState.FINISHED
    change = store.submit(batch(), map(job, "ab"), now=NOW + 9).change
    assert change == Change(new=2, kept=0, withdrawn=0)
    assert [(row.state, row.due_at, row.tries) for row in store.jobs(batch_id)] == [
        (State.PENDING, NOW + 9, 0),
        (State.PENDING, 0.0, 0),
    ]
    assert store.batch().state is BatchState.PENDING


def test_a_job_that_a_person_cancelled_stays_so(store: Store):
    batch_id = submit(store, map(job, "ab"))
    assert store.cancel(batch_id, now=NOW) == 2
    store.submit(batch(), [], now=NOW)
    store.submit(batch(), map(job, "abc"), now=NOW)
    assert states(store, batch_id) == {"a": "cancelled", "b": "cancelled", "c": "pending"}


def test_a_job_that_was_at_work_when_the_manifest_lost_it_is_withdrawn_as_it_comes_back(store: Store):
    batch_id = submit(store, map(job, "ab"))
    [taken] = claim(store, batch_id)
    submit(store, [job("b")])
    store.settle(batch_id, [due_again(taken, NOW)], now=NOW)
    assert states(store, batch_id) == {"b": "pending", "a": "cancelled"}
    assert (store.tally(batch_id).pending, store.tally(batch_id).cancelled) == (1, 1)
    assert store.submit(batch(), map(job, "ab"), now=NOW).change == Change(new=1, kept=1, withdrawn=0)
    assert states(store, batch_id) == {"a": "pending", "b": "pending"}


def test_a_job_that_is_paid_for_goes_on_although_the_manifest_lost_it(store: Store):
    batch_id = submit(store, map(job, "ab"))
    [taken] = claim(store, batch_id)
    submit(store, [job("b")])
    going_on = store.ticket(batch_id, taken, b"{}", attempt(taken))
    assert going_on is not None
    waiting = replace(due_again(going_on, NOW), attempt=None)
    waiting = replace(waiting, settlement=replace(waiting.settlement, keeps_ticket=True))
    store.settle(batch_id, [waiting], now=NOW)
    assert states(store, batch_id) == {"b": "pending", "a": "pending"}


def test_a_known_job_shows_what_the_manifest_says_of_it_now(store: Store):
    batch_id = submit(store, [job("a", vars=b'{"old":1}')])
    store.submit(batch(), [job("a", vars=b'{"new":1}')], now=NOW)
    assert [row.vars for row in store.jobs(batch_id)] == [b'{"new":1}']


def test_submitting_twice_the_same_job_is_refused_whole(connection: Connection, store: Store):
    with pytest.raises(Exception, match=r"(?i)unique"), connection.begin_nested():
        submit(store, [job("a"), job("a")])
    assert store.batches() == []


# Names


def test_a_finished_job_gives_its_id_to_new_content(store: Store):
    batch_id = submit(store, [named("fox", "a fox")])
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [done(taken, kept("fox-0.png"), kept("fox-1.png", 1))], now=NOW)
    submitted = store.submit(batch(), [named("fox", "a red fox")], now=NOW)
    assert submitted.change == Change(new=1, kept=0, withdrawn=0)
    assert ids(store.jobs(batch_id)) == ["fox", "fox~1"]
    old = store.job(batch_id, "fox~1")
    assert (old.prompt, old.stem, [each.path for each in old.outputs]) == (
        "a fox",
        "fox~1",
        ["fox~1-0.png", "fox~1-1.png"],
    )
    assert [(rename.old, rename.new) for rename in store.renames(batch_id)] == [
        ("fox-0.png", "fox~1-0.png"),
        ("fox-1.png", "fox~1-1.png"),
    ]
    assert submitted.renames == 2


def test_the_next_content_takes_the_next_number(store: Store):
    batch_id = submit(store, [named("fox", "1")])
    for content in "23":
        [taken] = claim(store, batch_id)
        store.settle(batch_id, [done(taken)], now=NOW)
        submit(store, [named("fox", content)])
    assert {row.id: row.prompt for row in store.jobs(batch_id)} == {"fox": "3", "fox~1": "1", "fox~2": "2"}


def test_ids_that_are_swapped_are_renamed_in_an_order_that_works(store: Store):
    batch_id = submit(store, [named("a", "1"), named("b", "2")])
    taken = claim(store, batch_id, 2)
    store.settle(batch_id, [done(each, kept(f"{each.key[:2]}/{each.id}.png")) for each in taken], now=NOW)
    files = {row.outputs[0].path: row.prompt for row in store.jobs(batch_id)}
    change = store.submit(batch(), [named("b", "1"), named("a", "2")], now=NOW).change
    assert change == Change(new=0, kept=2, withdrawn=0)
    for rename in store.renames(batch_id):
        assert rename.new not in files
        files[rename.new] = files.pop(rename.old)
        store.renamed(rename, rename.new)
    assert files == {row.outputs[0].path: row.prompt for row in store.jobs(batch_id)}
    assert [(row.id, row.prompt) for row in store.jobs(batch_id)] == [("b", "1"), ("a", "2")]
    assert store.renames(batch_id) == []


def test_ids_that_all_move_on_by_one_keep_their_jobs(store: Store):
    batch_id = submit(store, [named(str(n), f"picture {n}") for n in range(1, 6)])
    submit(store, [named("1", "new"), *(named(str(n + 1), f"picture {n}") for n in range(1, 6))])
    expected = {"1": "new", **{str(n + 1): f"picture {n}" for n in range(1, 6)}}
    assert {row.id: row.prompt for row in store.jobs(batch_id)} == expected


def test_a_file_that_found_its_new_name_taken_is_where_it_says(store: Store):
    batch_id = submit(store, [named("fox", "1")])
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [done(taken, kept("fox.png"))], now=NOW)
    submit(store, [named("fox", "2")])
    [rename] = store.renames(batch_id)
    assert rename == Rename(id=rename.id, job=taken.row, old="fox.png", new="fox~1.png")
    store.renamed(rename, "fox~1-cccccccc.png")
    assert store.job(batch_id, "fox~1").outputs[0].path == "fox~1-cccccccc.png"


def test_outputs_can_be_placed_elsewhere(store: Store):
    batch_id = submit(store, [named("fox", "1")])
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [done(taken, kept("fox-0.png"), kept("fox-1.png", 1))], now=NOW)
    store.place_outputs(taken.row, [kept("fox-1-cc.png", 1)])
    paths = [each.path for each in store.job_of_key(batch_id, taken.key).outputs]
    assert paths == ["fox-0.png", "fox-1-cc.png"]


# Claiming


def test_claims_are_taken_in_the_order_of_the_manifest(store: Store):
    given = jobs(5)
    batch_id = submit(store, given)
    assert ids(claim(store, batch_id, 2)) == ids(given[:2])
    assert ids(claim(store, batch_id, 9)) == ids(given[2:])
    assert claim(store, batch_id, 9) == []
    assert store.tally(batch_id).running == 5


def test_a_claim_has_what_sending_needs(store: Store):
    given = job("a fox")
    batch_id = submit(store, [given])
    [taken] = claim(store, batch_id)
    assert (taken.id, taken.stem, taken.key, taken.endpoint, taken.model, taken.body) == (
        given.id,
        given.stem,
        given.key,
        given.endpoint,
        given.model,
        given.body,
    )
    assert (taken.attempt, taken.tries, taken.billed_before, taken.ticket) == (1, 0, False, None)


def test_each_endpoint_gets_what_it_asks_for(store: Store):
    batch_id = submit(store, [job(str(n), endpoint="ab"[n % 2]) for n in range(8)])
    taken = claim(store, batch_id, wants={"a": 1, "b": 3, "c": 2})
    assert sorted(each.endpoint for each in taken) == ["a", "b", "b", "b"]


def test_retries_that_are_due_come_first_and_not_before(store: Store):
    batch_id = submit(store, map(job, "abcd"))
    early, late = claim(store, batch_id, 2)
    store.settle(batch_id, [due_again(early, NOW + 20), due_again(late, NOW + 10)], now=NOW)
    assert store.next_due(batch_id, "nebula") == 0.0
    assert [each.body for each in claim(store, batch_id, now=NOW + 9)] == [b'{"prompt":"c"}']
    again = claim(store, batch_id, 3, now=NOW + 10)
    assert [(each.body, each.attempt, each.tries) for each in again] == [
        (b'{"prompt":"b"}', 2, 1),
        (b'{"prompt":"d"}', 1, 0),
    ]
    assert store.next_due(batch_id, "nebula") == NOW + 20
    assert store.next_due(batch_id, "another") is None


def test_models_that_are_stopped_are_passed_over(store: Store):
    batch_id = submit(store, [job(str(n), model="ab"[n % 2]) for n in range(4)])
    skip = {("nebula", "a"), ("another", "b")}
    assert [each.model for each in claim(store, batch_id, 4, skip_models=skip)] == ["b", "b"]
    assert store.next_due(batch_id, "nebula", skip_models=skip) is None
    assert store.next_due(batch_id, "nebula") == 0.0


def test_released_claims_are_as_they_were(store: Store):
    batch_id = submit(store, map(job, "ab"))
    [tried] = claim(store, batch_id)
    store.settle(batch_id, [due_again(tried, NOW)], now=NOW)
    before = list(store.jobs(batch_id))
    taken = claim(store, batch_id, 2, now=NOW)
    assert store.release(batch_id, taken) == 2
    assert list(store.jobs(batch_id)) == before
    assert store.release(batch_id, taken) == 0
    assert claim(store, batch_id, 2, now=NOW) == taken


def test_batches_do_not_mix(store: Store):
    one, two = submit(store, map(job, "ab"), "one"), submit(store, map(job, "ab"), "two")
    assert len(claim(store, one, 9)) == 2
    assert (store.tally(one).running, store.tally(two).running) == (2, 0)


# Settling


def test_a_success_is_written_with_all_that_belongs_to_it(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    result = done(taken, kept("a-0.png"), kept("a-1.png", 1))
    assert store.settle(batch_id, [result], now=NOW + 1) == [True]
    [row] = store.jobs(batch_id)
    assert (row.state, row.due_at, row.cause, row.finished_at) == (State.SUCCEEDED, None, None, NOW + 1)
    assert (row.http_status, row.request_id, row.served_by, row.usage, row.latency_s, row.started_at) == (
        200,
        "r-1",
        "nebula",
        b'{"output_tokens":7}',
        0.5,
        NOW,
    )
    assert row.outputs == result.kept
    assert store.history(row.row) == [result.attempt]
    assert astuple(store.tally(batch_id)) == (1, 0, 0, 1, 0, 0, 0, 1, 2, 0, 3_800_000, 0)


def test_a_text_is_kept_in_the_queue(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    answer = kept()
    words = type(answer)(
        kind="text",
        index=0,
        value="Rotfuchs 🦊",
        mime="text/plain",
        bytes=13,
        sha256="d" * 64,
        finish_reason="stop",
    )
    store.settle(batch_id, [done(taken, words)], now=NOW)
    assert store.job(batch_id, taken.id).outputs == (words,)


def test_p11_a_late_result_is_dropped(store: Store):
    batch_id = submit(store, map(job, "abc"))
    first, second, third = claim(store, batch_id, 3)
    store.recover(store.orphans(batch_id)[:1], Policy(), cost=lambda _: None, now=NOW)
    late = done(first, kept("late.png"))
    written = store.settle(batch_id, [done(second), late, failed(third)], now=NOW)
    assert written == [True, False, True]
    assert states(store, batch_id) == {"a": "pending", "b": "succeeded", "c": "failed"}
    tally = store.tally(batch_id)
    assert (tally.late, tally.outputs, tally.attempts) == (1, 0, 3)
    assert [each.cause for each in store.history(first.row)] == [Cause.INTERRUPTED]


def test_nothing_is_recorded_twice(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    result = done(taken, kept())
    assert store.settle(batch_id, [result, result], now=NOW) == [True, False]
    assert store.settle(batch_id, [result], now=NOW) == [False]
    assert len(store.history(taken.row)) == 1
    assert (store.tally(batch_id).outputs, store.tally(batch_id).late) == (1, 2)


def test_a_settled_claim_is_late_for_whoever_has_the_number_before(store: Store):
    batch_id = submit(store, map(job, "a"))
    [old] = claim(store, batch_id)
    store.settle(batch_id, [due_again(old, NOW)], now=NOW)
    [new] = claim(store, batch_id, now=NOW)
    assert store.settle(batch_id, [done(old), done(new)], now=NOW) == [False, True]


def test_what_is_sent_after_a_sending_that_may_be_billed_counts_twice(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [due_again(taken, NOW, billed_before=True)], now=NOW)
    assert store.tally(batch_id).maybe_billed_twice == 0
    [again] = claim(store, batch_id, now=NOW)
    assert again.billed_before
    store.settle(batch_id, [done(again)], now=NOW)
    tally = store.tally(batch_id)
    assert (tally.maybe_billed_twice, tally.attempts) == (1, 2)


def test_costs_add_up_where_they_are_known(store: Store):
    batch_id = submit(store, map(job, "a"))
    for cost in (None, 5, None, 7):
        [taken] = claim(store, batch_id, now=NOW)
        again = due_again(taken, NOW)
        sending = attempt(taken, cost_nusd=cost, cause=Cause.UNAVAILABLE)
        store.settle(batch_id, [Settled(claim=taken, settlement=again.settlement, attempt=sending)], now=NOW)
    assert [row.cost_nusd for row in store.jobs(batch_id)] == [12]
    assert store.tally(batch_id).spent_nusd == 12


def test_a_ticket_is_what_a_later_claim_goes_on_from(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [due_again(taken, NOW)], now=NOW)
    [taken] = claim(store, batch_id, now=NOW)
    going_on = store.ticket(batch_id, taken, b'{"id":7}', attempt(taken))
    assert (going_on.ticket, going_on.tries, going_on.attempt) == (b'{"id":7}', 0, 2)
    polled = settlement(going_on, State.PENDING, due_at=NOW + 3, keeps_ticket=True)
    waiting = Settled(claim=going_on, settlement=polled, attempt=None)
    assert store.settle(batch_id, [waiting], now=NOW) == [True]
    [later] = claim(store, batch_id, now=NOW + 3)
    assert (later.ticket, later.attempt) == (b'{"id":7}', 3)
    result = done(later, kept(), counted=False, cost_nusd=0)
    store.settle(batch_id, [result], now=NOW)
    assert [(each.number, each.counted) for each in store.history(taken.row)] == [
        (1, True),
        (2, True),
        (3, False),
    ]
    tally = store.tally(batch_id)
    assert (tally.attempts, tally.spent_nusd, tally.succeeded) == (2, 3_800_000, 1)


def test_one_claim_may_bring_a_ticket_and_its_end(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    going_on = store.ticket(batch_id, taken, b"{}", attempt(taken))
    assert store.settle(batch_id, [done(going_on, kept(), counted=False)], now=NOW) == [True]
    assert [each.counted for each in store.history(taken.row)] == [True, False]


def test_a_ticket_that_comes_late_is_dropped(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [failed(taken)], now=NOW)
    assert store.ticket(batch_id, taken, b"{}", attempt(taken)) is None
    assert len(store.history(taken.row)) == 1
    assert store.tally(batch_id).late == 1


# Recovering


def test_p5_orphans_are_closed_as_maybe_billed_and_due_again(store: Store):
    batch_id = submit(store, map(job, "abc"))
    taken = claim(store, batch_id, 2)
    orphans = store.orphans()
    assert [(each.claim, each.claimed_at, each.crashes) for each in orphans] == [
        (each, NOW, 0) for each in taken
    ]
    assert store.recover(orphans, Policy(), cost=lambda _: 40, now=NOW + 5) == 2
    assert store.orphans() == []
    again = claim(store, batch_id, 2, now=NOW + 5)
    assert [(each.key, each.attempt, each.tries, each.billed_before) for each in again] == [
        (each.key, 2, 0, True) for each in taken
    ]
    [record] = store.history(taken[0].row)
    assert (record.cause, record.billed, record.counted, record.again) == (
        Cause.INTERRUPTED,
        True,
        True,
        False,
    )
    assert [each.crashes for each in store.orphans()] == [1, 1]
    tally = store.tally(batch_id)
    assert (tally.attempts, tally.maybe_billed_twice, tally.spent_nusd) == (2, 0, 80)


def test_orphans_of_a_job_that_had_some_before_are_counted_twice(store: Store):
    batch_id = submit(store, map(job, "a"))
    for _ in range(3):
        claim(store, batch_id, now=NOW)
        store.recover(store.orphans(batch_id), Policy(), cost=lambda _: None, now=NOW)
    assert store.tally(batch_id).maybe_billed_twice == 2


def test_orphans_are_held_where_that_is_asked_for(store: Store):
    batch_id = submit(store, map(job, "ab"))
    claim(store, batch_id)
    store.recover(store.orphans(), Policy(on_unknown="hold"), cost=lambda _: None, now=NOW)
    assert states(store, batch_id) == {"a": "unknown", "b": "pending"}
    assert store.retry(batch_id, states=[State.UNKNOWN], now=NOW) == 1
    [again] = claim(store, batch_id, now=NOW)
    assert again.billed_before


def test_an_orphan_with_a_ticket_is_not_paid_again(store: Store):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    store.ticket(batch_id, taken, b"{}", attempt(taken))
    assert store.recover(store.orphans(), Policy(on_unknown="hold"), cost=lambda _: 40, now=NOW) == 0
    [again] = claim(store, batch_id, now=NOW)
    assert (again.ticket, again.billed_before) == (b"{}", True)
    assert store.tally(batch_id).spent_nusd == 3_800_000


@pytest.mark.parametrize(("hours", "due_in"), [(-3, 30), (3, 30 - 3 * 3600), (0, 30)])
def test_p10_no_job_is_due_later_than_its_wait_after_the_clock_was_set(
    store: Store, hours: int, due_in: float
):
    batch_id = submit(store, map(job, "a"))
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [due_again(taken, NOW + 30)], now=NOW)
    now = NOW + hours * 3600
    assert store.bring_forward(batch_id, now=now) == (hours < 0)
    assert store.next_due(batch_id, "nebula") == now + due_in
    assert store.bring_forward(batch_id, now=now + 1) == 0


LETTERS = [named(letter, letter) for letter in "abc"]


def crash(store: Store, batch_id: int, trace: str | None = None) -> Judged:
    """What is in flight is left behind."""
    left = store.orphans(batch_id)
    store.recover(left, Policy(), cost=lambda _: None, now=NOW)
    return store.judge_crash(batch_id, left, trace=trace, now=NOW)


def test_p12_what_was_in_flight_at_two_crashes_is_taken_last_and_alone(store: Store):
    batch_id = submit(store, LETTERS[:3])
    for suspects in ((), ("a", "b")):
        claim(store, batch_id, 2)
        assert crash(store, batch_id).suspects == suspects
    assert [each.id for each in claim(store, batch_id, 9)] == ["c"]
    assert (store.next_due(batch_id, "nebula") or 0.0) > ALONE
    assert [each.id for each in claim(store, batch_id, among=Among(alone=True))] == ["a"]


def test_p12_who_was_not_in_flight_at_a_crash_is_pardoned(store: Store):
    batch_id = submit(store, LETTERS[:3])
    for _ in range(2):
        claim(store, batch_id, 2)
        crash(store, batch_id)
    claim(store, batch_id, 9)
    assert crash(store, batch_id).suspects == ()
    assert [each.id for each in claim(store, batch_id, 9)] == ["a", "b", "c"]
    assert [each.crashes for each in store.orphans()] == [0, 0, 1]


@pytest.mark.parametrize(("trace", "more"), [("Fatal Python error: Aborted", 0), (None, 2)])
def test_p12_only_a_crash_while_it_is_alone_fails_a_job(store: Store, trace: str | None, more: int):
    batch_id = submit(store, LETTERS[:2])
    for _ in range(2):
        claim(store, batch_id, 1)
        crash(store, batch_id, trace)
    for _ in range(more):
        claim(store, batch_id, among=Among(alone=True))
        assert crash(store, batch_id, trace).culprit is None
    claim(store, batch_id, among=Among(alone=True))
    assert crash(store, batch_id, trace).culprit == "a"
    assert states(store, batch_id) == {"a": "failed", "b": "pending"}
    [row] = store.jobs(batch_id, states=[State.FAILED])
    assert row.cause is Cause.BUG
    assert f"it ended its runner {3 + more} times" in (row.message or "")
    assert store.tally(batch_id).failed == 1


def test_p12_what_ran_alone_and_ended_well_is_a_job_like_any_other(store: Store):
    batch_id = submit(store, LETTERS[:1])
    for _ in range(2):
        claim(store, batch_id)
        crash(store, batch_id)
    [taken] = claim(store, batch_id, among=Among(alone=True))
    store.settle(batch_id, [due_again(taken, NOW + 9)], now=NOW)
    store.absolve([taken.row])
    [again] = claim(store, batch_id, now=NOW + 999)
    assert (again.id, store.orphans()[0].crashes) == ("a", 0)


def test_p12_a_suspect_that_is_given_back_unsent_is_still_one(store: Store):
    batch_id = submit(store, LETTERS[:1])
    for _ in range(2):
        claim(store, batch_id)
        crash(store, batch_id)
    store.release(batch_id, claim(store, batch_id, among=Among(alone=True)))
    assert claim(store, batch_id, now=NOW + 999) == []


def test_p8_a_finished_orphan_is_adopted(store: Store):
    batch_id = submit(store, map(job, "a"))
    claim(store, batch_id)
    [orphan] = store.orphans(batch_id)
    assert store.adopt(orphan, (kept("a.png"),), cost_nusd=40, now=NOW)
    [row] = store.jobs(batch_id)
    assert (row.state, row.outputs, row.cost_nusd) == (State.SUCCEEDED, (kept("a.png"),), 40)
    assert not store.adopt(orphan, (kept("a.png"),), cost_nusd=40, now=NOW)


def test_orphans_of_one_batch_can_be_asked_for(store: Store):
    one, two = submit(store, map(job, "ab"), "one"), submit(store, map(job, "ab"), "two")
    claim(store, one)
    claim(store, two, 2)
    assert [each.batch_id for each in store.orphans(two)] == [two, two]
    assert store.recover(store.orphans(), Policy(), cost=lambda _: None, now=NOW) == 3
    assert (store.tally(one).pending, store.tally(two).pending) == (2, 2)


# Steering


def test_retry_makes_failed_jobs_pending_with_all_their_tries(store: Store):
    batch_id = submit(store, map(job, "abcd"))
    taken = claim(store, batch_id, 4)
    causes = [Cause.REJECTED, Cause.BLOCKED, Cause.BLOCKED]
    store.settle(batch_id, [failed(*each) for each in zip(taken, causes, strict=False)], now=NOW)
    store.settle(batch_id, [done(taken[3])], now=NOW)
    store.set_state(batch_id, BatchState.FINISHED, now=NOW)
    assert store.retry(batch_id, causes=[Cause.TIMED_OUT], now=NOW) == 0
    assert store.batch().state is BatchState.FINISHED
    assert store.retry(batch_id, causes=[Cause.BLOCKED], ids=[taken[1].id], now=NOW) == 1
    assert states(store, batch_id) == {"a": "failed", "b": "pending", "c": "failed", "d": "succeeded"}
    assert store.batch().state is BatchState.PENDING
    assert store.retry(batch_id, now=NOW) == 2
    assert [(each.attempt, each.tries) for each in claim(store, batch_id, 4, now=NOW)] == [(2, 0)] * 3


def test_reopened_jobs_are_failed_no_more(store: Store):
    batch_id = submit(store, map(job, "abc"))
    taken = claim(store, batch_id, 3)
    store.settle(batch_id, [failed(each) for each in taken[:2]], now=NOW)
    assert store.reopen(batch_id, [each.row for each in taken], now=NOW) == 2
    assert states(store, batch_id) == {"a": "pending", "b": "pending", "c": "running"}


def test_cancel_leaves_what_is_not_pending(store: Store):
    batch_id = submit(store, map(job, "abc"))
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [failed(taken)], now=NOW)
    assert store.cancel(batch_id, now=NOW) == 2
    assert states(store, batch_id) == {"a": "failed", "b": "cancelled", "c": "cancelled"}
    assert store.batch().state is BatchState.FINISHED


def test_a_batch_at_work_is_finished_by_its_runner(store: Store):
    batch_id = submit(store, map(job, "ab"))
    run = store.begin_run(batch_id, worker="host:1", now=NOW)
    store.cancel(batch_id, now=NOW)
    assert store.batch().state is BatchState.RUNNING
    store.end_run(run, BatchState.FINISHED, None, now=NOW + 1)
    row = store.batch()
    assert (row.state, row.reason, row.started_at, row.finished_at) == (
        BatchState.FINISHED,
        None,
        NOW,
        NOW + 1,
    )


def test_a_run_that_stops_says_why(store: Store):
    batch_id = submit(store, map(job, "ab"))
    store.pause(batch_id, paused=True)
    assert store.batch().paused
    run = store.begin_run(batch_id, worker="host:1", now=NOW + 3)
    assert not store.batch().paused
    store.end_run(run, BatchState.STOPPED, "budget", now=NOW + 9)
    row = store.batch(unfinished=True)
    assert (row.state, row.reason, row.updated_at, row.finished_at) == (
        BatchState.STOPPED,
        "budget",
        NOW + 3,
        None,
    )


# Reading


def test_the_newest_batch_is_the_one_last_submitted_or_run(store: Store):
    one = submit(store, map(job, "a"), "one", now=1.0)
    submit(store, map(job, "a"), "two", now=2.0)
    assert store.batch().name == "two"
    store.begin_run(one, worker="w", now=3.0)
    assert [row.name for row in store.batches()] == ["one", "two"]
    store.cancel(one, now=4.0)
    store.set_state(one, BatchState.FINISHED, now=4.0)
    assert (store.batch().name, store.batch(unfinished=True).name) == ("one", "two")
    assert (store.batch("one").id, store.batch("three")) == (one, None)


def test_jobs_are_found_by_state_cause_and_name(store: Store):
    batch_id = submit(store, map(job, "abcd"))
    taken = claim(store, batch_id, 3)
    store.settle(batch_id, [failed(taken[0]), failed(taken[1], Cause.BLOCKED), done(taken[2])], now=NOW)
    found = store.jobs(batch_id, states=[State.FAILED, State.SUCCEEDED])
    assert [row.prompt for row in found] == ["a", "b", "c"]
    assert [row.prompt for row in store.jobs(batch_id, causes=[Cause.BLOCKED])] == ["b"]
    assert store.job(batch_id, taken[1].id).cause is Cause.BLOCKED
    assert store.job(batch_id, "nobody") is None
    assert store.job_of_key(batch_id, taken[2].key).prompt == "c"


def test_more_jobs_than_a_chunk_have_their_own_outputs(store: Store):
    batch_id = submit(store, jobs(1_201))
    taken = claim(store, batch_id, 1_201)
    store.settle(batch_id, [done(each, kept(f"{each.id}.png")) for each in taken], now=NOW)
    for row in store.jobs(batch_id):
        assert [each.path for each in row.outputs] == [f"{row.id}.png"]


def test_failures_are_told_by_cause_with_an_example(store: Store):
    batch_id = submit(store, map(job, "abcd"))
    taken = claim(store, batch_id, 4)
    causes = [Cause.BLOCKED, Cause.REJECTED, Cause.REJECTED]
    store.settle(batch_id, [failed(*each) for each in zip(taken, causes, strict=False)], now=NOW)
    store.recover(store.orphans(), Policy(on_unknown="hold"), cost=lambda _: None, now=NOW)
    found = [(each.state, each.cause, each.count, each.example.prompt) for each in store.failures(batch_id)]
    assert found == [
        (State.FAILED, Cause.REJECTED, 2, "b"),
        (State.FAILED, Cause.BLOCKED, 1, "a"),
        (State.UNKNOWN, Cause.INTERRUPTED, 1, "d"),
    ]


def test_a_job_with_a_ticket_stays_with_who_gave_it(store: Store):
    batch_id = submit(store, [job("a fox", also=("backup",))])
    [taken] = claim(store, batch_id, wants={"backup": 1})
    assert (taken.endpoint, taken.also) == ("backup", ("nebula",))
    ticketed = store.ticket(batch_id, taken, b"{}", attempt(taken))
    waits = replace(due_again(ticketed, NOW, keeps_ticket=True), attempt=None)
    store.settle(batch_id, [waits], now=NOW)
    assert claim(store, batch_id, wants={"nebula": 1}) == []
    assert store.next_due(batch_id, "nebula") is None
    assert store.next_due(batch_id, "backup") == NOW
    [taken] = claim(store, batch_id, wants={"backup": 1})
    store.settle(batch_id, [due_again(taken, NOW)], now=NOW)
    assert [each.endpoint for each in claim(store, batch_id, wants={"nebula": 1})] == ["nebula"]


def test_an_orphan_was_sent_to_whom_it_was_claimed_for(store: Store):
    batch_id = submit(store, [job("a fox", also=("backup",))])
    claim(store, batch_id, wants={"backup": 1})
    assert [orphan.claim.endpoint for orphan in store.orphans()] == ["backup"]


def test_what_is_given_back_is_anybodys_again(store: Store):
    batch_id = submit(store, [job("a fox", also=("backup",))])
    store.release(batch_id, claim(store, batch_id, wants={"backup": 1}))
    assert len(claim(store, batch_id, wants={"nebula": 1})) == 1


def test_submitting_again_changes_who_may_serve_what_is_pending(store: Store):
    batch_id = submit(store, [job("a fox"), job("an owl")])
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [done(taken)], now=NOW)
    submit(store, [job("a fox", also=("backup",)), job("an owl", also=("backup",))])
    assert len(claim(store, batch_id, wants={"backup": 9})) == 1
    assert store.tally(batch_id).total == 2


def test_a_ticket_of_an_endpoint_that_is_gone_is_dropped_and_its_price_remembered(store: Store):
    batch_id = submit(store, [job("a fox", also=("backup",))])
    [taken] = claim(store, batch_id, wants={"backup": 1})
    ticketed = store.ticket(batch_id, taken, b"{}", attempt(taken))
    assert ticketed is not None
    store.settle(batch_id, [replace(due_again(ticketed, NOW, keeps_ticket=True), attempt=None)], now=NOW)
    submit(store, [job("a fox")])
    [again] = claim(store, batch_id)
    assert (again.ticket, again.billed_before) == (None, True)


def test_a_claim_searches_its_pools_alone(store: Store):
    own = [job(str(n), endpoint="ab"[n % 2]) for n in range(4)]
    shared = [job(str(n), endpoint="a", also=("b",)) for n in range(4, 8)]
    batch_id = submit(store, [*own, *shared])
    taken = claim(store, batch_id, wants={"a": 3, "b": 3})
    assert Counter(each.endpoint for each in taken) == {"a": 3, "b": 3}
    assert len({each.row for each in taken}) == 6
    assert len(claim(store, batch_id, wants={"b": 9})) == 2


WAITS_IN = "CASE WHEN ticket IS NULL THEN pool ELSE lane END"


def plan(connection: Connection, statement: str) -> str:
    return " ".join(row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}")))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (
            f"state = 'pending' AND batch_id = 1 AND {WAITS_IN} = 'e' AND due_at = 0 ORDER BY position",
            "jobs_pending",
        ),
        ("state = 'pending' AND batch_id = 1", "jobs_pending"),
        ("state = 'running' AND batch_id = 1", "jobs_running"),
        ("(state = 'failed' OR state = 'unknown') AND batch_id = 1 AND state = 'failed'", "jobs_failed"),
        ("batch_id = 1 AND listed = 1 ORDER BY position, row", "jobs_in_order"),
    ],
)
def test_what_is_asked_often_has_an_index(tmp_path: Path, wanted: str, index: str):
    queue = database.named(tmp_path / "runner.db")
    queue.prepare()
    with queue.reading().connect() as opened:
        found = plan(opened, f"SELECT row FROM jobs WHERE {wanted}")
    assert index in found
    assert "TEMP B-TREE" not in found


def test_a_job_that_is_cancelled_in_flight_is_not_sent_again(store: Store):
    batch_id = submit(store, [named("1", "a"), named("2", "b"), named("3", "c")])
    first, second, _ = claim(store, batch_id, 3)
    assert store.cancel(batch_id, now=NOW) == 0
    store.settle(batch_id, [due_again(first, NOW + 1), done(second)], now=NOW)
    assert states(store, batch_id) == {"a": "cancelled", "b": "succeeded", "c": "running"}
    store.recover(store.orphans(batch_id), Policy(), cost=lambda _: None, now=NOW)
    assert states(store, batch_id) == {"a": "cancelled", "b": "succeeded", "c": "cancelled"}
    tally = store.tally(batch_id)
    assert (tally.pending, tally.running, tally.cancelled, tally.succeeded) == (0, 0, 2, 1)


def test_a_job_that_is_cancelled_in_flight_goes_on_from_a_ticket(store: Store):
    batch_id = submit(store, [named("1", "a")])
    (taken,) = claim(store, batch_id)
    store.cancel(batch_id, now=NOW)
    ticketed = store.ticket(batch_id, taken, b"{}", attempt(taken))
    store.settle(batch_id, [replace(due_again(ticketed, NOW + 1, keeps_ticket=True), attempt=None)], now=NOW)
    assert states(store, batch_id) == {"a": "pending"}


@pytest.mark.parametrize(
    ("among", "ids"),
    [
        (Among(), ["b", "c", "a", "d"]),
        (Among(rows=(1, 4)), []),
        (Among(rows=(1, 2, 3)), ["b", "c"]),
        (Among(rows=()), []),
        (Among(ticketed=True), ["c"]),
        (Among(rows=(2,), ticketed=True), []),
        (Among(rows=(3,), ticketed=True), ["c"]),
    ],
)
def test_some_jobs_alone_are_taken_of_those_that_were_begun(store: Store, among: Among, ids: list[str]):
    batch_id = submit(store, [named(name, name) for name in "abcd"])
    first, retried, paid = claim(store, batch_id, 3)
    ticketed = store.ticket(batch_id, paid, b"{}", attempt(paid))
    assert ticketed is not None
    waits = replace(due_again(ticketed, NOW + 2, keeps_ticket=True), attempt=None)
    store.settle(batch_id, [due_again(retried, NOW + 1), waits], now=NOW)
    store.release(batch_id, [first])
    due = {"b": NOW + 1, "c": NOW + 2, "a": 0.0, "d": 0.0}
    assert store.next_due(batch_id, "nebula", among=among) == min((due[each] for each in ids), default=None)
    assert [each.id for each in claim(store, batch_id, 9, now=NOW + 5, among=among)] == ids


def test_what_waits_for_an_endpoint_that_is_gone_is_sent_anew_or_withdrawn(store: Store):
    batch_id = submit(store, [job("a fox", also=("backup",)), job("an owl", endpoint="backup")])
    both = claim(store, batch_id, wants={"backup": 2})
    submit(store, [job("a fox")])
    for taken in both:
        ticketed = store.ticket(batch_id, taken, b"{}", attempt(taken))
        assert ticketed is not None
        waits = replace(due_again(ticketed, NOW, keeps_ticket=True), attempt=None)
        store.settle(batch_id, [waits], now=NOW)
    assert store.give_up_tickets(batch_id, {"nebula", "another"}, now=NOW) == 1
    [again] = claim(store, batch_id)
    assert (again.ticket, again.billed_before) == (None, True)
    tally = store.tally(batch_id)
    assert (tally.running, tally.cancelled, tally.pending) == (1, 1, 0)


def unmet(claim, state, **fields):
    """An answer that was not as expected."""
    after = settlement(
        claim, state, unmet=claim.unmet + 1, variant=claim.variant + 1, cause=Cause.INVALID, **fields
    )
    return Settled(claim=claim, settlement=after, attempt=attempt(claim, cause=Cause.INVALID, seed=7))


def test_what_is_expected_goes_with_a_job_and_changes_with_its_manifest(store: Store):
    plain, strict = jobs(2)
    batch_id = submit(store, [plain, replace(strict, expect="one")])
    assert [each.expect for each in claim(store, batch_id, 2)] == [None, "one"]
    again = submit(store, [replace(plain, expect="two"), replace(strict, expect="two"), named("new", "x")])
    assert again == batch_id
    assert {each[0] for each in store.connection.execute(select(schema.jobs.c.expect))} == {"two", None}


def test_answers_that_were_not_as_expected_are_counted_anew_by_retry_but_what_is_asked_stays_another(
    store: Store,
):
    batch_id = submit(store, jobs(1))
    [first] = claim(store, batch_id)
    store.settle(batch_id, [unmet(first, State.PENDING, due_at=NOW)], now=NOW)
    [second] = claim(store, batch_id, now=NOW)
    assert (second.unmet, second.variant, second.tries) == (1, 1, 0)
    store.settle(batch_id, [unmet(second, State.FAILED)], now=NOW)
    assert store.retry(batch_id, causes=[Cause.INVALID], now=NOW) == 1
    [third] = claim(store, batch_id, now=NOW)
    assert (third.unmet, third.variant) == (0, 2)
    assert [each.seed for each in store.history(first.row)] == [7, 7]


def test_the_first_of_a_batch_to_bring_a_picture_has_it(store: Store):
    batch_id, other = submit(store, [named("fox", "a"), named("owl", "b")]), submit(store, jobs(1), "others")
    fox, owl = claim(store, batch_id, 2)
    [another] = claim(store, other)
    assert store.owner(batch_id, "a" * 64, fox.row) is None
    assert store.owner(batch_id, "a" * 64, fox.row) is None
    assert store.owner(batch_id, "a" * 64, owl.row) == "fox"
    assert store.owner(batch_id, "b" * 64, owl.row) is None
    assert store.owner(other, "a" * 64, another.row) is None


# Summing up


def test_a_batch_is_summed_up_from_what_is_on_record(store: Store):
    batch_id = submit(store, [job("fox"), job("owl", model="flux"), job("elk"), job("yak")])
    other = submit(store, [job("fox")], "other")
    fox, owl, elk = claim(store, batch_id, 3)
    [twin] = claim(store, other)
    store.settle(other, [done(twin, kept("twin.png"))], now=NOW)
    refused = due_again(elk, NOW + 9)
    settled = [done(fox, kept(), kept("fox-1.png", 1), served_by="backup"), failed(owl), refused]
    store.settle(batch_id, settled, now=NOW)
    told = [(each.served_by, each.model, each.cause, each.counted) for each in store.sendings(batch_id)]
    assert sorted(told, key=str) == [
        ("backup", "sdxl", None, 1),
        ("nebula", "flux", "rejected", 1),
        ("nebula", "sdxl", "unavailable", 1),
    ]
    assert {tuple(each) for each in store.standings(batch_id)} == {
        ("nebula", "flux", "failed", 1),
        ("nebula", "sdxl", "pending", 2),
        ("backup", "sdxl", "succeeded", 1),
    }
    assert store.kinds(batch_id) == {"image": (2, 18)}
    assert ids(store.chosen(batch_id, 1)) == [fox.id]


def test_a_smaller_choice_is_a_part_of_a_larger_one(store: Store):
    batch_id = submit(store, jobs(300))
    claims = claim(store, batch_id, 300)
    store.settle(batch_id, [done(each, kept(f"{each.id}.png")) for each in claims], now=NOW)
    few, more = (ids(store.chosen(batch_id, share)) for share in (0.05, 0.2))
    assert (len(few), len(more)) == (pytest.approx(15, abs=2), pytest.approx(60, abs=2))
    assert set(few) < set(more)
