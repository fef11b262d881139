"""A batch worked on: locked, made good, sent, recorded, and its results written."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from runner import database, price
from runner.compose import rescue, trace
from runner.compose.exporting import GivenUp, results
from runner.compose.glance import Glance, Watcher
from runner.compose.keeping import outputs
from runner.compose.lanes import lanes
from runner.compose.opening import batch_of
from runner.compose.pacing import Pacing
from runner.compose.preflight import refusal
from runner.compose.recovery import recover
from runner.compose.room import needed, told
from runner.compose.secrets import known_secrets
from runner.compose.spending import warnings
from runner.compose.watchman import Watchman
from runner.dialects import DIALECTS
from runner.engine.allowance import Allowance
from runner.engine.engine import Engine
from runner.engine.lane import Lane
from runner.engine.queue import BatchQueue
from runner.engine.stop import Stop, Told, exit_status, heeding_signals
from runner.engine.toll import Toll
from runner.files import Unwritable
from runner.job import State
from runner.problems import ManifestError, Problem
from runner.provenance import Origin
from runner.reason import Reason
from runner.redaction import Secrets
from runner.reserve import SUFFIX, Reserve
from runner.retry import Policy
from runner.settings import Settings
from runner.sinks import Folder
from runner.store import BatchRow, BatchState, Settled, Store, Tally, Usual
from runner.value import value
from runner.writer import Unwritten, Writer

LATER = 75
"""Stopped with work left: run it again later."""


@value
class RunOptions:
    """What this run may do; None is no bound."""

    limit: int | None = None
    """Jobs."""
    max_cost_usd: float | None = None
    until: float | None = None
    """Seconds since the epoch."""
    waits: bool = True
    """Whether a provider's long limit is sat out."""
    preflight: bool = False
    """Whether what a run needs is looked at first, and the first job of each group is sent alone."""


@value
class Ended:
    """How a run ended."""

    tally: Tally
    exit_status: int
    signalled: int | None
    """The exit status of a run that a signal stops, if one came, even if nothing was left to do."""
    db: str
    """Where the batch is now: a copy, where the queue was taken away while running."""
    left: RunOptions
    """What of this run's bounds is left for another batch."""


Heard = Callable[[Sequence[Settled]], None]
"""Hears of results once they are committed."""


