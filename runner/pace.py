"""When an endpoint may be called next: pure, time is an argument (seconds on a monotonic clock).

One clock per endpoint answers two questions, `room` and `opens_at`; limits, refusals and answers push it.
"""

from dataclasses import dataclass, field
from math import floor, inf

from runner.crowd import Crowd

MARGIN = 0.98
"""The part of a stated limit that is used: the provider's clock is not ours."""
SLACK_S = 0.5
"""How far a late send may catch up with its schedule; the first burst is as long."""
DAY_S = 86_400.0
USUAL_TOKENS = 500.0
"""Tokens of a request before any answer has told."""
LEARNING = 0.1
"""The weight of the newest answer in what a request usually takes."""


@dataclass(slots=True)
class Spread:
    """So many units a minute, one after the other: each send pushes the time of the next."""

    per_minute: float
    next_at: float = -inf

    @property
    def interval(self) -> float:
        """Seconds a unit."""
        return 60.0 / (self.per_minute * MARGIN)

    def room(self, now: float, units: float = 1.0) -> int:
        """How many requests of so many units may go now."""
        behind = now - max(self.next_at, now - SLACK_S)
        return 0 if behind < 0 else floor(behind / (self.interval * units)) + 1

    def spend(self, now: float, units: float = 1.0) -> None:
        self.next_at = max(self.next_at, now - SLACK_S) + units * self.interval

    def correct(self, units: float) -> None:
        """So many units more were used than had been spent; negative: fewer."""
        self.next_at += units * self.interval


@dataclass(slots=True)
class Day:
    """So many requests until the provider's day ends."""

    limit: int
    used: int
    resets_at: float

    def turn(self, now: float) -> None:
        """A new day begins with nothing used."""
        while now >= self.resets_at:
            self.used = 0
            self.resets_at += DAY_S

    def room(self, now: float) -> int:
        self.turn(now)
        return max(self.limit - self.used, 0)


@dataclass(slots=True, kw_only=True)
class Pace:
    """The clock of one endpoint."""

    crowd: Crowd
    requests: Spread | None = None
    tokens: Spread | None = None
    day: Day | None = None
    closed_until: float = -inf
    """Nothing is sent before, whoever closed it: a refusal, or a breaker."""
    why_closed: str = ""
    probing: bool = False
    """Whether one request alone tries if the endpoint is open again."""
    usual_tokens: float = field(default=USUAL_TOKENS)

    def room(self, now: float) -> int:
        """How many requests may start now."""
        if now < self.closed_until:
            return 0
        rooms = [self.crowd.room()]
        if self.probing:
            rooms.append(1 - self.crowd.in_flight)
        if self.requests is not None:
            rooms.append(self.requests.room(now))
        if self.tokens is not None:
            rooms.append(self.tokens.room(now, self.usual_tokens))
        if self.day is not None:
            rooms.append(self.day.room(now))
        return max(min(rooms), 0)

    def opens_at(self, now: float) -> float:
        """When there may be room again; inf: once something that is in flight has ended."""
        if self.crowd.room() <= 0 or (self.probing and self.crowd.in_flight and now >= self.closed_until):
            return inf
        times = [now, self.closed_until]
        times += [spread.next_at for spread in (self.requests, self.tokens) if spread is not None]
        if self.day is not None and self.day.room(now) == 0:
            times.append(self.day.resets_at)
        return max(times)

    def start(self, now: float) -> None:
        """One request goes out."""
        self.crowd.start()
        if self.requests is not None:
            self.requests.spend(now)
        if self.tokens is not None:
            self.tokens.spend(now, self.usual_tokens)
        if self.day is not None:
            self.day.used += 1

    def unsent(self) -> None:
        """A request that had started never went out, or went on without one."""
        if self.requests is not None:
            self.requests.correct(-1.0)
        if self.tokens is not None:
            self.tokens.correct(-self.usual_tokens)
        if self.day is not None:
            self.day.used -= 1

    def ended(self) -> None:
        self.crowd.end()

    def answered(self, *, sent_at: float, latency_s: float, tokens: int | None) -> None:
        """A whole answer, and what the request took."""
        self.crowd.answered(sent_at=sent_at, latency_s=latency_s)
        if tokens is not None and self.tokens is not None:
            self.tokens.correct(tokens - self.usual_tokens)
            self.usual_tokens += LEARNING * (tokens - self.usual_tokens)

    def reached(self) -> None:
        """The endpoint has answered, if only to refuse a job: it is open."""
        self.probing = False

    def close(self, until: float, why: str) -> None:
        """Nothing goes out until then, and then one request first."""
        self.probing = True
        if until > self.closed_until:
            self.closed_until, self.why_closed = until, why

    def why(self, now: float) -> str | None:
        """Why nothing may start, in words; None where it may, or waits for an answer."""
        if now < self.closed_until:
            return self.why_closed
        if self.day is not None and self.day.room(now) == 0:
            return f"day quota {self.day.used}/{self.day.limit}"
        if self.room(now) == 0 and self.crowd.room() > 0 and not self.probing:
            return "paced by the limits"
        return None
