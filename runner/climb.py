"""The first ascent: a place more for each answer, until latency plainly rises with the places in use.

What it has risen by tells how many of them were too many: a server that is asked for twice what it serves
at once lets each request wait twice as long. Answers are told apart by the places when they were sent.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from math import sqrt

LOW = 2.0
"""Times the first places: what was sent at no more is what the rest is compared with."""
FEWEST = 8
"""Answers of each kind that are judged by at least."""
RISEN = 1.35
"""Times the latency that is too much."""
PLAIN = 1.3
"""Standard errors that make it plain."""
SLOW = 1.1
"""Times the latency from which the ascent is slower: it may be the noise, or the top."""
SLOWLY = 3
"""Then so many answers make a place more."""
SPARE = 1.12
"""Times the places that latency asks for: a few too many cost less than a few too few."""
LATEST = 16.0
"""Answers that latency is averaged over, or half as many as there are places."""


@dataclass(slots=True)
class Mean:
    """Of latencies and of the places that they were met at, the latest counting for more."""

    answers: int = 0
    latency_s: float = 0.0
    squares: float = 0.0
    places: float = 0.0

    def add(self, latency_s: float, places: int, weight: float) -> None:
        self.answers += 1
        if weight * self.answers < 1:
            weight = 1 / self.answers
        delta = latency_s - self.latency_s
        self.latency_s += weight * delta
        self.squares = (1 - weight) * (self.squares + weight * delta * delta)
        self.places += weight * (places - self.places)

    @property
    def spread(self) -> float:
        """The variance as a part of the squared mean."""
        return self.squares / max(self.latency_s, 1e-9) ** 2


@dataclass(slots=True)
class Climb:
    """From the first places up, for one crowd."""

    first: int
    low: Mean = field(default_factory=Mean)
    high: Mean = field(default_factory=Mean)
    steps: list[float] = field(default_factory=list)
    """When there was a place more."""
    answers: int = 0

    def answered(self, *, sent_at: float, latency_s: float) -> int:
        """An answer, at as many places as there were when it was asked for; returns by how many to grow."""
        places = self.first + bisect_right(self.steps, sent_at)
        if places <= LOW * self.first:
            self.low.add(latency_s, places, 0.0)
        else:
            self.high.add(latency_s, places, 2 / max(LATEST, places / 2))
        self.answers += 1
        return int(self._risen() < SLOW or not self.answers % SLOWLY)

    def grew(self, now: float) -> None:
        self.steps.append(now)

    def _risen(self) -> float:
        """Times the latency at few places that it now is; once where nothing is known yet."""
        if self.high.answers < FEWEST / 2 or not self.low.latency_s:
            return 1.0
        return self.high.latency_s / self.low.latency_s

    def top(self) -> int | None:
        """The places that are worth it, once that is plain."""
        if min(self.high.answers, self.low.answers) < FEWEST:
            return None
        risen, judged = self._risen(), min(self.high.answers, max(FEWEST, self.high.places / 4))
        error = sqrt(max(self.low.spread, self.high.spread) * (1 / self.low.answers + 1 / judged))
        if risen <= RISEN * (1 + PLAIN * error):
            return None
        return max(round(self.high.places / risen * SPARE), self.first)
