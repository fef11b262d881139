"""Many jobs into a batch that has none: their indexes are made when all of them are there, by a sort."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice

from sqlalchemy import func, select
from sqlalchemy.schema import CreateIndex, DropIndex

from runner.job import Job
from runner.schema import SOLE_WRITER, indexes, jobs
from runner.store.merging import CHUNK, Merging, chunks
from runner.store.rows import Change

MANY = 20_000
"""Jobs from which on the page that a key goes to is mostly not in memory: hashes come in no order."""
SHARE = 3
"""Jobs that were there for each new one, at which to sort them all costs what is spared.

Of a million each took 15 us of CPU less without the indexes, and 4.3 us of making them.
"""


class Loading(Merging):
    """Nothing has to be looked up."""

    def load(self, batch_id: int, jobs_now: Iterable[Job]) -> Change:
        """Their keys and ids are unique. An error undoes the whole transaction, its work on indexes too."""
        coming = chunks(jobs_now)
        new = sum(self.add(batch_id, chunk) for chunk in islice(coming, self._few() // CHUNK))
        if (chunk := next(coming, None)) is not None:
            with self._indexed_later():
                new += sum(self.add(batch_id, chunk) for chunk in chain([chunk], coming))
        return Change(new=new, kept=0, withdrawn=0)

    def _few(self) -> int:
        """How many new jobs have to be there before it is worth it."""
        there = self.connection.execute(select(func.max(jobs.c.row))).scalar_one() or 0
        return max(MANY, there // SHARE)

    @contextmanager
    def _indexed_later(self) -> Iterator[None]:
        """Without the indexes, which are made at the end; where others write as well they stay."""
        aside = indexes(jobs) if self.connection.get_execution_options().get(SOLE_WRITER) else ()
        for index in aside:
            self.connection.execute(DropIndex(index, if_exists=True))
        yield
        for index in aside:
            self.connection.execute(CreateIndex(index))
