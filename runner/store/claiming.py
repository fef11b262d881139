"""Jobs into workers' hands, and back untouched."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import ColumnElement, case, func, null, select, update
from sqlalchemy import bindparam as given

from runner.job import Claim, State
from runner.outcome import Cause
from runner.schema import PENDING, RUNNING, jobs, word
from runner.store.desk import ONE, ZERO, Desk, Statement
from runner.store.rows import Values

CLAIM = (
    jobs.c.row,
    jobs.c.id,
    jobs.c.stem,
    jobs.c.key,
    jobs.c.endpoint,
    jobs.c.model,
    jobs.c.body,
    jobs.c.attempt,
    jobs.c.tries,
    jobs.c.maybe_billed,
    jobs.c.useless,
    jobs.c.waits,
    jobs.c.billed_before,
    jobs.c.ticket,
)
"""What a claim is made of."""

RETRIED = (jobs.c.due_at > ZERO) & (jobs.c.due_at <= given("now"))
FRESH = jobs.c.due_at == ZERO
"""A job that was never sent is due since ever."""


def claim(values: Values) -> Claim:
    """From a row that begins with the columns of `CLAIM`."""
    return Claim(
        row=values[0],
        id=values[1],
        stem=values[2],
        key=values[3],
        endpoint=values[4],
        model=values[5],
        body=values[6],
        attempt=values[7],
        tries=values[8],
        maybe_billed=values[9],
        useless=values[10],
        waits=values[11],
        billed_before=bool(values[12]),
        ticket=values[13],
    )


@lru_cache
def taking(due: ColumnElement[bool], skipped: int) -> Statement:
    """Take the first `limit` jobs that are due, but for those of so many models.

    Where several runners share a queue, each passes over the rows that another is about to take.
    """
    skips = tuple(f"skip_{index}" for index in range(skipped))
    wanted = [due, jobs.c.model.not_in([given(name) for name in skips])] if skips else [due]
    chosen = (
        select(jobs.c.row)
        .where(PENDING, jobs.c.batch_id == given("batch"), jobs.c.endpoint == given("name"), *wanted)
        .order_by(jobs.c.due_at, jobs.c.position)
        .limit(given("limit"))
        .offset(ZERO)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    take = (
        update(jobs)
        .where(jobs.c.row.in_(select(chosen.c.row)))
        .values(
            state=word(State.RUNNING),
            due_at=null(),
            attempt=jobs.c.attempt + ONE,
            worker=given("by"),
            claimed_at=given("at"),
            lease_until=given("until"),
        )
        .returning(*CLAIM, jobs.c.position)
    )
    moment = ("now",) if due is RETRIED else ()
    return Statement(take, ("batch", "name", "limit", "by", "at", "until", *moment, *skips))


@lru_cache
def first_due(skipped: int) -> Statement:
    skips = tuple(f"skip_{index}" for index in range(skipped))
    wanted = [jobs.c.model.not_in([given(name) for name in skips])] if skips else []
    first = (
        select(jobs.c.due_at)
        .where(PENDING, jobs.c.batch_id == given("batch"), jobs.c.endpoint == given("name"), *wanted)
        .order_by(jobs.c.due_at)
        .limit(ONE)
        .offset(ZERO)
    )
    return Statement(first, ("batch", "name", *skips))


REFUSED_UNTIL = Statement(
    select(func.max(jobs.c.due_at)).where(
        PENDING,
        jobs.c.batch_id == given("batch"),
        jobs.c.endpoint == given("name"),
        jobs.c.due_at > given("now"),
        jobs.c.cause == word(Cause.THROTTLED),
    ),
    ("batch", "name", "now"),
)
RELEASE = Statement(
    update(jobs)
    .where(RUNNING, jobs.c.row == given("job"), jobs.c.attempt == given("number"))
    .values(
        state=word(State.PENDING),
        due_at=case((jobs.c.attempt == ONE, ZERO), else_=jobs.c.claimed_at),
        attempt=jobs.c.attempt - ONE,
        worker=null(),
        claimed_at=null(),
        lease_until=null(),
    ),
    ("job", "number"),
)


class Claiming(Desk):
    """What a runner takes from the queue, and gives back as it was."""

    def claim(
        self,
        batch_id: int,
        wants: Mapping[str, int],
        *,
        now: float,
        worker: str,
        lease_s: float,
        skip_models: Collection[tuple[str, str]] = (),
    ) -> list[Claim]:
        """So many jobs of each endpoint as are due: retries first, then fresh ones in their order.

        `skip_models`: pairs of endpoint and model that nothing is to be sent to.
        """
        claims = [
            taken
            for endpoint, limit in wants.items()
            for taken in self._take(
                (batch_id, endpoint),
                limit,
                (worker, now, now + lease_s),
                [model for name, model in skip_models if name == endpoint],
            )
        ]
        if claims:
            self.count(batch_id, pending=-len(claims), running=len(claims))
        return claims

    def _take(self, lane: Values, limit: int, marks: Values, skips: Sequence[str]) -> list[Claim]:
        now = marks[1]
        retried = self.run(taking(RETRIED, len(skips)), *lane, limit, *marks, now, *skips).all()
        left = limit - len(retried)
        fresh = self.run(taking(FRESH, len(skips)), *lane, left, *marks, *skips).all() if left else ()
        return [claim(values) for some in (retried, fresh) for values in sorted(some, key=itemgetter(-1))]

    def release(self, batch_id: int, claims: Sequence[Claim]) -> int:
        """Claims that were not sent are pending again, as if they had never been taken."""
        released = self.run_many(RELEASE, [(taken.row, taken.attempt) for taken in claims])
        self.count(batch_id, pending=released, running=-released)
        return released

    def next_due(
        self, batch_id: int, endpoint: str, *, skip_models: Collection[tuple[str, str]] = ()
    ) -> float | None:
        """When the first pending job of an endpoint is due (0: since ever); None where there is none."""
        skips = [model for name, model in skip_models if name == endpoint]
        due_at: float | None = self.run(first_due(len(skips)), batch_id, endpoint, *skips).scalar()
        return due_at

    def refused_until(self, batch_id: int, endpoint: str, *, now: float) -> float | None:
        """When an endpoint lets jobs in again that it refused for pace; None where it holds nothing off."""
        until: float | None = self.run(REFUSED_UNTIL, batch_id, endpoint, now).scalar()
        return until
