"""Answers that another batch of the queue has paid for, taken over while a manifest is submitted.

Their pictures are put in place first, among those that wait for their names; then the rows say that the jobs
have succeeded, in the transaction that the manifest is submitted in; and last the pictures get their names.
"""

import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner import crash, database
from runner.compose.keeping import finish_name, outputs
from runner.compose.opening import opened
from runner.files import is_file
from runner.outcome import Loan
from runner.store import BatchRow, Store

AT_ONCE = 500
"""Jobs in memory at once."""


@dataclass(slots=True)
class Reused:
    """What jobs of a batch have taken over."""

    rows: "array[int]" = field(default_factory=lambda: array("q"))
    lacking: list[str] = field(default_factory=list)
    """What could have been taken over, had its files been there: the first of it."""
    lacks: int = 0

    def notes(self) -> Iterator[str]:
        """In words."""
        if self.rows:
            yield f"{len(self.rows):,} reused from other batches, at no cost"
        if self.lacks:
            more = f" and {self.lacks - 1:,} more" if self.lacks > 1 else ""
            yield f"not reused, for their files are gone, changed or in a bucket: {self.lacking[0]}{more}"


def take_over(store: Store, batch: BatchRow) -> Reused:
    """All that the jobs which wish for it can have; raises `Unwritable`."""
    folder, reused = outputs(batch), Reused()
    for some in store.loans(batch.id):
        loans = [loan for loan in some if store.is_new(batch.id, loan)]
        kept = folder.borrow(loans) if loans else []
        lent = [(loan, files) for loan, files in zip(loans, kept, strict=True) if files is not None]
        crash.point("lent")
        store.take_over(batch.id, lent, now=time.time())
        reused.rows.extend(loan.row for loan, _ in lent)
        reused.lacks += len(loans) - len(lent)
        lacking = [loan.name for loan, files in zip(loans, kept, strict=True) if files is None]
        reused.lacking = reused.lacking or lacking[:1]
    store.finish_if_done(batch.id, now=time.time())
    return reused


def name_all(db: str, batch: BatchRow, rows: Sequence[int]) -> None:
    """Give the pictures of jobs that have taken over answers their names; a start does so, too."""
    queue, folder = database.named(db), outputs(batch)
    for start in range(0, len(rows), AT_ONCE):
        with opened(queue) as store:
            some = store.jobs_of(rows[start : start + AT_ONCE])
        for job in some:
            if any(each.path is not None for each in job.outputs):
                finish_name(queue, folder, job)


def is_there(loan: Loan) -> bool:
    """Whether its files seem to be there; what is in them is looked at when it is taken over."""
    files = [each for each in loan.outputs if each.path is not None]
    return all(is_file(Path(loan.folder) / (each.path or ""), each.bytes) for each in files)
