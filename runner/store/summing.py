"""What a batch adds up to, and an even choice of its jobs: each read in one pass, without holding it."""

from collections.abc import Iterator

from sqlalchemy import Integer, func, literal_column, select

from runner.job import State
from runner.schema import attempts, jobs, outputs
from runner.store.reading import Reading
from runner.store.rows import JobRow, Kind, Sending, Standing

GOLDEN = 2_654_435_761
SPAN = 2**32
"""Multiples of the one over the other, by the golden ratio, fall evenly and keep step with nothing."""
ROWS = 5_000
"""Sendings in memory at once."""


class Summing(Reading):
    """Readers' verbs for reports."""

    def sendings(self, batch_id: int) -> Iterator[Sending]:
        """All there are on record, in the order that they were recorded in for each job."""
        found = (
            select(
                attempts.c.served_by,
                jobs.c.model,
                attempts.c.cause,
                attempts.c.started_at,
                attempts.c.latency_s,
                attempts.c.counted,
                attempts.c.billed,
                attempts.c.cost_nusd,
                attempts.c.usage,
            )
            .join_from(jobs, attempts, attempts.c.job == jobs.c.row)
            .where(jobs.c.batch_id == batch_id)
        )
        rows = self.connection.execute(found, execution_options={"yield_per": ROWS})
        return map(Sending._make, rows)

    def standings(self, batch_id: int) -> list[Standing]:
        """How many jobs are in each state, by where they were served last, or else are to be, and model."""
        endpoint = func.coalesce(jobs.c.served_by, jobs.c.endpoint)
        found = (
            select(endpoint, jobs.c.model, jobs.c.state, func.count())
            .where(jobs.c.batch_id == batch_id)
            .group_by(endpoint, jobs.c.model, jobs.c.state)
        )
        return [Standing(*row) for row in self.connection.execute(found)]

    def kinds(self, batch_id: int) -> dict[str, Kind]:
        """How many outputs there are of each kind, and how many bytes."""
        found = (
            select(outputs.c.kind, func.count(), func.sum(outputs.c.bytes))
            .join_from(jobs, outputs, outputs.c.job == jobs.c.row)
            .where(jobs.c.batch_id == batch_id)
            .group_by(outputs.c.kind)
            .order_by(outputs.c.kind)
        )
        return {kind: Kind(number, int(size)) for kind, number, size in self.connection.execute(found)}

    def chosen(self, batch_id: int, share: float) -> Iterator[JobRow]:
        """So large a share of the succeeded jobs, always the same ones, evenly from the whole manifest."""
        wanted = [jobs.c.batch_id == batch_id, jobs.c.state == State.SUCCEEDED.value]
        if share < 1:
            place = jobs.c.position * literal_column(str(GOLDEN), Integer)
            wanted.append(place % literal_column(str(SPAN), Integer) < int(share * SPAN))
        for listed in (1, 0):
            yield from self._select(*wanted, jobs.c.listed == listed)
