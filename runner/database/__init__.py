"""A path or URL becomes connections to a queue; nothing else knows which database it is."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Transaction, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from runner.database import sqlite, vacuum, versions
from runner.database.errors import Busy, NoQueue, QueueError, Unroomy
from runner.database.lock import Holder, Lock
from runner.value import value

__all__ = ["Busy", "Database", "Holder", "NoQueue", "QueueError", "Unroomy", "named", "silently"]

SERVER, DRIVER = "postgresql", "psycopg"
EXTRA = "pip install runner[postgres]"
PATIENCE_S = 30.0
"""How long another's transaction is waited for by one that is made on the side."""
TOLD_AFTER_S = 5.0
"""When a person is told that it is waited for."""
BREATH_S = 0.25
"""How long SQLite waits at a stretch."""
SERVER_CHANGES = "SELECT txid_snapshot_xmax(txid_current_snapshot())"


def silently() -> None:
    """Tell nobody."""


@value(kw_only=False)
class Database:
    """A queue by its place: a file, or a server's URL."""

    url: URL
    path: Path | None
    """None where it is a server's."""

    def prepare(self) -> None:
        """Make the queue where there is none, and bring an older one up to date; raises `QueueError`."""
        if self.path is not None and not os.path.lexists(self.path):
            with self.explained():
                sqlite.create(self.path)
        self.check()

    def check(self) -> None:
        """Refuse what is no queue, or a newer one; bring an older one up to date."""
        version = self._version()
        if versions.is_due(version):
            self._migrate(version)

    def examine(self) -> None:
        """Look whether it is sound, as far as that goes without delay; raises `QueueError`."""
        if self.path is not None:
            sqlite.examine(self.path)

    def faults(self, connection: Connection) -> list[str]:
        """What the database itself finds wrong with the queue, all of it read; a server sees to its own."""
        return [] if self.path is None else sqlite.faults(connection)

    def look(self) -> None:
        """Refuse what is no queue, or one of another version: nothing is written."""
        version = self._version()
        if version == 0:
            raise NoQueue(f"there is no queue at {self.place}")
        if versions.is_due(version):
            raise QueueError(f"{self.place} is of an older version: `runner status` brings it up to date")

    def _version(self) -> int:
        if self.path is not None:
            sqlite.check(self.path)
        with self.explained(), self.reading().connect() as connection:
            return versions.found(connection)

    def _migrate(self, version: int) -> None:
        """A copy first, then all steps in one transaction."""
        with self.explained(), self.lock(), self.writing(much=True).connect() as connection:
            if self.path is not None:
                sqlite.copy(connection, self.path.with_name(f"{self.path.name}.v{version}"))
            with connection.begin():
                versions.migrate(connection)

    def writing(self, *, patience_s: float = PATIENCE_S, much: bool = False) -> Engine:
        """Connections whose transactions have the write lock from their start.

        `much`: whose statements may go through a whole batch or queue, in no more memory than for a few jobs.
        """
        if self.path is None:
            return create_engine(self.url, poolclass=NullPool, hide_parameters=True)
        settings = sqlite.WRITING if much else sqlite.WRITING_LITTLE
        return sqlite.engine(self.path, settings, patience_s=patience_s)

    @contextmanager
    def transaction(
        self,
        *,
        waiting: Callable[[], None] = silently,
        told_after_s: float = TOLD_AFTER_S,
        patience_s: float = PATIENCE_S,
    ) -> Iterator[Connection]:
        """One transaction that writes, committed at its end; raises `QueueError`.

        Another's is waited for, in small steps: within SQLite nobody hears Ctrl-C. `waiting` is called once.
        """
        deadline = time.monotonic() + patience_s

        def is_over() -> bool:
            return time.monotonic() > deadline

        with (
            self.explained(),
            self.writing(patience_s=BREATH_S, much=True).connect() as connection,
            self.begun(connection, waiting=waiting, told_after_s=told_after_s, is_in_vain=is_over),
        ):
            yield connection

    def begun(
        self,
        connection: Connection,
        *,
        waiting: Callable[[], None],
        told_after_s: float,
        is_in_vain: Callable[[], bool],
    ) -> Transaction:
        """A transaction, as soon as no other program's is in the way, or waiting for that is in vain.

        `waiting` is called once, when another's has been in the way for `told_after_s`.
        """
        began, tell = time.monotonic(), waiting
        while True:
            try:
                return connection.begin()
            except DBAPIError as error:
                if not self.is_busy(error) or is_in_vain():
                    raise
            if time.monotonic() - began >= told_after_s:
                tell()
                tell = silently

    def reading(self) -> Engine:
        """Connections that cannot write, and work beside a runner."""
        if self.path is None:
            how = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
            return self.writing().execution_options(**how)
        return sqlite.engine(self.path, sqlite.READING, patience_s=PATIENCE_S)

    def lock(self) -> AbstractContextManager[None]:
        """The right to work on the queue, for one runner at a time; raises `Busy`.

        Take it after `prepare`. A server's queue is shared: claims tell its runners apart.
        """
        return nullcontext() if self.path is None else self._lock.held()

    def holder(self) -> Holder | None:
        """The living runner that works on the queue."""
        return None if self.path is None else self._lock.holder()

    @property
    def _lock(self) -> Lock:
        return Lock(Path(f"{self.path}.lock"))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """What the database has to say, as a `QueueError`."""
        try:
            yield
        except DBAPIError as error:
            kind = Unroomy if self.is_full(error) else QueueError
            raise kind(self.explain(error)) from error

    @property
    def place(self) -> str:
        """For people: without a password."""
        return self.url.render_as_string(hide_password=True) if self.path is None else str(self.path)

    def explain(self, error: BaseException) -> str:
        if self.path is None:
            return f"{self.place}: {orig(error)}"
        return sqlite.explain(self.path, orig(error))

    def is_busy(self, error: BaseException) -> bool:
        """Whether another's transaction was in the way, for longer than one waits."""
        return sqlite.code(orig(error)) & sqlite.PRIMARY in sqlite.BUSY

    def is_full(self, error: BaseException) -> bool:
        """Whether there is no room for what was to be written."""
        return sqlite.code(orig(error)) in sqlite.FULL

    def is_broken(self, error: BaseException) -> bool:
        """Whether the queue's file, or the disk that it is on, is not to be trusted any more."""
        found = sqlite.code(orig(error))
        return found not in sqlite.FULL and found & sqlite.PRIMARY in sqlite.BROKEN

    def copy(self, connection: Connection, to: Path) -> None:
        """What the connection sees of a queue in a file, whatever has become of that; raises `QueueError`."""
        sqlite.copy(connection, to)

    def shrink(self, connection: Connection) -> None:
        """Take back what room the log of changes has on the disk."""
        if self.path is not None:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int:
        """Bytes of its file and the log beside it; 0 where it is a server's, which sees to its own."""
        return 0 if self.path is None else sum(map(sqlite.size, (self.path, Path(f"{self.path}-wal"))))

    def give_back(self, breathe: Callable[[], None]) -> None:
        """The room in the file that nothing needs, in short transactions; `breathe` is called after each.

        A queue of an earlier time is written anew, once, in one go; raises `Busy` where a runner has that.
        """
        if self.path is None:
            return
        with self.explained(), self.writing(much=True).connect() as connection:
            file: Any = connection.connection.driver_connection
            with sqlite.explained(self.path):
                if vacuum.is_stepwise(file):
                    vacuum.steps(file, breathe)
                elif vacuum.spare(file):
                    with self.lock():
                        vacuum.rewrite(file)
            self.shrink(connection)

    def changes(self, connection: Connection) -> int:
        """A number that is another once some other connection has committed."""
        asked = SERVER_CHANGES if self.path is None else "PRAGMA data_version"
        return int(connection.exec_driver_sql(asked).scalar_one())


def orig(error: BaseException) -> BaseException:
    """What the database's driver has raised."""
    return getattr(error, "orig", None) or error


def sqlite_version() -> tuple[int, int, int]:
    """Of the library that queues in files are kept by."""
    return sqlite.VERSION


def named(place: str | Path) -> Database:
    """The queue at a path, or a URL such as `postgresql+psycopg://host/name`."""
    if "://" not in str(place):
        path = Path(place).absolute()
        return Database(URL.create("sqlite", database=str(path)), path)
    try:
        url = make_url(str(place))
    except ArgumentError as error:
        raise QueueError(f"{place} is neither a path nor a database's URL") from error
    if url.get_backend_name() == "sqlite":
        return named(url.database or "")
    if url.get_backend_name() != SERVER or find_spec(DRIVER) is None:
        raise QueueError(f"{url.get_backend_name()}: a queue is a file, or with `{EXTRA}` {SERVER}://…")
    return Database(url.set(drivername=f"{SERVER}+{DRIVER}"), None)
