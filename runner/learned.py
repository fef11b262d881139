"""How fast a provider lets us go that tells no limit: found from its refusals, and tried anew as time goes by.

Between the ends of two pauses that a provider asked for, as much got through as it allows: of a fixed window
whole windows lie between, of a bucket two times at which it was empty. From there the rate starts a little
lower, stays near for a while, and then rises ever faster: a limit may have been lifted, or misjudged.
"""

from dataclasses import dataclass
from math import inf

from runner.remaining import LONG_S

START = 0.97
"""The part of the found rate that a pause is followed by."""
RISE_S = 15.0
"""Seconds until the found rate is reached again."""
DOUBLED_S = 60.0
"""Seconds after a pause at which twice the found rate is tried."""


@dataclass(slots=True)
class Learned:
    """A rate found by refusals. Times are seconds on a monotonic clock."""

    found: float = inf
    """Requests a second."""
    through: int = 0
    """Requests that got through since `since`."""
    since: float = inf
    """When the first request was sent, or the last pause ended."""

    def start(self, now: float) -> None:
        self.since = min(self.since, now)

    def got_through(self) -> None:
        self.through += 1

    def refused(self, until: float) -> None:
        """The first refusal of its kind; the provider asks to wait until then."""
        span_s = until - self.since
        if self.through and 0 < span_s <= LONG_S:
            self.found = self.through / span_s
        self.since, self.through = until, 0

    def rate(self, now: float) -> float:
        """Requests a second to try now. Where it is less than one, seconds count for less: sends are what tells."""
        if self.found == inf:
            return inf
        age_s = max(now - self.since, 0.0) * min(self.found, 1.0)
        if age_s < RISE_S:
            return self.found * (START + (1.0 - START) * age_s / RISE_S)
        return self.found * (1.0 + ((age_s - RISE_S) / (DOUBLED_S - RISE_S)) ** 3)
