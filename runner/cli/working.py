"""A batch worked on before somebody's eyes, and what came of it."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner.cli.finding import batch
from runner.cli.options import DEFAULT_DB
from runner.cli.speaking import say, tell_json
from runner.cli.times import moment_of

if TYPE_CHECKING:
    from runner.compose import RunOptions

RESULTS = "results.jsonl"
SIGNALLED = frozenset({130, 143})
"""Exit statuses of a run that a signal ended: nothing is begun after it."""


def options(*, limit: int | None, max_cost: float | None, until: str, no_wait: bool) -> "RunOptions":
    """What was asked for on the command line."""
    deadline = until_when(until) if until else None
    from runner.compose import RunOptions

    return RunOptions(limit=limit, max_cost_usd=max_cost, until=deadline, waits=not no_wait)


def until_when(text: str) -> float:
    try:
        return moment_of(text, time.time())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--until'") from None


def work(db: str, name: str, bounds: "RunOptions", *, as_json: bool) -> int:
    """Work on the batch until its end, tell of it, and return its exit status."""
    import anyio

    from runner import compose, results
    from runner.cli.screen import screen

    began_at = time.monotonic()
    with compose.reading(db) as store:
        priced = batch(store, name).priced
    with screen(name, priced=priced) as watcher:
        ended = anyio.run(
            compose.work, db, name, bounds, watcher, backend_options={"use_uvloop": sys.platform != "win32"}
        )
    summarise(db, name, elapsed_s=time.monotonic() - began_at)
    if as_json:
        with compose.reading(db) as store:
            tell_json(results.status(batch(store, name)))
    return ended.exit_status


def summarise(db: str, name: str, *, elapsed_s: float) -> None:
    """The last words of a run."""
    from runner import compose
    from runner.report.tables import summary

    with compose.reading(db) as store:
        row = batch(store, name)
        found = store.failures(row.id)
    written = Path(row.folder) / RESULTS
    where = str(written) if written.exists() else None
    for line in summary(row, found, results=where, elapsed_s=elapsed_s, runner=command(db)):
        say(line)


def command(db: str) -> str:
    """How to call this program so that it finds the same queue."""
    return "runner" if db == DEFAULT_DB else f"runner --db {db}"
