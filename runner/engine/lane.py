"""One endpoint at work: its pace, its health, its door, and the workers that send through it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf

import anyio
from anyio.abc import TaskGroup

from runner import price
from runner.breaker import Breaker
from runner.dialects import Dialect
from runner.engine.parts import Door
from runner.health import Health
from runner.job import Claim
from runner.manifest import Endpoint
from runner.outcome import Done
from runner.pace import Pace
from runner.reason import Reason


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
    give_up_s: float
    """How long it is probed while it is down before the run stops for it."""
    stopped: Reason | None = None
    """Why nothing more is sent to it in this run."""
    due_at: float = 0.0
    """When the queue next has something for it, in seconds since the epoch; inf: nothing that is known."""
    open: int = 0
    """Claims that are not settled yet."""

    def room(self, *, now: float, wall: float) -> int:
        """How many claims it could send at once."""
        if self.stopped is not None or self.due_at > wall:
            return 0
        return self.pace.room(now)

    def opens_in(self, *, now: float, wall: float) -> float:
        """Seconds until it may have room again; inf: only once something is settled."""
        if self.stopped is not None or self.due_at == inf:
            return inf
        return max(self.due_at - wall, self.pace.opens_at(now) - now, 0.0)

    @property
    def is_done(self) -> bool:
        """Whether this run has nothing more to do here."""
        return self.open == 0 and (self.stopped is not None or self.due_at == inf)

    def price_of(self, claim: Claim) -> int | None:
        """What sending it may cost, in billionths of a dollar; from a ticket nothing more."""
        return price.reserve(self.endpoint, claim.body) if claim.ticket is None else 0

    def cost_of(self, claim: Claim, done: Done) -> int | None:
        return price.cost(self.endpoint, claim.body, done.output.usage, done.kept)


class Crew:
    """Workers of one lane: started when they are first needed, each carrying one claim after the other."""

    def __init__(self, carry: Callable[[Lane, Claim], Awaitable[None]], lane: Lane, tasks: TaskGroup) -> None:
        self._carry = carry
        self._lane = lane
        self._tasks = tasks
        self._idle = 0
        self._send, self._receive = anyio.create_memory_object_stream[Claim](inf)

    def hand(self, claim: Claim) -> None:
        """Give the claim to a worker that is idle, or to a new one."""
        if self._idle:
            self._idle -= 1
        else:
            self._tasks.start_soon(self._work)
        self._send.send_nowait(claim)

    async def _work(self) -> None:
        async for claim in self._receive:
            await self._carry(self._lane, claim)
            self._idle += 1

    def dismiss(self) -> None:
        """No more claims will come: workers leave once they are through."""
        self._send.close()


Lanes = Mapping[str, Lane]
