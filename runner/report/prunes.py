"""What was removed of a queue or would be, in words and as an object."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from runner.compose.pruning import Choice, Pruned, Removed
from runner.report.words import many, plain, size


def lines(done: Pruned) -> Iterator[str]:
    """A line a batch, then the sum of it."""
    for each in done.removed:
        yield f"removed {plain(each.name)}: {many(each.jobs, 'job')}{freed(each)}"
        if each.left:
            yield f"  {many(each.left, 'file')} in {plain(each.folder, None)}: not of the batch, left there"
    yield from map(stays, done.kept)
    outputs = sum(each.freed for each in done.removed)
    also = f" and {size(outputs)} of outputs" if outputs else ""
    yield f"{batches(len(done.removed))} removed; {size(done.freed)} of the queue{also} given back"


def batches(count: int) -> str:
    return many(count, "batch", "batches")


def freed(removed: Removed) -> str:
    return f", {size(removed.freed)} of outputs" if removed.freed else ""


def stays(choice: Choice) -> str:
    return f"kept {plain(choice.row.name)}: {choice.kept_for}"


def foretold(found: Sequence[Choice], outputs: int) -> Iterator[str]:
    """The same before it is done; `outputs`: their bytes."""
    going = [each for each in found if each.kept_for is None]
    for each in going:
        yield f"would remove {plain(each.row.name)}: {many(each.row.tally.total, 'job')}"
    yield from (stays(each) for each in found if each.kept_for is not None)
    also = f", and {size(outputs)} of outputs" if outputs else ""
    yield f"{batches(len(going))} would be removed{also}"


def shown(done: Pruned) -> dict[str, Any]:
    """What `runner prune --json` prints: one object."""
    return {
        "removed": [
            {"batch": each.name, "jobs": each.jobs, "output_bytes": each.freed, "left": each.left}
            for each in done.removed
        ],
        "kept": kept(done.kept),
        "queue_bytes": done.freed,
        "output_bytes": sum(each.freed for each in done.removed),
        "dry_run": False,
    }


def foreseen(found: Sequence[Choice], outputs: int) -> dict[str, Any]:
    """The same of what would be done; what the queue would give back is not known before."""
    going = [each.row for each in found if each.kept_for is None]
    return {
        "removed": [{"batch": row.name, "jobs": row.tally.total} for row in going],
        "kept": kept(each for each in found if each.kept_for is not None),
        "queue_bytes": None,
        "output_bytes": outputs,
        "dry_run": True,
    }


def kept(found: Iterable[Choice]) -> list[dict[str, Any]]:
    return [{"batch": each.row.name, "why": each.kept_for} for each in found]
