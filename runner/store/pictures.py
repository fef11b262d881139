"""Which job of a batch has which picture, told by its pixels: of the jobs that may have none twice."""

from sqlalchemy import bindparam as given
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from runner.schema import jobs, pictures
from runner.store.desk import Desk, Statement
from runner.store.rows import Values

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
        return None if found is None or found[0] == row else str(found[1])

    def _found(self, batch_id: int, pixels: str) -> Values | None:
        """The row of the job that has it, and its id."""
        return next(iter(self.ask(OWNER, batch_id, pixels)), None)

    def _noted(self, batch_id: int, pixels: str, row: int) -> Values | None:
        """None, unless the runner of another machine was quicker."""
        try:
            with self.trial(IntegrityError):
                self.run(NOTE, batch_id, pixels, row)
        except IntegrityError:
            return self._found(batch_id, pixels)
        return None
