"""A queue whose file was taken away while a runner had it open: what that still sees is saved as another."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from runner.database import Database, QueueError
from runner.store import Store
from runner.writer import Writer


async def saved(queue: Database, path: Path, writer: Writer[Store], *others: Path) -> Path | None:
    """Where the copy is: beside the queue, if its folder is still there, or else in one of the `others`."""
    name = f"{path.name}.saved-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return await writer.apart(lambda store: first(queue, store, places(name, path.parent, *others)))


def places(name: str, *folders: Path) -> Iterator[Path]:
    for folder in (*folders, Path(tempfile.gettempdir())):
        if folder.is_dir():
            yield folder / name


def first(queue: Database, store: Store, choices: Iterator[Path]) -> Path | None:
    """The first of the places that takes it."""
    for place in choices:
        try:
            queue.copy(store.connection, place)
        except QueueError:
            continue
        return place
    return None


def told(path: Path, copy: Path | None, batch: str) -> str:
    if copy is None:
        return f"{path} was replaced while running, and there is no place to save what was in it"
    return (
        f"{path} was replaced while running: all that was in it is saved as {copy}; "
        f"go on with it by `runner --db {copy} resume {batch}`, or put it back"
    )
