"""Batches that are over and done with, taken out of the queue: which, and in steps that disturb nobody."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runner import crash, database
from runner.compose import clearing
from runner.compose.exporting import NAME
from runner.compose.opening import opened, reading
from runner.database import Busy, Database
from runner.store import BatchRow, BatchState, Store
from runner.value import value

AT_ONCE = 200
"""Jobs that are removed in one transaction."""
SLACK_S = 1.0
"""A file's time is the system's, which is coarser than ours."""


@value
class Terms:
    """What may go."""

    before: float
    """Seconds since the epoch, of a batch's end."""
    keep: int = 0
    """Finished batches of each name's pattern that stay, the newest."""
    unknown: bool = False
    """Whether jobs may go of which nobody knows whether they were paid for."""
    unexported: bool = False
    """Whether a batch may go whose results are in no file as they are now."""
    outputs: bool = False
    """Whether outputs go, too."""


@value
class Choice:
    """A batch that is old enough."""

    row: BatchRow
    kept_for: str | None
    """Why it stays all the same, in words."""


@value
class Removed:
    """A batch that is gone."""

    name: str
    jobs: int
    folder: str
    freed: int
    """Bytes of outputs."""
    left: int
    """Files in its folder that are not the batch's, and stay."""


@value
class Pruned:
    """What was done."""

    removed: tuple[Removed, ...]
    kept: tuple[Choice, ...]
    freed: int
    """Bytes of the queue."""
    notes: tuple[str, ...]


class Revived(Exception):
    """A batch is not finished any more, and is let alone."""


def choices(rows: Iterable[BatchRow], terms: Terms) -> Iterator[Choice]:
    """The batches that are old enough and not among the newest, the oldest first."""
    old = sorted(old_ones(rows, terms), key=lambda row: (row.updated_at, row.id))
    return (Choice(row=row, kept_for=hindrance(row, terms)) for row in old)


def old_ones(rows: Iterable[BatchRow], terms: Terms) -> Iterator[BatchRow]:
    """By their end, or where they have none by when they were last worked on."""
    finished: defaultdict[str, list[BatchRow]] = defaultdict(list)
    for row in rows:
        if row.state is BatchState.FINISHED:
            finished[row.pattern].append(row)
        elif row.updated_at < terms.before:
            yield row
    for series in finished.values():
        newest_first = sorted(series, key=lambda row: (row.night, row.run, row.id), reverse=True)
        yield from (row for row in newest_first[terms.keep :] if (row.finished_at or 0.0) < terms.before)


def hindrance(row: BatchRow, terms: Terms) -> str | None:
    """Why a batch is not to go, and what would let it."""
    left = row.tally.pending + row.tally.running
    if row.state is not BatchState.FINISHED or left:
        return f"not finished, {left:,} left: `runner resume {row.name}` or `runner cancel {row.name}`"
    if row.tally.unknown and not terms.unknown:
        return f"{row.tally.unknown:,} unknown: `runner retry {row.name} --state unknown`, or --unknown"
    if not (terms.unexported or is_exported(row)):
        return f"not exported since its end: `runner export {row.name}`, or --unexported"
    if row.url is not None and terms.outputs:
        return f"its pictures are in {row.url}, where nothing is deleted: leave out --outputs"
    return None


def is_exported(row: BatchRow) -> bool:
    """Whether its results stand with its outputs as they are now; one without a job has none."""
    if not row.tally.total:
        return True
    try:
        written_at = (Path(row.folder) / NAME).stat().st_mtime
    except OSError:
        return False
    return written_at >= (row.finished_at or 0.0) - SLACK_S


def prunable(db: str, terms: Terms) -> list[Choice]:
    """What `prune` would look at; nothing is changed. Raises `QueueError`."""
    queue = database.named(db)
    queue.check()
    with opened(queue) as store:
        return list(choices(store.batches(), terms))


def outputs_of(db: str, found: Iterable[Choice]) -> int:
    """Bytes of the outputs of those that may go."""
    with reading(db) as store:
        return sum(store.bytes_kept(each.row.id) for each in found if each.kept_for is None)


def prune(db: str, terms: Terms, *, waiting: Callable[[], None] = database.silently) -> Pruned:
    """Remove what may go, in short transactions, and give its room back; a runner may be at work beside.

    Killed at any moment it leaves a smaller finished batch, and the next time does the rest. Raises
    `QueueError`, `Unwritable`.
    """
    queue = database.named(db)
    before, notes = queue.size(), []
    found, removed = prunable(db, terms), []
    with opened(queue) as store:
        folders = [row.folder for row in store.batches()]
    pruner = Pruner(queue, terms, waiting)
    for choice in found:
        if choice.kept_for is not None:
            continue
        try:
            shared = folders.count(choice.row.folder) > 1
            removed.append(pruner.remove(choice.row, outputs=terms.outputs and not shared))
        except Revived:
            notes.append(f"{choice.row.name} was changed meanwhile, and is let alone")
    notes += pruner.give_back()
    return Pruned(
        removed=tuple(removed),
        kept=tuple(choice for choice in found if choice.kept_for is not None),
        freed=max(before - queue.size(), 0),
        notes=tuple(notes),
    )


class Pruner:
    """Works in steps, and leaves a runner as much time between them as they take."""

    def __init__(self, queue: Database, terms: Terms, waiting: Callable[[], None]) -> None:
        self._queue = queue
        self._terms = terms
        self._waiting = waiting
        self._began_at = time.monotonic()

    def remove(self, row: BatchRow, *, outputs: bool) -> Removed:
        """One batch, its files first: what is killed in between is found again by its rows."""
        freed = left = 0
        self._began_at = time.monotonic()
        while (more := self._remove_some(row, outputs=outputs)) is not None:
            freed += more
            crash.point("pruned")
            self.breathe()
        if outputs:
            also, left = clearing.clear(Path(row.folder))
            freed += also
            crash.point("cleared")
        with self._finished(row) as store:
            store.drop_batch(row.id)
        return Removed(name=row.name, jobs=row.tally.total, folder=row.folder, freed=freed, left=left)

    def _remove_some(self, row: BatchRow, *, outputs: bool) -> int | None:
        """Bytes of outputs that are free; None where no job is left."""
        with self._finished(row) as store:
            rows = store.some_jobs(row.id, AT_ONCE)
            freed = clearing.delete(Path(row.folder), store.files_of(rows)) if outputs else 0
            store.drop_jobs(row.id, rows)
        return freed if rows else None

    @contextmanager
    def _finished(self, row: BatchRow) -> Iterator[Store]:
        """A transaction in which the batch stays finished; raises `Revived` where it is not."""
        with self._queue.transaction(waiting=self._waiting) as connection:
            store = Store(connection)
            if not store.is_finished(row.id, row.name):
                raise Revived(row.name)
            yield store

    def breathe(self) -> None:
        if self._queue.holder() is not None:
            time.sleep(time.monotonic() - self._began_at)
        self._began_at = time.monotonic()

    def give_back(self) -> Iterator[str]:
        """The room in the queue's file; what is to be said of it."""
        self._began_at = time.monotonic()
        try:
            self._queue.give_back(self.breathe)
        except Busy:
            yield "the queue is of an earlier time, and gives room back only while no runner is at work"