async def work(
    db: str, batch: str, options: RunOptions, watcher: Watcher, *, heard: Heard = lambda _: None
) -> Ended:
    """Work on the batch until nothing is left or something stops it.

    Heeds signals where it runs in the main thread. Raises `Busy` where another runner has the queue,
    `QueueError`, `ManifestError` and `Unwritable` where it cannot begin.
    """
    queue = database.named(db)
    queue.check()
    await to_thread.run_sync(queue.examine)
    stop = Stop()
    reserve = Reserve(tell=asking(stop, Reason.DISK), is_cut=lambda: stop.is_cut)
    with queue.lock():
        words = trace.last(queue.path)
        if queue.path is not None and words is not None:
            watcher.said(f"the last runner broke: {words}; its trace is {trace.kept(queue.path)}")
        async with Writer[Store](
            queue,
            Store,
            waiting=lambda: watcher.said("waiting for the queue"),
            room=reserve.make_room,
        ) as writer:
            row = await writer.do(lambda store: batch_of(store, batch, db))
            run = Run(
                db=db,
                queue=queue,
                row=row,
                writer=writer,
                reserve=reserve,
                options=options,
                watcher=watcher,
                heard=heard,
                broke=words,
                stop=stop,
            )
            with trace.traced(queue.path):
                return await run.go()


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of one batch, from the lock to its last word."""

    db: str
    queue: database.Database
    row: BatchRow
    writer: Writer[Store]
    reserve: Reserve
    options: RunOptions
    watcher: Watcher
    heard: Heard
    broke: str | None
    """How the last runner broke, where it was not killed from outside."""
    stop: Stop
    toll: Toll = field(init=False)
    watchman: Watchman = field(init=False)
    lanes: Mapping[str, Lane] = field(default_factory=dict)
    allowance: Allowance = field(default_factory=Allowance)

    def __post_init__(self) -> None:
        self.toll = Toll(
            tell=self._hear,
            saw=self.reserve.saw,
            has_failed=lambda: self.stop.reason is Reason.DISK,
            failed=self._disk_failed,
        )
        self.watchman = Watchman(
            path=self.queue.path,
            folder=Path(self.row.folder),
            reserve=self.reserve,
            jobs=self.row.tally.total,
            stop=self.stop,
            say=self.watcher.said,
        )

    async def go(self) -> Ended:
        settings = Settings.model_validate_json(self.row.settings)
        secrets = known_secrets(self.row.path, settings)
        require_prices(self.row.path, settings, self.options)
        folder = replace(outputs(self.row), room=self.reserve.make_room, origin=origin(self.row, settings))
        await to_thread.run_sync(folder.check_writable)
        with self._room_kept(folder):
            await self._make_good(settings, folder)
            async with signals(self.stop, self._told):
                return await self._work(settings, secrets, folder)

    @contextmanager
    def _room_kept(self, folder: Folder) -> Iterator[None]:
        """A reserve on each disk that is written to, for as long as the run lasts."""
        path = self.queue.path
        places = [] if path is None else [path.with_name(path.name + SUFFIX)]
        self.reserve.stand([*places, folder.root / SUFFIX])
        try:
            self.reserve.hold()
            yield
        finally:
            self.reserve.give_up()

    async def _work(self, settings: Settings, secrets: Secrets, folder: Folder) -> Ended:
        """From its first row to its last, signals being heeded."""
        await self.writer.changed()
        self.watchman.begin()
        await self.writer.do(lambda store: store.bring_forward(self.row.id, now=time.time()))
        run_id = await self.writer.do(
            lambda store: store.begin_run(self.row.id, worker=worker(), now=time.time())
        )
        async with lanes(settings.endpoints, secrets, waits=self.options.waits) as self.lanes:
            self.watchman.lanes = self.lanes
            pacing = Pacing(writer=self.writer, batch_id=self.row.id, lanes=self.lanes)
            await pacing.begin()
            for message in pacing.messages():
                self.watcher.said(message)
            began = await self._tally()
            glance = self._glance(settings, pacing, began)
            self.watcher.began(began)
            self.allowance = allowance(settings, self.options, began)
            await self._look_ahead(settings, secrets, folder)
            await self._watched(glance, self._engine(settings, folder))
            if self.toll.lost:
                self.watcher.said(f"{self.toll.lost} lost: paid for, perhaps, and kept nowhere")
            glance.tell(await self._tally())
        return await self._end(run_id)

    async def _look_ahead(self, settings: Settings, secrets: Secrets, folder: Folder) -> None:
        """Where its time is bounded, how long answers take; where that is asked for, what it needs."""
        if self.options.until is not None:
            usual = await self.writer.do(lambda store: store.usual())
            self.allowance.typical_s = typical(usual, settings)
        if self.options.preflight:
            wanted = await self.writer.do(lambda store: store.models_wanted(self.row.id))
            places = [folder.root, *([] if self.queue.path is None else [self.queue.path.parent])]
            refused = await refusal(settings, secrets, wanted, places) if wanted else None
            if refused is not None:
                self.watcher.said(f"not begun: {refused.words}")
                self.stop.ask(refused.reason)
            self.allowance.canaries = set(await self.writer.do(lambda store: store.firsts(self.row.id)))

    def _glance(self, settings: Settings, pacing: Pacing, began: Tally) -> Glance:
        def nearly_spent(tally: Tally) -> Iterator[str]:
            return warnings(settings, max_cost_usd=self.options.max_cost_usd, began=began, tally=tally)

        return Glance(
            writer=self.writer,
            row=self.row,
            lanes=self.lanes,
            pacing=pacing,
            watcher=self.watcher,
            tally=self._tally,
            warnings=nearly_spent,
        )

    async def _make_good(self, settings: Settings, folder: Folder) -> None:
        """What earlier runs left behind, of other batches too: nothing of them is in flight either."""
        for message in await self._recovered(self.row, settings, folder):
            self.watcher.said(message)
        left = {orphan.batch_id for orphan in await self.writer.do(Store.orphans)}
        for row in await self.writer.do(Store.batches) if left else ():
            if row.id in left:
                await self._make_other_good(row)

    async def _make_other_good(self, row: BatchRow) -> None:
        """As far as its folder lets us: that need not be ours to mend."""
        try:
            said = await self._recovered(row, Settings.model_validate_json(row.settings), outputs(row))
        except Unwritable as error:
            said = [f"what was in flight is made good when it runs again: {error}"]
        for message in said:
            self.watcher.said(f"{row.name}: {message}")

    async def _recovered(self, row: BatchRow, settings: Settings, folder: Folder) -> list[str]:
        recovered = await recover(
            self.writer, row.id, folder, policy(settings), settings.endpoints, trace=self.broke
        )
        return recovered.messages()

    def _engine(self, settings: Settings, folder: Folder) -> Engine:
        return Engine(
            queue=BatchQueue(self.writer, self.row.id, worker=worker(), tells=folder.origin is not None),
            lanes=self.lanes,
            sink=folder,
            expect=settings.expect,
            policy=policy(settings),
            allowance=self.allowance,
            stop=self.stop,
            toll=self.toll,
            waits=self.options.waits,
        )

    async def _watched(self, glance: Glance, engine: Engine) -> None:
        """Run the engine, and beside it look at the queue and tell how it stands."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(glance.run, engine)
            beside.start_soon(self.watchman.run)
            await engine.run()
            beside.cancel_scope.cancel()

    def _disk_failed(self, why: str) -> None:
        if self.stop.reason is not Reason.DISK:
            self.watcher.said(why)
        self.stop.ask(Reason.DISK)

    async def _tally(self) -> Tally:
        return await self.writer.do(lambda store: store.tally(self.row.id))

    def _hear(self, settled: Sequence[Settled], late: int) -> None:
        if late:
            self.watcher.said(f"{late} late result{'s'[: late > 1]} dropped")
        if self.allowance.canaries:
            self._heed_canaries(settled)
        if self.allowance.until is not None:
            self.allowance.took(each.attempt for each in settled)
        self.heard(settled)

    def _heed_canaries(self, settled: Sequence[Settled]) -> None:
        """The rest of a group follows when the first of each has come back well."""
        for each in settled:
            state = each.settlement.state
            if each.claim.row not in self.allowance.canaries or state is State.PENDING:
                continue
            self.allowance.canaries.discard(each.claim.row)
            if state is not State.SUCCEEDED:
                cause = f"{each.settlement.cause}: {each.settlement.message}"
                self.watcher.said(f"{each.claim.id}, sent alone before the rest of its group: {cause}")
                self.stop.ask(Reason.CANARY)

    def _told(self, times: int) -> None:
        if times == 1:
            in_flight = sum(lane.pace.crowd.in_flight for lane in self.lanes.values())
            self.watcher.said(f"stopping: {in_flight} in flight, Ctrl-C again to cut")

    async def _end(self, run_id: int) -> Ended:
        """The last word: state and reason, results, exit status."""
        tally = await self._tally()
        is_finished = tally.pending + tally.running == 0
        reason = None if is_finished else self.stop.reason or stopped(self.lanes)
        state = BatchState.FINISHED if is_finished else BatchState.STOPPED
        with suppress(Unwritten):
            await self.writer.do(
                lambda store: store.end_run(run_id, state, reason and reason.value, now=time.time())
            )
        await self._rescue()
        is_whole = await self._wrote_results() and not self.watchman.is_replaced and not self._is_unsent()
        self.watcher.moved(tally, None)
        if self.reserve.full_since is not None:
            self.watcher.said(told(self.toll, await self._needed(tally)))
        return Ended(
            tally=tally,
            exit_status=self._exit_status(tally, is_finished=is_finished and is_whole),
            signalled=None if self.stop.signal is None else exit_status(self.stop.signal),
            db=self.db,
            left=left(self.options, self.allowance),
        )

    async def _rescue(self) -> None:
        """Go on with a copy where the queue's file was taken away."""
        if self.queue.path is not None and self.watchman.look():
            path = self.queue.path
            copy = await rescue.saved(self.queue, path, self.writer, Path(self.row.folder))
            self.watcher.said(rescue.told(path, copy, self.row.name))
            self.db = self.db if copy is None else str(copy)

    async def _wrote_results(self) -> bool:
        """Whether they are there, or not wanted any more."""
        try:
            with suppress(GivenUp):
                await to_thread.run_sync(partial(results, self.db, self.row.name, None, until=self._is_cut))
        except (Unwritable, database.QueueError) as error:
            self.watcher.said(f"{error}: the results are in the queue, `runner export` writes them")
            return False
        return True

    def _is_unsent(self) -> bool:
        """Whether pictures wait that could not be sent to where they belong: the next start sends them."""
        return self.row.url is not None and self.stop.reason is Reason.DISK

    async def _needed(self, tally: Tally) -> int:
        """Bytes that the rest of the batch may take."""
        used = await self.writer.do(lambda store: store.bytes_kept(self.row.id))
        if self.queue.path is not None and self.queue.path.exists():
            used += self.queue.path.stat().st_size
        left = tally.pending + tally.running
        return needed(used=used, done=tally.total - left, left=left, reserve=self.reserve.size())

    def _is_cut(self) -> bool:
        return self.stop.is_cut

    def _exit_status(self, tally: Tally, *, is_finished: bool) -> int:
        if is_finished:
            return 1 if tally.failed + tally.unknown else 0
        return LATER if self.stop.signal is None else exit_status(self.stop.signal)


