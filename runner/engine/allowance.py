"""What a run may still do: so many jobs, so much money, until such a time."""

from dataclasses import dataclass, field

from runner.reason import Reason


@dataclass(slots=True, kw_only=True)
class Allowance:
    """Asked before a claim and before a sending. Money is reserved before sending and settled after.

    Amounts are billionths of a dollar, `until` is seconds since the epoch; None is no bound.
    """

    jobs: int | None = None
    nusd: int | None = None
    """What this run may spend, over all its sendings, those that may have been billed included."""
    until: float | None = None
    requests: int | None = None
    """Requests that may still be sent."""
    spent: int = 0
    reserved: int = 0
    sent: int = 0
    is_short: bool = False
    """Whether the money did not reach for a job, and nothing has been settled since."""
    begun: set[int] = field(default_factory=set)
    """Rows of the jobs worked on, kept only where their number is bounded."""

    def ended(self, now: float) -> Reason | None:
        """Why no further job may be begun, whatever it costs."""
        if self.until is not None and now >= self.until:
            return Reason.DEADLINE
        if self.jobs is not None and len(self.begun) >= self.jobs:
            return Reason.LIMIT
        if self.requests is not None and self.sent >= self.requests:
            return Reason.BUDGET
        return None

    def room(self) -> int | None:
        """How many claims may be taken now; None: any number."""
        bounds = [
            bound
            for bound in (
                None if self.jobs is None else self.jobs - len(self.begun),
                None if self.requests is None else self.requests - self.sent,
            )
            if bound is not None
        ]
        return min(bounds, default=None)

    def admit(self, row: int, reserve: int | None, *, sends: bool) -> bool:
        """Take the job up, its price reserved, or refuse it because the money may not reach.

        Where money is bounded, nothing is sent whose price is not known. `sends` is False for what only goes
        on from its ticket.
        """
        price = reserve or 0
        if self.nusd is not None and (reserve is None or self.spent + self.reserved + price > self.nusd):
            self.is_short = True
            return False
        self.reserved += price
        self.sent += sends
        if self.jobs is not None:
            self.begun.add(row)
        return True

    def settle(self, reserve: int | None, cost: int | None) -> None:
        """What was reserved is free again, what it came to is spent."""
        self.reserved -= reserve or 0
        self.spent += cost or 0
        self.is_short = False
