"""The batches of one pattern, night after night: which of them a manifest is, and what earlier ones left."""

from runner.compose.opening import batch_of, reading
from runner.manifest import Manifest
from runner.store import BatchRow, BatchState, Store
from runner.value import value


def numbered(store: Store, manifest: Manifest) -> Manifest:
    """The manifest as the run of its pattern that it goes on with, or the next.

    Where `{{ run }}` is part of the name, a finished batch is not gone on with.
    """
    series = store.series(manifest.pattern)
    is_counted = manifest.at_run(1).name != manifest.at_run(2).name
    for row in series:
        candidate = manifest.at_run(row.run)
        if candidate.name == row.name and not (is_counted and row.state is BatchState.FINISHED):
            return candidate
    return manifest.at_run(1 + max((row.run for row in series), default=0))


def before(db: str, own: BatchRow) -> BatchRow | None:
    """The batch of the same pattern before it that was worked on."""
    with reading(db) as store:
        earlier = (row for row in store.series(own.pattern) if (row.night, row.run) < (own.night, own.run))
        return next((row for row in earlier if row.started_at is not None), None)


@value(kw_only=False)
class Predecessors:
    """Earlier batches of a pattern that are not finished, the oldest first."""

    carried: tuple[str, ...]
    """Those to be worked on before the batch itself, by name."""
    notes: tuple[str, ...]
    """What is said of the others."""


def predecessors(db: str, manifest: Manifest, batch: str) -> Predecessors:
    """What the batch's predecessors have left; one that is paused is left to whom paused it."""
    with reading(db) as store:
        own = batch_of(store, batch, db)
        series = reversed(store.series(own.pattern))
    before = (own.night, own.run)
    left = [row for row in series if (row.night, row.run) < before and row.state is not BatchState.FINISHED]
    carried = [row for row in left if manifest.carry_over and not row.paused]
    return Predecessors(
        carried=tuple(row.name for row in carried),
        notes=tuple(unfinished(row, own.night) for row in left if row not in carried),
    )


def unfinished(row: BatchRow, today: str) -> str:
    """That it is there, and how to go on with it."""
    jobs = row.tally.pending + row.tally.running
    paused = " and paused" if row.paused else ""
    by_date = "" if row.night == today else f", `--date {row.night}`"
    ways = f"`runner resume {row.name}`{by_date} or `carry_over: true` takes it up"
    return f"{row.name} is unfinished{paused}, {jobs:,} left: {ways}"
