"""A batch held against its files: what is missing, changed or nobody's, and how it is put right."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import attrgetter

from runner import database, price
from runner.compose.keeping import finish_name, outputs
from runner.compose.opening import batch_of, opened
from runner.database import Database
from runner.endpoint import Endpoint
from runner.seen import Seen, seen
from runner.settings import Settings
from runner.sinks import Folder
from runner.store import BatchRow, FileRow, Store
from runner.value import value
from runner.verdict import Standing, Verdict, drifts

OWN = ("results.", "report.html", "report.json")
"""How the names of what is written for people begin: it is made anew at any time."""
SLICE = 500
"""Jobs that are put right in one transaction."""


@value
class Repaired:
    """What was put right."""

    jobs: int
    """That are pending again."""
    named: int
    """Attempts whose pictures have got their names."""
    counters: int


def verify(db: str, batch: str) -> Verdict:
    """Hash every file of the batch, and ask the queue about itself; nothing is changed.

    Memory does not grow with the batch. Raises `QueueError`, and `Unwritable` where a file cannot be read.
    """
    queue = database.named(db)
    queue.check()
    verdict = Verdict(batch=batch)
    with opened(queue) as store:
        verdict.faults = queue.faults(store.connection)
    with opened(queue) as store:
        row = batch_of(store, batch, db)
        counters = store.recount(row.id)
        verdict.drifts = drifts({name: getattr(row.tally, name) for name in counters}, counters)
    with seen() as files:
        files.add(path for path in outputs(row).names() if not path.startswith(OWN))
        hold(queue, row, verdict, files)
    verdict.lost_nusd = cost(queue, Settings.model_validate_json(row.settings).endpoints, verdict.lost)
    return verdict


def hold(queue: Database, row: BatchRow, verdict: Verdict, files: Seen) -> None:
    """The rows against the files, page by page. A row is older than its file's name, so it is read later."""
    folder = outputs(row)
    with ThreadPoolExecutor(os.cpu_count() or 1) as hashing:
        for page in pages(queue, row.id):
            standings = hashing.map(lambda file: standing(folder, file), page)
            for file, found in zip(page, standings, strict=True):
                verdict.note(found, file.path, file.id)
                verdict.bytes += file.bytes if found is Standing.SOUND else 0
                lose(verdict, file, found)
            files.discard(file.path for file in page)
    with opened(queue) as store:
        files.discard(rename.old for rename in store.renames(row.id))
    for path in files:
        verdict.note(Standing.UNKNOWN, path, None)


def pages(queue: Database, batch_id: int) -> Iterator[list[FileRow]]:
    """Each read by itself: nobody's log grows for as long as files are hashed."""
    after = 0
    while True:
        with opened(queue) as store:
            page = store.files(batch_id, after)
        if not page:
            return
        yield page
        after = page[-1].output


def standing(folder: Folder, file: FileRow) -> Standing:
    found = folder.digest(file.path)
    if found is None and folder.unnamed(file.key, file.attempt, file.index) is not None:
        return Standing.UNNAMED
    if found is None and (found := folder.digest(file.path)) is None:
        return Standing.MISSING
    return Standing.SOUND if found == file.sha256 else Standing.CHANGED


def lose(verdict: Verdict, file: FileRow, found: Standing) -> None:
    """Note the job, once: its files follow one another."""
    if found not in {Standing.MISSING, Standing.CHANGED}:
        return
    if not file.listed:
        verdict.forsaken += 1
    elif verdict.lost[-1:] != [file.job]:
        verdict.lost.append(file.job)


def cost(queue: Database, endpoints: Mapping[str, Endpoint], rows: Sequence[int]) -> int | None:
    """What sending these jobs is likely to cost at most, in billionths of a dollar."""
    total = 0
    for some in slices(rows):
        with opened(queue) as store:
            for request in store.requests(some):
                endpoint = endpoints.get(request.endpoint)
                each = None if endpoint is None else price.reserve(endpoint, request.body)
                if each is None:
                    return None
                total += each
    return total


def slices(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    return (rows[start : start + SLICE] for start in range(0, len(rows), SLICE))


def repair(db: str, verdict: Verdict) -> Repaired:
    """Make jobs whose files are lost pending again, finish names, set counters right.

    Files that were changed are moved to `.evidence`, the sound ones of the same jobs too. Raises `Busy`
    where a runner is at work, `Unwritable`.
    """
    queue = database.named(db)
    with queue.lock():
        with opened(queue) as store:
            row = batch_of(store, verdict.batch, db)
        folder = outputs(row)
        redone = sum(redo(queue, row.id, folder, some) for some in slices(verdict.lost))
        finished = finish_names(queue, row.id, folder)
        with queue.transaction() as connection:
            store = Store(connection)
            store.set_counters(row.id, store.recount(row.id))
    return Repaired(jobs=redone, named=finished, counters=len(verdict.drifts))


def redo(queue: Database, batch_id: int, folder: Folder, rows: Sequence[int]) -> int:
    """Those of the jobs that are still not whole; their files first, so that a kill in between is found."""
    with opened(queue) as store:
        files = store.files_of(rows)
    by_job = [list(group) for _, group in groupby(files, key=attrgetter("job"))]
    lost = [group for group in by_job if not is_whole(folder, group)]
    folder.withdraw([file.path for group in lost for file in group])
    with queue.transaction() as connection:
        return Store(connection).redo(batch_id, [group[0].job for group in lost], now=time.time())


def is_whole(folder: Folder, files: Sequence[FileRow]) -> bool:
    return all(standing(folder, file) in {Standing.SOUND, Standing.UNNAMED} for file in files)


def finish_names(queue: Database, batch_id: int, folder: Folder) -> int:
    """Pictures of finished jobs that have none yet."""
    finished = 0
    for found in folder.find():
        with opened(queue) as store:
            row = store.job_of_key(batch_id, found.key)
        if row is None or not row.came_by(found.attempt):
            continue
        finish_name(queue, folder, row)
        finished += 1
    return finished
