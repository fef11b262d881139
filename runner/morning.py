"""What a run leaves for who was asleep: a page, its numbers, a verdict, and word of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from anyio import to_thread

from runner import compose
from runner.files import Unwritable
from runner.notice import Event
from runner.report import page, summary
from runner.report.comparison import Comparison, compared, document
from runner.report.words import many, money
from runner.settings import Settings
from runner.store import BatchRow, BatchState
from runner.value import value

PAGE, DATA = "report.html", "report.json"
LOOKED_AT = 1_000
"""Pictures that are looked at, where nothing else is asked for: each is decoded whole."""
DONE, BROKEN = 0, 1
Say = Callable[[str], None]


@value
class Sheet:
    """A batch as it is reported: its numbers, beside those of the batch before it."""

    made: compose.Report
    numbers: dict[str, Any]
    comparison: Comparison

    @property
    def row(self) -> BatchRow:
        return self.made.facts.batch

    def html(self, at: Path, runner: str) -> bytes:
        """The page as it is to stand at a path."""
        made = self.made
        return page.page(made.facts, made.shown, self.comparison, at=at, runner=runner).encode()

    def json(self) -> bytes:
        return orjson.dumps(self.numbers, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def sheet(
    db: str, row: BatchRow, runner: str, *, at: float, looked_at: int = LOOKED_AT, shows: bool = True
) -> Sheet:
    """Sum a batch up, and the one before it; causes that are new come first. Raises `QueueError`."""
    made = compose.report(db, row.name, at=at, looked_at=looked_at, shows=shows)
    settings = Settings.model_validate_json(row.settings)
    before = compose.before(db, row)
    last = None if before is None else numbers_of(db, before, runner, at)
    beside = compared(summary.shown(made.facts, runner), last, settings.alert)
    failures = sorted(made.facts.failures, key=lambda each: each.cause not in beside.new_causes)
    made = replace(made, facts=replace(made.facts, failures=tuple(failures)))
    return Sheet(
        made=made,
        numbers={**summary.shown(made.facts, runner), **document(beside)},
        comparison=beside,
    )


def numbers_of(db: str, row: BatchRow, runner: str, at: float) -> dict[str, Any]:
    return summary.shown(compose.report(db, row.name, at=at, looked_at=0, shows=False).facts, runner)


async def after(
    begun: BatchRow, ended: compose.Ended, *, runner: str = "runner", say: Say = lambda _: None
) -> compose.Ended:
    """What follows a run of a batch whose manifest asks for it; how the run ended, its rules regarded.

    `begun` is the batch before the run. Where somebody stopped it by a signal, nobody is told of it.
    """
    settings = Settings.model_validate_json(begun.settings)
    if not settings.report or ended.signalled is not None:
        return ended
    was_idle = begun.tally.pending + begun.tally.running == 0
    at = time.time()
    made = await to_thread.run_sync(lambda: sheet(ended.db, begun, runner, at=at, shows=not was_idle))
    status = judged(ended.exit_status, made)
    for broken in made.comparison.broken:
        say(broken.words)
    if not was_idle:
        await leave(made, settings, status, runner=runner, say=say)
    return replace(ended, exit_status=status)


def judged(exit_status: int, made: Sheet) -> int:
    """The exit status of a run, once its rules are regarded."""
    return BROKEN if exit_status == DONE and not made.comparison.is_well else exit_status


async def leave(made: Sheet, settings: Settings, exit_status: int, *, runner: str, say: Say) -> None:
    """Write page and numbers beside the outputs, and tell those who want to be told.

    What cannot be written or sent is said, and fails nothing.
    """
    said = await to_thread.run_sync(lambda: write(made, runner))
    said += await compose.tell(made.row.path, settings, message(made, exit_status))
    for words in said:
        say(words)


def message(made: Sheet, exit_status: int) -> compose.Message:
    row, place = made.row, str(Path(made.row.folder) / PAGE)
    return compose.Message(
        events=events(is_finished=row.state is BatchState.FINISHED, is_well=made.comparison.is_well),
        title=title(row),
        text="\n".join((*text(made), place)),
        document={"exit_status": exit_status, "report": place, **made.numbers},
    )


def write(made: Sheet, runner: str) -> list[str]:
    """Both files; what is to be said of them."""
    folder = Path(made.row.folder)
    try:
        compose.write_whole(folder / DATA, made.json())
        compose.write_whole(folder / PAGE, made.html(folder / PAGE, runner))
    except Unwritable as error:
        return [str(error)]
    return [f"report in {folder / PAGE}"]


def events(*, is_finished: bool, is_well: bool) -> frozenset[Event]:
    """What has come to pass."""
    happened: list[Event] = ["always", "finished" if is_finished else "stopped"]
    return frozenset(happened if is_well else [*happened, "alert"])


def title(row: BatchRow) -> str:
    tally, reason = row.tally, "" if row.reason is None else f" ({row.reason})"
    return f"{row.name}: {row.state}{reason}, {tally.succeeded:,} of {tally.total:,} succeeded"


def text(made: Sheet) -> Iterator[str]:
    """The page in a few lines."""
    tally, facts, beside = made.row.tally, made.made.facts, made.comparison
    yield from (each.words for each in beside.broken)
    if left := tally.pending + tally.running:
        yield f"{many(left, 'job')} left: the next start goes on"
    yield f"{many(tally.outputs, 'output')}, {money(facts.nusd)} spent"
    yield f"{many(facts.attempts, 'request')}, {facts.refusals:,} of them refused"
    for each in facts.failures:
        new = " (new)" if each.cause in beside.new_causes else ""
        yield f"{each.count:,} {each.state}: {each.cause}{new}"
