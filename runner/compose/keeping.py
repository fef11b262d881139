"""A batch's outputs where they are kept, and committed pictures given their names."""

from pathlib import Path

from runner.database import Database
from runner.sinks import Folder
from runner.store import BatchRow, JobRow, Store

FLAT = 10_000
"""Jobs up to which all files stand in one folder."""


def outputs(row: BatchRow) -> Folder:
    return Folder(Path(row.folder), spread=row.tally.total > FLAT)


def finish_name(queue: Database, folder: Folder, row: JobRow) -> None:
    """Of a finished job; where a name is taken its row says so before the picture has the other."""
    kept = folder.name_pictures(row.key, row.attempt, row.outputs)
    if kept != row.outputs:
        with queue.transaction() as connection:
            Store(connection).place_outputs(row.row, kept)
        folder.name_pictures(row.key, row.attempt, kept)
