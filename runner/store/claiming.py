"""Jobs into workers' hands, and back untouched."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import ColumnElement, Select, Text, case, literal_column, null, select, update
from sqlalchemy import bindparam as given

from runner.job import Claim, State
from runner.schema import PENDING, RUNNING, WAITS_IN, jobs, word
from runner.store.desk import ONE, ZERO, Desk, Statement
from runner.store.rows import Values

CLAIM = (
    jobs.c.row,
    jobs.c.id,
    jobs.c.stem,
    jobs.c.key,
    jobs.c.lane,
    jobs.c.model,
    jobs.c.body,
    jobs.c.attempt,
    jobs.c.tries,
    jobs.c.maybe_billed,
    jobs.c.useless,
    jobs.c.waits,
    jobs.c.billed_before,
    jobs.c.ticket,
    jobs.c.pool,
)
"""What a claim is made of."""

RETRIED = (jobs.c.due_at > ZERO) & (jobs.c.due_at <= given("now"))
TICKETED = RETRIED & jobs.c.ticket.is_not(None)
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
        also=others(values[14], values[4]),
    )


@lru_cache
def others(pool: str, lane: str) -> tuple[str, ...]:
    return tuple(name for name in pool.split() if name != lane)


@lru_cache
def taking(due: ColumnElement[bool], skipped: int) -> Statement:
    """Take the first `limit` jobs that are due, but for those of so many models.

    Where several runners share a queue, each passes over the rows that another is about to take.
    """
    skips = tuple(f"skip_{index}" for index in range(skipped))
    wanted = [due, jobs.c.model.not_in([given(name) for name in skips])] if skips else [due]
    chosen = (
        select(jobs.c.row)
        .where(PENDING, jobs.c.batch_id == given("batch"), given("pool") == WAITS_IN, *wanted)
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
            lane=given("to"),
            worker=given("by"),
            claimed_at=given("at"),
            lease_until=given("until"),
        )
        .returning(*CLAIM, jobs.c.position)
    )
    moment = () if due is FRESH else ("now",)
    return Statement(take, ("batch", "pool", "limit", "to", "by", "at", "until", *moment, *skips))


@lru_cache
def first_due(skipped: int) -> Statement:
    skips = tuple(f"skip_{index}" for index in range(skipped))
    wanted = [jobs.c.model.not_in([given(name) for name in skips])] if skips else []
    first = (
        select(jobs.c.due_at)
        .where(PENDING, jobs.c.batch_id == given("batch"), given("pool") == WAITS_IN, *wanted)
        .order_by(jobs.c.due_at)
        .limit(ONE)
        .offset(ZERO)
    )
    return Statement(first, ("batch", "pool", *skips))


def pools_after(pool: ColumnElement[str]) -> Select[tuple[str]]:
    """The next pool in which a job of the batch is pending."""
    following = (PENDING, jobs.c.batch_id == given("batch"), pool < WAITS_IN)
    return select(WAITS_IN).where(*following).order_by(WAITS_IN).limit(ONE).offset(ZERO)


def all_pools() -> Statement:
    """From one to the next in the index, however many jobs wait in each."""
    found = select(pools_after(literal_column("''", Text)).scalar_subquery().label("pool")).cte(
        "pools", recursive=True
    )
    found = found.union_all(
        select(pools_after(found.c.pool).scalar_subquery()).where(found.c.pool.is_not(None))
    )
    return Statement(select(found.c.pool).where(found.c.pool.is_not(None)), ("batch",))


POOLS = all_pools()
TURNS = 4
"""Turns that equivalent endpoints take, each claiming a part of what it wants: few jobs are shared too."""


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
        fresh_first: Collection[str] = (),
    ) -> list[Claim]:
        """So many jobs for each endpoint as are due: retries first, then fresh ones in their order.

        `skip_models`: pairs of endpoint and model that nothing is to be sent to. `fresh_first`: endpoints
        that are spared retries while there are fresh jobs; what is paid for already goes on all the same.
        """
        pools = self._pools(batch_id)
        claims = [
            taken
            for endpoint, limit in turns(wants, pools)
            for taken in self._take(
                [(batch_id, pool) for pool in pools if endpoint in pool.split()],
                limit,
                (endpoint, worker, now, now + lease_s),
                [model for name, model in skip_models if name == endpoint],
                (TICKETED, FRESH, RETRIED) if endpoint in fresh_first else (RETRIED, FRESH),
            )
        ]
        if claims:
            self.count(batch_id, pending=-len(claims), running=len(claims))
        return claims

    def _pools(self, batch_id: int) -> list[str]:
        """Where jobs of the batch are pending: names of endpoints that serve the same jobs, joined."""
        return [pool for (pool,) in self.run(POOLS, batch_id)]

    def _pools_of(self, batch_id: int, endpoint: str) -> list[str]:
        return [pool for pool in self._pools(batch_id) if endpoint in pool.split()]

    def _take(
        self,
        pools: Sequence[Values],
        limit: int,
        marks: Values,
        skips: Sequence[str],
        order: Sequence[ColumnElement[bool]],
    ) -> list[Claim]:
        taken: list[Claim] = []
        for due in order:
            moment = () if due is FRESH else (marks[2],)
            for pool in pools:
                if left := limit - len(taken):
                    some = self.run(taking(due, len(skips)), *pool, left, *marks, *moment, *skips).all()
                    taken += map(claim, sorted(some, key=itemgetter(-1)))
        return taken

    def release(self, batch_id: int, claims: Sequence[Claim]) -> int:
        """Claims that were not sent are pending again, as if they had never been taken."""
        released = self.run_many(RELEASE, [(taken.row, taken.attempt) for taken in claims])
        self.count(batch_id, pending=released, running=-released)
        return released

    def next_due(
        self, batch_id: int, endpoint: str, *, skip_models: Collection[tuple[str, str]] = ()
    ) -> float | None:
        """When the first pending job for an endpoint is due (0: since ever); None where there is none."""
        skips = [model for name, model in skip_models if name == endpoint]
        pools = self._pools_of(batch_id, endpoint)
        dues = [self.run(first_due(len(skips)), batch_id, pool, *skips).scalar() for pool in pools]
        return min((due_at for due_at in dues if due_at is not None), default=None)


def turns(wants: Mapping[str, int], pools: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Who claims how many, one after the other: endpoints that share a pool take turns."""
    if all(" " not in pool for pool in pools):
        yield from ((name, wanted) for name, wanted in wants.items() if wanted)
        return
    for turn in range(TURNS):
        for name, wanted in wants.items():
            part = wanted * (turn + 1) // TURNS - wanted * turn // TURNS
            if part:
                yield name, part
