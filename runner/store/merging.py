"""A manifest submitted again, chunk by chunk: its jobs are known by their content."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    MetaData,
    Row,
    Table,
    case,
    func,
    insert,
    null,
    select,
    update,
)
from sqlalchemy import bindparam as given

from runner.job import Job, State
from runner.schema import jobs, word
from runner.store.desk import ONE, ZERO, Desk, Statement
from runner.store.renaming import Named, Renaming
from runner.store.rows import Change, Values
from runner.store.steering import ANEW, WITHDRAWN
from runner.value import value

CHUNK = 1000
"""Jobs in memory at once."""

Placed = tuple[int, Job]
"""A job and its position in the manifest."""

CONTENT = (
    "id",
    "stem",
    "key",
    "endpoint",
    "pool",
    "model",
    "sample",
    "prompt",
    "params",
    "vars",
    "body",
    "expect",
    "path",
)
ADD = Statement(
    insert(jobs).values(
        {
            "state": word(State.PENDING),
            "due_at": ZERO,
            **{name: given(name) for name in ("batch_id", "position", *CONTENT)},
        }
    ),
    ("batch_id", "position", *CONTENT),
)
SHOWN = ("position", "pool", "prompt", "params", "vars", "expect")
"""What may be another while the content that counts is the same."""
KEPT = ("row", "key", "id", "stem", "state", "attempt", "lane", "listed", "withdrawn")
STORED = select(*(jobs.c[name] for name in (*KEPT, *SHOWN))).where(
    jobs.c.batch_id == given("batch"), jobs.c.key.in_(given("keys", expanding=True))
)
"""Made once: one that is made for each chunk leaves its keys to the collector, which looks seldom."""
REFRESH = Statement(
    update(jobs)
    .where(jobs.c.row == given("job"))
    .values(
        {
            "listed": ONE,
            "ticket": case((given("keeps_ticket") == ONE, jobs.c.ticket), else_=null()),
            **{name: given(f"new_{name}") for name in SHOWN},
        }
    ),
    (*(f"new_{name}" for name in SHOWN), "keeps_ticket", "job"),
)
BRING_BACK = Statement(
    update(jobs).where(jobs.c.row == given("job")).values(**ANEW, listed=ONE, due_at=given("due")),
    ("due", "job"),
)

SEEN = Table("seen", MetaData(), Column("row", BigInteger, primary_key=True), prefixes=["TEMPORARY"])
"""Rows that the manifest still has, while it is being submitted."""
SEE = Statement(insert(SEEN).values(row=given("row")), ("row",))


@value(kw_only=False)
class Known:
    """A job that the batch has already, and where the manifest has it now."""

    stored: Row[Any]
    position: int
    job: Job

    @property
    def named(self) -> Named:
        return Named(row=self.stored.row, id=self.stored.id, stem=self.stored.stem)

    @property
    def refreshed(self) -> Values:
        return *self.shown, int(self.keeps_ticket), self.stored.row

    @property
    def is_renamed(self) -> bool:
        return (self.stored.id, self.stored.stem) != (self.job.id, self.job.stem)

    @property
    def shown(self) -> Values:
        """In the order of `SHOWN`."""
        return self.position, self.job.pool, self.job.prompt, self.job.params, self.job.vars, self.job.expect

    @property
    def keeps_ticket(self) -> bool:
        """Unless whoever gave it, if anybody did, may not serve the job any more."""
        return self.stored.lane in self.job.pool.split()

    @property
    def is_changed(self) -> bool:
        return not self.stored.listed or self.shown != tuple(getattr(self.stored, name) for name in SHOWN)


class Merging(Renaming):
    """Adds what is new, keeps what is there, withdraws what is gone."""

    def add(self, batch_id: int, placed: Sequence[Placed]) -> int:
        """Jobs that the batch has not."""
        added = self.run_many(ADD, [content(batch_id, position, job) for position, job in placed])
        self.count(batch_id, total=added, pending=added)
        return added

    def merge(self, batch_id: int, jobs_now: Iterable[Job], *, now: float) -> Change:
        newest = self.connection.execute(select(func.max(jobs.c.row))).scalar_one()
        SEEN.create(self.connection, checkfirst=False)
        new = kept = 0
        for chunk in chunks(jobs_now):
            added = self._merge(batch_id, chunk, now)
            new, kept = new + added, kept + len(chunk) - added
        gone = jobs.c.batch_id == batch_id, jobs.c.row <= newest, jobs.c.row.not_in(select(SEEN.c.row))
        withdrawn = self._withdraw(batch_id, gone, now)
        SEEN.drop(self.connection, checkfirst=False)
        return Change(new=new, kept=kept, withdrawn=withdrawn)

    def _merge(self, batch_id: int, chunk: Sequence[Placed], now: float) -> int:
        """Returns how many of the chunk are to be done anew."""
        stored = stored_by_key(self, batch_id, [job.key for _, job in chunk])
        known = [Known(stored[job.key], at, job) for at, job in chunk if job.key in stored]
        fresh = [placed for placed in chunk if placed[1].key not in stored]
        self.run_many(SEE, [(each.stored.row,) for each in known])
        back = self._bring_back(batch_id, [each.stored for each in known if each.stored.withdrawn], now)
        self._hand_out_names(batch_id, [each for each in known if each.is_renamed], fresh)
        self.run_many(REFRESH, [each.refreshed for each in known if each.is_changed])
        return back + self.add(batch_id, fresh)

    def _bring_back(self, batch_id: int, withdrawn: Sequence[Row[Any]], now: float) -> int:
        """Jobs that had been withdrawn are in the manifest again."""
        back = self.run_many(BRING_BACK, [(now if job.attempt else 0.0, job.row) for job in withdrawn])
        self.count(batch_id, pending=back, cancelled=-back)
        return back

    def _hand_out_names(self, batch_id: int, renamed: Sequence[Known], fresh: Sequence[Placed]) -> None:
        """Whoever has a name that the manifest gives to another now has to leave it first."""
        ids = [each.job.id for each in renamed if each.job.id != each.stored.id]
        stems = [each.job.stem for each in renamed if each.job.stem != each.stored.stem]
        aside = self.free(
            batch_id,
            [*ids, *(job.id for _, job in fresh)],
            [*stems, *(job.stem for _, job in fresh)],
        )
        for each in renamed:
            new = Named(row=each.stored.row, id=each.job.id, stem=each.job.stem)
            self.rename(batch_id, aside.get(each.stored.row, each.named), new)

    def _withdraw(self, batch_id: int, gone: Sequence[ColumnElement[bool]], now: float) -> int:
        """What is gone from the manifest and not done is not to be done; what is done is kept."""
        cancelled = {
            state.value: self.connection.execute(
                update(jobs).where(jobs.c.state == word(state), *gone).values(**WITHDRAWN, finished_at=now)
            ).rowcount
            for state in (State.PENDING, State.FAILED)
        }
        self.connection.execute(update(jobs).where(jobs.c.listed == 1, *gone).values(listed=0))
        total = sum(cancelled.values())
        self.count(batch_id, cancelled=total, **{state: -number for state, number in cancelled.items()})
        return total


def stored_by_key(desk: Desk, batch_id: int, keys: Sequence[str]) -> dict[str, Row[Any]]:
    """What the batch has of these keys."""
    found = desk.connection.execute(STORED, {"batch": batch_id, "keys": keys})
    return {job.key: job for job in found}


def content(batch_id: int, position: int, job: Job) -> Values:
    """In the order of `ADD`."""
    return (
        batch_id,
        position,
        job.id,
        job.stem,
        job.key,
        job.endpoint,
        job.pool,
        job.model,
        job.sample,
        job.prompt,
        job.params,
        job.vars,
        job.body,
        job.expect,
        job.path,
    )


def chunks(jobs_now: Iterable[Job]) -> Iterator[list[Placed]]:
    placed = enumerate(jobs_now)
    while chunk := list(islice(placed, CHUNK)):
        yield chunk