def asking(stop: Stop, reason: Reason) -> Callable[[], None]:
    """What asks the run to stop from another thread."""
    loop = asyncio.get_running_loop()

    def ask() -> None:
        loop.call_soon_threadsafe(stop.ask, reason)

    return ask


@asynccontextmanager
async def signals(stop: Stop, told: Told) -> AsyncIterator[None]:
    """Heed signals in the main thread; elsewhere they are the host program's."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    async with heeding_signals(stop, told, leave=os._exit):
        yield


def origin(row: BatchRow, settings: Settings) -> Origin | None:
    """What pictures tell of it; None where they tell nothing, or there are none."""
    makes_files = any(DIALECTS[each.dialect].files for each in settings.endpoints.values())
    return Origin(row.name, settings.endpoints) if settings.outputs.embed and makes_files else None


def policy(settings: Settings) -> Policy:
    retry = settings.retry
    return Policy(
        attempts=retry.attempts,
        maybe_billed=retry.maybe_billed,
        first_s=retry.first,
        longest_s=retry.longest,
        on_unknown=retry.on_unknown,
    )


def require_prices(manifest: str | None, settings: Settings, options: RunOptions) -> None:
    """A bound in dollars needs prices: what is not known is never taken for nothing."""
    if options.max_cost_usd is None and settings.budget.usd is None:
        return
    bound = "budget" if options.max_cost_usd is None else "--max-cost"
    problems = [
        Problem(
            manifest or "manifest", f"{bound} needs to know what {name!r} costs: give the endpoint a `price`"
        )
        for name, endpoint in settings.endpoints.items()
        if price.known(endpoint) is None
    ]
    if problems:
        raise ManifestError(problems)


def allowance(settings: Settings, options: RunOptions, tally: Tally) -> Allowance:
    """What is left of the batch's budget and what this run was given: the smaller of the two."""
    given = None if options.max_cost_usd is None else round(options.max_cost_usd * price.NUSD)
    budget = settings.budget.usd
    left = None if budget is None else max(round(budget * price.NUSD) - tally.spent_nusd, 0)
    requests = settings.budget.requests
    return Allowance(
        jobs=options.limit,
        nusd=min((each for each in (given, left) if each is not None), default=None),
        until=options.until,
        requests=None if requests is None else max(requests - tally.attempts, 0),
    )


def typical(usual: Mapping[tuple[str, str], Usual], settings: Settings) -> float:
    """Seconds that answers of the slowest of its endpoints and models take, as far as that is known."""
    known = (each.latency_s for (name, _), each in usual.items() if name in settings.endpoints)
    return max(known, default=0.0)


def left(options: RunOptions, used: Allowance) -> RunOptions:
    """The same bounds, less what a run has used of them."""
    given, jobs = options.max_cost_usd, options.limit
    return replace(
        options,
        limit=None if jobs is None else max(jobs - len(used.begun), 0),
        max_cost_usd=None if given is None else max(given - used.spent / price.NUSD, 0.0),
    )


def worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def stopped(opened: Mapping[str, Lane]) -> Reason | None:
    """Why the endpoints themselves let the run end with work left."""
    reasons = [lane.stopped for lane in opened.values() if lane.stopped is not None]
    if reasons:
        return reasons[0]
    missing = any(lane.health.stopped_models for lane in opened.values())
    return Reason.NOT_FOUND if missing else None
