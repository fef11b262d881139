"""Feeder → workers → recorder: the way of a claim, and what a run makes of its outcomes."""

import time
from collections.abc import Mapping
from dataclasses import replace
from random import random

import anyio

from runner.engine.allowance import Allowance
from runner.engine.bell import Bell
from runner.engine.examining import Examiner
from runner.engine.feeder import Feeder
from runner.engine.judging import heed, judged
from runner.engine.lane import Crew, Lane, Lanes, soonest
from runner.engine.parts import Queue, Sink
from runner.engine.record import Errand, recorded
from runner.engine.recorder import Recorder
from runner.engine.stop import Stop
from runner.engine.toll import Toll
from runner.engine.worker import Worker
from runner.expectation import Expect
from runner.job import Claim
from runner.outcome import Done, Outcome, Waiting
from runner.retry import Policy, Settlement, settle
from runner.store import Settled


class Engine:
    """Works on one batch until nothing is left or the run is to stop."""

    def __init__(
        self,
        *,
        queue: Queue,
        lanes: Lanes,
        sink: Sink,
        expect: Mapping[str, Expect],
        policy: Policy,
        allowance: Allowance,
        stop: Stop,
        toll: Toll,
        waits: bool,
    ) -> None:
        self._lanes = lanes
        self._policy = policy
        self._allowance = allowance
        self._stop = stop
        self._bell = Bell()
        self._worker = Worker(
            queue=queue,
            sink=sink,
            examiner=Examiner(queue=queue, sink=sink, expect=expect),
            shelter=stop.shelter,
            conclude=self._conclude,
            toll=toll,
        )
        self._recorder = Recorder(queue, sink, lanes, toll=toll, bell=self._bell)
        self.feeder = Feeder(
            queue,
            lanes,
            settle_first=self._recorder.hand_over,
            allowance=allowance,
            stop=stop,
            bell=self._bell,
            waits=waits,
        )
        stop.hearers.append(self._heed_stop)

    async def run(self) -> None:
        """Return once everything that was begun is recorded, whether the batch is finished or not."""
        async with anyio.create_task_group() as recording:
            recording.start_soon(self._recorder.run)
            try:
                with self._stop.cutting:
                    await self._work()
            finally:
                self._recorder.close()

    async def _work(self) -> None:
        async with anyio.create_task_group() as working:
            crews = {name: Crew(self._worker.carry, lane, working) for name, lane in self._lanes.items()}
            try:
                await self.feeder.run(crews)
            finally:
                for crew in crews.values():
                    crew.dismiss()

    def look_again(self) -> None:
        """The queue was changed by another program: there may be jobs where there were none."""
        for lane in self._lanes.values():
            lane.due_at = 0.0
        self._bell.ring()

    def _conclude(self, lane: Lane, errand: Errand, outcome: Outcome) -> None:
        """Decide what becomes of the job, and hand it to the recorder: the worker is free again."""
        now = time.time()
        outcome, reopen = judged(lane, errand, outcome)
        settlement = settle(errand.claim, outcome, self._policy, now=now, chance=random())
        attempt = self._allowance.doubtful(recorded(lane, errand, outcome))
        self._allowance.settle(errand.claim.reserve, attempt.cost_nusd)
        closed_until = heed(lane, errand, outcome)
        settlement = self._put_off(errand.claim, settlement, now)
        if settlement.due_at is not None:
            self._allowance.put_off(errand.claim.row, settlement.due_at)
        settled = Settled(
            claim=errand.claim,
            settlement=settlement,
            attempt=None if isinstance(outcome, Waiting) else attempt,
            kept=outcome.kept if isinstance(outcome, Done) else (),
            closed_until=closed_until,
        )
        self._recorder.take(lane, settled, reopen)

    def _put_off(self, claim: Claim, settlement: Settlement, now: float) -> Settlement:
        """A job that one endpoint refuses for pace is not kept from its equivalents."""
        if settlement.due_at is None or settlement.waits <= claim.waits:
            return settlement
        due_at = soonest(self._lanes, claim, settlement.due_at, now=time.monotonic(), wall=now)
        return replace(settlement, due_at=due_at)

    def _heed_stop(self) -> None:
        """Wait for nothing more; after a signal what has no connection yet is not sent."""
        self._bell.ring()
        if self._stop.signal is not None:
            self._worker.call_off()
