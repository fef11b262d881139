"""Who watches a run: a terminal or a log, and metrics where they are asked for."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.speaking import Refused, say, speak_as
from runner.value import value

if TYPE_CHECKING:
    from runner.compose import Watcher
    from runner.metrics import Metrics
    from runner.store import BatchRow, Settled, Tally

EVERY_S = 10.0
"""Seconds between two writings of the metrics' file."""


class LogFormat(StrEnum):
    """How a run is told of on stderr."""

    TEXT = "text"
    JSON = "json"


@value(kw_only=False)
class Watching:
    """What a run is given: who watches it, and who hears of its results."""

    watcher: "Watcher"
    heard: "Callable[[Sequence[Settled]], None]"


@value
class Audience:
    """The same over all batches of a command."""

    log_format: LogFormat
    metrics: "Metrics | None"
    file: Path | None

    @contextmanager
    def of(self, row: "BatchRow") -> Iterator[Watching]:
        """Those who watch that batch."""
        with self._seen(row) as seen:
            yield seen if self.metrics is None else self._measured(row, seen, self.metrics)

    @contextmanager
    def _seen(self, row: "BatchRow") -> Iterator[Watching]:
        from runner.cli.log import Log
        from runner.cli.screen import screen

        if self.log_format is LogFormat.JSON:
            log = Log(row.name)
            yield Watching(log, log.heard)
        else:
            with screen(row.name, priced=row.priced) as watcher:
                yield Watching(watcher, lambda _: None)

    def _measured(self, row: "BatchRow", seen: Watching, metrics: "Metrics") -> Watching:
        from runner.settings import Settings

        endpoints = Settings.model_validate_json(row.settings).endpoints

        def heard(settled: "Sequence[Settled]") -> None:
            seen.heard(settled)
            metrics.heard(row.name, endpoints, settled)

        return Watching(Measured(row.name, seen.watcher, metrics, self.file), heard)

    def ended(self, batch: str, exit_status: int) -> None:
        """The batch's run is over."""
        if self.metrics is not None:
            self.metrics.ended(batch, exit_status)
            if self.file is not None:
                written(self.metrics, self.file)


class Measured:
    """Tells the metrics what it tells another watcher."""

    def __init__(self, batch: str, watcher: "Watcher", metrics: "Metrics", file: Path | None) -> None:
        self._batch = batch
        self._watcher = watcher
        self._metrics = metrics
        self._file = file
        self._next_at = 0.0

    def began(self, tally: "Tally") -> None:
        self._watcher.began(tally)
        self._measure(tally, None)

    def moved(self, tally: "Tally", why: str | None) -> None:
        self._watcher.moved(tally, why)
        self._measure(tally, why)

    def said(self, message: str) -> None:
        self._watcher.said(message)

    def _measure(self, tally: "Tally", why: str | None) -> None:
        self._metrics.tallied(self._batch, tally, why)
        if self._file is not None and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + EVERY_S
            written(self._metrics, self._file)


def audience(log_format: LogFormat, *, port: int | None, file: str) -> Audience:
    """Who watches all that is run. Raises `Refused` where the metrics cannot be had or told."""
    if log_format is LogFormat.JSON:
        from runner.cli.log import message

        speak_as(message)
    metrics = measuring(port, file) if port is not None or file else None
    return Audience(log_format=log_format, metrics=metrics, file=Path(file) if file else None)


def written(metrics: "Metrics", path: Path) -> None:
    """A file that cannot be written is told of, and stops nothing."""
    try:
        metrics.write(path)
    except OSError as error:
        say(f"metrics: {path}: {error.strerror}", "warning")


def measuring(port: int | None, file: str) -> "Metrics":
    try:
        from runner.metrics import Metrics
    except ImportError:
        raise Refused("metrics need a library more: pip install 'runner[metrics]'") from None
    metrics = Metrics()
    try:
        if file:
            metrics.write(Path(file))
        if port is not None:
            metrics.serve(port)
    except OSError as error:
        place = f"port {port}" if error.filename is None else file
        raise Refused(f"metrics: {place}: {error.strerror}") from None
    return metrics
