"""Why nothing is sent for a batch, as far as the queue knows: for those who ask from beside it."""

from collections.abc import Iterator
from dataclasses import replace

from runner import database, pace
from runner.compose.setting import setting
from runner.endpoint import Endpoint
from runner.reason import Reason
from runner.settings import Settings
from runner.store import BatchRow, BatchState, Controls, Store
from runner.value import value


def is_running(db: str, store: Store, row: BatchRow) -> bool:
    """Whether a living runner works on the batch; of a server's queue only what it said last is known."""
    if row.state is not BatchState.RUNNING:
        return False
    queue = database.named(db)
    holder = queue.holder()
    if queue.path is None or holder is None:
        return queue.path is None
    return store.runner(row.id) == f"{holder.host}:{holder.pid}"


def as_it_stands(db: str, store: Store, row: BatchRow) -> BatchRow:
    """The batch; one that says it is running, and whose runner was killed, was interrupted."""
    if row.state is not BatchState.RUNNING or is_running(db, store, row):
        return row
    return replace(row, state=BatchState.STOPPED, reason=Reason.INTERRUPTED.value)


def closings(store: Store, row: BatchRow, now: float) -> Iterator[str]:
    """Endpoints that would send nothing now, by what was refused and what is used of a day."""
    controls = store.controls(row.id)
    for name, endpoint in Settings.model_validate_json(row.settings).endpoints.items():
        words = closing(store, row.id, (name, endpoint), controls.get(name, Controls()), now)
        if words is not None:
            yield f"{name}: {words}"


@value
class DayUsed:
    """What of a provider's day is used with the key of an endpoint, by all batches."""

    endpoint: str
    requests: int
    limit: int
    resets_at: str
    """UTC, `HH:MM`."""
    nusd: int
    """Billionths of a dollar, of what has a price."""


def days(store: Store, row: BatchRow, now: float) -> Iterator[DayUsed]:
    """Of the endpoints whose day is limited."""
    controls = store.controls(row.id)
    for name, endpoint in Settings.model_validate_json(row.settings).endpoints.items():
        limit = setting(endpoint, controls.get(name, Controls())).requests_per_day
        if limit is not None:
            resets_at = endpoint.limits.resets_at
            requests, nusd = store.used_since(row.id, name, since=pace.day_began(resets_at, now))
            yield DayUsed(endpoint=name, requests=requests, limit=limit, resets_at=resets_at, nusd=nusd)


def closing(
    store: Store, batch_id: int, named: tuple[str, Endpoint], controls: Controls, now: float
) -> str | None:
    name, endpoint = named
    closed = store.closed(batch_id, name, now=now)
    if closed is not None:
        return closed.why or pace.limited(closed.until)
    resets_at, limit = endpoint.limits.resets_at, setting(endpoint, controls).requests_per_day
    used = store.requests_since(batch_id, name, since=pace.day_began(resets_at, now))
    if limit is None or used < limit:
        return None
    return pace.Day(limit, used, now, opens=f"{resets_at} UTC").why()
