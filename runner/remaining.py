"""What a provider says is left of a limit, and how fast it may be used: spread until it is whole again.

It serves limits of every make. Of a fixed window nothing comes back before its end: what is left is spread
over the rest of it. Of a bucket or a sliding window some comes back all the time: that inflow is measured
(what is left, and what was spent, between two answers), and may be used besides.
"""

from dataclasses import dataclass
from math import inf

from runner.hints import Window

LONG_S = 600.0
"""A limit that is whole again later than this is not spread: it is used, and then waited for."""
SOON_S = 1.0
"""The shortest time that what is left is spread over: answers are late, and resets told in whole seconds."""
MEASURED_S = 2.0
"""The shortest time over which an inflow is measured; much shorter resets are part of it."""
SHARE_S = 0.1
"""After a short reset so many seconds' part of a minute's limit is taken to be there."""
MINUTE_S = 60.0
AHEAD = 1.0
"""Units added where the rest is spread, so that the last of a few goes before the end and not at it."""
MARGIN = 0.98
"""The part of an inflow that is used."""


@dataclass(slots=True)
class Remaining:
    """One limit, as the last answers told it. Times are seconds on a monotonic clock."""

    limit: float | None = None
    left: float = inf
    as_of: float = -inf
    """When the request was sent whose answer told it."""
    resets_at: float = inf
    is_short: bool = False
    """Whether that was told as near: then it gives back a part, and is followed by others."""
    lasts_until: float = -inf
    """Until when what is left is to last: a reset once told stands, though a later one is told meanwhile."""
    period_s: float = SOON_S
    """The longest reset that was told."""
    inflow: float = 0.0
    """Units a second that come back before the reset."""
    anchor_at: float = -inf
    anchor_left: float = 0.0
    anchor_resets_at: float = -inf
    spent: float = 0.0
    """Units since the anchor."""

    def tell(self, window: Window, *, sent_at: float, ahead: float, now: float) -> None:
        """The answer to a request sent then told it; `ahead`: units that were spent since."""
        rounding_s = SOON_S if window.reset_s.is_integer() else 0.0
        self.limit = self.limit if window.limit is None else window.limit
        self.left, self.as_of = window.remaining - ahead, sent_at
        self.resets_at = now + window.reset_s + rounding_s
        self.is_short = window.reset_s + rounding_s <= SOON_S
        self.period_s = max(self.period_s, window.reset_s)
        if now >= self.lasts_until or self.resets_at < self.lasts_until:
            self.lasts_until = self.resets_at
        self._measure(now)

    def _measure(self, now: float) -> None:
        """Take the inflow since the anchor, unless a reset lies between that gave all back at once."""
        is_flowing = now < self.anchor_resets_at or self.anchor_resets_at <= self.anchor_at + SOON_S
        since_s = now - self.anchor_at
        if is_flowing and since_s < MEASURED_S:
            return
        if is_flowing and since_s < inf:
            self.inflow = max(self.left + self.spent - self.anchor_left, 0.0) / since_s
        self.anchor_at, self.anchor_left, self.spent = now, self.left, 0.0
        self.anchor_resets_at = self.resets_at

    def spend(self, units: float) -> None:
        self.left -= units
        self.spent += units

    def available(self, now: float) -> float:
        """Units that are there now, if nobody else has taken them."""
        if now >= self.resets_at:
            self._turn(now)
        return self.left + self.inflow * (now - self.as_of) if self.inflow else self.left

    def rate(self, now: float) -> float:
        """Units a second at which it lasts until it is whole again."""
        there = max(self.available(now), 0.0)
        if self.resets_at - now > LONG_S:
            return inf
        return MARGIN * self.inflow + (there + AHEAD) / max(self.lasts_until - now, SOON_S)

    def opens_at(self, now: float, units: float) -> float:
        """When so many units are there."""
        missing = units - self.available(now)
        if missing <= 0:
            return now
        refilled_at = now + missing / self.inflow if self.inflow else inf
        return min(self.resets_at, refilled_at)

    def _turn(self, now: float) -> None:
        """A reset that no answer has told of yet: after a short one a little is there, after a long all."""
        if self.is_short:
            self.left += SHARE_S / MINUTE_S * (self.limit or MINUTE_S / SHARE_S)
            self.resets_at = now + SHARE_S
            return
        self.left = inf if self.limit is None else self.limit
        self.resets_at = inf if self.limit is None else now + self.period_s
        self.lasts_until = self.resets_at
        self.as_of = self.anchor_at = now
        self.anchor_left, self.spent, self.anchor_resets_at = self.left, 0.0, self.resets_at
