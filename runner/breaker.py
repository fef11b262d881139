"""Whether an endpoint is down, told from its last answers: a pure judge that a bad stretch does not fool."""

from collections import deque
from dataclasses import dataclass, field

from runner.outcome import Cause

DOWN = frozenset({Cause.UNAVAILABLE, Cause.CONNECTION, Cause.TIMED_OUT})
LAST = 20
"""Answers that are looked at."""
SHARE = 0.9
"""Of these, how many must have been no answers."""
UNREACHED = 8
"""Connections in a row that could not be made: nothing was sent, so this is no bad stretch."""
PROBE_S = 30.0
"""Seconds between two probes of an endpoint that is down."""


@dataclass(slots=True)
class Breaker:
    """The last answers of one endpoint; times are seconds on a monotonic clock."""

    last: deque[bool] = field(default_factory=lambda: deque(maxlen=LAST))
    unreached: int = 0
    down_since: float | None = None

    def answered(self) -> None:
        """Anything but a failure to serve, a refusal included."""
        if self.down_since is not None:
            self.last.clear()
        self.last.append(False)
        self.unreached = 0
        self.down_since = None

    def failed(self, cause: Cause, *, sent: bool, now: float) -> bool:
        """Note a failure; returns whether the endpoint is down."""
        if cause not in DOWN:
            self.answered()
            return False
        self.last.append(True)
        self.unreached = 0 if sent else self.unreached + 1
        is_down = (len(self.last) == LAST and sum(self.last) >= SHARE * LAST) or self.unreached >= UNREACHED
        if is_down and self.down_since is None:
            self.down_since = now
        return self.down_since is not None

    def has_given_up(self, now: float, give_up_s: float) -> bool:
        return self.down_since is not None and now - self.down_since >= give_up_s
