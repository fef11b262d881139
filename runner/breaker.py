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
FREE_RETRIES = 50
"""Retries that are never counted against the budget."""
RETRY_SHARE = 0.2
"""The part of all requests that may be retries."""
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(slots=True)
class Breaker:
    """The last answers of one endpoint; times are seconds on a monotonic clock."""

    last: deque[bool] = field(default_factory=lambda: deque(maxlen=LAST))
    failures: int = 0
    """In a row."""
    unreached: int = 0
    """In a row, of those."""
    down_since: float | None = None
    what: str = ""
    """The latest failure, as short as can be: a status, or a cause."""

    def answered(self) -> None:
        """Anything but a failure to serve, a refusal included."""
        if self.down_since is not None:
            self.last.clear()
        self.last.append(False)
        self.failures = self.unreached = 0
        self.down_since = None

    def failed(self, cause: Cause, *, sent: bool, now: float, status: int | None = None) -> bool:
        """Note a failure; returns whether the endpoint is down."""
        if cause not in DOWN:
            self.answered()
            return False
        self.last.append(True)
        self.failures += 1
        self.unreached = 0 if sent else self.unreached + 1
        self.what = cause.value if status is None else str(status)
        if self._is_down() and self.down_since is None:
            self.down_since = now
        return self.down_since is not None

    def _is_down(self) -> bool:
        return self.unreached >= UNREACHED or (len(self.last) == LAST and sum(self.last) >= SHARE * LAST)

    @property
    def why(self) -> str:
        """In words for people: how many failures in a row, and of what."""
        return f"breaker: {self.failures} {TIMES} {self.what}"

    def has_given_up(self, now: float, give_up_s: float) -> bool:
        return self.down_since is not None and now - self.down_since >= give_up_s


@dataclass(slots=True)
class RetryBudget:
    """How many of an endpoint's requests may be retries; once spent, fresh jobs go first, and none fails."""

    requests: int = 0
    retries: int = 0

    def sent(self, *, again: bool) -> None:
        """A request goes out; `again`: a job's second try or later."""
        self.requests += 1
        self.retries += again

    @property
    def is_spent(self) -> bool:
        return self.retries >= FREE_RETRIES + RETRY_SHARE * self.requests
