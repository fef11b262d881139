"""What the queue says of its files and of itself, to be held against what there is."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy import bindparam as given

from runner.job import State
from runner.schema import COUNTED_STATES, attempts, batches, jobs, outputs, pictures, word
from runner.store.desk import ONE, Desk, Statement
from runner.store.rows import FileRow, Request
from runner.store.steering import ANEW

FILES = 500
"""Rows in memory at once."""

FILE = (
    select(
        outputs.c.id.label("output"),
        jobs.c.row.label("job"),
        jobs.c.id,
        jobs.c.key,
        jobs.c.listed,
        jobs.c.attempt,
        outputs.c.index,
        outputs.c.path,
        outputs.c.bytes,
        outputs.c.sha256,
    )
    .join_from(outputs, jobs, outputs.c.job == jobs.c.row)
    .where(outputs.c.path.is_not(None))
)
REDO = Statement(
    update(jobs)
    .where(jobs.c.state == word(State.SUCCEEDED), jobs.c.row == given("job"))
    .values(**{**ANEW, "due_at": given("now"), "billed_before": ONE}),
    ("now", "job"),
)


class Verifying(Desk):
    """Reads in pages, so that nobody's log grows for as long as files are hashed."""

    def files(self, batch_id: int, after: int) -> list[FileRow]:
        """The next page of a batch's files, in the order of `FileRow.output`; begin with 0."""
        page = (
            FILE.where(jobs.c.batch_id == batch_id, outputs.c.id > after).order_by(outputs.c.id).limit(FILES)
        )
        return [FileRow(**values) for values in self.connection.execute(page).mappings()]

    def files_of(self, rows: Sequence[int]) -> list[FileRow]:
        """All files of these jobs, job by job."""
        theirs = FILE.where(jobs.c.row.in_(rows)).order_by(jobs.c.row, outputs.c.index)
        return [FileRow(**values) for values in self.connection.execute(theirs).mappings()]

    def recount(self, batch_id: int) -> dict[str, int]:
        """What the counters of a batch should be, by its rows; late results have none."""
        states = self.connection.execute(
            select(jobs.c.state, func.count()).where(jobs.c.batch_id == batch_id).group_by(jobs.c.state)
        )
        by_state: dict[str, int] = dict(states.all())
        return {
            "total": sum(by_state.values()),
            **{state: by_state.get(state, 0) for state in COUNTED_STATES},
            "attempts": self._sum(func.sum(attempts.c.counted), attempts, batch_id),
            "outputs": self._sum(func.count(), outputs, batch_id),
            "maybe_billed_twice": self._sum(
                func.sum(attempts.c.counted * attempts.c.again), attempts, batch_id
            ),
            "spent_nusd": self._sum(func.sum(attempts.c.cost_nusd), attempts, batch_id),
        }

    def _sum(self, what: Any, table: Any, batch_id: int) -> int:
        total: Select[Any] = (select(what).select_from(table).join(jobs, table.c.job == jobs.c.row)).where(
            jobs.c.batch_id == batch_id
        )
        return int(self.connection.execute(total).scalar() or 0)

    def set_counters(self, batch_id: int, counters: dict[str, int]) -> None:
        """As `recount` says; the transaction has to be the one that asked it."""
        self.connection.execute(update(batches).where(batches.c.id == batch_id).values(counters))

    def requests(self, rows: Sequence[int]) -> list[Request]:
        """What sending these jobs takes."""
        wanted = select(jobs.c.endpoint, jobs.c.body).where(jobs.c.row.in_(rows))
        return [Request(endpoint=name, body=body) for name, body in self.connection.execute(wanted)]

    def redo(self, batch_id: int, rows: Sequence[int], *, now: float) -> int:
        """Finished jobs whose outputs are lost are pending again, billed before; returns how many."""
        redone = self.run_many(REDO, [(now, row) for row in rows])
        self.connection.execute(delete(pictures).where(pictures.c.job.in_(rows)))
        lost = self.connection.execute(delete(outputs).where(outputs.c.job.in_(rows))).rowcount
        self.count(batch_id, pending=redone, succeeded=-redone, outputs=-lost)
        return redone
