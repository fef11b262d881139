"""Rows in an order that hangs on a seed and on what is in them alone; they wait on the disk, not in memory.

The order is that of the first 64 bits of SHA-256 over the seed, a line break and the row as JSON, its keys
sorted; from the second time on that the same row occurs, another line break and the how-manieth it is. So it
is the same on every machine, and a row that comes or goes leaves all others in their order.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing

import orjson

from runner.digests import Digests
from runner.problems import Problems
from runner.row import Row

SETUP = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -16000;
PRAGMA temp_store = FILE;
CREATE TABLE waiting (rank INTEGER, place TEXT, data BLOB);
"""
ALL = -1
HALF = 1 << 63
"""What makes 64 bits a number that SQLite sorts in the same order."""


def shuffled(rows: Iterable[Row], seed: int, most: int | None, problems: Problems) -> Iterator[Row]:
    """The first `most` in the order of the seed."""
    try:
        # without a name, the database is a file that nobody else sees, gone when it is closed
        with closing(sqlite3.connect("", check_same_thread=False)) as spool:
            spool.executescript(SETUP)
            spool.executemany("INSERT INTO waiting VALUES (?, ?, ?)", ranked(rows, seed, problems))
            limit = ALL if most is None else most
            found = spool.execute("SELECT place, data FROM waiting ORDER BY rank, rowid LIMIT ?", (limit,))
            for place, data in found:
                yield place, orjson.loads(data)
    except sqlite3.Error as error:
        problems.add("shuffle", f"the rows cannot be kept in the folder for temporary files: {error}")


def ranked(rows: Iterable[Row], seed: int, problems: Problems) -> Iterator[tuple[int, str, bytes]]:
    times = Digests()
    for place, values in rows:
        try:
            content = b"%d\n%b" % (seed, orjson.dumps(values, option=orjson.OPT_SORT_KEYS))
        except orjson.JSONEncodeError as error:
            problems.add(place, str(error))
            continue
        digest = first_bits(content)
        time = times.add(digest)
        rank = digest if time == 1 else first_bits(b"%b\n%d" % (content, time))
        yield rank - HALF, place, orjson.dumps(values)


def first_bits(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8])
