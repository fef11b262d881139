"""`runner resume`: going on from the queue alone."""

from typing import TYPE_CHECKING

import typer

from runner.cli.audience import LogFormat, audience
from runner.cli.finding import batch
from runner.cli.options import (
    Batch,
    Db,
    Json,
    Junit,
    Limit,
    Log,
    MaxCost,
    MetricsFile,
    MetricsPort,
    NoWait,
    Preflight,
    Until,
)
from runner.cli.speaking import say, say_waiting
from runner.cli.working import deadline_of, options, work, write_junit

if TYPE_CHECKING:
    from runner.store import BatchRow


def resume(
    name: Batch = "",
    *,
    db: Db = "",
    limit: Limit = None,
    max_cost: MaxCost = None,
    until: Until = "",
    no_wait: NoWait = False,
    preflight: Preflight = False,
    as_json: Json = False,
    log_format: Log = LogFormat.TEXT,
    junit: Junit = "",
    metrics_port: MetricsPort = None,
    metrics_file: MetricsFile = "",
) -> None:
    """Go on with a batch from the queue alone.

    By default with the newest unfinished one; where there is none, there is nothing to do.
    """
    seen_by = audience(log_format, port=metrics_port, file=metrics_file)
    bounds = options(
        limit=limit, max_cost=max_cost, deadline=deadline_of(until), no_wait=no_wait, preflight=preflight
    )
    row = wanted(db, name)
    if row is None:
        say("nothing to resume: no batch is unfinished")
        return
    if row.paused and unpaused(db, row):
        say(f"{row.name}: unpaused, its runner goes on")
        return
    ended = work(db, row.name, bounds, seen_by, as_json=as_json)
    write_junit(ended.db, [row.name], junit)
    raise typer.Exit(ended.exit_status)


def wanted(db: str, name: str) -> "BatchRow | None":
    from runner import compose, database

    try:
        with compose.reading(db) as store:
            return batch(store, name) if name else store.batch(unfinished=True)
    except database.NoQueue:
        if name:
            raise
        return None


def unpaused(db: str, row: "BatchRow") -> bool:
    """Unpause it; returns whether a living runner goes on with it."""
    from runner import compose

    with compose.writing(db, waiting=say_waiting) as store:
        store.pause(row.id, paused=False)
        return compose.is_running(db, store, row)
