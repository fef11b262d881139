"""Names that have been seen, more of them than memory should hold."""

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager


class Seen:
    """A set of names in a file that has no name itself and is gone with its process."""

    def __init__(self, scratch: sqlite3.Connection) -> None:
        self._scratch = scratch
        scratch.execute("CREATE TABLE seen (name BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, names: Iterable[str]) -> None:
        self._scratch.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?)", ((os.fsencode(name),) for name in names)
        )

    def discard(self, names: Iterable[str]) -> None:
        self._scratch.executemany("DELETE FROM seen WHERE name = ?", ((os.fsencode(name),) for name in names))

    def __iter__(self) -> Iterator[str]:
        return (os.fsdecode(name) for (name,) in self._scratch.execute("SELECT name FROM seen ORDER BY name"))


@contextmanager
def seen() -> Iterator[Seen]:
    with closing(sqlite3.connect("")) as scratch:
        yield Seen(scratch)
