"""The recorder over a real queue: what is settled becomes rows, and one bad row takes none with it."""

from dataclasses import replace

import anyio
import canned
import queues

from runner import database
from runner.engine.bell import Bell
from runner.engine.queue import BatchQueue
from runner.engine.recorder import Recorder
from runner.engine.toll import Toll
from runner.job import State
from runner.outcome import Cause
from runner.store import Store
from runner.writer import Full, Writer


class NoFiles:
    """A sink of texts alone."""


class Lane:
    """As much of a lane as the recorder touches."""

    def __init__(self):
        self.open = 1
        self.due_at = 0.0
        self.moment_s = 0.0

    def is_worth(self, answers):
        return answers >= self.open


def toll(said=None):
    said = [] if said is None else said
    return Toll(tell=lambda *_: None, saw=lambda _: None, has_failed=lambda: bool(said), failed=said.append)


async def test_one_result_that_cannot_be_written_takes_no_other_with_it(tmp_path):
    place = database.named(tmp_path / "runner.db")
    place.prepare()
    async with Writer[Store](place, Store) as writer:
        batch_id = await writer.do(lambda store: queues.submit(store, queues.jobs(3)))
        claims = await writer.do(lambda store: queues.claim(store, batch_id, 3))
        recorder = Recorder(
            BatchQueue(writer, batch_id, worker="w1"), NoFiles(), {}, toll=toll(), bell=Bell()
        )
        good, bad, best = [queues.done(claim) for claim in claims]
        poisoned = replace(bad, attempt=replace(bad.attempt, request_id="\udcff"))
        for settled in (good, poisoned, best):
            recorder.take(Lane(), settled)
        recorder.close()
        await recorder.run()
        rows = await writer.do(lambda store: list(store.jobs(batch_id)))
    assert [row.state for row in rows] == [State.SUCCEEDED, State.FAILED, State.SUCCEEDED]
    assert rows[1].cause is Cause.BUG
    assert "UnicodeEncodeError" in rows[1].message
    assert rows[1].attempts == 1


class FullQueue:
    """A queue on a disk that nobody makes room on."""

    async def settle(self, _):
        raise Full("disk full")


async def test_s1_what_cannot_be_committed_at_all_is_counted_as_lost_unless_it_is_a_file(tmp_path):
    said, lane = [], Lane()
    lane.open = 3
    counts = toll(said)
    recorder = Recorder(FullQueue(), NoFiles(), {}, toll=counts, bell=Bell())
    claims = [replace(canned.claim(b"{}"), row=row) for row in range(3)]
    recorder.take(lane, queues.done(claims[0]))
    recorder.take(lane, queues.done(claims[1], queues.kept()))
    cut = queues.settlement(claims[2], State.PENDING, due_at=0.0, cause=Cause.INTERRUPTED)
    recorder.take(lane, replace(queues.done(claims[2]), settlement=cut))
    recorder.close()
    await recorder.run()
    assert (said, counts.saved, counts.lost, lane.open) == (["disk full"], 0, 1, 0)


class Held:
    """A queue whose commits take until they are let go."""

    def __init__(self):
        self.given, self.came, self.let_go = [], anyio.Event(), anyio.Event()

    async def settle(self, settled):
        self.given += settled
        self.came.set()
        await self.let_go.wait()
        return [True] * len(settled)


async def test_p5_no_claim_overtakes_the_results_whose_places_it_fills():
    held = Held()
    recorder = Recorder(held, NoFiles(), {}, toll=toll(), bell=Bell())
    results = [queues.done(replace(canned.claim(b"{}"), row=row)) for row in range(3)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recorder.run)
        recorder.take(Lane(), results[0])
        await anyio.wait_all_tasks_blocked()
        recorder.take(Lane(), results[1])
        recorder.take(Lane(), results[2])
        await recorder.hand_over()
        assert held.given == results
        held.let_go.set()
        recorder.close()


async def test_answers_wait_a_moment_for_others_unless_they_are_many():
    held, lane = Held(), Lane()
    lane.open, lane.moment_s = 3, 3600.0
    held.let_go.set()
    recorder = Recorder(held, NoFiles(), {}, toll=toll(), bell=Bell())
    results = [queues.done(replace(canned.claim(b"{}"), row=row)) for row in range(4)]
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(recorder.run)
        for result in results[:2]:
            recorder.take(lane, result)
            await anyio.wait_all_tasks_blocked()
        assert held.given == []
        recorder.take(lane, results[2])
        await anyio.wait_all_tasks_blocked()
        assert held.given == results[:3]
        held.came, lane.open, lane.moment_s = anyio.Event(), 3, 0.0
        recorder.take(lane, results[3])
        await held.came.wait()
        assert held.given == results[:4]
        recorder.close()
