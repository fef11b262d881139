"""Providers and a sender under a clock of their own: no second of them is waited for."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from math import ceil, inf
from random import Random

from runner.hints import read

WALL = 1_800_000_000.0
"""What the wall clock shows when the simulated one shows nought."""
TRAVEL_S = 0.02
"""From us to the provider, and back."""


@dataclass
class Bucket:
    """Refilled all the time; it holds `capacity` at most. The reset is told as when it is full."""

    per_minute: int
    capacity: int
    level: float = field(init=False)
    at: float = 0.0

    def __post_init__(self):
        self.level = float(self.capacity)

    def take(self, now):
        """Whether there is room, what is left, seconds to the reset, seconds until there is room."""
        rate = self.per_minute / 60
        self.level = min(self.capacity, self.level + (now - self.at) * rate)
        self.at = now
        is_let = self.level >= 1
        self.level -= is_let
        return is_let, int(self.level), (self.capacity - self.level) / rate, max(1 - self.level, 0) / rate

    def allows(self, seconds):
        return self.capacity + seconds * self.per_minute / 60


@dataclass
class Fixed:
    """So many a minute of the clock; `phase` seconds of the first one are over at the start."""

    per_minute: int
    phase: float = 0.0
    used: int = 0
    minute: int = 0

    def take(self, now):
        minute, into = divmod(now + self.phase, 60)
        if minute != self.minute:
            self.minute, self.used = minute, 0
        is_let = self.used < self.per_minute
        self.used += is_let
        return is_let, self.per_minute - self.used, 60 - into, 60 - into

    def allows(self, seconds):
        return self.per_minute * seconds / 60


@dataclass
class Sliding:
    """So many in any 60 seconds; `is_whole`: the reset is told as when all of it is back, not the first."""

    per_minute: int
    is_whole: bool = False
    taken: deque = field(default_factory=deque)

    def take(self, now):
        while self.taken and self.taken[0] <= now - 60:
            self.taken.popleft()
        is_let = len(self.taken) < self.per_minute
        if is_let:
            self.taken.append(now)
        first, last = self.taken[0] + 60 - now, self.taken[-1] + 60 - now
        return is_let, self.per_minute - len(self.taken), last if self.is_whole else first, first

    def allows(self, seconds):
        return self.per_minute * seconds / 60


def go(seconds):
    """As Go writes a duration."""
    return f"{seconds:.3f}s"


def stated(server, left, reset_s):
    return {
        "x-ratelimit-limit-requests": str(server.per_minute),
        "x-ratelimit-remaining-requests": str(left),
        "x-ratelimit-reset-requests": go(reset_s),
    }


def whole_seconds(server, left, reset_s):
    return {
        "ratelimit-limit": str(server.per_minute),
        "ratelimit-remaining": str(left),
        "ratelimit-reset": str(int(reset_s)),
    }


def silent(_server, _left, _reset_s):
    return {}


@dataclass
class Told:
    """How a run went."""

    sent: list = field(default_factory=list)
    refused: int = 0
    let: int = 0

    @property
    def share_refused(self):
        return self.refused / len(self.sent)


def drive(pace, server, seconds, *, latency_s=0.3, headers=silent, seed=1, lag_s=0.005):
    """Send through `pace` as an engine does, with a backlog that never ends; `lag_s`: how late it wakes."""
    chance, numbers, told = Random(seed), count(), Told()
    now, wakes_at, events = 0.0, 0.0, []
    while now < seconds:
        for _ in range(pace.room(now)):
            pace.start(now)
            told.sent.append(now)
            heapq.heappush(events, (now + TRAVEL_S * (0.8 + 0.4 * chance.random()), next(numbers), now, None))
        opens_at = pace.opens_at(now)
        wakes_at = inf if opens_at == inf else max(opens_at, now) + lag_s * chance.random()
        if not events or wakes_at < events[0][0]:
            now = wakes_at
            continue
        now, _, sent_at, answer = heapq.heappop(events)
        if answer is None:
            told.let += arrive(server, events, numbers, now, sent_at, headers, latency_s, chance)
        else:
            hear(pace, told, now, sent_at, answer, chance)
    return told


def arrive(server, events, numbers, now, sent_at, headers, latency_s, chance):
    """The provider takes a request, or refuses it at once."""
    is_let, left, reset_s, wait_s = server.take(now)
    served_s = latency_s * (0.5 + chance.random()) if is_let else 0.001
    answer = is_let, headers(server, left, reset_s), max(ceil(wait_s), 1)
    heapq.heappush(events, (now + served_s + TRAVEL_S, next(numbers), sent_at, answer))
    return is_let


def hear(pace, told, now, sent_at, answer, chance):
    """What an engine does with an answer."""
    is_let, headers, after_s = answer
    pace.tell(read(headers, now=WALL + now), sent_at=sent_at, now=now)
    pace.ended()
    told.refused += not is_let
    if is_let:
        pace.reached(sent_at)
        pace.answered(sent_at=sent_at, latency_s=now - sent_at, tokens=None)
        return
    pace.refused(
        after_s=float(after_s),
        sent_at=sent_at,
        latency_s=now - sent_at,
        now=now,
        wall=WALL + now,
        chance=chance.random(),
    )
