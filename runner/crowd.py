"""How many requests may be in flight at once: found by trying, a fixed number being the ceiling.

`auto` begins low and climbs. From there on other numbers are tried now and then: more are worth it if they
bring most of the throughput that they would if nothing held them up, fewer if they cost next to none. A fixed
number is begun with at once, for a server that bears it is to lose nothing; fewer are tried after long rests
only. Either way the places are halved when too many requests are refused, unless that turns out not to help.
"""

from dataclasses import dataclass, field
from math import log, sqrt

from runner.climb import SPARE, Climb, Mean
from runner.rounds import Rounds

FIRST = 4
"""Places that `auto` begins with."""
MOST = 256
GREAT, MORE, LEAST_MORE, FEWER = 2.0, 1.5, 1.125, 0.75
"""Times the places that are tried."""
WORTH, WORTHLESS = 0.5, 0.85
"""Powers of a step: with more places a round may be so much longer, with fewer it must be shorter."""
PLAIN = 1.5
"""Standard errors that make a difference plain."""
RESTED, LONGEST_REST = 16, 256
"""Rounds between trials: more after each that brought nothing."""
REGROWN = 4
"""Rounds after a cut."""
WEIGHT = 0.02
"""Of the newest answer in the spread of latencies."""
LEAST_SPREAD, MOST_SPREAD = 0.01, 2.0
WORSE = 0.25
"""Share of refusals, above what is usual, that ends a trial, or halves the places."""
PACED = 0.6
"""The same of refusals for pace: fewer may be for too many a minute."""
HELPED = 0.75
"""Times the share of refusals before a cut: where it is no less after it, the places were not the cause."""
MOSTLY = 0.75
"""A share of refusals that is more than bad luck: it is the next cut that may help."""
SEEN = 20
"""Answers and refusals that such a share is judged by, or twice as many as there are places."""
REMEMBERED = 8
"""Rounds whose refusals count."""


