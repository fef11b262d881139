"""The queue as verbs: what is written is written in batches, in the transaction of the caller."""

from runner.schema import BatchState
from runner.store.claiming import ALONE
from runner.store.copying import Copying
from runner.store.pruning import Pruning
from runner.store.recovering import Recovering
from runner.store.reusing import Reusing
from runner.store.rows import (
    Among,
    BatchRow,
    Change,
    Closed,
    Controls,
    Failure,
    FileRow,
    JobRow,
    NewBatch,
    Orphan,
    Rename,
    Settled,
    Submitted,
    Tally,
    Usual,
)
from runner.store.sendings import Sendings
from runner.store.steering import Steering
from runner.store.submitting import Submitting
from runner.store.summing import Summing
from runner.store.suspecting import Judged, Suspecting
from runner.store.verifying import Verifying

__all__ = [
    "ALONE",
    "Among",
    "BatchRow",
    "BatchState",
    "Change",
    "Closed",
    "Controls",
    "Failure",
    "FileRow",
    "JobRow",
    "Judged",
    "NewBatch",
    "Orphan",
    "Rename",
    "Settled",
    "Store",
    "Submitted",
    "Tally",
    "Usual",
]


class Store(
    Submitting,
    Suspecting,
    Recovering,
    Verifying,
    Steering,
    Reusing,
    Sendings,
    Summing,
    Pruning,
    Copying,
):
    """All verbs, over one connection."""
