"""A run drawn on a terminal: apart, since what draws takes a while to load, and few runs are watched."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from runner.cli.speaking import unheard
from runner.report.drawing import picture
from runner.report.progress import Meter, beginning
from runner.store import Tally


class Picture:
    """Drawn again and again in the same place; what is said stands above it."""

    def __init__(self, meter: Meter, live: Live) -> None:
        self._meter = meter
        self._live = live

    def began(self, tally: Tally) -> None:
        self.said(beginning(tally))
        self.moved(tally, None)

    def moved(self, tally: Tally, why: str | None) -> None:
        with unheard():
            self._live.update(picture(self._meter.read(tally, why, time.time())), refresh=True)

    def said(self, message: str) -> None:
        with unheard():
            self._live.console.print(Text(message))


@contextmanager
def drawn(meter: Meter) -> Iterator[Picture]:
    """On stderr, until the run is over."""
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False) as live:
        yield Picture(meter, live)
