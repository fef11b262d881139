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
"""The shortest time over which an inflow is measured."""
MARGIN = 0.98
"""The part of an inflow that is used."""


@dataclass(slots=True)
class Remaining:
    """One limit, as the last answers told it. Times are seconds on a monotonic clock."""

    limit: float | None = None
    left: float = inf
    resets_at: float = inf
    period_s: float = 0.0
    """The longest reset that was told."""
    inflow: float = 0.0
    """Units a second that come back before the reset."""
    told_at: float = -inf
    anchor_at: float = inf
    anchor_left: float = 0.0
    anchor_resets_at: float = -inf
    spent: float = 0.0
    """Units since the anchor."""

    def tell(self, window: Window, *, ahead: float, now: float) -> None:
        """An answer told it; `ahead`: units spent since the request that it answers was sent."""
        rounding_s = SOON_S if window.reset_s.is_integer() else 0.0
        self.limit = window.limit if window.limit is not None else self.limit
        self.left, self.told_at = window.remaining - ahead, now
        self.resets_at = now + window.reset_s + rounding_s
        self.period_s = max(self.period_s, window.reset_s)
        self._measure(now)

    def _measure(self, now: float) -> None:
        """Take the inflow since the anchor, unless a reset lies between."""
        is_same_window = now < self.anchor_resets_at
        if is_same_window and now - self.anchor_at < MEASURED_S:
            return
        if is_same_window:
            gained = self.left + self.spent - self.anchor_left
            self.inflow = max(gained / (now - self.anchor_at), 0.0)
        self.anchor_at, self.anchor_left, self.spent = now, self.left, 0.0
        self.anchor_resets_at = self.resets_at

    def spend(self, units: float) -> None:
        self.left -= units
        self.spent += units

    def available(self, now: float) -> float:
        """Units that are there now, if nobody else has taken them."""
        self._turn(now)
        return self.left + self.inflow * (now - self.told_at) if self.inflow else self.left

    def rate(self, now: float) -> float:
        """Units a second at which it lasts until it is whole again."""
        rest_s = self.resets_at - now
        if rest_s > LONG_S:
            return inf
        return MARGIN * self.inflow + max(self.available(now), 0.0) / max(rest_s, SOON_S)

    def opens_at(self, now: float, units: float) -> float:
        """When so many units are there."""
        missing = units - self.available(now)
        if missing <= 0:
            return now
        refilled_at = now + missing / self.inflow if self.inflow else inf
        return min(self.resets_at, refilled_at)

    def _turn(self, now: float) -> None:
        """A reset that no answer has told of yet: whole again, for as long as it lasted before."""
        if now >= self.resets_at:
            self.left = inf if self.limit is None else self.limit
            self.resets_at = inf if self.limit is None else now + max(self.period_s, SOON_S)
            self.told_at = self.anchor_at = now
            self.anchor_resets_at = -inf
