"""`runner status`: how a batch stands."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json
from runner.cli.speaking import tell, tell_json
from runner.cli.working import command

if TYPE_CHECKING:
    from runner.store import BatchRow, Store

EVERY_S = 1.0

Watch = Annotated[bool, typer.Option("--watch", help="Again every second, until it is finished or stopped.")]


def status(name: Batch = "", *, db: Db = "", watch: Watch = False, as_json: Json = False) -> None:
    """Show counts, rate, cost, time left, and why it waits."""
    row = show(db, name, as_json=as_json)
    while watch and row.state == "running":
        time.sleep(EVERY_S)
        row = show(db, row.name, as_json=as_json)


def show(db: str, name: str, *, as_json: bool) -> "BatchRow":
    from runner import compose, results
    from runner.report import tables

    with compose.reading(db) as store:
        row = batch(store, name)
        found, why = store.failures(row.id), waits(db, store, row)
        row, now = compose.as_it_stands(db, store, row), time.time()
        days = list(compose.days(store, row, now))
    if as_json:
        tell_json(results.status(row))
    else:
        tell(tables.status(row, found, why=why, days=days, now=now))
    return row


def waits(db: str, store: "Store", row: "BatchRow") -> list[str]:
    """Why nothing is done for a batch that is not finished, as far as the queue knows."""
    from runner import compose

    go_on = f"`{command(db)} resume {row.name}`"
    if row.paused:
        return [f"paused: {go_on} goes on"]
    if compose.is_running(db, store, row):
        return [row.why] if row.why else [] if row.tally.running else due(store, row)
    gone = [f"its runner is gone: {go_on} goes on"] if row.state == "running" else []
    left = row.tally.pending or row.tally.running
    return gone + (list(compose.closings(store, row, time.time())) or due(store, row) if left else [])


def due(store: "Store", row: "BatchRow") -> list[str]:
    """When the next try is due, where that is not now."""
    import orjson

    from runner.report.words import clock

    endpoints = orjson.loads(row.settings)["endpoints"]
    times = [store.next_due(row.id, endpoint) for endpoint in endpoints]
    first = min((at for at in times if at is not None), default=0.0)
    return [f"the next try is due at {clock(first)}"] if first > time.time() else []
