"""Batches as JUnit's test suites: what a CI shows of its tests it shows of jobs, too."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from runner import junit as xml
from runner.compose.exporting import replace_whole
from runner.compose.opening import batch_of, reading
from runner.files import blamed
from runner.store import Store


def junit(db: str, names: Sequence[str], target: Path) -> Path:
    """Write batches as JUnit XML, all jobs of each; raises `QueueError`, `Unwritable`."""
    with reading(db) as store, blamed(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(target, (line.encode() for line in suites(store, names, db)))
    return target


def suites(store: Store, names: Sequence[str], db: str) -> Iterator[str]:
    yield xml.HEAD
    for name in names:
        row = batch_of(store, name, db)
        yield from xml.suite(row, store.jobs(row.id))
    yield xml.TAIL
