"""A batch's outputs where they are kept, and committed pictures given their names."""

import os
from pathlib import Path

from runner.bucket import Bucket
from runner.database import Database
from runner.shipped import Shipped
from runner.sinks import Folder
from runner.store import BatchRow, JobRow, Store

FLAT = 10_000
"""Jobs up to which all files stand in one folder."""


def outputs(row: BatchRow) -> Folder:
    """Raises `Unwritable` where they are behind a URL, and what opens it is not installed."""
    spread = row.tally.total > FLAT
    if row.url is None:
        return Folder(Path(row.folder), spread=spread)
    return Shipped(Path(row.folder), spread=spread, bucket=Bucket.at(row.url))


def leading(row: BatchRow, folder: Path) -> str:
    """What leads from a file in `folder` to the paths of the batch's outputs.

    Results in the batch's own folder are those that stand among them, wherever that is.
    """
    if row.url is not None and folder.absolute() != Path(row.folder):
        return f"{row.url}/"
    prefix = os.path.relpath(row.folder, folder.absolute())
    return "" if prefix == "." else f"{prefix}/"


def finish_name(queue: Database, folder: Folder, row: JobRow) -> None:
    """Of a finished job; where a name is taken its row says so before the picture has the other."""
    kept = folder.name_pictures(row.key, row.attempt, row.outputs)
    if kept != row.outputs:
        with queue.transaction() as connection:
            Store(connection).place_outputs(row.row, kept)
        folder.name_pictures(row.key, row.attempt, kept)
