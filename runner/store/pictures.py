"""Which job of a batch has which picture, told by its pixels: of the jobs that may have none twice."""

from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy import bindparam as given
from sqlalchemy.exc import IntegrityError

from runner.schema import jobs, pictures
from runner.store.desk import Desk, Statement

OWNER = Statement(
    select(pictures.c.job, jobs.c.id)
    .join_from(pictures, jobs, pictures.c.job == jobs.c.row)
    .where(pictures.c.batch_id == given("batch"), pictures.c.pixels == given("pixels")),
    ("batch", "pixels"),
)
NOTE = Statement(
    insert(pictures).values(batch_id=given("batch"), pixels=given("pixels"), job=given("job")),
    ("batch", "pixels", "job"),
)


class Pictures(Desk):
    """The first to bring a picture has it, whatever becomes of its job."""

    def owner(self, batch_id: int, pixels: str, row: int) -> str | None:
        """The id of another job that has the picture; where nobody has, it is that job's from here on."""
        found = self._found(batch_id, pixels)
        if found is None:
            found = self._noted(batch_id, pixels, row)
        return None if found is None or found.job == row else str(found.id)

    def _found(self, batch_id: int, pixels: str) -> Row[Any] | None:
        return self.run(OWNER, batch_id, pixels).one_or_none()

    def _noted(self, batch_id: int, pixels: str, row: int) -> Row[Any] | None:
        """None, unless the runner of another machine was quicker."""
        try:
            with self.connection.begin_nested():
                self.run(NOTE, batch_id, pixels, row)
        except IntegrityError:
            return self._found(batch_id, pixels)
        return None
