"""One endpoint at work: its pace, its health, its door, and the workers that send through it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from anyio.abc import TaskGroup

from runner import price
from runner.breaker import Breaker, RetryBudget
from runner.dialects import Dialect
from runner.endpoint import Endpoint
from runner.engine.parts import Door
from runner.health import Health
from runner.job import Claim
from runner.outcome import Done
from runner.pace import Pace
from runner.reason import Reason
from runner.store import ALONE

SHARE = 4
"""Answers are recorded at once where they are this part of all that is in flight."""
PART, LEAST_S, MOST_S = 0.03, 0.008, 0.02
"""Otherwise they wait for others so long: this part of what an answer takes, within these seconds, …"""
COMPANY = 4
"""… where so many others are likely to come within it."""


@dataclass(slots=True, eq=False, kw_only=True)
class Lane:
    """What the engine knows of one endpoint while a run lasts."""

    name: str
    endpoint: Endpoint
    dialect: Dialect
    door: Door
    pace: Pace
    health: Health
    breaker: Breaker
    retries: RetryBudget = field(default_factory=RetryBudget)
    give_up_s: float
    """How long it is probed while it is down before the run stops for it."""
    key: str = ""
    """The end of its key, for people to know it by; empty where it has none."""
    stopped: Reason | None = None
    """Why nothing more is sent to it in this run."""
    why_stopped: str = ""
    """The same in the words that it was told in."""
    due_at: float = 0.0
    """When the queue next has something for it, in seconds since the epoch; inf: nothing that is known."""
    open: int = 0
    """Claims that are not settled yet."""
    is_priced: bool = field(init=False)
    """Whether anything is known of what it costs."""

    def __post_init__(self) -> None:
        self.is_priced = price.known(self.endpoint) is not None

    def room(self, *, now: float, wall: float) -> int:
        """How many claims it could send at once."""
        if self.stopped is not None or self.due_at > wall:
            return 0
        return self.pace.room(now)

    def may_have_lost(self, wall: float) -> bool:
        """Whether it is thought to have jobs before it, which others may have taken by now."""
        return self.stopped is None and self.due_at <= wall

    def opens_in(self, *, now: float, wall: float) -> float:
        """Seconds until it may have room again; inf: only once something is settled."""
        if self.stopped is not None or self.due_at == inf:
            return inf
        return max(self.due_at - wall, self.pace.opens_at(now) - now, 0.0)

    def opens_last(self, now: float) -> float:
        """Seconds until a job may be sent that is to run alone; inf: it has none."""
        return max(self.pace.opens_at(now) - now, 0.0) if self.is_last else inf

    def stop(self, reason: Reason, why: str) -> None:
        """Send nothing more to it in this run; the first reason stands."""
        if self.stopped is None:
            self.stopped, self.why_stopped = reason, why

    def is_worth(self, answers: int) -> bool:
        """Whether so many are worth a transaction, which has a price of its own."""
        return answers * SHARE >= self.open

    @property
    def moment_s(self) -> float:
        """How long an answer waits for others to be recorded with it: not at all where few are to come."""
        latency_s = self.pace.crowd.spread.latency_s
        moment_s = min(max(PART * latency_s, LEAST_S), MOST_S)
        return moment_s if self.open * moment_s >= COMPANY * latency_s else 0.0

    @property
    def is_last(self) -> bool:
        """Whether all that is left for it are jobs that are to run alone."""
        return self.stopped is None and ALONE <= self.due_at < inf

    @property
    def is_done(self) -> bool:
        """Whether this run has nothing more to do here."""
        return self.open == 0 and (self.stopped is not None or self.due_at == inf)

    def price_of(self, claim: Claim) -> int | None:
        """What sending it may cost, in billionths of a dollar; from a ticket nothing more."""
        if claim.ticket is not None:
            return 0
        return price.reserve(self.endpoint, claim.body) if self.is_priced else None

    def cost_of(self, claim: Claim, done: Done) -> int | None:
        if not self.is_priced:
            return None
        return price.cost(self.endpoint, claim.body, done.output.usage, done.output.artifacts)


class Crew:
    """Workers of one lane: started when they are first needed, each carrying one claim after the other."""

    def __init__(self, carry: Callable[[Lane, Claim], Awaitable[None]], lane: Lane, tasks: TaskGroup) -> None:
        self._carry = carry
        self._lane = lane
        self._tasks = tasks
        self._claims: deque[Claim] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._is_dismissed = False

    def hand(self, claim: Claim) -> None:
        """Give the claim to a worker that is idle, or to a new one."""
        self._claims.append(claim)
        if not self._wake():
            self._tasks.start_soon(self._work)

    def _wake(self) -> bool:
        """Let a worker go on that is idle; one that was cancelled meanwhile is not."""
        while self._idle:
            waker = self._idle.pop()
            if not waker.done():
                waker.set_result(None)
                return True
        return False

    async def _work(self) -> None:
        while True:
            while self._claims:
                await self._carry(self._lane, self._claims.popleft())
            if self._is_dismissed:
                return
            waker = asyncio.get_running_loop().create_future()
            self._idle.append(waker)
            await waker

    def dismiss(self) -> None:
        """No more claims will come: workers leave once they are through."""
        self._is_dismissed = True
        while self._wake():
            pass


Lanes = Mapping[str, Lane]


def wake(lanes: Lanes, claim: Claim, due_at: float) -> None:
    """The job is in the queue again from then on, for every endpoint that may serve it."""
    for name in (claim.endpoint, *claim.also):
        if name in lanes:
            lanes[name].due_at = min(lanes[name].due_at, due_at)


def soonest(lanes: Lanes, claim: Claim, due_at: float, *, now: float, wall: float) -> float:
    """When a job that its endpoint has put off until `due_at` may be sent, there or to an equivalent."""
    if claim.ticket is not None:
        return due_at
    others = [lanes[name] for name in claim.also if name in lanes and lanes[name].stopped is None]
    return min([due_at, *(wall + max(lane.pace.gate.until - now, 0.0) for lane in others)])