@dataclass(slots=True)
class Crowd:
    """Places for requests in flight: `most` of them at most."""

    places: int
    most: int = MOST
    in_flight: int = 0
    climb: Climb | None = None
    """The first ascent, while it lasts."""
    known: Rounds = field(init=False)
    trial: Rounds | None = None
    step: float = FEWER
    """Times the places that are tried next."""
    rest: int = RESTED
    """Rounds before that."""
    rests: int = RESTED
    """Rounds to rest after the next trial that brings nothing."""
    since: float = float("-inf")
    """When the places were last changed: what was sent before says nothing of them."""
    spread: Mean = field(default_factory=Mean)
    good: int = 0
    bad: int = 0
    """Answers and refusals since."""
    usual: float = 0.0
    """The share of refusals that is not for too many places."""
    cut_from: int = 0
    """The places before the last cut, until it is known whether it helped."""
    cut_share: float = 0.0

    def __post_init__(self) -> None:
        self.known = Rounds(self.places, settling=self.places)

    def room(self) -> int:
        return self.places - self.in_flight

    def start(self) -> None:
        self.in_flight += 1
        rounds = self.trial or self.known
        rounds.peak = max(rounds.peak, self.in_flight)

    def end(self) -> None:
        self.in_flight -= 1

    def limit(self, most: int | None) -> None:
        """So many places from now on; None: as many as are found to be worth it."""
        self.most = MOST if most is None else most
        self.climb, self.trial = None, None
        self._settle(min(self.places, MOST) if most is None else most)
        self.step, self.rest = (MORE, REGROWN) if most is None else (FEWER, RESTED)

    def answered(self, *, sent_at: float, latency_s: float) -> None:
        """A whole answer to a request sent then, just now."""
        now = sent_at + latency_s
        self.spread.add(latency_s, self.places, WEIGHT)
        if sent_at >= self.since:
            self.good += 1
            self._forget()
            if self.cut_from:
                self._judge_cut(now)
        if self.climb is not None:
            self._climb(self.climb, sent_at, latency_s)
        elif self.trial is not None:
            if self.trial.answered(now, self.in_flight):
                self._judge(self.trial, now)
        elif self.known.answered(now, self.in_flight):
            self._try(now)

    def overloaded(self, *, sent_at: float, now: float, for_pace: bool = False) -> bool:
        """A refusal; it tells nothing new if its request was sent before the last change.

        `for_pace`: it may be for too many a minute. Returns whether the places are now fewer for it.
        """
        if sent_at < self.since:
            return False
        self.bad += 1
        if self.cut_from and self._judge_cut(now):
            return False
        worse = self.usual + (PACED if for_pace else WORSE)
        if self.places == 1 or self.bad + self.good < self._enough or self._share < worse:
            return False
        self._cut(now)
        return True

    def _climb(self, climb: Climb, sent_at: float, latency_s: float) -> None:
        more = climb.answered(sent_at=sent_at, latency_s=latency_s)
        top = climb.top()
        if top is not None:
            self.climb, self.step, self.rest, self.rests = None, MORE, REGROWN, REGROWN
            self._settle(min(top, self.most))
        elif more and self.places < self.most and self.known.peak >= self.places - 1:
            self.places += 1
            self.known.peak = self.in_flight
            climb.grew(sent_at + latency_s)

    def _settle(self, places: int) -> None:
        """From here on it is so many."""
        self.places = places
        self.known = Rounds(places, settling=places)

    def _change(self, now: float) -> None:
        """Other places: what was sent before no longer counts."""
        self.since, self.good, self.bad = now, 0, 0

    def _try(self, now: float) -> None:
        """Other places than those that are known, after a rest and once they are known well enough."""
        known = self.known
        is_sure = sqrt(self._variance / known.answers) <= abs(log(self.step)) / 4
        if known.answers < self.rest * self.places or not (is_sure or known.is_enough):
            return
        places = min(max(round(self.places * self.step), 1), self.most)
        if places == self.places:
            self._turn()
            return
        self._change(now)
        self.places, self.trial = places, Rounds(places, settling=self.places)

    @property
    def _variance(self) -> float:
        return min(max(self.spread.spread, LEAST_SPREAD), MOST_SPREAD)

    def _judge(self, trial: Rounds, now: float) -> None:
        """End the trial once it is plain whether it is worth it."""
        step, longer = trial.places / self.known.places, trial.round_s / self.known.round_s
        worse = log(longer) - (WORTH if step > 1 else WORTHLESS) * log(step)
        error = sqrt(self._variance * (1 / trial.answers + 1 / self.known.answers))
        if abs(worse) < PLAIN * error and not trial.is_enough:
            return
        if worse < 0:
            self.known, self.trial, self.rest, self.rests = trial, None, 0, RESTED
            self.step = min(self.step * self.step, GREAT) if step > 1 else FEWER
        else:
            self._fail(now, SPARE * step / longer)

    def _fail(self, now: float, better: float) -> None:
        """Back to the places before, or to fewer more than were tried, if its latency asks for them."""
        self._change(now)
        tried, self.trial, self.places = self.places, None, self.known.places
        if tried > self.places and better >= LEAST_MORE:
            self.step, self.rest = min(better, sqrt(self.step)), 0
            self._try(now)
        else:
            self._settle(self.places)
            self._turn()

    def _turn(self) -> None:
        """More and fewer by turns; after both a longer rest."""
        if self.step > 1:
            self.step, self.rest = FEWER, self.rests
        else:
            self.step, self.rest = MORE, self.rests
            self.rests = min(4 * self.rests, LONGEST_REST)

    @property
    def _share(self) -> float:
        return self.bad / max(self.bad + self.good, 1)

    @property
    def _enough(self) -> int:
        return min(SEEN, 2 * self.places)

    def _forget(self) -> None:
        if self.good + self.bad > REMEMBERED * max(self.places, SEEN):
            self.good, self.bad = self.good // 2, self.bad // 2

    def _cut(self, now: float) -> None:
        """Half of the places; a trial is over, and so is the ascent."""
        self.climb = None
        if self.trial is not None and self.places > self.known.places:
            self._fail(now, 0.0)
            return
        self.cut_from, self.cut_share, self.trial = self.places, self._share, None
        self._settle(self.places // 2)
        self.step, self.rest = GREAT, REGROWN
        self._change(now)

    def _judge_cut(self, now: float) -> bool:
        """Undo a cut that has not helped; returns whether it was undone."""
        if self.good + self.bad < self._enough:
            return False
        before, self.cut_from = self.cut_from, 0
        if self._share < HELPED * self.cut_share or self._share > MOSTLY:
            return False
        self.usual = self._share
        self._settle(min(before, self.most))
        self._change(now)
        return True


def auto() -> Crowd:
    return Crowd(FIRST, climb=Climb(FIRST))


def fixed(places: int) -> Crowd:
    return Crowd(places, most=places)
