"""How much a provider lets through, and what it says of it: pure, time is an argument."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

DAY_S = 86_400
MINUTE_S = 60.0


@dataclass(slots=True, kw_only=True)
class Bucket:
    """Requests a minute, refilled all the time: it holds `burst` at most."""

    per_minute: int
    burst: int
    level: float = field(init=False)
    at: float | None = None
    """When `level` was true, in seconds of the clock that `take` is given."""

    def __post_init__(self) -> None:
        self.level = float(self.burst)

    def take(self, now: float) -> float:
        """Seconds to wait before there is room; 0: one is taken."""
        self.refill(now)
        if self.level < 1:
            return (1 - self.level) * MINUTE_S / self.per_minute
        self.level -= 1
        return 0.0

    def refill(self, now: float) -> None:
        passed = 0.0 if self.at is None else max(0.0, now - self.at)
        self.level = min(float(self.burst), self.level + passed * self.per_minute / MINUTE_S)
        self.at = now

    def headers(self) -> dict[str, str]:
        """What is left as of the last `take`; the reset is when it is full again."""
        full_s = (self.burst - self.level) * MINUTE_S / self.per_minute
        return {
            "x-ratelimit-limit-requests": str(self.per_minute),
            "x-ratelimit-remaining-requests": str(int(self.level)),
            "x-ratelimit-reset-requests": f"{full_s:.3f}s",
        }


@dataclass(slots=True, kw_only=True)
class Quota:
    """Requests a day, all given back at 00:00 UTC."""

    per_day: int
    day: int = 0
    used: int = 0

    def take(self, epoch: float) -> float:
        """Seconds to wait before there is room; 0: one is taken. `epoch` is the wall clock."""
        today = int(epoch // DAY_S)
        if today != self.day:
            self.day, self.used = today, 0
        if self.used >= self.per_day:
            return (today + 1) * DAY_S - epoch
        self.used += 1
        return 0.0


def pause(wait_s: float) -> Mapping[str, str]:
    """A wait, as the headers of a 429 name it."""
    return {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))}
