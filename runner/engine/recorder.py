"""What workers have settled becomes rows, everything that has gathered at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from runner import crash
from runner.engine.bell import Bell
from runner.engine.lane import Lane, Lanes, wake
from runner.engine.parts import Queue, Sink
from runner.engine.toll import Toll
from runner.files import Unwritable
from runner.job import Claim, State
from runner.outcome import Cause, Kept
from runner.store import Settled
from runner.value import value
from runner.writer import Unwritten

FAR = 64
"""Results whose pictures are on their way to a place far away; the next waits for one of them."""


@value
class Ended:
    """A claim's end on its way to the queue."""

    lane: Lane
    settled: Settled
    reopen: tuple[int, ...]
    """Rows of jobs that it clears: failed for what was not their fault."""

    @property
    def asks_for_more(self) -> bool:
        """Whether there is anything to do once it is a row."""
        settled = self.settled
        return bool(self.reopen or settled.settlement.due_at is not None or has_files(settled.kept))


class Recorder:
    """Commits settlements and gives outputs their final names. Nothing cancels it but the end of its work."""

    def __init__(self, queue: Queue, sink: Sink, lanes: Lanes, *, toll: Toll, bell: Bell) -> None:
        self._queue = queue
        self._lanes = lanes
        self._sink = sink
        self._toll = toll
        self._feeder = bell
        self._bell = Bell()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[Ended] = []
        self._closed = False
        self._tasks: TaskGroup | None = None
        self._far = anyio.Semaphore(FAR)

    def take(self, lane: Lane, settled: Settled, reopen: tuple[int, ...] = ()) -> None:
        """One more; whoever waits for it hears of it as soon as there are enough."""
        self._waiting.append(Ended(lane=lane, settled=settled, reopen=reopen))
        if lane.is_worth(len(self._waiting)):
            self._ring()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(lane.moment_s, self._ring)

    def _ring(self) -> None:
        """The recorder records, the feeder claims anew: in one transaction."""
        self._bell.ring()
        self._feeder.ring()

    def close(self) -> None:
        """No more will come: `run` returns once what is here is committed."""
        self._closed = True
        self._bell.ring()

    async def run(self) -> None:
        """Record until closed; what gathers while one commit is being made is the next."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as self._tasks:
                while self._waiting or not self._closed:
                    if not self._closed:
                        await self._bell.wait()
                    if self._waiting:
                        await self._record(self._gathered())

    async def hand_over(self) -> None:
        """Return when the queue has been given all that is here: what it is asked for next comes after that.

        A claim that overtook the results whose places it fills would leave more in doubt, should the runner
        be killed, than was ever on the wire.
        """
        if self._waiting and self._tasks is not None:
            self._tasks.start_soon(self._record, self._gathered())
            await checkpoint()

    def _gathered(self) -> list[Ended]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        gathered, self._waiting = self._waiting, []
        return gathered

    async def _record(self, ended: Sequence[Ended]) -> None:
        settled = [each.settled for each in ended]
        asking = [(at, each) for at, each in enumerate(ended) if each.asks_for_more]
        try:
            written = await self._written(settled)
        except Unwritten as error:
            self._toll.unwritten(settled, error)
        else:
            crash.point("committed")
            for at, each in asking:
                await self._concluded(each, is_current=written[at])
            self._toll.recorded(settled, written.count(False))
        for each in ended:
            each.lane.open -= 1
        if asking or not all(each.lane.open for each in ended):
            self._feeder.ring()

    async def _written(self, settled: Sequence[Settled]) -> Sequence[bool]:
        """Commit them all; one that the queue does not take is found, and fails alone."""
        try:
            return await self._queue.settle(settled)
        except Unwritten:
            raise
        except Exception as error:
            if len(settled) == 1:
                return await self._queue.settle([unwritable(settled[0], error)])
        return [is_current for each in settled for is_current in await self._written([each])]

    async def _concluded(self, ended: Ended, *, is_current: bool) -> None:
        """Where the disk fails, files keep the names that they were written under: the next start goes on."""
        try:
            await self._conclude(ended, is_current=is_current)
        except (Unwritable, Unwritten) as error:
            self._toll.failed(str(error))

    async def _conclude(self, ended: Ended, *, is_current: bool) -> None:
        """What a committed row asks for: names for its files, jobs to clear, a time to look again."""
        claim, kept = ended.settled.claim, ended.settled.kept
        if has_files(kept):
            await self._hand_on(claim, kept, is_current=is_current)
        if ended.reopen:
            await self._queue.reopen(ended.reopen)
            wake(self._lanes, claim, 0.0)
        if ended.settled.settlement.due_at is not None:
            wake(self._lanes, claim, ended.settled.settlement.due_at)

    async def _hand_on(self, claim: Claim, kept: tuple[Kept, ...], *, is_current: bool) -> None:
        """Where names are given far away that is done beside what is recorded next, so many at once."""
        if not self._sink.is_far or self._tasks is None:
            await self._place(claim, kept, is_current=is_current)
        else:
            await self._far.acquire()
            self._tasks.start_soon(partial(self._place_afar, claim, kept, is_current=is_current))

    async def _place_afar(self, claim: Claim, kept: tuple[Kept, ...], *, is_current: bool) -> None:
        try:
            await self._place(claim, kept, is_current=is_current)
        except (Unwritable, Unwritten) as error:
            self._toll.failed(str(error))
        finally:
            self._far.release()

    async def _place(self, claim: Claim, kept: tuple[Kept, ...], *, is_current: bool) -> None:
        """Final names; a result that came too late keeps its files as evidence."""
        if not is_current:
            await self._sink.set_aside(claim.key, claim.attempt)
            return
        named = await self._sink.name(claim.key, claim.attempt, kept)
        if named != kept:
            await self._queue.place(claim.row, named)
            await self._sink.name(claim.key, claim.attempt, named)


def has_files(kept: tuple[Kept, ...]) -> bool:
    return [each for each in kept if each.path is not None] != []


def unwritable(settled: Settled, error: Exception) -> Settled:
    """What is left of a result that the queue does not take: that it came, was paid for, and is lost."""
    message = f"its result could not be written ({type(error).__name__}): please report it"
    attempt = settled.attempt and replace(
        settled.attempt,
        cause=Cause.BUG,
        message=message,
        http_status=None,
        request_id=None,
        usage=None,
        body=b"",
    )
    settlement = replace(
        settled.settlement,
        state=State.FAILED,
        due_at=None,
        cause=Cause.BUG,
        message=message,
        keeps_ticket=False,
    )
    return replace(settled, settlement=settlement, attempt=attempt, kept=())
