"""Takes as many jobs from the queue as can be sent at once, and no more: what is claimed is on the wire."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from math import inf

import anyio

from runner import crash
from runner.engine.allowance import Allowance
from runner.engine.bell import Bell
from runner.engine.lane import Crew, Lane, wake
from runner.engine.parts import Queue
from runner.engine.stop import Stop
from runner.job import Claim
from runner.reason import Reason
from runner.store import Among
from runner.writer import Unwritten

SOON_S = 1.0
"""A rest that is longer is not begun before it is certain that there is something to wait for."""
LONG_S = 60.0
"""A wait that `--no-wait` does not sit out: longer than any limit by the minute."""
PARKED_S = 600.0
"""A wait for jobs that are begun which a run that may begin no more does not sit out."""
MOST_CLAIMS = 256
"""Claims in one transaction: more at once gain nothing."""


class Feeder:
    """Feeds the lanes until nothing is left, or the run is to stop."""

    def __init__(
        self,
        queue: Queue,
        lanes: Mapping[str, Lane],
        *,
        settle_first: Callable[[], Awaitable[None]],
        allowance: Allowance,
        stop: Stop,
        bell: Bell,
        waits: bool,
    ) -> None:
        self._queue = queue
        self._lanes = lanes
        self._settle_first = settle_first
        self._allowance = allowance
        self._stop = stop
        self._bell = bell
        self._waits = waits
        self._among = Among()
        self._alone: list[int] = []
        """Rows of jobs that run alone: nothing is claimed beside them."""
        self.paused = False

    async def run(self, crews: Mapping[str, Crew]) -> None:
        await self._feed(crews)
        held = self._allowance.held()
        if held is not None and all(lane.stopped is None for lane in self._lanes.values()):
            self._stop.ask(held)

    async def _feed(self, crews: Mapping[str, Crew]) -> None:
        while not self._stop.is_asked and not self._is_done_among(self._allowance.among()):
            await self._absolve()
            wants = self._wants()
            if wants:
                with anyio.CancelScope(shield=True):
                    claims = await self._taken(wants)
                self._hand(crews, claims)
                if claims and len(claims) < MOST_CLAIMS:
                    await self._bell.wait(max(lane.moment_s for lane in self._lanes.values()))
            else:
                await self._rest()

    def _is_done(self) -> bool:
        return all(lane.is_done for lane in self._lanes.values())

    def _wants(self) -> dict[str, int]:
        """How many claims each lane has room for; none of those that have none, if their jobs may be gone."""
        if self._is_over() or self.paused or self._alone:
            return {}
        now, wall = time.monotonic(), time.time()
        left = self._allowance.room()
        wants = {}
        for name, lane in self._lanes.items():
            room = min(lane.room(now=now, wall=wall), MOST_CLAIMS, inf if left is None else left)
            if room > 0 or lane.may_have_lost(wall):
                wants[name] = max(int(room), 0)
                left = None if left is None else left - wants[name]
        return wants if any(wants.values()) else self._last_wants(now)

    def _last_wants(self, now: float) -> dict[str, int]:
        """One job that may have ended an earlier runner, once everything else is at its end."""
        if self._is_busy or not all(lane.is_done or lane.is_last for lane in self._lanes.values()):
            return {}
        return next(
            ({name: 1} for name, lane in self._lanes.items() if lane.is_last and lane.pace.room(now) > 0), {}
        )

    @property
    def _is_busy(self) -> bool:
        return any(lane.open for lane in self._lanes.values())

    async def _absolve(self) -> None:
        """What ran alone is at its end, and this runner lives."""
        if self._alone and not self._is_busy:
            await self._queue.absolve(self._alone)
            self._alone = []

    def _is_done_among(self, among: Among) -> bool:
        """Whether nothing is left of what may be taken; where that has changed, any lane may have some."""
        before, self._among = self._among, among
        if (before.rows is None, before.ticketed) != (among.rows is None, among.ticketed):
            for lane in self._lanes.values():
                lane.due_at = 0.0
        return self._is_done()

    def held(self) -> Reason | None:
        """Why no further job is begun for now, whatever the endpoints say."""
        return Reason.PAUSED if self.paused else self._allowance.held()

    def _is_over(self) -> bool:
        """Whether its time is over; asks the run to stop if so."""
        is_over = self._allowance.is_over(time.time())
        if is_over:
            self._stop.ask(Reason.DEADLINE)
        return is_over

    async def _taken(self, wants: Mapping[str, int]) -> list[Claim]:
        """What there is to send; nothing more once the disk is full."""
        try:
            return await self._take(wants)
        except Unwritten:
            self._stop.ask(Reason.DISK)
            return []

    async def _take(self, wants: Mapping[str, int]) -> list[Claim]:
        """Claim, and give back at once what may not be sent after all."""
        is_last = all(self._lanes[name].is_last for name in wants)
        among = replace(self._among, alone=is_last)
        for name in wants:
            self._lanes[name].due_at = inf
        spent = [name for name in wants if self._lanes[name].retries.is_spent]
        await self._settle_first()
        taken = await self._queue.claim(wants, missing_models(self._lanes), spent, among)
        crash.point("claimed")
        for name, due_at in taken.due_at.items():
            self._lanes[name].due_at = min(self._lanes[name].due_at, due_at)
        priced = [self._priced(claim) for claim in taken.claims]
        sendable = [] if self._stop.is_asked else [claim for claim in priced if self._admit(claim)]
        if len(sendable) < len(taken.claims):
            await self._give_back(taken.claims, sendable)
        self._alone = [claim.row for claim in sendable if is_last]
        return sendable

    def _priced(self, claim: Claim) -> Claim:
        """The claim with what its sending may cost, found out once."""
        price = self._lanes[claim.endpoint].price_of(claim)
        return claim if price is None else replace(claim, reserve=price)

    def _admit(self, claim: Claim) -> bool:
        return self._allowance.admit(claim.row, claim.reserve, sends=claim.ticket is None)

    async def _give_back(self, claims: Sequence[Claim], sendable: Sequence[Claim]) -> None:
        """The money does not reach for all: those that it does not reach for are pending again."""
        kept = {claim.row for claim in sendable}
        unsendable = [claim for claim in claims if claim.row not in kept]
        await self._queue.release(unsendable)
        for claim in unsendable:
            wake(self._lanes, claim, 0.0)

    def _hand(self, crews: Mapping[str, Crew], claims: Sequence[Claim]) -> None:
        now = time.monotonic()
        for claim in claims:
            lane = self._lanes[claim.endpoint]
            lane.open += 1
            lane.pace.start(now)
            lane.retries.sent(again=claim.tries > 0)
            crews[claim.endpoint].hand(claim)

    async def _is_at_end(self, wall: float) -> bool:
        """Whether nothing is left after all, where it was only thought that there is more."""
        unsure = [name for name, lane in self._lanes.items() if lane.may_have_lost(wall)]
        if unsure:
            await self._taken(dict.fromkeys(unsure, 0))
        return self._is_done()

    async def _rest(self) -> None:
        """Until there may be something to do again."""
        now, wall = time.monotonic(), time.time()
        opens_in = inf if self.paused else self._opens_in(now, wall)
        if not self._is_busy:
            if opens_in > SOON_S and await self._is_at_end(wall):
                return
            reason = self._waits_no_longer(opens_in, now)
            if reason is not None:
                self._stop.ask(reason)
                return
        until = inf if self._allowance.until is None else self._allowance.until - wall
        seconds = min(opens_in, until)
        await self._bell.wait(None if seconds == inf else max(seconds, 0.0))

    def _opens_in(self, now: float, wall: float) -> float:
        """Seconds until there may be room again; for jobs that run alone only where nothing else is left."""
        lanes = self._lanes.values()
        opens_in = min((lane.opens_in(now=now, wall=wall) for lane in lanes if not lane.is_last), default=inf)
        if opens_in < inf or self._is_busy:
            return opens_in
        return min(lane.opens_last(now) for lane in lanes)

    def _waits_no_longer(self, opens_in: float, now: float) -> Reason | None:
        """Why the run ends where nothing is in flight and nothing may be sent for so long."""
        if self.paused:
            return None if self._waits else Reason.PAUSED
        if opens_in > PARKED_S and (held := self._allowance.held()) is not None:
            return held
        if not self._waits and LONG_S < opens_in < inf and is_closed(self._lanes, now):
            return Reason.QUOTA
        return None


def missing_models(lanes: Mapping[str, Lane]) -> Collection[tuple[str, str]]:
    """Models that nothing more is sent to, by endpoint."""
    return {(name, model) for name, lane in lanes.items() for model in lane.health.stopped_models}


def is_closed(lanes: Mapping[str, Lane], now: float) -> bool:
    """Whether it is a provider's limit that is waited for, and not a job's own retry."""
    return any(lane.pace.opens_at(now) - now > LONG_S for lane in lanes.values() if lane.due_at < inf)
