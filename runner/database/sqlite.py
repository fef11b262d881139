"""A queue in a file: made whole or not at all, opened only through SQLite, written by one at a time."""

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from shlex import quote as quoted
from threading import Timer
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from runner.cursor import executed
from runner.database import vacuum
from runner.database.errors import NoQueue, QueueError, Unroomy
from runner.database.versions import build
from runner.mounts import TABLE, filesystem_of, is_remote
from runner.schema import SOLE_WRITER

APPLICATION_ID = 0x72756E72
"""`runr`: what tells our files from other people's databases."""
WRITERS_CACHE_KIB = 4 * 1024
READERS_CACHE_KIB = 2 * 1024
"""Memory for pages of the file: readers go through it once."""
EXAMINING_S = 0.2
"""A start may take so long to look at its queue: SQLite reads some 1.8 GB in a second."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
LONGEST_LOG = 64 << 20
"""Bytes of the write-ahead log that are kept on the disk once they are not needed."""

WRITING = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA cache_size = -{WRITERS_CACHE_KIB}",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 4000",
    f"PRAGMA journal_size_limit = {LONGEST_LOG}",
    "PRAGMA temp_store = FILE",
)
WRITING_LITTLE = (*WRITING, "PRAGMA temp_store = MEMORY")
"""What may have to be undone is in no file: for statements that do not go through a whole batch."""
READING = (f"PRAGMA cache_size = -{READERS_CACHE_KIB}", "PRAGMA query_only = ON")

MOST_FAULTS = 20
VERSION = sqlite3.sqlite_version_info[:3]

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
NONES: dict[None, None] = {}

# The driver looks for a way to adapt each None and each bytes, and raises within where it finds none, at some
# times the price of the value itself: here is one, which leaves them as they are.
sqlite3.register_adapter(type(None), NONES.get)
sqlite3.register_adapter(bytes, bytes)


def engine(path: Path, settings: Sequence[str], *, patience_s: float) -> Engine:
    """Connections to an existing file, by `WRITING` or another, which wait `patience_s` for a lock.

    SQLite's driver begins transactions by itself, and too late: here each begins when it is said to, and one
    that writes has the write lock from its start.
    """
    writes = settings is not READING
    address = f"file:{quote(str(path))}?mode={'rw' if writes else 'ro'}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=patience_s, check_same_thread=False
        )

    made = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=NullPool,
        hide_parameters=True,
        execution_options={SOLE_WRITER: writes},
    )
    prepare(made, settings, "BEGIN IMMEDIATE" if writes else "BEGIN")
    return made


def prepare(made: Engine, settings: Sequence[str], begin: str) -> None:
    @event.listens_for(made, "connect")
    def set_up(connection: sqlite3.Connection, _: object) -> None:
        for setting in settings:
            connection.execute(setting)

    @event.listens_for(made, "begin")
    def begin_as_said(connection: Connection) -> None:
        executed(connection, begin)


def create(path: Path) -> None:
    """Make a queue beside its place, then give it its name, unless another has it by then."""
    try:
        refuse_network(path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.new-{os.getpid()}")
        touch(beside)
        try:
            fill(beside)
            give_name(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        kind = Unroomy if error.errno in NO_ROOM else QueueError
        raise kind(f"cannot make a queue at {path}: {error.strerror} ({error.filename})") from error
    except sqlite3.Error as error:
        kind = Unroomy if code(error) in FULL else QueueError
        raise kind(explain(path, error)) from error


def refuse_network(path: Path, table: Path = TABLE) -> None:
    """SQLite's log needs memory that all who have the queue open share: across machines there is none."""
    kind = filesystem_of(path, table)
    if is_remote(kind):
        raise QueueError(
            f"{path} is on a network file system ({kind}), where a queue is not safe: "
            f"name one on a local disk by --db; outputs may stay where they are"
        )


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
        connection.execute(vacuum.STEPWISE)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    with engine(path, WRITING, patience_s=0.0).begin() as connection:
        build(connection)


def check(path: Path) -> None:
    """Refuse what is not there, or is no queue: it is never written over."""
    if not path.exists():
        raise NoQueue(f"no queue at {path}: `runner run MANIFEST` makes one, --db names another")
    refuse_network(path)
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise QueueError(f"{path} is no file, so no queue: name one by --db")
    if status.st_size == 0:
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


def examine(path: Path, budget_s: float = EXAMINING_S) -> None:
    """Look whether the file is sound, as far as `budget_s` reaches: that is all of it up to some 300 MB."""
    address = f"file:{quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, check_same_thread=False)) as connection:
        timer = Timer(budget_s, connection.interrupt)
        timer.start()
        try:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            if code(error) & PRIMARY == sqlite3.SQLITE_INTERRUPT:
                return
            raise QueueError(explain(path, error)) from error
        finally:
            timer.cancel()
            timer.join()
    if found != "ok":
        raise QueueError(damaged(path, found.replace("\n", " ")))


def faults(connection: Connection) -> list[str]:
    """Damaged pages, and rows that point to none."""
    checked = connection.exec_driver_sql(f"PRAGMA integrity_check({MOST_FAULTS})").scalars()
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check")
    return [
        *(line for line in checked if line != "ok"),
        *(
            f"row {row} of {table} points to a row of {parent} that is not there"
            for table, row, parent, _ in broken
        ),
    ][:MOST_FAULTS]


def explain(path: Path, error: BaseException | None) -> str:
    """What is wrong with a file, and what can be done."""
    if code(error) & PRIMARY in BUSY:
        return f"{path} is locked by another program: try again when that is done"
    if code(error) in FULL:
        return f"disk full: {path}: free some space, then do it again; nothing of this was written"
    if code(error) & PRIMARY not in DAMAGED:
        return f"cannot use {path}: {error}"
    if code(error) & PRIMARY == sqlite3.SQLITE_NOTADB:
        return (
            f"{path} is damaged ({error}): put a copy back, or begin anew after "
            f"`mv {quoted(str(path))} {quoted(f'{path}.bad')}`; --db names another queue"
        )
    return damaged(path, error)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What SQLite itself has to say of a file, as a `QueueError`."""
    try:
        yield
    except sqlite3.Error as error:
        kind = Unroomy if code(error) in FULL else QueueError
        raise kind(explain(path, error)) from error


def size(path: Path) -> int:
    """In bytes; 0 where there is nothing."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def damaged(path: Path, how: object) -> str:
    """Its `.recover` is not compiled into every sqlite3, `.dump` is; that forgets whose file it is."""
    saved = quoted(f"{path}.saved")
    return (
        f"{path} is damaged ({how}): put a copy back, or save what can be read by "
        f"`sqlite3 {quoted(str(path))} .dump | sed 's/^ROLLBACK.*/COMMIT;/' | sqlite3 {saved}; "
        f"sqlite3 {saved} 'PRAGMA application_id = {APPLICATION_ID}'` and go on with --db {saved}"
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
