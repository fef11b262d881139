"""Jobs into workers' hands, and back untouched."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    Select,
    Text,
    case,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy import bindparam as given

from runner.job import Claim, State
from runner.schema import PENDING, RUNNING, WAITS_IN, jobs, word
from runner.store.desk import ONE, ZERO, Desk, Statement
from runner.store.rows import Among, Values
from runner.value import value

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
    jobs.c.expect,
    jobs.c.unmet,
    jobs.c.variant,
    jobs.c.path,
)
"""What a claim is made of."""

ALL = Among()
RETRIED = (jobs.c.due_at > ZERO) & (jobs.c.due_at <= given("now"))
HAS_TICKET = jobs.c.ticket.is_not(None)
TICKETED = RETRIED & HAS_TICKET
FRESH = jobs.c.due_at == ZERO
"""A job that was never sent is due since ever."""
ALONE = 1e12
"""From here on a time when a job is due is none: it is taken last, and runs alone."""
SUSPECT = 2
"""Crashes that a job was in flight at, from which on it runs alone."""
LAST = jobs.c.due_at >= literal_column(repr(ALONE), Double)
SUSPECTED = jobs.c.crashes >= literal_column(str(SUSPECT), Integer)
TURN = literal_column(repr(ALONE), Double) + jobs.c.crashes
"""When a suspect is due: what was alone at the last crash lets the others go first."""


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
        expect=values[15],
        unmet=values[16],
        variant=values[17],
        path=values[18],
    )


@lru_cache
def others(pool: str, lane: str) -> tuple[str, ...]:
    return tuple(name for name in pool.split() if name != lane)


@value(kw_only=False)
class Filter:
    """Which of the jobs that wait in a pool are wanted, as part of a statement."""

    skips: int = 0
    """But for those of so many models."""
    rows: int = 0
    """Only so many; 0: all."""
    ticketed: bool = False
    fresh: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Of its parameters: models to skip, rows."""
        return (
            *(f"skip_{index}" for index in range(self.skips)),
            *(f"only_{index}" for index in range(self.rows)),
        )

    @property
    def wanted(self) -> list[ColumnElement[bool]]:
        models, rows = self.names[: self.skips], self.names[self.skips :]
        return [
            *([jobs.c.model.not_in([given(name) for name in models])] if models else []),
            *([jobs.c.row.in_([given(name) for name in rows])] if rows else []),
            *([HAS_TICKET] if self.ticketed else []),
            *([jobs.c.due_at > ZERO] if (self.rows or self.ticketed) and not self.fresh else []),
        ]


def filtered(skips: Sequence[str], among: Among) -> tuple[Filter, Values]:
    """The filter, and its parameters: rows in numbers that are powers of two, so that it is one of few."""
    rows = () if among.rows is None else among.rows or (0,)
    padding = (1 << (len(rows) - 1).bit_length()) - len(rows) if rows else 0
    only = (*rows, *rows[-1:] * padding)
    return Filter(len(skips), len(only), among.ticketed, among.fresh), (*skips, *only)


def asks_when(due: ColumnElement[bool]) -> bool:
    return due is not FRESH and due is not LAST


@lru_cache
def taking(due: ColumnElement[bool], among: Filter) -> Statement:
    """Take the first `limit` jobs that are due.

    Where several runners share a queue, each passes over the rows that another is about to take.
    """
    chosen = (
        select(jobs.c.row)
        .where(PENDING, jobs.c.batch_id == given("batch"), given("pool") == WAITS_IN, due, *among.wanted)
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
    moment = ("now",) if asks_when(due) else ()
    return Statement(take, ("batch", "pool", "limit", "to", "by", "at", "until", *moment, *among.names))


@lru_cache
def first_due(among: Filter) -> Statement:
    first = (
        select(jobs.c.due_at)
        .where(PENDING, jobs.c.batch_id == given("batch"), given("pool") == WAITS_IN, *among.wanted)
        .order_by(jobs.c.due_at)
        .limit(ONE)
        .offset(ZERO)
    )
    return Statement(first, ("batch", "pool", *among.names))


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
        due_at=case(
            (SUSPECTED, TURN),
            (jobs.c.attempt == ONE, ZERO),
            else_=jobs.c.claimed_at,
        ),
        attempt=jobs.c.attempt - ONE,
        worker=null(),
        claimed_at=null(),
        lease_until=null(),
    ),
    ("job", "number"),
)


