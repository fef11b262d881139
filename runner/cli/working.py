"""A batch worked on before somebody's eyes, and what came of it."""

import gc
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from runner import memory
from runner.cli.audience import Audience
from runner.cli.finding import batch
from runner.cli.options import DEFAULT_DB
from runner.cli.speaking import say, tell_json
from runner.cli.times import moment_of

if TYPE_CHECKING:
    from runner.compose import Ended, RunOptions
    from runner.store import BatchRow

RESULTS = "results.jsonl"


def options(
    *,
    limit: int | None,
    max_cost: float | None,
    deadline: float | None,
    no_wait: bool,
    preflight: bool = False,
) -> "RunOptions":
    """What was asked for on the command line."""
    from runner.compose import RunOptions

    return RunOptions(
        limit=limit, max_cost_usd=max_cost, until=deadline, waits=not no_wait, preflight=preflight
    )


def deadline_of(until: str) -> float | None:
    """Seconds since the epoch; None where none was asked for."""
    try:
        return moment_of(until, time.time()) if until else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--until'") from None


def work(db: str, name: str, bounds: "RunOptions", seen_by: Audience, *, as_json: bool) -> "Ended":
    """Work on the batch until its end, and tell of it."""
    import anyio

    from runner import compose, results

    began_at = time.monotonic()
    with compose.reading(db) as store:
        row = batch(store, name)
    with seen_by.of(row) as watching, spared():
        job = partial(compose.work, db, name, bounds, watching.watcher, heard=watching.heard)
        ended = anyio.run(job, backend_options={"use_uvloop": sys.platform != "win32"})
    elapsed_s = time.monotonic() - began_at
    ended = followed(row, ended, command(db))
    seen_by.ended(name, ended.exit_status)
    summarise(ended.db, name, elapsed_s=elapsed_s)
    if as_json:
        with compose.reading(ended.db) as store:
            tell_json(results.status(batch(store, name)))
    return ended


def followed(row: "BatchRow", ended: "Ended", runner: str) -> "Ended":
    """How the run ended, once what its manifest asks for after it is done."""
    import anyio

    from runner.settings import Settings

    if not Settings.model_validate_json(row.settings).report:
        return ended
    from runner import morning

    return anyio.run(partial(morning.after, row, ended, runner=runner, say=say))


@contextmanager
def spared() -> Iterator[None]:
    """Spare the collector what was imported: it went over every module's objects again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def write_junit(db: str, names: Sequence[str], target: str) -> None:
    """The batches as JUnit XML, where that is asked for."""
    from runner import compose
    from runner.files import Unwritable

    if target:
        try:
            say(f"written: {compose.junit(db, names, Path(target))}")
        except Unwritable as error:
            say(str(error), "error")


def summarise(db: str, name: str, *, elapsed_s: float) -> None:
    """The last words of a run."""
    from runner import compose
    from runner.report.tables import summary

    with compose.reading(db) as store:
        row = batch(store, name)
        found = store.failures(row.id)
    written = Path(row.folder) / RESULTS
    where = str(written) if written.exists() else None
    for line in summary(
        row, found, results=where, elapsed_s=elapsed_s, peak=memory.peak(), runner=command(db)
    ):
        say(line)


def command(db: str) -> str:
    """How to call this program so that it finds the same queue."""
    return "runner" if db == DEFAULT_DB else f"runner --db {db}"
