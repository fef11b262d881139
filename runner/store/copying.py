"""A batch with all its rows, taken in from another queue, under new numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, insert, select

from runner.schema import accounts, attempts, batches, jobs, lanes, manifests, outputs, pictures, runs
from runner.store.desk import Desk

AT_ONCE = 200
"""Jobs in memory at once, with all their attempts."""

Row = Mapping[str, Any]


def columns(table: Table, *without: str) -> list[Column[Any]]:
    return [column for column in table.c if column.name not in without]


class Copying(Desk):
    """The ledger stays where it is: it tells what was sent from a queue, not what is in it."""

    def take_in(self, source: Connection, batch_id: int, **changes: Any) -> int:
        """The batch of that number there, some of its columns changed; returns its number here."""
        found = select(*columns(batches, "id")).where(batches.c.id == batch_id)
        row = {**source.execute(found).mappings().one(), **changes}
        made = insert(batches).values(row).returning(batches.c.id)
        taken = int(self.connection.execute(made).scalar_one())
        self._take_accounts(source, batch_id)
        for table in (manifests, lanes, runs):
            there = select(*columns(table, "id")).where(table.c.batch_id == batch_id)
            self._add(table, [{**each, "batch_id": taken} for each in source.execute(there).mappings()])
        for some in pages(source, batch_id):
            self._take_jobs(source, taken, some)
        return taken

    def _take_accounts(self, source: Connection, batch_id: int) -> None:
        wanted = {*source.execute(select(lanes.c.account).where(lanes.c.batch_id == batch_id)).scalars()}
        known = {*self.connection.execute(select(accounts.c.id).where(accounts.c.id.in_(wanted))).scalars()}
        self._add(accounts, [{"id": account} for account in sorted(wanted - known)])

    def _take_jobs(self, source: Connection, batch_id: int, some: Sequence[Row]) -> None:
        values = [{**job, "batch_id": batch_id} for job in some]
        self._add(jobs, [{name: job[name] for name in job if name != "row"} for job in values])
        here = select(jobs.c.key, jobs.c.row).where(
            jobs.c.batch_id == batch_id, jobs.c.key.in_([job["key"] for job in some])
        )
        rows: dict[str, int] = dict(self.connection.execute(here).all())
        numbers = {job["row"]: rows[job["key"]] for job in some}
        for table in (attempts, outputs):
            theirs = select(*columns(table, "id")).where(table.c.job.in_(numbers)).order_by(table.c.id)
            found = source.execute(theirs).mappings()
            self._add(table, [{**each, "job": numbers[each["job"]]} for each in found])
        seen = source.execute(select(pictures.c.pixels, pictures.c.job).where(pictures.c.job.in_(numbers)))
        self._add(
            pictures,
            [{"batch_id": batch_id, "pixels": pixels, "job": numbers[job]} for pixels, job in seen],
        )

    def _add(self, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            self.connection.execute(insert(table), rows)


def pages(source: Connection, batch_id: int) -> Iterator[list[dict[str, Any]]]:
    """The jobs of a batch, some at a time."""
    after = -1
    while True:
        page = select(jobs).where(jobs.c.batch_id == batch_id, jobs.c.row > after).order_by(jobs.c.row)
        some = [dict(job) for job in source.execute(page.limit(AT_ONCE)).mappings()]
        if not some:
            return
        yield some
        after = some[-1]["row"]