BRING_FORWARD = Statement(
    update(jobs)
    .where(PENDING, jobs.c.batch_id == given("batch"), given("pool") == WAITS_IN)
    .where(jobs.c.due_at > given("now"), jobs.c.due_at < literal_column(repr(ALONE), Double))
    .where(jobs.c.started_at > given("now"), jobs.c.started_at < jobs.c.due_at)
    .values(due_at=given("now") + (jobs.c.due_at - jobs.c.started_at)),
    ("batch", "pool", "now"),
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
        among: Among = ALL,
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
                filtered([model for name, model in skip_models if name == endpoint], among),
                order(among, fresh_first=endpoint in fresh_first),
            )
        ]
        if claims:
            self.count(batch_id, pending=-len(claims), running=len(claims))
        return claims

    def _pools(self, batch_id: int) -> list[str]:
        """Where jobs of the batch are pending: names of endpoints that serve the same jobs, joined."""
        return [pool for (pool,) in self.ask(POOLS, batch_id)]

    def _pools_of(self, batch_id: int, endpoint: str) -> list[str]:
        return [pool for pool in self._pools(batch_id) if endpoint in pool.split()]

    def _take(
        self,
        pools: Sequence[Values],
        limit: int,
        marks: Values,
        only: tuple[Filter, Values],
        order: Sequence[ColumnElement[bool]],
    ) -> list[Claim]:
        among, values = only
        taken: list[Claim] = []
        for due in order:
            moment = (marks[2],) if asks_when(due) else ()
            for pool in pools:
                if left := limit - len(taken):
                    some = self.ask(taking(due, among), *pool, left, *marks, *moment, *values)
                    taken += map(claim, sorted(some, key=itemgetter(-1)))
        return taken

    def release(self, batch_id: int, claims: Sequence[Claim]) -> int:
        """Claims that were not sent are pending again, as if they had never been taken."""
        released = self.run_many(RELEASE, [(taken.row, taken.attempt) for taken in claims])
        self.count(batch_id, pending=released, running=-released)
        return released

    def bring_forward(self, batch_id: int, *, now: float) -> int:
        """After the clock was set back no job is due later than its own wait from now; returns how many were.

        One whose last attempt began in what is the future by now has been put off by a clock that was ahead.
        """
        return self.run_many(BRING_FORWARD, [(batch_id, pool, now) for pool in self._pools(batch_id)])

    def next_due(
        self,
        batch_id: int,
        endpoint: str,
        *,
        skip_models: Collection[tuple[str, str]] = (),
        among: Among = ALL,
    ) -> float | None:
        """When the first pending job for an endpoint is due (0: since ever); None where there is none."""
        wanted, values = filtered([model for name, model in skip_models if name == endpoint], among)
        pools = self._pools_of(batch_id, endpoint)
        dues = [due for pool in pools for (due,) in self.ask(first_due(wanted), batch_id, pool, *values)]
        return min((due_at for due_at in dues if due_at is not None), default=None)


def order(among: Among, *, fresh_first: bool) -> Sequence[ColumnElement[bool]]:
    """What is taken first, and then; only of all jobs some are fresh."""
    if among.alone:
        return (LAST,)
    if among != ALL and not among.fresh:
        return (RETRIED,)
    return (TICKETED, FRESH, RETRIED) if fresh_first else (RETRIED, FRESH)


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
