"""What a run may still do: so many jobs, so much money, until such a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from heapq import nsmallest

from runner.bitset import Bitset
from runner.outcome import Attempt
from runner.reason import Reason
from runner.store import Among

LATEST = 0.1
"""The weight of the latest answer in what is typical."""
MOST_ROWS = 256
"""Jobs that are asked for by their rows at once."""


@dataclass(slots=True, kw_only=True)
class Allowance:
    """Asked before a claim and before a sending. Money is reserved before sending and settled after.

    Amounts are billionths of a dollar, `until` is seconds since the epoch; None is no bound.
    """

    jobs: int | None = None
    nusd: int | None = None
    """What this run may spend, over all its sendings, those that may have been billed included."""
    until: float | None = None
    typical_s: float = 0.0
    """How long an answer takes: nothing is begun that would come back after `until`."""
    requests: int | None = None
    """Requests that may still be sent."""
    spent: int = 0
    reserved: int = 0
    in_flight: int = 0
    """Sendings whose price is reserved."""
    excess: int = 0
    """The most that a sending has cost beyond what was reserved for it: any other may do the same."""
    sent: int = 0
    canaries: set[int] = field(default_factory=set)
    """Rows of jobs that have to succeed before any other is begun."""
    is_short: bool = False
    """Whether the money did not reach for a job, and none has come back since."""
    begun: Bitset = field(default_factory=Bitset)
    """Rows of the jobs worked on, kept only where their number is bounded."""
    undone: dict[int, float] = field(default_factory=dict)
    """Of these the ones that are pending again, and when they are due, in seconds since the epoch."""

    def is_over(self, now: float) -> bool:
        return self.until is not None and now >= self.until - self.typical_s

    def held(self) -> Reason | None:
        """Why no further job may be begun. What is begun, or paid for, is still brought to its end."""
        if self._is_spent:
            return Reason.BUDGET
        return Reason.LIMIT if self._are_begun else None

    def among(self) -> Among:
        """Which jobs may be taken."""
        if self.canaries:
            rows = tuple(sorted(self.canaries)[:MOST_ROWS])
            return Among(rows=rows, ticketed=self._is_spent, fresh=True)
        first = nsmallest(MOST_ROWS, self.undone, key=self.undone.__getitem__) if self._are_begun else None
        return Among(rows=None if first is None else tuple(first), ticketed=self._is_spent)

    @property
    def _are_begun(self) -> bool:
        return self.jobs is not None and len(self.begun) >= self.jobs

    @property
    def _is_spent(self) -> bool:
        return self.is_short or (self.requests is not None and self.sent >= self.requests)

    def room(self) -> int | None:
        """How many claims may be taken now; None: any number."""
        bounds = [
            bound
            for bound in (
                None if self.jobs is None else self.jobs - len(self.begun),
                None if self.requests is None else self.requests - self.sent,
            )
            if bound is not None and bound > 0
        ]
        return min(bounds, default=None)

    def admit(self, row: int, reserve: int | None, *, sends: bool) -> bool:
        """Take the job up, its price reserved, or refuse it because the money may not reach.

        Where money is bounded, nothing is sent whose price is not known. `sends` is False for what only goes
        on from its ticket.
        """
        if self.nusd is not None and sends and not self._reaches(reserve, self.nusd):
            self.is_short = True
            return False
        self.reserved += reserve or 0
        self.in_flight += 1
        self.sent += sends
        if self.jobs is not None:
            self.begun.add(row)
            self.undone.pop(row, None)
        return True

    def _reaches(self, reserve: int | None, nusd: int) -> bool:
        """Whether there is money for one more, all that are in flight costing what such have cost at most."""
        if reserve is None:
            return False
        return self.spent + self.reserved + reserve + self.excess * (self.in_flight + 1) <= nusd

    def settle(self, reserve: int | None, cost: int | None) -> None:
        """What was reserved is free again, what it came to is spent."""
        reserved, came_to = reserve or 0, cost or 0
        self.reserved -= reserved
        self.in_flight -= 1
        self.spent += came_to
        if came_to < reserved + self.excess:
            self.is_short = False
        self.excess = max(self.excess, came_to - reserved)

    def doubtful(self, attempt: Attempt) -> Attempt:
        """The attempt; at what such have cost at most, where no answer tells what is billed for it."""
        if not (self.excess and attempt.billed and attempt.cause is not None and attempt.cost_nusd):
            return attempt
        return replace(attempt, cost_nusd=attempt.cost_nusd + self.excess)

    def took(self, attempts: Iterable[Attempt | None]) -> None:
        """How long answers take, the latest counting most."""
        for attempt in attempts:
            if attempt is not None and attempt.cause is None:
                known = self.typical_s or attempt.latency_s
                self.typical_s = known + LATEST * (attempt.latency_s - known)

    def put_off(self, row: int, due_at: float) -> None:
        """A job that was taken up is pending again until then."""
        if self.jobs is not None:
            self.undone[row] = due_at
