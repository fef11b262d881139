import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from queues import claim, job, jobs, submit
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from runner import database
from runner.database import Database, QueueError
from runner.job import Job
from runner.store import Store
from runner.store.loading import MANY, SHARE

NAMES = "SELECT name FROM sqlite_master WHERE tbl_name = 'jobs' AND type = 'index' ORDER BY rowid"
ORDERED = [
    "jobs_id_unique",
    "jobs_key_unique",
    "jobs_in_order",
    "jobs_failed",
    "jobs_named_apart",
    "jobs_pending",
    "jobs_running",
]
MORE = MANY + 1_500


@pytest.fixture
def queue(tmp_path: Path) -> Database:
    made = database.named(tmp_path / "runner.db")
    made.prepare()
    return made


def indexes(connection: Connection) -> list[str]:
    return [*connection.exec_driver_sql(NAMES).scalars()]


def changes(connection: Connection) -> int:
    """A number that goes up with every table or index that is made or dropped."""
    return int(connection.exec_driver_sql("PRAGMA schema_version").scalar_one())


def test_indexes_are_made_in_the_order_that_plans_hang_on(queue: Database):
    with queue.reading().connect() as connection:
        assert indexes(connection) == ORDERED


def test_many_jobs_are_indexed_when_all_are_there(queue: Database):
    with queue.transaction() as connection:
        before = changes(connection)
        batch_id = submit(Store(connection), jobs(MORE))
        assert changes(connection) == before + 2 * len(ORDERED)
        assert indexes(connection) == ORDERED
    with queue.transaction() as connection:
        store = Store(connection)
        assert store.tally(batch_id).pending == MORE
        assert [each.id for each in claim(store, batch_id, 3)] == [each.id for each in jobs(3)]
        assert queue.faults(connection) == []
        with pytest.raises(IntegrityError, match="UNIQUE"):
            connection.exec_driver_sql("UPDATE jobs SET key = (SELECT max(key) FROM jobs) WHERE row = 1")


def test_few_jobs_are_indexed_one_by_one(queue: Database):
    with queue.transaction() as connection:
        before = changes(connection)
        submit(Store(connection), jobs(1_500))
        assert changes(connection) == before


def test_beside_many_others_jobs_are_indexed_one_by_one(queue: Database):
    with queue.transaction() as connection:
        store = Store(connection)
        submit(store, jobs(1))
        connection.exec_driver_sql(f"UPDATE jobs SET row = {2 * MORE * SHARE}")
        before = changes(connection)
        submit(store, jobs(MORE), "birds")
        assert changes(connection) == before


def test_an_error_on_the_way_leaves_the_indexes_and_no_job(queue: Database):
    def broken():
        yield from jobs(MORE)
        raise InterruptedError

    with pytest.raises(InterruptedError), queue.transaction() as connection:
        submit(Store(connection), broken())
    with queue.reading().connect() as connection:
        assert indexes(connection) == ORDERED
        assert Store(connection).batch("animals") is None


def test_two_jobs_of_one_key_are_refused_however_many_there_are(queue: Database):
    twice = [*jobs(MORE), job("picture 7", id="another", stem="another")]
    with pytest.raises(QueueError, match="UNIQUE"), queue.transaction() as connection:
        submit(Store(connection), twice)


def test_a_batch_that_is_submitted_again_leaves_nothing_to_the_collector(queue: Database):
    """The keys of each thousand: a hundred megabytes of a million jobs."""
    with queue.transaction() as connection:
        store = Store(connection)
        submit(store, anew(MANY))
        assert peak_of(store, MANY) - peak_of(store, MANY // 8) < 800_000


def anew(number: int) -> Iterator[Job]:
    """Jobs that nobody else holds."""
    return (job(f"picture {index}") for index in range(number))


def peak_of(store: Store, number: int) -> int:
    """Bytes that submitting so many of the batch's jobs again takes, the collector not looking."""
    submit(store, anew(number))
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        submit(store, anew(number))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()
