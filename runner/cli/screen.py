"""What is seen of a run while it lasts: a live picture on a terminal, elsewhere a line every ten seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from runner.cli.speaking import say
from runner.report.progress import Meter, beginning, line
from runner.store import Tally

EVERY_S = 10.0
"""Seconds between two lines."""


class Screen(Protocol):
    """Shows a run; it watches without a say in it."""

    def began(self, tally: Tally) -> None: ...
    def moved(self, tally: Tally, why: str | None) -> None: ...
    def said(self, message: str) -> None: ...


class Lines:
    """A line every now and then."""

    def __init__(self, meter: Meter, every_s: float = EVERY_S) -> None:
        self._meter = meter
        self._every_s = every_s
        self._next_at = 0.0

    def began(self, tally: Tally) -> None:
        say(beginning(tally))
        self._meter.read(tally, None, time.time())
        self._next_at = time.monotonic() + self._every_s

    def moved(self, tally: Tally, why: str | None) -> None:
        progress = self._meter.read(tally, why, time.time())
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + self._every_s
            say(line(progress))

    def said(self, message: str) -> None:
        say(message)


@contextmanager
def screen(batch: str, *, priced: bool) -> Iterator[Screen]:
    """What suits the place that stderr goes to."""
    meter = Meter(batch, priced=priced)
    if not sys.stderr.isatty():
        yield Lines(meter)
        return
    from runner.cli.picture import drawn

    with drawn(meter) as picture:
        yield picture
