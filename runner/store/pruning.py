"""Batches taken out of the queue, some jobs at a time: what is left in between is a smaller batch."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select

from runner.schema import attempts, batches, jobs, lanes, manifests, outputs, pictures, renames, runs
from runner.store.desk import FINISHED, Desk

SENT = (attempts.c.counted, attempts.c.counted * attempts.c.again, attempts.c.cost_nusd)
"""What their sums are called in a batch's counters: `BY_SENDINGS`."""
BY_SENDINGS = ("attempts", "maybe_billed_twice", "spent_nusd")


class Pruning(Desk):
    """The ledger stays: what was sent today counts against today's limits, whatever becomes of its batch."""

    def is_finished(self, batch_id: int, name: str) -> bool:
        """Whether the batch is there and has nothing left to do, for as long as the transaction lasts."""
        same = (batches.c.id == batch_id) & (batches.c.name == name)
        found = select(batches.c.id).where(same, FINISHED).with_for_update()
        return self.connection.execute(found).first() is not None

    def some_jobs(self, batch_id: int, most: int) -> list[int]:
        """Rows of the first jobs that the batch has."""
        first = select(jobs.c.row).where(jobs.c.batch_id == batch_id).order_by(jobs.c.row).limit(most)
        return [*self.connection.execute(first).scalars()]

    def drop_jobs(self, batch_id: int, rows: Sequence[int]) -> None:
        """These jobs, their attempts and their outputs; the counters say what is left."""
        less = self._states(rows) | self._sent(batch_id, rows)
        for table in (attempts, pictures, renames):
            self._drop(table, rows)
        dropped = self._drop(outputs, rows)
        total = self.connection.execute(delete(jobs).where(jobs.c.row.in_(rows))).rowcount
        self.count(
            batch_id, total=-total, outputs=-dropped, **{name: -number for name, number in less.items()}
        )

    def _drop(self, table: Any, rows: Sequence[int]) -> int:
        return self.connection.execute(delete(table).where(table.c.job.in_(rows))).rowcount

    def _states(self, rows: Sequence[int]) -> dict[str, int]:
        found = select(jobs.c.state, func.count()).where(jobs.c.row.in_(rows)).group_by(jobs.c.state)
        return dict(self.connection.execute(found).all())

    def _sent(self, batch_id: int, rows: Sequence[int]) -> dict[str, int]:
        """What the sendings of jobs add up to, and never more than is counted."""
        sums = select(*map(func.sum, SENT)).where(attempts.c.job.in_(rows))
        counted = select(*(batches.c[name] for name in BY_SENDINGS)).where(batches.c.id == batch_id)
        found = zip(
            BY_SENDINGS,
            self.connection.execute(sums).one(),
            self.connection.execute(counted).one(),
            strict=True,
        )
        return {name: min(int(number or 0), most) for name, number, most in found}

    def drop_batch(self, batch_id: int) -> None:
        """What is left of a batch that has no job any more."""
        for table in (runs, lanes, manifests):
            self.connection.execute(delete(table).where(table.c.batch_id == batch_id))
        self.connection.execute(delete(batches).where(batches.c.id == batch_id))
