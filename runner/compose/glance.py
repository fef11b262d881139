"""Beside a run: hear what other programs ask of it through the queue, and tell how it stands."""

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from runner.compose.pacing import Pacing
from runner.engine.engine import Engine
from runner.engine.lane import Lane
from runner.health import MANY
from runner.reason import Reason
from runner.store import BatchRow, Store, Tally
from runner.writer import Unwritten, Writer

EVERY_S = 0.5
JUMP_S = 1.0
"""What a clock is set back by at least; less is its being kept right."""


class Watcher(Protocol):
    """Watches a run go by."""

    def began(self, tally: Tally) -> None: ...
    def moved(self, tally: Tally, why: str | None) -> None: ...
    def said(self, message: str) -> None: ...


Warnings = Callable[[Tally], Iterable[str]]
"""What a person should know of the counters as they are."""


def ahead_s() -> float:
    """How far the wall clock is ahead of the monotonic one: the same, unless somebody sets it."""
    return time.time() - time.monotonic()


@dataclass(slots=True, kw_only=True)
class Glance:
    """A look at the queue, and at the endpoints, twice a second."""

    writer: Writer[Store]
    row: BatchRow
    lanes: Mapping[str, Lane]
    pacing: Pacing
    watcher: Watcher
    tally: Callable[[], Awaitable[Tally]]
    warnings: Warnings
    told: set[str] = field(default_factory=set)
    """What was said already."""
    why: str | None = None
    """What the batch is said to wait for."""
    ahead_s: float = field(default_factory=ahead_s)
    """Of the monotonic clock, the wall's."""

    async def run(self, engine: Engine) -> None:
        while True:
            await anyio.sleep(EVERY_S)
            with suppress(Unwritten):
                await self._look(engine)

    async def _look(self, engine: Engine) -> None:
        await self._heed_clock(engine)
        if await self.writer.changed():
            await self._heed_others(engine)
        await self.pacing.keep()
        await self._say_why(why(engine, self.lanes))
        tally = await self.tally()
        self.tell(tally)
        self.watcher.moved(tally, self.why)

    async def _heed_clock(self, engine: Engine) -> None:
        """What is due by a clock that has been set back since is due sooner."""
        before, self.ahead_s = self.ahead_s, ahead_s()
        if self.ahead_s < before - JUMP_S:
            await self.writer.do(lambda store: store.bring_forward(self.row.id, now=time.time()))
            engine.look_again()

    async def _heed_others(self, engine: Engine) -> None:
        """Another program has written: paused or not, there may be jobs where there were none."""
        row = await self.writer.do(lambda store: store.batch(self.row.name))
        engine.feeder.paused = row is not None and row.paused
        await self.pacing.heed()
        engine.look_again()

    async def _say_why(self, why: str | None) -> None:
        """Let others read what this run waits for."""
        if why != self.why:
            self.why = why
            await self.writer.do(lambda store: store.wait_for(self.row.id, why))

    def tell(self, tally: Tally) -> None:
        """Say once why an endpoint is sent no more, or paid in vain, and what is nearly spent."""
        for words in (*stops(self.lanes), *doubts(self.lanes), *self.warnings(tally)):
            if words not in self.told:
                self.told.add(words)
                self.watcher.said(words)


def stops(lanes: Mapping[str, Lane]) -> Iterator[str]:
    """In words: the endpoints that nothing more is sent to, and the models."""
    for name, lane in lanes.items():
        if lane.stopped is not None:
            yield f"{name}: {lane.why_stopped}; nothing more is sent there in this run"
        for model in sorted(lane.health.stopped_models):
            yield f"{name}: the provider does not know the model {model}; its jobs stay pending"


def doubts(lanes: Mapping[str, Lane]) -> Iterator[str]:
    """In words: the endpoints whose answers are paid for, and not as expected, one after the other."""
    for name, lane in lanes.items():
        if lane.health.doubt is not None:
            yield f"{name}: {MANY} answers in a row not as expected, such as: {lane.health.doubt}"


def why(engine: Engine, lanes: Mapping[str, Lane]) -> str | None:
    """What the run waits for, in words."""
    held = engine.feeder.held()
    if held in {Reason.PAUSED, Reason.BUDGET}:
        return held
    now = time.monotonic()
    reasons = {name: lane.why_stopped or lane.pace.why(now) for name, lane in lanes.items()}
    return "; ".join(f"{name}: {words}" for name, words in reasons.items() if words) or None
