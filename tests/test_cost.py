"""What a job costs, in counts that are the same on every machine: a clock would tell of the neighbours."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from queues import NOW, attempt, batch, due_again, failed, job, settlement
from sqlalchemy import Connection

from runner import database, results
from runner.job import Claim, State
from runner.outcome import Kept
from runner.store import Among, Settled, Store

GROUP = 100
"""Jobs in one transaction."""
ANSWER = "A red fox crosses the frozen river at dusk. " * 8


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A connection to a queue in a file."""
    place = database.named(tmp_path / "queue.db")
    place.prepare()
    with place.writing().connect() as connection:
        yield connection


def driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def queue(connection: Connection, number: int) -> int:
    with connection.begin():
        content = (job(f"scene {index}: {'x' * 180}") for index in range(number))
        batch_id = Store(connection).submit(batch(accounts={"nebula": "a" * 64}), content, now=NOW).batch_id
    driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return batch_id


def answered(claim: Claim) -> Settled:
    """As a chat is that went well."""
    kept = Kept(
        kind="text",
        index=0,
        value=ANSWER,
        mime="text/plain",
        bytes=len(ANSWER),
        sha256="c" * 64,
        finish_reason="stop",
    )
    return Settled(
        claim=claim,
        settlement=settlement(claim, State.SUCCEEDED),
        attempt=attempt(claim, body=b"x" * 600),
        kept=(kept,),
    )


def taken(connection: Connection, batch_id: int, number: int = GROUP) -> list[Claim]:
    with connection.begin():
        return Store(connection).claim(batch_id, {"nebula": number}, now=NOW, worker="w1", lease_s=60.0)


def settled(connection: Connection, batch_id: int, results: list[Settled]) -> None:
    with connection.begin():
        assert all(Store(connection).settle(batch_id, results, now=NOW))


def worked_off(connection: Connection, batch_id: int, groups: int) -> None:
    for _ in range(groups):
        settled(connection, batch_id, [answered(claim) for claim in taken(connection, batch_id)])


def calls(act: Callable[[], object]) -> int:
    """Functions that are called, those of Python and those below it."""
    number = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal number
        number += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return number


def told(connection: Connection, act: Callable[[], object]) -> list[str]:
    """Statements that SQLite is given, their parameters in them."""
    statements: list[str] = []
    driver(connection).set_trace_callback(statements.append)
    act()
    driver(connection).set_trace_callback(None)
    return statements


def lines(connection: Connection, batch_id: int) -> list[bytes]:
    with connection.begin():
        return [*results.lines("animals", Store(connection).jobs(batch_id, states=[State.SUCCEEDED]))]


def test_a_job_is_one_statement_for_each_of_its_rows_and_a_group_a_few_more(connection):
    batch_id = queue(connection, 3 * GROUP)
    worked_off(connection, batch_id, 2)
    statements = told(connection, lambda: worked_off(connection, batch_id, 1))
    kinds = Counter(statement.split()[0] for statement in statements)
    assert (kinds["INSERT"], kinds["UPDATE"]) == (2 * GROUP, GROUP + 3)
    assert len(statements) <= 3 * GROUP + 15, kinds


def test_what_is_committed_of_a_job_is_less_than_a_page(connection, tmp_path):
    batch_id = queue(connection, 5 * GROUP)
    log = tmp_path / "queue.db-wal"
    worked_off(connection, batch_id, 2)
    before = log.stat().st_size
    worked_off(connection, batch_id, 3)
    assert (log.stat().st_size - before) / (3 * GROUP) <= 3_900


def test_the_row_that_every_transaction_writes_anew_is_small_however_large_the_manifest(connection):
    with connection.begin():
        store = Store(connection)
        large = batch(text="  - a prompt\n" * 100_000)
        batch_id = store.submit(large, [job("scene 1")], now=NOW).batch_id
        store.group(batch_id, [*range(100_000)])
        assert store.manifest(batch_id) == large.text
    [row] = driver(connection).execute("SELECT * FROM batches").fetchall()
    assert sum(len(str(value)) for value in row) <= 1_000


def test_a_job_takes_few_calls_on_its_way_through_the_queue(connection):
    batch_id = queue(connection, 3 * GROUP)
    worked_off(connection, batch_id, 2)
    claims: list[Claim] = []
    assert calls(lambda: claims.extend(taken(connection, batch_id))) / GROUP <= 10
    ended = [answered(claim) for claim in claims]
    assert calls(lambda: settled(connection, batch_id, ended)) / GROUP <= 44
    assert len(lines(connection, batch_id)) == 3 * GROUP
    assert calls(lambda: lines(connection, batch_id)) / (3 * GROUP) <= 41


def test_a_transaction_takes_few_calls_of_its_own(connection):
    batch_id = queue(connection, 3 * GROUP)
    worked_off(connection, batch_id, 2)
    claims: list[Claim] = []
    assert calls(lambda: claims.extend(taken(connection, batch_id, 1))) <= 170
    ended = [answered(claim) for claim in claims]
    assert calls(lambda: settled(connection, batch_id, ended)) <= 255


def test_nothing_that_is_asked_of_a_queue_goes_through_all_its_jobs_but_in_the_order_of_an_index(connection):
    batch_id = queue(connection, 3 * GROUP)
    worked_off(connection, batch_id, 1)
    store = Store(connection)

    def work() -> None:
        claims = taken(connection, batch_id)
        with connection.begin():
            lost, late, again, *_ = claims
            store.settle(batch_id, [failed(lost), due_again(again, NOW + 9), answered(late)], now=NOW)
            store.settle(batch_id, [answered(late)], now=NOW)
            store.release(batch_id, claims[3:])
            store.claim(batch_id, {"nebula": 1}, now=NOW + 99, worker="w1", lease_s=60.0)
            store.claim(batch_id, {"nebula": 1}, now=NOW, worker="w1", lease_s=60.0, among=Among(alone=True))
            store.next_due(batch_id, "nebula")
            store.orphans(batch_id)
            store.bring_forward(batch_id, now=NOW)
        with connection.begin():
            store.batch("animals")
            store.tally(batch_id)
            store.failures(batch_id)
            store.usual()
            store.job(batch_id, lost.id)
            store.history(lost.row)
            [*store.jobs(batch_id)]
        lines(connection, batch_id)

    asked = [each for each in told(connection, work) if each.split()[0] in {"SELECT", "UPDATE", "WITH"}]
    assert len(asked) > GROUP
    assert [each for each in asked if goes_through_all(connection, each)] == []


def goes_through_all(connection: Connection, statement: str) -> bool:
    """Whether it reads a table from end to end; the newest sendings are read without an index, so many."""
    steps = [row[-1] for row in driver(connection).execute(f"EXPLAIN QUERY PLAN {statement}")]
    return any(step in {"SCAN jobs", "SCAN outputs"} for step in steps) or (
        "SCAN attempts" in steps and "LIMIT" not in statement
    )
