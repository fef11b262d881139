"""How many requests may be in flight at once: a fixed number, or found by trying out more and fewer.

Times more places are worth it if latency grows by less than the root of it: then the server does serve more.
Latencies have a spread of their own, so a trial lasts until the difference is plain, however noisy they are.
"""

from dataclasses import dataclass, field
from math import inf, sqrt

FIRST = 4
"""Places that `auto` begins with."""
MOST = 256
STEPS = (2.0, 1.5, 1.25, 0.75)
"""Times the places that are tried, one after the other, until none of them is worth it."""
AGAIN = 2
"""The step that is begun with after a rest; after a success the next larger one is tried."""
RESTED = 20
"""Rounds of answers after which it is tried again: servers change."""
FEWEST = 4
"""Answers that a trial is ended by at least."""
ROUNDS, ANSWERS = 8, 48
"""Rounds of answers, and answers, that a trial lasts at most, and the measure that it is compared with."""
PLAIN = 1.5
"""Standard errors that make a difference plain."""
SURE = 0.1
"""Standard error, as a part of the latency, of a measure that is good enough to compare with."""
FULL = 0.75
"""The part of the places that must be taken, or latency says nothing of them."""
WORSE, OVERLOADED = 0.25, 0.5
"""Shares of refusals, above what is usual, that end a trial, and that halve the places."""
SEEN = 20
"""Answers and refusals at least that the places are halved by."""


@dataclass(slots=True)
class Sample:
    """Answers at one number of places: the mean of their latencies and its spread, as they come in."""

    since: float = -inf
    """Only requests sent since count."""
    answers: int = 0
    refusals: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, latency_s: float) -> None:
        self.answers += 1
        delta = latency_s - self.mean
        self.mean += delta / self.answers
        self.squares += delta * (latency_s - self.mean)

    @property
    def variance(self) -> float:
        """Of the mean."""
        return self.squares / self.answers / max(self.answers - 1, 1)

    @property
    def refused(self) -> float:
        """The share of refusals."""
        return self.refusals / max(self.refusals + self.answers, 1)


@dataclass(slots=True)
class Crowd:
    """Places for requests in flight."""

    places: int
    adapts: bool = False
    most: int = MOST
    in_flight: int = 0
    base: int = 0
    """Places that are known to be worth it; those of a trial are others."""
    known: Sample = field(default_factory=Sample)
    trial: Sample | None = None
    step: int = 0
    usual: float = 0.0
    """The share of refusals that is not for too many places."""

    def room(self) -> int:
        return self.places - self.in_flight

    def start(self) -> None:
        self.in_flight += 1

    def end(self) -> None:
        self.in_flight -= 1

    def answered(self, *, sent_at: float, latency_s: float) -> None:
        """A whole answer to a request sent then, just now."""
        sample, now = self.trial or self.known, sent_at + latency_s
        if not self.adapts or sent_at < sample.since or self.in_flight + 1 < FULL * self.places:
            return
        sample.add(latency_s)
        if self.trial is not None:
            self._judge(self.trial, now)
        elif self._is_measured():
            self._try(now)

    def overloaded(self, *, sent_at: float, now: float) -> None:
        """A refusal; it tells nothing new if its request was sent before the last change."""
        sample = self.trial or self.known
        if not self.adapts or sent_at < sample.since:
            return
        sample.refusals += 1
        seen = sample.refusals + sample.answers
        if seen < SEEN:
            return
        if self.trial is not None and sample.refused > self.usual + WORSE:
            self._fail(now)
        elif self.trial is None and sample.refused > self.usual + OVERLOADED:
            self.usual = self.usual if self.places > 1 else sample.refused
            self.places = max(self.places // 2, 1)
            self.known, self.step = Sample(since=now), AGAIN

    def _is_measured(self) -> bool:
        """Whether the places are known well enough to try others."""
        rounds = self.known.answers / self.places
        if self.step >= len(STEPS):
            return rounds >= RESTED
        is_sure = self.known.variance <= (SURE * self.known.mean) ** 2 and self.known.answers >= FEWEST
        return self.known.answers >= enough(self.places) or (rounds >= 1.0 and is_sure)

    def _try(self, now: float) -> None:
        if self.step >= len(STEPS):
            self.step = AGAIN
        self.usual = self.known.refused
        self.base = self.places
        self.places = min(max(round(self.base * STEPS[self.step]), 1), self.most)
        if self.places == self.base:
            self._fail(now)
        else:
            self.trial = Sample(since=now)

    def _judge(self, trial: Sample, now: float) -> None:
        """End the trial once it is plain whether it is worth it."""
        factor = self.places / self.base
        worse = trial.mean - sqrt(factor) * self.known.mean
        is_plain = abs(worse) >= PLAIN * sqrt(trial.variance + factor * self.known.variance)
        is_over = trial.answers >= enough(self.places)
        if worse >= 0 and (is_over or (is_plain and trial.answers >= FEWEST)):
            self._fail(now)
        elif worse < 0 and (is_over or (is_plain and trial.answers >= max(FEWEST, self.places))):
            self.known, self.trial, self.step = trial, None, max(self.step - 1, 0)

    def _fail(self, now: float) -> None:
        """Back to the places before; the next step is smaller."""
        tried, known = self.trial, self.known
        gained_nothing = tried is not None and tried.mean * self.base >= known.mean * self.places
        self.step += 2 if gained_nothing and self.step < AGAIN else 1
        self.places, self.trial = self.base, None
        self.known = Sample(since=now) if self.step >= len(STEPS) else self.known


def enough(places: int) -> int:
    """Answers that places are judged by although nothing is plain."""
    return max(ROUNDS * places, ANSWERS)
