"""How a run is asked to end early: first in good order, then at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from signal import SIG_IGN, SIGHUP, SIGINT, SIGTERM, Signals, getsignal
from typing import Protocol

import anyio

from runner.reason import Reason

GRACE_S = {SIGINT: 60.0, SIGTERM: 20.0, SIGHUP: 20.0}
"""How long requests in flight are awaited after the first signal: supervisors kill after 30 s or more."""
CUTS = 2
"""The signal that cuts; any further one ends the process as it stands."""


class Told(Protocol):
    """Who hears of a signal: `times` counts them, the first being 1."""

    def __call__(self, times: int) -> None: ...


@dataclass(slots=True)
class Stop:
    """The one place where a run learns that it shall end."""

    reason: Reason | None = None
    signal: Signals | None = None
    asked: anyio.Event = field(default_factory=anyio.Event)
    cutting: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def ask(self, reason: Reason) -> None:
        """No new request from now on; those in flight are awaited. The first reason stands."""
        if self.reason is None:
            self.reason = reason
        self.asked.set()

    def cut(self) -> None:
        """End now: what is in flight is recorded as cut."""
        self.cutting.cancel()

    @property
    def is_asked(self) -> bool:
        return self.asked.is_set()

    @property
    def is_cut(self) -> bool:
        return self.cutting.cancel_called


@asynccontextmanager
async def heeding_signals(stop: Stop, told: Told, *, leave: "Leave") -> AsyncIterator[None]:
    """First signal: stop; second, or the grace is over: cut; third: `leave` the process as it stands.

    A signal that was ignored when the program started (`nohup`) stays ignored.
    """
    heeded = [signal for signal in GRACE_S if getsignal(signal) is not SIG_IGN]
    async with anyio.create_task_group() as tasks:
        with anyio.open_signal_receiver(*heeded) as signals:
            tasks.start_soon(_heed, stop, told, leave, signals)
            yield
            tasks.cancel_scope.cancel()


class Leave(Protocol):
    """Ends the process at once with this exit status."""

    def __call__(self, status: int) -> None: ...


async def _heed(stop: Stop, told: Told, leave: Leave, signals: AsyncIterator[Signals]) -> None:
    times = 0
    async with anyio.create_task_group() as tasks:
        async for signal in signals:
            times += 1
            if times == 1:
                stop.signal = signal
                stop.ask(Reason.INTERRUPTED)
                tasks.start_soon(_cut_after, stop, GRACE_S[signal])
            else:
                stop.cut()
            told(times)
            if times > CUTS:
                leave(exit_status(signal))


async def _cut_after(stop: Stop, seconds: float) -> None:
    await anyio.sleep(seconds)
    stop.cut()


def exit_status(signal: Signals) -> int:
    """130 for Ctrl-C, 143 for a supervisor's signal."""
    return 130 if signal is SIGINT else 143
