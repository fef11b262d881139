"""How many requests may be in flight at once: a fixed number, or found by what latency says."""

from dataclasses import dataclass, field
from math import inf

FIRST = 4
"""Places that `auto` begins with."""
MOST = 256
FEW_QUEUED, MANY_QUEUED = 0.1, 0.3
"""The parts of the places that may queue at the provider: below it grows, above it shrinks."""
FEWEST_QUEUED = 2.0
REMEASURED = 100
"""Rounds after which the best latency is measured anew, with half the places: servers change."""


@dataclass(slots=True)
class Round:
    """As many answers as there are places: enough to judge by."""

    answers: int = 0
    latency_s: float = 0.0


@dataclass(slots=True)
class Crowd:
    """Places for requests in flight.

    Where it adapts it follows TCP Vegas: of `places` requests, `places * (1 - best / latency)` wait in a
    queue at the provider. It doubles until some do, and then keeps that number small.
    """

    places: float
    adapts: bool = False
    in_flight: int = 0
    best_s: float = inf
    doubling: bool = True
    cut_at: float = -inf
    round: Round = field(default_factory=Round)
    rounds: int = 0

    def room(self) -> int:
        return int(self.places) - self.in_flight

    def start(self) -> None:
        self.in_flight += 1

    def end(self) -> None:
        self.in_flight -= 1

    def answered(self, *, sent_at: float, latency_s: float) -> None:
        """Judge once a round of answers to requests sent since the last cut is whole."""
        if not self.adapts or sent_at < self.cut_at:
            return
        self.round.answers += 1
        self.round.latency_s += latency_s
        if self.round.answers >= self.places:
            self._judge(self.round.latency_s / self.round.answers)
            self.round = Round()

    def _judge(self, latency_s: float) -> None:
        self.rounds += 1
        if self.rounds % REMEASURED == 0:
            self.best_s, self.places, self.doubling = inf, max(self.places / 2, 1.0), True
            return
        self.best_s = min(self.best_s, latency_s)
        queued = self.places * (1.0 - self.best_s / latency_s) if latency_s > 0 else 0.0
        if queued <= max(FEWEST_QUEUED, FEW_QUEUED * self.places):
            self.places = min(self.places * 2 if self.doubling else self.places + 1, MOST)
        elif queued > max(2 * FEWEST_QUEUED, MANY_QUEUED * self.places):
            self.places = max(self.places - max(queued / 2, 1.0), 1.0)
            self.doubling = False
        else:
            self.doubling = False

    def overloaded(self, *, sent_at: float, now: float) -> None:
        """Halve, unless the request was sent before the last cut: its refusal tells nothing new."""
        if not self.adapts or sent_at < self.cut_at:
            return
        self.places = max(self.places / 2, 1.0)
        self.doubling = False
        self.cut_at = now
        self.round = Round()
