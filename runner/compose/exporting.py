"""`results.jsonl`: one line a job, written aside and renamed, so that it is whole or the one before."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from runner import results as shapes
from runner.bucket import Bucket
from runner.compose.keeping import leading
from runner.compose.opening import batch_of, reading
from runner.files import blamed
from runner.job import State
from runner.store import BatchRow, Store

NAME = "results.jsonl"
ENDED = tuple(state for state in State if state is not State.PENDING)
BUFFER = 1 << 20


class GivenUp(Exception):
    """What was being written is not wanted any more; what was there before is as it was."""


def never() -> bool:
    return False


def results(db: str, batch: str, path: Path | None, *, until: Callable[[], bool] = never) -> Path:
    """Write every job that is not pending, in the order of the manifest; `path` by default in its outputs.

    Where these are behind a URL the file is put there, too.

    Raises `QueueError` where there is no such batch, `GivenUp` as soon as `until` is so, and `Unwritable`.
    """
    with reading(db) as store:
        row = batch_of(store, batch, db)
        target = Path(row.folder) / NAME if path is None else path
        with blamed(target):
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_whole(target, wanted(lines(store, row, target), until))
    if path is None and row.url is not None:
        Bucket.at(row.url).replace(NAME, target)
    return target


def lines(store: Store, row: BatchRow, target: Path) -> Iterator[bytes]:
    """The lines, their paths leading from the target to the batch's folder."""
    jobs = store.jobs(row.id, states=ENDED)
    return shapes.lines(row.name, jobs, prefix=leading(row, target.parent))


def wanted(content: Iterator[bytes], until: Callable[[], bool]) -> Iterator[bytes]:
    """The content, for as long as it is wanted."""
    if until():
        raise GivenUp
    for line in content:
        yield line
        if until():
            raise GivenUp


def write_whole(target: Path, content: bytes) -> None:
    """A file whose content is in memory; raises `Unwritable`."""
    with blamed(target):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_whole(target, iter([content]))


def replace_whole(target: Path, content: Iterator[bytes]) -> None:
    """What stands at `target` is the old content or the new one, never a part."""
    aside = target.with_name(f".{target.name}.part")
    try:
        with open(aside, "wb", buffering=BUFFER, opener=private) as file:
            file.writelines(content)
            synced(file)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def synced(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
