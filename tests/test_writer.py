import asyncio
import sqlite3
import sys
import threading
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import fail_after
from queues import NOW, job, jobs, submit
from sqlalchemy.exc import IntegrityError

from runner import database
from runner.database import Database
from runner.store import Store
from runner.writer import Broken, Full, Writer


@pytest.fixture
def queue(tmp_path: Path) -> Database:
    made = database.named(tmp_path / "runner.db")
    made.prepare()
    return made


@asynccontextmanager
async def writing(queue: Database, **options):
    with fail_after(60):
        async with Writer(queue, Store, **options) as made:
            yield made


def names(queue: Database) -> list[str]:
    with queue.reading().connect() as connection:
        return sorted(batch.name for batch in Store(connection).batches())


def submitting(name: str):
    return lambda store: submit(store, [job("a fox")], name)


class Gate:
    """A write that others gather behind."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self, store: Store) -> None:
        self.entered.set()
        assert self.open.wait(30)


async def gathered(made: Writer[Store], *acts) -> list:
    """What becomes of writes that come while another one is being made."""
    gate = Gate()
    first = asyncio.create_task(made.do(gate))
    await asyncio.to_thread(gate.entered.wait)
    others = [asyncio.create_task(made.do(act)) for act in acts]
    await asyncio.sleep(0)
    gate.open.set()
    await first
    return await asyncio.gather(*others, return_exceptions=True)


async def test_a_write_is_committed_when_it_returns(queue: Database):
    async with writing(queue) as made:
        batch_id = await made.do(submitting("one"))
        assert names(queue) == ["one"]
        assert await made.do(lambda store: store.tally(batch_id).total) == 1


async def test_what_gathers_is_written_in_one_transaction_and_in_order(queue: Database):
    seen = []

    def act(number: int):
        def write(store: Store) -> int:
            transaction = store.connection.get_transaction()
            seen.append((number, id(transaction), transaction))
            return number

        return write

    async with writing(queue) as made:
        assert await gathered(made, *map(act, range(20))) == list(range(20))
    assert [number for number, _, _ in seen] == list(range(20))
    assert len({identity for _, identity, _ in seen}) == 1


async def test_only_the_guilty_write_fails(queue: Database):
    def guilty(store: Store) -> None:
        submit(store, [job("a fox")], "half")
        raise LookupError("nothing there")

    async with writing(queue) as made:
        one, error, two = await gathered(made, submitting("one"), guilty, submitting("two"))
        assert isinstance(error, LookupError)
        assert names(queue) == ["one", "two"]
        assert [await made.do(lambda store, row=row: store.tally(row).total) for row in (one, two)] == [1, 1]


async def test_what_the_database_refuses_is_undone(queue: Database):
    async with writing(queue) as made:
        with pytest.raises(Exception, match=r"(?i)unique"):
            await made.do(lambda store: submit(store, [job("a"), job("a")]))
        assert names(queue) == []
        await made.do(submitting("after"))
    assert names(queue) == ["after"]


async def test_a_commit_that_fails_fails_its_write_alone(queue: Database):
    def owing(store: Store) -> None:
        """What is checked only when it is committed."""
        store.connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        store.connection.exec_driver_sql(
            "INSERT INTO renames (batch_id, job, old, new) VALUES (9, 9, 'a', 'b')"
        )

    async with writing(queue) as made:
        one, error, two = await gathered(made, submitting("one"), owing, submitting("two"))
        assert isinstance(error, IntegrityError)
        with pytest.raises(IntegrityError):
            await made.do(owing)
        with queue.writing(patience_s=0.0).begin():
            """Nobody has it locked."""
        assert (one, two) == (1, 2)
    assert names(queue) == ["one", "two"]


async def test_who_is_cancelled_while_waiting_does_not_undo_the_write(queue: Database):
    async with writing(queue) as made:
        gate = Gate()
        first = asyncio.create_task(made.do(gate))
        await asyncio.to_thread(gate.entered.wait)
        second = asyncio.create_task(made.do(submitting("cancelled")))
        await asyncio.sleep(0)
        second.cancel()
        gate.open.set()
        await first
        with pytest.raises(asyncio.CancelledError):
            await second
        await made.do(submitting("after"))
    assert names(queue) == ["after", "cancelled"]


async def test_closing_writes_what_was_asked_for(queue: Database):
    gate = Gate()
    async with writing(queue) as made:
        waiting = [asyncio.create_task(made.do(act)) for act in (gate, submitting("one"), submitting("two"))]
        await asyncio.to_thread(gate.entered.wait)
        gate.open.set()
    await asyncio.gather(*waiting)
    assert names(queue) == ["one", "two"]
    assert not [thread for thread in threading.enumerate() if thread.name == "writer"]


async def test_a_writer_that_wrote_nothing_leaves_no_thread(queue: Database):
    async with writing(queue):
        pass
    assert not [thread for thread in threading.enumerate() if thread.name == "writer"]


async def test_a_closed_writer_takes_nothing_more(queue: Database):
    async with writing(queue) as made:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        await made.do(submitting("late"))


async def test_others_commits_are_noticed_and_own_ones_are_not(queue: Database):
    async with writing(queue) as made:
        assert not await made.changed()
        await made.do(submitting("own"))
        assert not await made.changed()
        with queue.writing().begin() as connection:
            submit(Store(connection), [job("a fox")], "another's")
        assert await made.changed()
        assert not await made.changed()


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
"""


