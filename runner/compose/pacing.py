"""What the queue knows of an endpoint's pace, brought to its clock; and what the clock learns, kept there."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from math import inf

from runner.account import account
from runner.compose.setting import Setting, setting
from runner.engine.lane import Lane
from runner.pace import Day, Gate, Spread, day_began, limited
from runner.store import Closed, Controls, Store
from runner.writer import Writer

MOMENT_S = 5.0
"""What closes an endpoint for less is only kept with the job that was refused."""
MOVED_S = 1.0
"""A closing that is so much longer or shorter is another; less is the drift between two clocks."""


@dataclass(slots=True, kw_only=True)
class Pacing:
    """The clocks of one batch's endpoints, and what the queue keeps of them over runs and batches."""

    writer: Writer[Store]
    batch_id: int
    lanes: Mapping[str, Lane]
    settings: dict[str, Setting] = field(default_factory=dict)
    """What the clocks run by."""
    kept: dict[str, Closed | None] = field(default_factory=dict)
    """What the queue has of closings."""

    async def begin(self) -> None:
        """Take up where the last run with the same keys left off: what is used of a day, what is closed."""
        wall, now = time.time(), time.monotonic()
        days: dict[tuple[object, ...], Day] = {}
        gates: dict[str, Gate] = {}
        for name, lane in self.lanes.items():
            endpoint = lane.endpoint
            self.settings[name] = setting(endpoint, Controls())
            since = day_began(endpoint.limits.resets_at, wall)
            used, closed = await self.writer.do(partial(known, self.batch_id, name, since, wall))
            if lane.pace.day is not None:
                lane.pace.day.used = used
                lane.pace.day = days.setdefault((account(endpoint), endpoint.limits), lane.pace.day)
            lane.pace.gate = gates.setdefault(account(endpoint), lane.pace.gate)
            if closed is not None:
                lane.pace.keep_closed(now + closed.until - wall, closed.why or limited(closed.until))
            self.kept[name] = closed
        await self.heed()

    async def heed(self) -> None:
        """Another program has written: let the clocks run by what was set."""
        controls = await self.writer.do(lambda store: store.controls(self.batch_id))
        for name, lane in self.lanes.items():
            wanted = setting(lane.endpoint, controls.get(name, Controls()))
            if wanted != self.settings[name]:
                adjust(lane, self.settings[name], wanted)
                self.settings[name] = wanted

    def messages(self) -> Iterator[str]:
        """Where the clocks do not run by the manifest, in words."""
        for name, lane in self.lanes.items():
            stated, holds = asdict(setting(lane.endpoint, Controls())), asdict(self.settings[name])
            changed = " ".join(f"{key}={holds[key]}" for key in stated if holds[key] != stated[key])
            if changed:
                yield f"{name}: {changed}, as `runner set` has it and not the manifest"

    async def keep(self) -> None:
        """What closes an endpoint for longer than a moment outlives this run."""
        for name, lane in self.lanes.items():
            closed = closing(lane)
            if not is_same(closed, self.kept[name]):
                self.kept[name] = closed
                await self.writer.do(
                    partial(Store.close, batch_id=self.batch_id, endpoint=name, closed=closed)
                )


def known(batch_id: int, endpoint: str, since: float, now: float, store: Store) -> tuple[int, Closed | None]:
    """Requests of the day, and whether it is closed."""
    used = store.requests_since(batch_id, endpoint, since=since)
    return used, store.closed(batch_id, endpoint, now=now)


def adjust(lane: Lane, before: Setting, wanted: Setting) -> None:
    """Let the clock run by what is wanted, where that is not what it runs by."""
    pace = lane.pace
    if wanted.concurrency != before.concurrency:
        pace.adjust(concurrency=wanted.concurrency)
    if wanted.requests_per_minute != before.requests_per_minute:
        pace.requests = spread(pace.requests, wanted.requests_per_minute)
        pace.learned.found = inf
    if wanted.tokens_per_minute != before.tokens_per_minute:
        pace.tokens = spread(pace.tokens, wanted.tokens_per_minute)
    if pace.day is not None:
        pace.day.limit = wanted.requests_per_day


def spread(there: Spread | None, per_minute: int | None) -> Spread | None:
    """The clock at another rate, what it has learned kept; None: at any."""
    if there is None:
        return None if per_minute is None else Spread(per_minute)
    there.per_minute = inf if per_minute is None else per_minute
    return there


def closing(lane: Lane) -> Closed | None:
    """Until when nothing goes out, be it for a refusal or for a day that its provider calls over.

    One that is down may be up again when the next run begins.
    """
    now, wall = time.monotonic(), time.time()
    gate, day = lane.pace.gate, lane.pace.day
    if day is not None and day.is_over and day.room(now) == 0:
        return Closed(until=wall + day.resets_at - now, why=day.why())
    if gate.asked_until < now + MOMENT_S:
        return None
    why = gate.why if gate.until == gate.asked_until else None
    return Closed(until=wall + gate.asked_until - now, why=why)


def is_same(one: Closed | None, other: Closed | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one.until - other.until) < MOVED_S
