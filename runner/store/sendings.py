"""The sending that each job ended by."""

from collections.abc import Sequence

from sqlalchemy import LargeBinary, literal, select

from runner.outcome import Attempt
from runner.schema import attempts, jobs
from runner.store.desk import Desk
from runner.store.reading import ATTEMPT_COLUMNS, attempt

JOB = "job"
BODILESS = tuple(
    literal(b"", LargeBinary).label(column.name) if column is attempts.c.body else column
    for column in ATTEMPT_COLUMNS
)


class Sendings(Desk):
    """For readers that want more of many jobs than their rows."""

    def last_sendings(self, rows: Sequence[int], *, bodies: bool) -> dict[int, Attempt]:
        """By job, with what was answered; not `bodies`: of those alone that had a seed of their own."""
        wanted = (
            select(attempts.c.job.label(JOB), *(ATTEMPT_COLUMNS if bodies else BODILESS))
            .join_from(attempts, jobs, attempts.c.job == jobs.c.row)
            .where(attempts.c.job.in_(rows), attempts.c.number == jobs.c.attempt)
            .order_by(attempts.c.id)
        )
        if not bodies:
            wanted = wanted.where(attempts.c.seed.is_not(None))
        found = [dict(values) for values in self.connection.execute(wanted).mappings()]
        return {values.pop(JOB): attempt(values) for values in found}
