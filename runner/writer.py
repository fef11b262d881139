"""One thread that writes: what has gathered while one commit was being made is the next transaction."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from anyio import CancelScope, to_thread
from sqlalchemy import Connection, Engine, Transaction

from runner.value import value

S = TypeVar("S")
T = TypeVar("T")

PATIENCE_S = 5.0
"""How long the writer waits for another's transaction before it says so; it goes on waiting after that."""
BREATH_S = 0.25
"""How long it waits at a stretch: between two it looks whether anybody still wants the write."""


class Unwritten(Exception):
    """What was to be written is not: the disk fails. It says how."""


class Full(Unwritten):
    """There is no room on the disk."""


class Broken(Unwritten):
    """The queue's file cannot be relied on any more, and nothing further is written to it.

    A failed fsync is one of the reasons: the system forgets what it could not write, and a second one would
    succeed without it.
    """


class Database(Protocol):
    """What the writer asks of a database."""

    def writing(self, *, patience_s: float) -> Engine: ...
    def begun(
        self,
        connection: Connection,
        *,
        waiting: Callable[[], None],
        told_after_s: float,
        is_in_vain: Callable[[], bool],
    ) -> Transaction: ...
    def is_full(self, error: BaseException) -> bool: ...
    def is_broken(self, error: BaseException) -> bool: ...
    def explain(self, error: BaseException) -> str: ...
    def changes(self, connection: Connection) -> int: ...
    def shrink(self, connection: Connection) -> None: ...


@dataclass(frozen=True, slots=True)
class Write(Generic[S]):
    """Something to be written, and who waits for it."""

    act: Callable[[S], Any]
    future: asyncio.Future[Any]
    apart: bool = False
    """Whether it is done outside of any transaction."""


@value
class Result:
    """What became of a write: what it returned, or why it was not made."""

    value: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class Caught:
    """An error on its way out of a `with`, kept for whoever asked for the work."""

    error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True


class Writer(Generic[S]):
    """Writes to a queue from a thread of its own, over one connection.

    `bind` makes of that connection what the writes are given. When another program has had the queue locked
    for `patience_s`, `waiting` is called in the event loop. Where the disk is full `room` is called, in the
    thread: as long as it says that there is hope what is to be written is kept, and tried again.
    """

    def __init__(
        self,
        database: Database,
        bind: Callable[[Connection], S],
        *,
        waiting: Callable[[], None] = lambda: None,
        room: Callable[[], bool] = lambda: False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._database = database
        self._bind = bind
        self._waiting = waiting
        self._room = room
        self._patience_s = patience_s
        self._inbox: SimpleQueue[Write[S] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="writer", daemon=True)
        self._seen: int | None = None
        self._broken: Broken | None = None
        self._closing = False
        self._closed = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        engine = self._database.writing(patience_s=min(BREATH_S, self._patience_s))
        self._connection = await to_thread.run_sync(engine.connect)
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Return when all that was asked for is written, but for what nobody waits for and others prevent."""
        self._closing = True
        self._inbox.put(None)
        with CancelScope(shield=True):
            await to_thread.run_sync(self._thread.join)

    async def do(self, act: Callable[[S], T]) -> T:
        """What `act` returns, once it is committed.

        It may be run twice, the first time being undone: where another act of its transaction raises, each is
        tried by itself. Whoever is cancelled while waiting does not undo it. Raises `Unwritten` where the
        disk fails.
        """
        return await self._asked(act, apart=False)

    async def apart(self, act: Callable[[S], T]) -> T:
        """What `act` returns, which is done outside of any transaction."""
        return await self._asked(act, apart=True)

    async def _asked(self, act: Callable[[S], T], *, apart: bool) -> T:
        if self._closing:
            raise RuntimeError("the writer is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._inbox.put(Write(act, future, apart))
        return await future

    async def changed(self) -> bool:
        """Whether others have written to the queue since this was last asked."""
        before, self._seen = self._seen, await self.do(lambda _: self._database.changes(self._connection))
        return before not in {None, self._seen}

    def _work(self) -> None:
        with self._connection:
            while writes := self._gathered():
                results = self._committed(writes)
                self._loop.call_soon_threadsafe(answer, writes, results)

    def _gathered(self) -> list[Write[S]]:
        """The next to come and all that is there with it; empty once the writer is closed."""
        writes: list[Write[S]] = []
        while not self._closed and (not writes or not self._inbox.empty()):
            write = self._inbox.get()
            if write is None:
                self._closed = True
            else:
                writes.append(write)
        return writes

    def _committed(self, writes: Sequence[Write[S]]) -> list[Result]:
        """What became of each write: of all in one transaction, or else of each in its own."""
        if self._broken is not None:
            return [Result(error=self._broken)] * len(writes)
        if len(writes) > 1 and any(write.apart for write in writes):
            return self._each(writes)
        tried = self._tried(writes)
        while isinstance(tried, BaseException) and self._database.is_full(tried) and self._room():
            with Caught():
                self._database.shrink(self._connection)
            tried = self._tried(writes)
        if not isinstance(tried, BaseException):
            return tried
        if self._database.is_broken(tried):
            self._abandon(tried)
            return self._committed(writes)
        if len(writes) == 1:
            return [Result(error=self._named(tried))]
        return self._each(writes)

    def _each(self, writes: Sequence[Write[S]]) -> list[Result]:
        """By itself."""
        return [result for write in writes for result in self._committed([write])]

    def _tried(self, writes: Sequence[Write[S]]) -> list[Result] | BaseException:
        """All of them in one transaction; why that failed, if it did, nothing of it being left."""
        with Caught() as caught, self._transaction(writes) as tools:
            values = [write.act(tools) for write in writes]
        if caught.error is None:
            return [Result(value=value) for value in values]
        self._undo()
        return caught.error

    def _abandon(self, error: BaseException) -> None:
        self._broken = Broken(self._database.explain(error))
        self._broken.__cause__ = error
        with Caught():
            self._connection.close()

    def _undo(self) -> None:
        """A commit that failed leaves the driver's transaction open, and the queue locked."""
        with Caught():
            self._connection.connection.rollback()

    def _named(self, error: BaseException) -> BaseException:
        if not self._database.is_full(error):
            return error
        full = Full("disk full")
        full.__cause__ = error
        return full

    @contextmanager
    def _transaction(self, writes: Sequence[Write[S]]) -> Iterator[S]:
        if writes[0].apart:
            yield self._bind(self._connection)
            return
        with self._begun(writes):
            yield self._bind(self._connection)

    def _begun(self, writes: Sequence[Write[S]]) -> Transaction:
        """Wait for the write lock as long as anybody waits for the writes, and say so once."""
        return self._database.begun(
            self._connection,
            waiting=self._tell_waiting,
            told_after_s=self._patience_s,
            is_in_vain=lambda: self._is_in_vain(writes),
        )

    def _tell_waiting(self) -> None:
        self._loop.call_soon_threadsafe(self._waiting)

    def _is_in_vain(self, writes: Sequence[Write[S]]) -> bool:
        return self._closing and all(write.future.done() for write in writes)


def answer(writes: Sequence[Write[Any]], results: Sequence[Result]) -> None:
    """In the event loop: tell those who still wait."""
    for write, result in zip(writes, results, strict=True):
        if write.future.done():
            continue
        if result.error is not None:
            write.future.set_exception(result.error)
        else:
            write.future.set_result(result.value)
