"""Jobs that may have ended their runner come last, each alone; one that does it again is given up."""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam as given
from sqlalchemy import null, update

from runner.job import State
from runner.outcome import Cause
from runner.schema import PENDING, WAITS_IN, jobs, word
from runner.store.claiming import LAST, SUSPECT, SUSPECTED, TURN, Claiming
from runner.store.desk import ZERO, Statement
from runner.store.rows import Orphan
from runner.value import value

CLUELESS = 2
"""Further ones before it is given up where nothing tells that the program itself broke: it may have been the
system, or a person, that killed it just then."""

PUT_LAST = Statement(
    update(jobs).where(PENDING, SUSPECTED, jobs.c.row == given("job")).values(due_at=TURN), ("job",)
)
PARDON = Statement(
    update(jobs)
    .where(PENDING, jobs.c.batch_id == given("batch"), given("pool") == WAITS_IN, LAST)
    .values(due_at=given("at"), crashes=ZERO),
    ("at", "batch", "pool"),
)
"""They were not in flight at a crash, so something else ends the runners."""
ABSOLVE = Statement(update(jobs).where(PENDING, jobs.c.row == given("job")).values(crashes=ZERO), ("job",))
GIVE_UP = Statement(
    update(jobs)
    .where(PENDING, jobs.c.row == given("job"))
    .values(
        state=word(State.FAILED),
        due_at=null(),
        finished_at=given("at"),
        cause=word(Cause.BUG),
        message=given("why"),
    ),
    ("at", "why", "job"),
)


@value(kw_only=False)
class Judged:
    """What a start makes of the crash before it."""

    suspects: tuple[str, ...] = ()
    """Ids of jobs that come last, each alone."""
    culprit: str | None = None
    """The id of the job that is given up."""


class Suspecting(Claiming):
    """What a start makes of the crash before it, once its orphans are recovered."""

    def judge_crash(
        self, batch_id: int, orphans: Sequence[Orphan], *, trace: str | None, now: float
    ) -> Judged:
        """`orphans`: all that was in flight; `trace`: how the program broke, where it was not killed."""
        if not orphans:
            return Judged()
        [first, *more] = orphans
        is_alone = not more and first.crashes >= SUSPECT
        if is_alone and (trace is not None or first.crashes >= SUSPECT + CLUELESS):
            return Judged(culprit=first.claim.id) if self._give_up(first, trace, now) else Judged()
        if not is_alone:
            self.run_many(PARDON, [(now, batch_id, pool) for pool in self._pools(batch_id)])
        self.run_many(PUT_LAST, [(orphan.claim.row,) for orphan in orphans])
        return Judged(tuple(each.claim.id for each in orphans if each.crashes + 1 >= SUSPECT))

    def _give_up(self, orphan: Orphan, trace: str | None, now: float) -> int:
        """It has ended its runner while nothing else was in flight: the run goes on without it."""
        why = f"it ended its runner {orphan.crashes + 1} times, the last time while it ran alone"
        words = why if trace is None else f"{why}: {trace}"
        given_up = self.run(GIVE_UP, now, words, orphan.claim.row)
        self.count(orphan.batch_id, pending=-given_up, failed=given_up)
        return given_up

    def absolve(self, rows: Collection[int]) -> None:
        """They ran alone, and nothing happened."""
        self.run_many(ABSOLVE, [(row,) for row in rows])
