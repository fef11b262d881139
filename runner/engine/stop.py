"""How a run is asked to end early: first in good order, then at once."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from signal import SIG_IGN, SIGHUP, SIGINT, SIGTERM, Signals, getsignal, signal
from typing import Protocol

import anyio

from runner.engine.shelter import Shelter
from runner.reason import Reason

GRACE_S = {SIGINT: 60.0, SIGTERM: 20.0, SIGHUP: 20.0}
"""How long requests in flight are awaited after the first signal: supervisors kill after 30 s or more."""
SHELTERED_S = 1.5
"""How long after a cut answers that have come may take to be kept: the process ends within two seconds."""
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
    shelter: Shelter = field(default_factory=Shelter)
    hearers: list[Callable[[], None]] = field(default_factory=list)
    """Called when it is asked to stop."""

    def ask(self, reason: Reason) -> None:
        """No new request from now on; those in flight are awaited. The first reason stands."""
        if self.reason is None:
            self.reason = reason
        self.asked.set()
        for hear in self.hearers:
            hear()

    def cut(self) -> None:
        """End now: what is in flight is recorded as cut, what has come is kept."""
        self.cutting.cancel()
        self.shelter.close(SHELTERED_S)

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
    with heard_as_before() as heeded:
        async with anyio.create_task_group() as tasks:
            with anyio.open_signal_receiver(*heeded) as signals:
                tasks.start_soon(_heed, stop, told, leave, signals)
                yield
                tasks.cancel_scope.cancel()


@contextmanager
def heard_as_before() -> Iterator[list[Signals]]:
    """The signals to heed. What handled them before does so again: the loop would leave it to the system."""
    before = {number: getsignal(number) for number in GRACE_S}
    heeded = [number for number, handler in before.items() if handler not in {SIG_IGN, None}]
    try:
        yield heeded
    finally:
        for number in heeded:
            signal(number, before[number])


class Leave(Protocol):
    """Ends the process at once with this exit status."""

    def __call__(self, status: int) -> None: ...


async def _heed(stop: Stop, told: Told, leave: Leave, signals: AsyncIterator[Signals]) -> None:
    times = 0
    async with anyio.create_task_group() as tasks:
        async for number in signals:
            times += 1
            if times == 1:
                stop.signal = number
                stop.ask(Reason.INTERRUPTED)
                tasks.start_soon(_cut_after, stop, GRACE_S[number])
            else:
                stop.cut()
            told(times)
            if times > CUTS:
                leave(exit_status(number))


async def _cut_after(stop: Stop, seconds: float) -> None:
    await anyio.sleep(seconds)
    stop.cut()


def exit_status(number: Signals) -> int:
    """130 for Ctrl-C, 143 for a supervisor's signal."""
    return 130 if number is SIGINT else 143