async def test_s4_a_locked_queue_is_waited_for_and_said_so_once(queue: Database):
    said = asyncio.Event()
    times = []

    def waiting() -> None:
        times.append(1)
        said.set()

    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(queue.path), stdin=PIPE, stdout=PIPE
    )
    assert await other.stdout.readline() == b"held\n"
    async with writing(queue, waiting=waiting, patience_s=0.1) as made:
        write = asyncio.create_task(made.do(submitting("one")))
        await said.wait()
        await asyncio.sleep(0.3)
        assert not write.done()
        await other.communicate(b"\n")
        await write
    assert names(queue) == ["one"]
    assert times == [1]


async def test_s4_what_nobody_waits_for_any_more_keeps_no_program_from_ending(queue: Database):
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(queue.path), stdin=PIPE, stdout=PIPE
    )
    assert await other.stdout.readline() == b"held\n"
    async with asyncio.timeout(2):
        async with writing(queue) as made:
            write = asyncio.create_task(made.do(submitting("one")))
            await asyncio.sleep(0.1)
            write.cancel()
    await other.communicate(b"\n")
    assert names(queue) == []
    assert not [thread for thread in threading.enumerate() if thread.name == "writer"]


async def test_s1_a_full_disk_is_told_apart_and_loses_nothing_that_was_written(queue: Database):
    async with writing(queue) as made:
        await made.do(submitting("before"))
        await made.do(lambda store: limit(store, 40))
        with pytest.raises(Full, match="disk full"):
            await made.do(lambda store: submit(store, jobs(3_000), "too much"))
        assert names(queue) == ["before"]
        await made.do(lambda store: limit(store, 1_000_000))
        await made.do(submitting("after"))
    assert names(queue) == ["after", "before"]


def limit(store: Store, pages: int) -> None:
    """SQLite's own: a file may grow to so many pages."""
    store.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


async def test_a_queue_that_is_gone_is_an_error_at_once(queue: Database):
    queue.path.unlink()
    with pytest.raises(Exception, match="unable to open"):
        async with writing(queue):
            pass


async def test_many_claim_side_by_side_and_no_job_twice(queue: Database):
    async with writing(queue) as made:
        batch_id = await made.do(lambda store: submit(store, jobs(400)))

        def take(store: Store):
            return store.claim(batch_id, {"nebula": 4}, now=NOW, worker="w", lease_s=9)

        taken = await asyncio.gather(*(made.do(take) for _ in range(120)))
    rows = [claim.row for claims in taken for claim in claims]
    assert len(rows) == len(set(rows)) == 400


async def test_what_is_done_apart_is_in_no_transaction_and_parts_no_others(queue: Database):
    async with writing(queue) as made:
        one, inside, two = await gathered(
            made, submitting("one"), lambda store: store.connection.in_transaction(), submitting("two")
        )
        assert inside
        assert not await made.apart(lambda store: store.connection.in_transaction())
        copy = queue.path.with_name("copy.db")
        await made.apart(lambda store: queue.copy(store.connection, copy))
    assert names(database.named(copy)) == ["one", "two"]
    assert one != two


async def test_s11_a_queue_that_fails_is_written_to_no_more(queue: Database):
    def damaged(_: Store) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    async with writing(queue) as made:
        await made.do(submitting("before"))
        one, error, two = await gathered(made, submitting("one"), damaged, submitting("two"))
        assert {type(each) for each in (one, error, two)} == {Broken}
        with pytest.raises(Broken, match=r"cannot use .*runner\.db: disk I/O error"):
            await made.do(submitting("after"))
    assert names(queue) == ["before"]
