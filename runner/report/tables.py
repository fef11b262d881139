"""Rows of the queue as lines for people: batches, jobs, one job in full, failures."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import orjson

from runner.job import State
from runner.outcome import Attempt, Kept
from runner.provenance import Provenance
from runner.report.advice import told, why_stopped
from runner.report.words import TIMES, columns, date, duration, many, money, plain, size, visible
from runner.results import moment
from runner.store.rows import BatchRow, Failure, JobRow

SHOWN_STATES = (State.SUCCEEDED, State.FAILED, State.UNKNOWN, State.RUNNING, State.PENDING, State.CANCELLED)
"""In the order that people ask for them."""


def batches(rows: Sequence[BatchRow]) -> list[str]:
    """A line a batch, under the names of its columns."""
    head = ("batch", "state", "total", "succeeded", "failed", "unknown", "pending", "spent", "updated", "why")
    return columns([head, *map(batch, rows)], right=frozenset(range(2, 8)))


def batch(row: BatchRow) -> tuple[str, ...]:
    tally = row.tally
    numbers = (tally.total, tally.succeeded, tally.failed, tally.unknown, tally.pending + tally.running)
    return (
        row.name,
        row.state.value,
        *(f"{number:,}" for number in numbers),
        spent(row),
        date(row.updated_at),
        row.reason or "",
    )


def spent(row: BatchRow) -> str:
    return money(row.tally.spent_nusd if row.priced else None)


def counts(row: BatchRow) -> str:
    """`40 jobs: 38 succeeded, 2 failed`."""
    shown = [
        f"{getattr(row.tally, state):,} {state}" for state in SHOWN_STATES if getattr(row.tally, state.value)
    ]
    return f"{many(row.tally.total, 'job')}: {', '.join(shown) or 'none'}"


def jobs(rows: Iterable[JobRow]) -> Iterator[str]:
    """A line a job, as they come: id, state, sendings, cost, latency, and what came or why nothing did."""
    for row in rows:
        cost = money(row.cost_nusd) if row.attempts else "-"
        took = "-" if row.latency_s is None else duration(row.latency_s)
        sent = f"{row.attempts:>2}{TIMES}"
        yield f"{row.id:<24}  {row.state:<9}  {sent}  {cost:>9}  {took:>7}  {gist(row)}".rstrip()


def gist(row: JobRow) -> str:
    """What came of a job, or why nothing did, or what it asks for."""
    if row.cause is not None:
        return plain(f"{row.cause}: {row.message or ''}")
    if row.outputs:
        return plain(", ".join(map(essence, row.outputs)))
    return plain(row.prompt or "")


def essence(kept: Kept) -> str:
    """A file's name, a text itself, and of the rest what it is."""
    if kept.kind == "text":
        return kept.value or ""
    return kept.path or f"{kept.kind} ({size(kept.bytes)})"


def job(batch: BatchRow, row: JobRow, history: Sequence[Attempt]) -> Iterator[str]:
    """Everything that is known of a job."""
    yield f"{batch.name}/{row.id}  {row.state}  sample {row.sample}  key {row.key}"
    if row.cause is not None:
        yield f"{row.cause}: {plain(row.message or '', None)}"
    elif row.message:
        yield plain(row.message, None)
    yield f"{row.endpoint}  {row.model}  {money(row.cost_nusd)}"
    yield from ("", "request", indented(orjson.loads(row.body)))
    yield from ("", many(len(history), "attempt"))
    yield from attempts(history)
    yield from unfit(history)
    yield from ("", many(len(row.outputs), "output"))
    for kept in row.outputs:
        yield from output(kept, batch.place)


def picture(told: Provenance) -> Iterator[str]:
    """What a picture's file tells; it may come from anybody."""
    yield plain(f"{told.batch}/{told.id}  picture {told.index}  sample {told.sample}  key {told.key}", None)
    yield plain(f"{told.served_by}  {told.model}  {told.made_at}", None)
    yield plain(f"{told.server.dialect} at {told.server.url}  key {told.server.key or 'none'}", None)
    if told.seed is not None:
        yield f"with the fresh seed {told.seed}"
    for name, content in (("request", told.request), ("vars", told.vars)):
        if content:
            yield from ("", name, indented(content))
    if told.left_out:
        yield from ("", plain(f"no room for: {', '.join(told.left_out)}", None))


def indented(document: Any) -> str:
    return visible(json.dumps(document, indent=2, ensure_ascii=False))


def attempts(history: Sequence[Attempt]) -> list[str]:
    rows = [
        (
            f"  {each.number}",
            moment(each.started_at) or "",
            duration(each.latency_s),
            "-" if each.http_status is None else str(each.http_status),
            money(each.cost_nusd),
            remarks(each),
        )
        for each in history
    ]
    return columns(rows) if rows else []


def unfit(history: Sequence[Attempt]) -> Iterator[str]:
    """What is kept of answers that are no outputs, and how they begin; `--json` has all that is kept."""
    for each in history:
        if each.cause is not None and each.body:
            start = plain(each.body.decode(errors="replace"), 200)
            yield f"  answer {each.number} ({size(len(each.body))}): {start}"


