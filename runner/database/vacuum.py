"""Room in a queue's file that nothing needs any more, given back to the disk: in steps, beside a runner."""

import sqlite3
from collections.abc import Callable

INCREMENTAL = 2
STEPWISE = f"PRAGMA auto_vacuum = {INCREMENTAL}"
"""A file has to be told before it has a table: it then remembers who points to each of its pages."""
STEP = 500
"""Pages that are given back in one transaction, in a few milliseconds."""


def is_stepwise(connection: sqlite3.Connection) -> bool:
    """Whether the file can be made shorter bit by bit."""
    return int(connection.execute("PRAGMA auto_vacuum").fetchone()[0]) == INCREMENTAL


def spare(connection: sqlite3.Connection) -> int:
    """Pages of the file that hold nothing."""
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])


def steps(connection: sqlite3.Connection, breathe: Callable[[], None]) -> None:
    """Give back what is spare now, and not what others let go meanwhile: that has no end.

    The driver's `execute` would give back a single page.
    """
    for _ in range(0, spare(connection), STEP):
        connection.executescript(f"PRAGMA incremental_vacuum({STEP})")
        breathe()


def rewrite(connection: sqlite3.Connection) -> None:
    """Write the file anew without the spare pages; from then on it can be made shorter bit by bit."""
    connection.execute(STEPWISE)
    connection.execute("VACUUM")
