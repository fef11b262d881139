"""A queue in a file: made whole or not at all, opened only through SQLite, written by one at a time."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from runner.database.errors import NoQueue, QueueError
from runner.database.versions import build

APPLICATION_ID = 0x72756E72
"""`runr`: what tells our files from other people's databases."""
WRITERS_CACHE_KIB = 4 * 1024
READERS_CACHE_KIB = 2 * 1024
"""Memory for pages of the file: readers go through it once."""
LONGEST_LOG = 64 << 20
"""Bytes of the write-ahead log that are kept on the disk once they are not needed."""

WRITING = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA cache_size = -{WRITERS_CACHE_KIB}",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4000",
    f"PRAGMA journal_size_limit = {LONGEST_LOG}",
)
READING = (f"PRAGMA cache_size = -{READERS_CACHE_KIB}", "PRAGMA query_only = ON")

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""SQLite tells a quota, and a limit on the size of files, as a write that failed."""
BROKEN = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    }
)
DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
PRIMARY = 0xFF
"""The part of an error's code that is not its detail."""


def engine(path: Path, *, writes: bool, patience_s: float) -> Engine:
    """Connections to an existing file, which wait `patience_s` for a lock.

    SQLite's driver begins transactions by itself, and too late: here each begins when it is said to, and one
    that writes has the write lock from its start.
    """
    address = f"file:{quote(str(path))}?mode={'rw' if writes else 'ro'}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=patience_s, check_same_thread=False
        )

    made = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    prepare(made, WRITING if writes else READING, "BEGIN IMMEDIATE" if writes else "BEGIN")
    return made


def prepare(made: Engine, settings: tuple[str, ...], begin: str) -> None:
    @event.listens_for(made, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        for setting in settings:
            connection.execute(setting)

    @event.listens_for(made, "begin")
    def begin_as_said(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def create(path: Path) -> None:
    """Make a queue beside its place, then give it its name, unless another has it by then."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new-{os.getpid()}")
        touch(beside)
        try:
            fill(beside)
            give_name(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise QueueError(f"cannot make a queue at {path}: {error.strerror} ({error.filename})") from error


def touch(path: Path) -> None:
    """Make an empty file that is its owner's alone, in place of what an earlier process left."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def give_name(beside: Path, path: Path) -> None:
    try:
        os.link(beside, path)
    except FileExistsError:
        return
    except OSError:
        # Some file systems know no links.
        if not path.exists():
            beside.rename(path)


def fill(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA journal_mode = WAL")
    with engine(path, writes=True, patience_s=0.0).begin() as connection:
        build(connection)


def check(path: Path) -> None:
    """Refuse what is not there, or is no queue: it is never written over."""
    if not path.exists():
        raise NoQueue(f"no queue at {path}: `runner run MANIFEST` makes one, --db names another")
    if path.stat().st_size == 0:
        raise QueueError(
            f"{path} is empty (0 bytes), so what was in it is lost: put a copy back, "
            f"or begin anew after `mv {path} {path}.empty`"
        )
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error as error:
        raise QueueError(explain(path, error)) from error
    if application != APPLICATION_ID:
        raise QueueError(f"{path} is another program's database: name a queue by --db")


def explain(path: Path, error: BaseException | None) -> str:
    """What is wrong with a file, and what can be done."""
    if code(error) & PRIMARY in BUSY:
        return f"{path} is locked by another program: try again when that is done"
    if code(error) in FULL:
        return f"disk full: {path}: free some space, then do it again; nothing of this was written"
    if code(error) & PRIMARY not in DAMAGED:
        return f"cannot use {path}: {error}"
    return (
        f"{path} is damaged ({error}): put a copy back, or save what can be read by "
        f"`sqlite3 {path} .recover | sqlite3 {path}.saved`"
    )


def copy(connection: Connection, to: Path) -> None:
    """By SQLite itself: opening the file beside it would drop its locks."""
    source: Any = connection.connection.driver_connection
    part = to.with_name(f"{to.name}.part")
    try:
        touch(part)
        with closing(sqlite3.connect(part)) as target:
            source.backup(target)
        part.replace(to)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise QueueError(f"cannot copy the queue to {to}: {error}") from error


def code(error: BaseException | None) -> int:
    """SQLite's extended code for an error, 0 for what is not one of its."""
    return int(getattr(error, "sqlite_errorcode", 0))