def remarks(each: Attempt) -> str:
    """How an attempt ended, and what it means for the bill."""
    parts = [
        "ok" if each.cause is None else plain(f"{each.cause}: {each.message or ''}", None),
        "" if each.counted else "went on from an earlier answer",
        "may be billed" if each.billed and each.cause is not None else "",
        "may be billed twice" if each.again else "",
        "" if each.seed is None else f"with the seed {each.seed}",
        f"request {plain(each.request_id)}" if each.request_id else "",
    ]
    return "  ".join(filter(None, parts))


def output(kept: Kept, folder: str) -> Iterator[str]:
    side = "" if kept.width is None else f"  {kept.width}{TIMES}{kept.height}"
    where = "" if kept.path is None else f"  {folder}/{kept.path}"
    yield f"  {kept.index}  {kept.kind}  {kept.mime}  {size(kept.bytes)}{side}  {kept.sha256[:12]}…{where}"
    for name, words in (("revised prompt", kept.revised_prompt), ("finish reason", kept.finish_reason)):
        if words:
            yield f"     {name}: {plain(words, None)}"
    if kept.value is not None:
        yield f"     {plain(kept.value, 500)}"


def failures(batch: str, found: Sequence[Failure], runner: str) -> Iterator[str]:
    """By cause: how many, one of them, and what to do. `runner` is the command's name with its queue."""
    for each in found:
        example = each.example
        yield f"{each.count:,} {TIMES} {each.cause} ({each.state})"
        yield f"    such as {plain(example.id)}: {plain(example.message or '', 200)}"
        yield f"    {told(batch, each, runner)}"


class DayUsed(Protocol):
    """What of a provider's day is used with the key of an endpoint, by all batches."""

    @property
    def endpoint(self) -> str: ...
    @property
    def requests(self) -> int: ...
    @property
    def limit(self) -> int: ...
    @property
    def resets_at(self) -> str: ...
    @property
    def nusd(self) -> int: ...


def status(
    row: BatchRow, found: Sequence[Failure], *, why: Sequence[str], days: Iterable[DayUsed], now: float
) -> Iterator[str]:
    """A batch at a glance; `why` is what it waits for, `days` the limited ones of its endpoints."""
    yield f"{row.name}  {row.state}{'' if row.reason is None else f': {why_stopped(row.reason)}'}"
    yield counts(row)
    yield f"{many(row.tally.attempts, 'request')}, {many(row.tally.outputs, 'output')}, {spent(row)} spent"
    if row.tally.maybe_billed_twice:
        yield twice(row)
    yield from speed(row, now)
    yield from map(day, days)
    yield from (f"waiting: {plain(each, None)}" for each in why)
    yield from (f"{each.count:,} {TIMES} {each.cause} ({each.state})" for each in found)


def day(used: DayUsed) -> str:
    """`nebula: 120 of 200 requests since 00:00 UTC with its key, $0.4560`."""
    part = f"{used.requests:,} of {many(used.limit, 'request')}"
    spend = f", {money(used.nusd)}" if used.nusd else ""
    return f"{used.endpoint}: {part} since {used.resets_at} UTC with its key{spend}"


def twice(row: BatchRow) -> str:
    return f"{many(row.tally.maybe_billed_twice, 'request')} may have been billed twice"


def speed(row: BatchRow, now: float) -> Iterator[str]:
    """How fast it has been since it first ran, and how long it would go on like that."""
    ended = row.tally.succeeded + row.tally.failed + row.tally.unknown
    if row.started_at is None or not ended:
        return
    until = row.finished_at or now
    rate = ended / max(until - row.started_at, 0.001)
    if row.finished_at is not None:
        yield f"finished {date(row.finished_at)}, {duration(until - row.started_at)} after it began"
    elif left := row.tally.pending + row.tally.running:
        yield f"{rate:.1f} jobs/s since {date(row.started_at)}, {duration(left / rate)} left at that rate"


def summary(
    row: BatchRow,
    found: Sequence[Failure],
    *,
    results: str | None,
    elapsed_s: float,
    peak: int,
    runner: str,
) -> Iterator[str]:
    """The end of a run: what there is, where it is, what it came to, and what to do next.

    `peak`: the most memory that it took, in bytes.
    """
    yield f"{row.name}: {ending(row)} after {duration(elapsed_s)}, {size(peak)} of memory at most"
    yield f"  {counts(row)}"
    yield f"  {many(row.tally.attempts, 'request')}, {spent(row)} spent"
    if row.tally.maybe_billed_twice:
        yield f"  {twice(row)}"
    if row.tally.late:
        yield f"  {many(row.tally.late, 'late result')} dropped"
    yield f"  {many(row.tally.outputs, 'output')} in {row.place}"
    if results is not None:
        yield f"  results in {results}"
    yield from (f"  {each}" for each in failures(row.name, found, runner))
    if row.tally.pending or row.tally.running:
        yield f"  go on with: {runner} resume {row.name}"


def ending(row: BatchRow) -> str:
    return row.state.value if row.reason is None else f"stopped: {why_stopped(row.reason)}"
