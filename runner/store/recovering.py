"""Claims that a runner left behind: sent, perhaps paid for, and answered to nobody."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from sqlalchemy import bindparam as given
from sqlalchemy import func, null, select, update

from runner import retry
from runner.expect import fresh_seed, seeded
from runner.job import Claim, State
from runner.outcome import Attempt, Cause, Interrupted, Kept
from runner.schema import PENDING, RUNNING, WAITS_IN, jobs, word
from runner.store.claiming import CLAIM, Claiming, claim
from runner.store.desk import ONE, ZERO, Statement
from runner.store.rows import Orphan, Settled
from runner.store.settling import Settling
from runner.store.steering import WITHDRAWN

GONE = "its runner was killed while it was in flight"

LEFT = select(*CLAIM, jobs.c.batch_id, jobs.c.claimed_at, jobs.c.crashes).where(RUNNING)
UNDONE = (PENDING | RUNNING) & jobs.c.ticket.is_(None)
LEFT_UNDONE = select(*CLAIM, jobs.c.endpoint, jobs.c.claimed_at, jobs.c.crashes).where(UNDONE)
CRASHED = Statement(
    update(jobs).where(jobs.c.row == given("job")).values(crashes=jobs.c.crashes + ONE),
    ("job",),
)


TAKE_UP = Statement(
    update(jobs)
    .where(UNDONE, jobs.c.row == given("job"))
    .values(
        state=word(State.RUNNING),
        due_at=null(),
        attempt=given("number"),
        lane=func.coalesce(jobs.c.lane, jobs.c.endpoint),
        worker=given("by"),
        claimed_at=given("at"),
        lease_until=given("until"),
    ),
    ("number", "by", "at", "until", "job"),
)
FINDER = "journal"
"""Who has a claim that is taken up to be adopted."""


class Recovering(Settling, Claiming):
    """What a start finds of an earlier run. It is asked under the queue's lock: no other runner lives."""

    def orphans(self, batch_id: int | None = None) -> list[Orphan]:
        left = LEFT if batch_id is None else LEFT.where(jobs.c.batch_id == batch_id)
        return [
            Orphan(
                batch_id=values.batch_id,
                claim=claim(tuple(values)),
                claimed_at=values.claimed_at,
                crashes=values.crashes,
            )
            for values in self.connection.execute(left.order_by(jobs.c.batch_id, jobs.c.position))
        ]

    def recover(
        self,
        orphans: Iterable[Orphan],
        policy: retry.Policy,
        *,
        cost: Callable[[Claim], int | None],
        now: float,
    ) -> int:
        """Close orphaned claims as sendings that may have been billed, unless they have a ticket.

        Their jobs are due again, or `unknown` where the policy holds them. `cost` is the price of a request,
        in billionths of a dollar. Returns how many may have been billed.
        """
        by_batch = groupby(sorted(orphans, key=attrgetter("batch_id")), key=attrgetter("batch_id"))
        return sum(self._recover(batch_id, list(group), policy, cost, now) for batch_id, group in by_batch)

    def _recover(
        self,
        batch_id: int,
        orphans: Sequence[Orphan],
        policy: retry.Policy,
        cost: Callable[[Claim], int | None],
        now: float,
    ) -> int:
        settled = [interrupted(orphan, policy, cost, now) for orphan in orphans]
        self.settle(batch_id, settled, now=now)
        self.run_many(CRASHED, [(orphan.claim.row,) for orphan in orphans])
        return sum(orphan.claim.ticket is None for orphan in orphans)

    def adopt(
        self,
        orphan: Orphan,
        kept: tuple[Kept, ...],
        *,
        cost_nusd: int | None,
        now: float,
        is_paid: bool = True,
    ) -> bool:
        """The orphan's answer was kept whole before its runner was killed: its job has succeeded.

        `is_paid`: whether its sending is not on record yet.
        """
        settlement = retry.Settlement(
            state=State.SUCCEEDED,
            tries=orphan.claim.tries,
            maybe_billed=orphan.claim.maybe_billed,
            useless=orphan.claim.useless,
            unmet=orphan.claim.unmet,
            variant=orphan.claim.variant,
            waits=0,
            billed_before=orphan.claim.billed_before,
            message=seeded(fresh_seed(orphan.claim), None),
        )
        attempt = sending(orphan, cost_nusd, is_paid=is_paid)
        adopted = Settled(claim=orphan.claim, settlement=settlement, attempt=attempt, kept=kept)
        return self.settle(orphan.batch_id, [adopted], now=now) == [True]

    def undone(self, batch_id: int, keys: Collection[str]) -> dict[str, Orphan]:
        """Which of these jobs the queue knows no answer of, by key, each as a claim."""
        found = LEFT_UNDONE.where(jobs.c.batch_id == batch_id, jobs.c.key.in_(keys))
        return {
            values.key: Orphan(
                batch_id=batch_id,
                claim=replace(claim(tuple(values)), endpoint=values.lane or values.endpoint),
                claimed_at=values.claimed_at or 0.0,
                crashes=values.crashes,
            )
            for values in self.connection.execute(found)
        }

    def make_up(
        self, orphan: Orphan, attempt: int, kept: tuple[Kept, ...], *, cost_nusd: int | None, now: float
    ) -> None:
        """An answer of which the queue knows nothing stands whole beside it: its job has succeeded.

        `attempt` brought it. Where the queue knows of that one its bill is on record; else it is `cost_nusd`.
        """
        waits = not orphan.claimed_at
        number = max(attempt, orphan.claim.attempt + waits)
        self.run(TAKE_UP, number, FINDER, now, now, orphan.claim.row)
        self.count(orphan.batch_id, pending=-waits, running=+waits)
        taken = replace(orphan, claim=replace(orphan.claim, attempt=number), claimed_at=now)
        self.adopt(taken, kept, cost_nusd=cost_nusd, now=now, is_paid=number == attempt)

    def give_up_tickets(self, batch_id: int, endpoints: Collection[str], *, now: float) -> int:
        """Jobs that wait for an endpoint which is not among these: it was removed while they were in flight.

        They are sent anew to those that may serve them; what the manifest no longer has is withdrawn.
        Returns how many are sent anew.
        """
        gone = [pool for pool in self._pools(batch_id) if not {*pool.split()} & {*endpoints}]
        waiting = (PENDING, jobs.c.batch_id == batch_id, WAITS_IN.in_(gone))
        withdrawn = self.connection.execute(
            update(jobs).where(*waiting, jobs.c.listed == ZERO).values(**WITHDRAWN, finished_at=now)
        ).rowcount
        self.count(batch_id, pending=-withdrawn, cancelled=withdrawn)
        return self.connection.execute(update(jobs).where(*waiting).values(ticket=None)).rowcount


def interrupted(
    orphan: Orphan, policy: retry.Policy, cost: Callable[[Claim], int | None], now: float
) -> Settled:
    settlement = retry.settle(orphan.claim, Interrupted(sent=True), policy, now=now, chance=0.0)
    attempt = sending(orphan, cost(orphan.claim))
    return Settled(
        claim=orphan.claim,
        settlement=replace(settlement, message=GONE),
        attempt=replace(attempt, cause=Cause.INTERRUPTED, message=GONE),
    )


def sending(orphan: Orphan, cost_nusd: int | None, *, is_paid: bool = True) -> Attempt:
    """What there is to say of a sending that nobody saw the end of: one from a ticket costs nothing."""
    is_paid = is_paid and orphan.claim.ticket is None
    return Attempt(
        number=orphan.claim.attempt,
        counted=is_paid,
        started_at=orphan.claimed_at,
        latency_s=0.0,
        served_by=orphan.claim.endpoint,
        billed=is_paid,
        again=is_paid and orphan.claim.billed_before,
        seed=fresh_seed(orphan.claim),
        cost_nusd=cost_nusd if is_paid else 0,
    )
