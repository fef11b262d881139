"""Answers that another batch of the queue has had already, for jobs of the same content."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import BigInteger, Column, MetaData, Select, Table, Text, func, insert, null, select, update
from sqlalchemy import bindparam as given

from runner.job import Job, State
from runner.outcome import Kept, Loan
from runner.schema import PENDING, batches, jobs, outputs, pictures, word
from runner.store.desk import ZERO, Statement
from runner.store.pictures import Pictures
from runner.store.reading import CHUNK, Reading
from runner.store.rows import JobRow, Values

WISHED = Table("wished", MetaData(), Column("key", Text, primary_key=True), prefixes=["TEMPORARY"])
"""Keys of the jobs that are to reuse answers, while their manifest is being submitted."""
LENT = Table(
    "lent",
    MetaData(),
    Column("row", BigInteger, primary_key=True),
    Column("lender", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
"""Such jobs by row, and the row of a job that has had its answer."""
WISH = Statement(insert(WISHED).values(key=given("key")), ("key",))
LENDER = jobs.alias("lender")
HAS_IT = LENDER.c.state == word(State.SUCCEEDED)
AS_EXPECTED = jobs.c.expect.is_(None) | (jobs.c.expect == LENDER.c.expect)
"""What is expected of one answer was looked at for the other, too."""
TAKE_OVER = Statement(
    update(jobs)
    .where(PENDING, jobs.c.row == given("job"))
    .values(
        state=word(State.SUCCEEDED),
        due_at=null(),
        cause=null(),
        http_status=null(),
        finished_at=given("at"),
        message=given("said"),
        cost_nusd=func.coalesce(jobs.c.cost_nusd, ZERO),
    ),
    ("at", "said", "job"),
)
OUTPUT = tuple(column.name for column in outputs.c if column.name != "id")
KEEP = Statement(insert(outputs).values({name: given(name) for name in OUTPUT}), OUTPUT)
PIXELS = select(pictures.c.pixels)


class Reusing(Pictures, Reading):
    """Asked within the transaction that submits a manifest: a runner sees such jobs done, or not at all."""

    def wishing(self, jobs_now: Iterable[Job]) -> Iterator[Job]:
        """The jobs as they come, noting which of them are to reuse answers."""
        for table in (WISHED, LENT):
            table.create(self.connection, checkfirst=False)
        coming = iter(jobs_now)
        while chunk := list(islice(coming, CHUNK)):
            self.run_many(WISH, [(job.key,) for job in chunk if job.reuse])
            yield from chunk

    def loans(self, batch_id: int) -> Iterator[list[Loan]]:
        """What pending jobs of the batch could take over from others, the newest first; some at a time."""
        for lender in self._others(batch_id):
            self.connection.execute(
                insert(LENT).from_select(["row", "lender"], self._pairs(batch_id, lender))
            )
        last = 0
        while some := self._some_lent(last):
            last = some[-1].row
            yield some
        for table in (WISHED, LENT):
            table.drop(self.connection, checkfirst=False)

    def _others(self, batch_id: int) -> list[int]:
        others = select(batches.c.id).where(batches.c.id != batch_id, batches.c.succeeded > 0)
        return [*self.connection.execute(others.order_by(batches.c.id.desc())).scalars()]

    def _pairs(self, batch_id: int, lender: int) -> Select[tuple[int, int]]:
        return (
            select(jobs.c.row, LENDER.c.row)
            .join_from(WISHED, jobs, (jobs.c.batch_id == batch_id) & (jobs.c.key == WISHED.c.key))
            .join(LENDER, (LENDER.c.batch_id == lender) & (LENDER.c.key == WISHED.c.key))
            .where(PENDING, HAS_IT, AS_EXPECTED, jobs.c.ticket.is_(None))
            .where(jobs.c.row.not_in(select(LENT.c.row)))
        )

    def _some_lent(self, last: int) -> list[Loan]:
        columns = (jobs.c.row, jobs.c.key, jobs.c.stem, jobs.c.attempt, jobs.c.expect, LENT.c.lender)
        lent = (
            select(*columns, batches.c.name, batches.c.folder, LENDER.c.id)
            .join_from(LENT, jobs, jobs.c.row == LENT.c.row)
            .join(LENDER, LENDER.c.row == LENT.c.lender)
            .join(batches, batches.c.id == LENDER.c.batch_id)
            .where(LENT.c.row > last)
            .order_by(LENT.c.row)
            .limit(CHUNK)
        )
        found = self.connection.execute(lent).all()
        kept = self.kept_of([each.lender for each in found])
        return [
            Loan(
                row=each.row,
                key=each.key,
                stem=each.stem,
                attempt=each.attempt,
                is_free=each.expect is None,
                lender=each.lender,
                name=f"{each.name}/{each.id}",
                folder=each.folder,
                outputs=kept.get(each.lender, ()),
            )
            for each in found
        ]

    def kept_of(self, rows: Sequence[int]) -> dict[int, tuple[Kept, ...]]:
        """The outputs of these jobs, by row."""
        return {row.row: row.outputs for row in self.jobs_of(rows)}

    def jobs_of(self, rows: Sequence[int]) -> list[JobRow]:
        return list(self._select(jobs.c.row.in_(rows)))

    def lenders(self, batch: str, wanting: Sequence[Job]) -> dict[str, Loan]:
        """What jobs of the batch of that name could take over, by key; they need not be submitted yet."""
        others = select(batches.c.id).where(batches.c.name != batch, batches.c.succeeded > 0)
        found = self.connection.execute(
            select(LENDER.c.row, LENDER.c.id, LENDER.c.key, LENDER.c.expect, batches.c.name, batches.c.folder)
            .join_from(LENDER, batches, batches.c.id == LENDER.c.batch_id)
            .where(LENDER.c.batch_id.in_(others), LENDER.c.key.in_([job.key for job in wanting]), HAS_IT)
            .order_by(batches.c.id)
        ).all()
        kept = self.kept_of([each.row for each in found])
        expects = {job.key: job.expect for job in wanting}
        return {
            each.key: Loan(
                key=each.key,
                lender=each.row,
                name=f"{each.name}/{each.id}",
                folder=each.folder,
                outputs=kept.get(each.row, ()),
            )
            for each in found
            if expects[each.key] in {None, each.expect}
        }

    def is_new(self, batch_id: int, loan: Loan) -> bool:
        """Whether no other job of the batch has its pictures, where none may: then they are its own."""
        if loan.is_free:
            return True
        pixels = self.connection.execute(PIXELS.where(pictures.c.job == loan.lender)).scalars().all()
        return all(self.owner(batch_id, each, loan.row) is None for each in pixels)

    def take_over(self, batch_id: int, lent: Sequence[tuple[Loan, tuple[Kept, ...]]], *, now: float) -> None:
        """These jobs have succeeded, by answers that cost nothing."""
        self.run_many(TAKE_OVER, [(now, f"reused from {loan.name}", loan.row) for loan, _ in lent])
        self.run_many(KEEP, [values(loan.row, each) for loan, kept in lent for each in kept])
        count = sum(len(kept) for _, kept in lent)
        self.count(batch_id, pending=-len(lent), succeeded=len(lent), outputs=count)


def values(row: int, kept: Kept) -> Values:
    """In the order of `OUTPUT`."""
    return tuple(row if name == "job" else getattr(kept, name) for name in OUTPUT)
