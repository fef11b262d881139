"""The contract of the ledger: what was asked of whose key is counted over batches, as it is settled."""

from dataclasses import replace

import pytest
from queues import NOW, attempt, batch, claim, done, due_again, jobs
from sqlalchemy.exc import NoResultFound

from runner import database
from runner.outcome import Cause
from runner.store import Closed, Controls, Store

ONE, TWO = "1" * 64, "2" * 64
MINUTE = NOW // 60 * 60


@pytest.fixture
def store(tmp_path):
    queue = database.named(tmp_path / "runner.db")
    queue.prepare()
    with queue.writing().begin() as connection:
        yield Store(connection)


def begun(store, name, accounts):
    return store.submit(batch(name, accounts=accounts), jobs(5), now=NOW).batch_id


def test_sendings_are_counted_by_account_over_batches(store):
    first, second = begun(store, "one", {"nebula": ONE}), begun(store, "two", {"nebula": ONE})
    other = begun(store, "three", {"nebula": TWO})
    for batch_id in (first, second, other):
        store.settle(batch_id, [done(each) for each in claim(store, batch_id, 2)], now=NOW)
    counted = [store.requests_since(each, "nebula", since=MINUTE) for each in (first, second, other)]
    assert counted == [4, 4, 2]
    assert store.requests_of(ONE, since=MINUTE) == 4
    assert store.requests_since(first, "nebula", since=MINUTE + 60) == 0


def test_what_went_on_from_a_ticket_is_counted_once(store):
    batch_id = begun(store, "one", {"nebula": ONE})
    [taken] = claim(store, batch_id)
    going_on = store.ticket(batch_id, taken, b"{}", attempt(taken))
    store.settle(batch_id, [done(going_on, counted=False, cost_nusd=0)], now=NOW)
    assert store.requests_since(batch_id, "nebula", since=MINUTE) == 1
    assert store.connection.exec_driver_sql("SELECT spent_nusd FROM ledger").scalar() == 3_800_000


@pytest.mark.parametrize(("cause", "billed", "counts"), [("connection", False, 0), ("connection", True, 1)])
def test_what_found_no_connection_is_not_counted(store, cause, billed, counts):
    batch_id = begun(store, "one", {"nebula": ONE})
    [taken] = claim(store, batch_id)
    sending = attempt(taken, cause=Cause(cause), billed=billed, cost_nusd=0)
    store.settle(batch_id, [replace(due_again(taken, NOW), attempt=sending)], now=NOW)
    assert store.requests_since(batch_id, "nebula", since=MINUTE) == counts


def test_a_late_result_is_not_counted(store):
    batch_id = begun(store, "one", {"nebula": ONE})
    [taken] = claim(store, batch_id)
    store.settle(batch_id, [done(taken)], now=NOW)
    store.settle(batch_id, [done(taken)], now=NOW)
    assert store.requests_since(batch_id, "nebula", since=MINUTE) == 1


def test_an_endpoint_without_an_account_is_not_booked(store):
    batch_id = begun(store, "one", {})
    store.settle(batch_id, [done(claim(store, batch_id)[0])], now=NOW)
    assert store.requests_since(batch_id, "nebula", since=0) == 0


def test_a_refusal_closes_the_account_whenever_its_job_is_due_and_a_shorter_one_no_sooner(store):
    first, second = begun(store, "one", {"nebula": ONE}), begun(store, "two", {"nebula": ONE})
    for wait_s in (50, 20):
        [taken] = claim(store, first)
        refusal = due_again(taken, NOW)
        throttled = attempt(taken, cause=Cause.THROTTLED, billed=False, cost_nusd=0)
        store.settle(first, [replace(refusal, attempt=throttled, closed_until=NOW + wait_s)], now=NOW)
    assert store.closed(second, "nebula", now=NOW) == Closed(until=NOW + 50, why=None)
    assert store.closed(second, "nebula", now=NOW + 50) is None


def test_what_a_run_knows_of_a_closing_is_what_is_kept(store):
    batch_id = begun(store, "one", {"nebula": ONE})
    for closed in (Closed(until=NOW + 9, why="day quota"), Closed(until=NOW + 3, why=None), None):
        store.close(batch_id, "nebula", closed)
        assert store.closed(batch_id, "nebula", now=NOW) == closed


def test_what_was_set_stays_when_the_manifest_is_submitted_anew_and_other_batches_have_their_own(store):
    first, second = begun(store, "one", {"nebula": ONE}), begun(store, "two", {"nebula": ONE})
    store.control(first, "nebula", concurrency="auto", requests_per_day=7)
    store.control(first, "nebula", requests_per_day=None, requests_per_minute=60)
    begun(store, "one", {"nebula": TWO})
    assert store.controls(first) == {"nebula": Controls("auto", 60, None, None)}
    assert store.controls(second) == {"nebula": Controls()}
    with pytest.raises(NoResultFound):
        store.control(first, "studio", concurrency="1")


def test_n16_fresh_jobs_go_before_retries_where_asked_but_what_is_paid_for_goes_on(store):
    batch_id = begun(store, "one", {})
    retried, paid, *_ = claim(store, batch_id, 2)
    going_on = store.ticket(batch_id, paid, b"{}", attempt(paid))
    waits = due_again(going_on, NOW + 1, keeps_ticket=True)
    store.settle(batch_id, [due_again(retried, NOW + 1), replace(waits, attempt=None)], now=NOW)
    taken = claim(store, batch_id, 5, now=NOW + 2, fresh_first=["nebula"])
    assert [each.attempt for each in taken] == [2, 1, 1, 1, 2]
    assert [taken[0].row, taken[-1].row] == [paid.row, retried.row]
