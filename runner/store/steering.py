"""What people and runs decide about a batch: its state, and which of its jobs are to be done."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, insert, null, update
from sqlalchemy import bindparam as given

from runner.job import State
from runner.outcome import Cause
from runner.schema import FAILED, PENDING, RUNNING, BatchState, batches, jobs, runs, word
from runner.store.desk import ONE, ZERO, Desk, Statement

ANEW = {
    "state": word(State.PENDING),
    "finished_at": null(),
    **dict.fromkeys(
        ("tries", "maybe_billed", "useless", "unmet", "waits", "crashes", "withdrawn", "called_off"), ZERO
    ),
}
"""All its tries are before it again. What it was billed, and its ticket, stay."""
WITHDRAWN = {
    "state": word(State.CANCELLED),
    "withdrawn": ONE,
    "listed": ZERO,
    "due_at": null(),
}
"""The manifest no longer has it."""

REOPEN = Statement(
    update(jobs)
    .where(jobs.c.state == word(State.FAILED), jobs.c.row == given("job"))
    .values(**ANEW, due_at=given("now")),
    ("job", "now"),
)


CLOSE_RUN = Statement(
    update(runs)
    .where(runs.c.id == given("run"))
    .values(ended_at=given("at"), reason=given("why"))
    .returning(runs.c.batch_id),
    ("at", "why", "run"),
)


class Steering(Desk):
    """Short transactions, of which a runner hears within a second."""

    def begin_run(self, batch_id: int, *, worker: str, now: float) -> int:
        """A runner takes the batch up; returns the run's number."""
        begun = insert(runs).values(batch_id=batch_id, worker=worker, started_at=now).returning(runs.c.id)
        self.connection.execute(
            update(batches)
            .where(batches.c.id == batch_id)
            .values(
                state=BatchState.RUNNING.value,
                reason=None,
                paused=0,
                started_at=func.coalesce(batches.c.started_at, now),
                finished_at=None,
                updated_at=now,
            )
        )
        return int(self.connection.execute(begun).scalar_one())

    def end_run(self, run_id: int, state: BatchState, reason: str | None, *, now: float) -> None:
        """The runner leaves the batch, finished or stopped; only a stop has a reason."""
        batch_id = self.ask(CLOSE_RUN, now, reason, run_id)[0][0]
        self.set_state(batch_id, state, reason, now=now)
        self.pause(batch_id, paused=False)

    def set_state(self, batch_id: int, state: BatchState, reason: str | None = None, *, now: float) -> None:
        finished_at = now if state is BatchState.FINISHED else None
        self._mark(batch_id, state=state.value, reason=reason, finished_at=finished_at, why=None)

    def pause(self, batch_id: int, *, paused: bool) -> None:
        self._mark(batch_id, paused=int(paused))

    def wait_for(self, batch_id: int, why: str | None) -> None:
        """What the batch's runner waits for, in words: while it runs, others can read it."""
        self._mark(batch_id, why=why)

    def _mark(self, batch_id: int, **values: Any) -> None:
        self.connection.execute(update(batches).where(batches.c.id == batch_id).values(values))

    def reopen(self, batch_id: int, rows: Sequence[int], *, now: float) -> int:
        """Failed jobs are pending again, all their tries before them: they are not to blame."""
        reopened = self.run_many(REOPEN, [(row, now) for row in rows])
        self.count(batch_id, pending=reopened, failed=-reopened)
        return reopened

    def retry(
        self,
        batch_id: int,
        *,
        states: Collection[State] = (State.FAILED, State.UNKNOWN),
        causes: Collection[Cause] = (),
        ids: Collection[str] = (),
        now: float,
    ) -> int:
        """Failed or unknown jobs of these causes and ids (none given: all) are pending again."""
        wanted: list[ColumnElement[bool]] = []
        if causes:
            wanted.append(jobs.c.cause.in_([cause.value for cause in causes]))
        if ids:
            wanted.append(jobs.c.id.in_(ids))
        retried = {
            state.value: self._retry(
                FAILED, jobs.c.batch_id == batch_id, jobs.c.state == state.value, *wanted, now=now
            )
            for state in states
        }
        total = sum(retried.values())
        self.count(batch_id, pending=total, **{state: -number for state, number in retried.items()})
        return total

    def _retry(self, *wanted: ColumnElement[bool], now: float) -> int:
        return self.connection.execute(update(jobs).where(*wanted).values(**ANEW, due_at=now)).rowcount

    def cancel(self, batch_id: int, *, now: float) -> int:
        """Pending jobs are not to be done, nor those in flight once more if they come back undone."""
        self.connection.execute(update(jobs).where(RUNNING, jobs.c.batch_id == batch_id).values(called_off=1))
        cancelled = self.connection.execute(
            update(jobs)
            .where(PENDING, jobs.c.batch_id == batch_id)
            .values(state=word(State.CANCELLED), due_at=None, finished_at=now)
        ).rowcount
        self.count(batch_id, pending=-cancelled, cancelled=cancelled)
        self.finish_if_done(batch_id, now=now)
        return cancelled
