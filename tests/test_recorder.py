"""The recorder over a real queue: what is settled becomes rows, and one bad row takes none with it."""

from dataclasses import replace

import queues

from runner import database
from runner.engine.bell import Bell
from runner.engine.queue import BatchQueue
from runner.engine.recorder import Recorder
from runner.job import State
from runner.outcome import Cause
from runner.store import Store
from runner.writer import Writer


class NoFiles:
    """A sink of texts alone."""


class Lane:
    """As much of a lane as the recorder touches."""

    def __init__(self):
        self.open = 1
        self.due_at = 0.0


async def test_one_result_that_cannot_be_written_takes_no_other_with_it(tmp_path):
    place = database.named(tmp_path / "runner.db")
    place.prepare()
    async with Writer[Store](place, Store) as writer:
        batch_id = await writer.do(lambda store: queues.submit(store, queues.jobs(3)))
        claims = await writer.do(lambda store: queues.claim(store, batch_id, 3))
        recorder = Recorder(
            BatchQueue(writer, batch_id, worker="w1"), NoFiles(), {}, tell=lambda *_: None, bell=Bell()
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
