"""How fast a provider lets us go that tells no limit: found from its refusals, and tried anew with time.

Between the ends of two pauses that a provider asked for, as much got through as it allows: of a fixed window
whole windows lie between, of a bucket two times at which it was empty. From there the rate starts a little
lower, stays near for a while, and then rises ever faster: a limit may have been lifted, or misjudged.
"""

from dataclasses import dataclass
from math import inf

from runner.remaining import LONG_S

START = 0.97
"""The part of the found rate that a pause is followed by."""
DOUBLED_S = 60.0
"""Seconds after a pause at which twice the found rate is tried; it is passed at a quarter of them."""
SHORTEST_S = 10.0
"""Fewer seconds after a rate that was found within less: it says little."""
QUARTER = 0.25
NEAR = 0.2
"""How far apart two rates found one after the other may be to confirm each other."""


@dataclass(slots=True)
class Learned:
    """A rate found by refusals. Times are seconds on a monotonic clock."""

    found: float = inf
    """Requests a second."""
    since: float = inf
    """When the first request was sent, or the last pause ended."""
    doubled_s: float = DOUBLED_S
    """Seconds after `since` at which twice the found rate is tried."""
    counted: int = 0
    """Requests sent before that."""
    before: tuple[float, float] = (inf, DOUBLED_S)
    """What was found, and how surely, before the last refusal."""

    def start(self, now: float) -> None:
        self.since = min(self.since, now)

    def refused(self, *, before: int, sent: int, until: float) -> None:
        """The first refusal after a pause; the provider asks to wait until then.

        `before` requests had been sent before the refused one, `sent` by now: those between are refused too.
        """
        self.before = self.found, self.doubled_s
        through, span_s = before - self.counted, until - self.since
        if through > 0 and 0 < span_s <= LONG_S:
            found = through / span_s
            is_confirmed = abs(found - self.found) <= NEAR * found
            self.doubled_s = DOUBLED_S if is_confirmed else min(max(span_s, SHORTEST_S), DOUBLED_S)
            self.found = found
        self.since, self.counted = until, sent

    def unlearn(self) -> None:
        """The last refusal was for requests at once, not for their rate."""
        self.found, self.doubled_s = self.before

    def rate(self, now: float) -> float:
        """Requests a second to try now. Below one a second it is sends that tell, so time counts for less."""
        if self.found == inf:
            return inf
        age = max(now - self.since, 0.0) / self.doubled_s * min(self.found, 1.0)
        if age < QUARTER:
            return self.found * (START + (1.0 - START) * age / QUARTER)
        return self.found * (1.0 + ((age - QUARTER) / (1.0 - QUARTER)) ** 3)
