"""Names that change: of jobs, and with them of their outputs' files.

The queue has the new names at once; the files get them one after the other, in the order of `renames`,
each struck off before the next: names may be handed on in a chain or swapped.
"""

from collections.abc import Collection
from itertools import count

from sqlalchemy import bindparam as given
from sqlalchemy import delete, insert, select, update

from runner.outcome import Kept
from runner.schema import NAMED_APART, jobs, outputs, renames
from runner.store.desk import Desk
from runner.store.rows import Rename
from runner.value import value

NAMES = select(jobs.c.row, jobs.c.id, jobs.c.stem)
OF_BATCH = NAMES.where(jobs.c.batch_id == given("batch"))
CALLED = OF_BATCH.where(jobs.c.id.in_(given("names", expanding=True)))
FILED = OF_BATCH.where(jobs.c.stem.in_(given("names", expanding=True)) & NAMED_APART)
"""Made once: one that is made for each chunk leaves its names to the collector, which looks seldom."""


@value
class Named:
    """A job by its names."""

    row: int
    id: str
    stem: str


class Renaming(Desk):
    """Who is called what, in the queue and beside it."""

    def renames(self, batch_id: int) -> list[Rename]:
        """The files that have yet to be renamed, in the order that it must be done in."""
        waiting = (
            select(renames.c.id, renames.c.job, renames.c.old, renames.c.new)
            .where(renames.c.batch_id == batch_id)
            .order_by(renames.c.id)
        )
        return [
            Rename(id=key, job=job, old=old, new=new)
            for key, job, old, new in self.connection.execute(waiting)
        ]

    def renamed(self, rename: Rename, path: str) -> None:
        """The file has its new name, or another `path` because that was taken. Commit before the next."""
        self.connection.execute(delete(renames).where(renames.c.id == rename.id))
        if path == rename.new:
            return
        is_next = (renames.c.job == rename.job) & (renames.c.old == rename.new)
        self.connection.execute(update(renames).where(is_next).values(old=path))
        is_it = (outputs.c.job == rename.job) & (outputs.c.path == rename.new)
        self.connection.execute(update(outputs).where(is_it).values(path=path))

    def place_outputs(self, row: int, kept: Collection[Kept]) -> None:
        """The files of a job stand where `kept` says, other names having been taken."""
        for each in kept:
            if each.path is not None:
                is_it = (outputs.c.job == row) & (outputs.c.index == each.index)
                self.connection.execute(update(outputs).where(is_it).values(path=each.path))

    def free(self, batch_id: int, ids: Collection[str], stems: Collection[str]) -> dict[int, Named]:
        """Make these names free: who has one becomes `<id>~1`, or `~2`, and so on; returns those, by row."""
        rows = [
            row
            for found, names in ((CALLED, {*ids, *stems}), (FILED, {*stems}))
            for row in self.connection.execute(found, {"batch": batch_id, "names": names}).all()
        ]
        held = {
            row: Named(row=row, id=name, stem=stem)
            for row, name, stem in rows
            if name in {*ids} or stem in {*stems}
        }
        return {row: self._set_aside(batch_id, holder) for row, holder in held.items()}

    def _set_aside(self, batch_id: int, holder: Named) -> Named:
        suffix = next(f"~{number}" for number in count(1) if self._is_free(batch_id, holder, f"~{number}"))
        aside = Named(row=holder.row, id=holder.id + suffix, stem=holder.stem + suffix)
        self.rename(batch_id, holder, aside)
        return aside

    def _is_free(self, batch_id: int, holder: Named, suffix: str) -> bool:
        """Whether nothing is called so with that suffix."""
        name, stem = holder.id + suffix, holder.stem + suffix
        holders = (jobs.c.id == name, (jobs.c.stem == stem) & NAMED_APART)
        of_batch = NAMES.where(jobs.c.batch_id == batch_id)
        return all(self.connection.execute(of_batch.where(each)).first() is None for each in holders)

    def rename(self, batch_id: int, old: Named, new: Named) -> None:
        """Give a job names that are free, and its files theirs."""
        self.connection.execute(update(jobs).where(jobs.c.row == old.row).values(id=new.id, stem=new.stem))
        files = select(outputs.c.id, outputs.c.path).where(
            outputs.c.job == old.row, outputs.c.path.is_not(None)
        )
        for output, path in self.connection.execute(files).all():
            wanted = restemmed(path, old.stem, new.stem)
            if wanted == path:
                continue
            self.connection.execute(update(outputs).where(outputs.c.id == output).values(path=wanted))
            self.connection.execute(
                insert(renames).values(batch_id=batch_id, job=old.row, old=path, new=wanted)
            )


def restemmed(path: str, old: str, new: str) -> str:
    """A path whose file's name begins with the new stem in place of the old one."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{new}{name.removeprefix(old)}" if name.startswith(old) else path
