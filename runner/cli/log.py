"""A run told to programs: one JSON object a line on stderr, a line an attempt."""

import time
from collections.abc import Sequence
from typing import Any

import orjson
import typer

from runner import results
from runner.cli.speaking import unheard
from runner.job import State
from runner.store import Settled, Tally

EVERY_S = 10.0
"""Seconds between two looks at the counters."""


def log(level: str, event: str, **fields: Any) -> None:
    """One line: time (UTC, to the millisecond), level, event, and what the event has."""
    line = {"time": results.moment(time.time()), "level": level, "event": event, **fields}
    with unheard():
        typer.echo(orjson.dumps(line), err=True)


def message(level: str, words: str) -> None:
    """What else is said."""
    log(level, "message", message=words)


class Log:
    """Watches a batch."""

    def __init__(self, batch: str) -> None:
        self._batch = batch
        self._next_at = 0.0

    def began(self, tally: Tally) -> None:
        self._next_at = time.monotonic() + EVERY_S
        log("info", "began", batch=self._batch, jobs=results.counts(tally))

    def moved(self, tally: Tally, why: str | None) -> None:
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + EVERY_S
            log("info", "progress", batch=self._batch, jobs=results.counts(tally), waits_for=why)

    def said(self, words: str) -> None:
        log("warning", "message", batch=self._batch, message=words)

    def heard(self, settled: Sequence[Settled]) -> None:
        for each in settled:
            log(level(each), "attempt", batch=self._batch, **attempt(each))


def level(settled: Settled) -> str:
    """`warning`: it comes again."""
    match settled.settlement.state:
        case State.SUCCEEDED:
            return "info"
        case State.FAILED | State.UNKNOWN:
            return "error"
        case _:
            return "info" if settled.settlement.cause is None else "warning"


def attempt(settled: Settled) -> dict[str, Any]:
    claim, settlement, sent = settled.claim, settled.settlement, settled.attempt
    return {
        "job": claim.id,
        "attempt": claim.attempt,
        "state": settlement.state,
        "cause": settlement.cause if sent is None else sent.cause,
        "message": settlement.message,
        "endpoint": claim.endpoint,
        "model": claim.model,
        "http_status": sent and sent.http_status,
        "request_id": sent and sent.request_id,
        "latency_s": sent and results.seconds(sent.latency_s),
        "cost_usd": sent and results.usd(sent.cost_nusd),
        "due_at": results.moment(settlement.due_at),
    }
