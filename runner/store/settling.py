"""What became of claims, into rows: fenced by the number of the attempt, so that nothing is written twice."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, case, func, insert, null, update
from sqlalchemy import bindparam as given

from runner.job import Claim, State
from runner.outcome import Attempt, Kept
from runner.schema import PENDING, RUNNING, attempts, jobs, outputs, word
from runner.store.desk import ONE, ZERO, Statement
from runner.store.ledger import Ledger
from runner.store.rows import Settled, Values
from runner.store.steering import WITHDRAWN

MINE = (RUNNING, jobs.c.row == given("job"), jobs.c.attempt == given("number"))
"""The fence: the job is still in the hands of whoever brings the result."""
FREED = {"worker": null(), "claimed_at": null(), "lease_until": null()}

NEXT: dict[str, ColumnElement[Any]] = {
    name: given(f"next_{name}")
    for name in (
        "state",
        "due_at",
        "finished_at",
        "tries",
        "maybe_billed",
        "useless",
        "waits",
        "billed_before",
        "cause",
        "message",
    )
}
NEXT_TICKET = case((given("keeps_ticket") == ONE, jobs.c.ticket), else_=null())
NEXT_NAMES = (*(f"next_{name}" for name in NEXT), "keeps_ticket")

SENT = {
    "attempts": jobs.c.attempts + given("counted"),
    "cost_nusd": func.coalesce(jobs.c.cost_nusd + given("cost"), jobs.c.cost_nusd, given("cost")),
    **{
        name: given(f"sent_{name}")
        for name in ("started_at", "latency_s", "served_by", "http_status", "request_id", "usage")
    },
}
"""What the job shows of its last attempt; the cost is that of all of them."""
SENT_NAMES = (
    "counted",
    "cost",
    "sent_started_at",
    "sent_latency_s",
    "sent_served_by",
    "sent_http_status",
    "sent_request_id",
    "sent_usage",
)

SETTLE = Statement(
    update(jobs).where(*MINE).values(**NEXT, **SENT, **FREED, ticket=NEXT_TICKET),
    (*NEXT_NAMES, *SENT_NAMES, "job", "number"),
)
POSTPONE = Statement(
    update(jobs).where(*MINE).values(**NEXT, **FREED, ticket=NEXT_TICKET), (*NEXT_NAMES, "job", "number")
)
VARY = Statement(
    update(jobs).where(jobs.c.row == given("job")).values(unmet=given("unmet"), variant=given("variant")),
    ("unmet", "variant", "job"),
)
"""Few answers are not as expected: what is counted of them is no part of every settlement."""
TICKET = Statement(
    update(jobs)
    .where(*MINE)
    .values(
        ticket=given("data"),
        tries=ZERO,
        maybe_billed=ZERO,
        useless=ZERO,
        billed_before=ONE,
    ),
    ("data", "job", "number"),
)
WITHDRAW = Statement(
    update(jobs)
    .where(PENDING, jobs.c.row == given("job"), jobs.c.listed == ZERO, jobs.c.ticket.is_(None))
    .values(**WITHDRAWN, finished_at=given("at")),
    ("at", "job"),
)
CALL_OFF = Statement(
    update(jobs)
    .where(PENDING, jobs.c.row == given("job"), jobs.c.called_off == ONE, jobs.c.ticket.is_(None))
    .values(state=word(State.CANCELLED), due_at=null(), finished_at=given("at")),
    ("at", "job"),
)
SHOW_SENT = Statement(update(jobs).where(jobs.c.row == given("job")).values(SENT), (*SENT_NAMES, "job"))

ATTEMPT = tuple(column.name for column in attempts.c if column.name != "id")
RECORD = Statement(insert(attempts).values({name: given(name) for name in ATTEMPT}), ATTEMPT)
OUTPUT = tuple(column.name for column in outputs.c if column.name != "id")
KEEP = Statement(insert(outputs).values({name: given(name) for name in OUTPUT}), OUTPUT)


class Settling(Ledger):
    """What a runner writes of the jobs in its hands."""

    def settle(self, batch_id: int, settled: Sequence[Settled], *, now: float) -> list[bool]:
        """Write each result whose claim is still the current one; False: it came late and is dropped."""
        written = self._written(settled, now)
        current = [each for each, is_current in zip(settled, written, strict=True) if is_current]
        self.run_many(
            VARY, [varied(each) for each in current if each.settlement.variant > each.claim.variant]
        )
        self.run_many(RECORD, [attempt_values(e.claim, e.attempt) for e in current if e.attempt])
        self.run_many(KEEP, [kept_values(each.claim, kept) for each in current for kept in each.kept])
        self.count(batch_id, **counted(current), late=len(settled) - len(current))
        self.book(batch_id, [each.attempt for each in current if each.attempt])
        self.close_refused(batch_id, current)
        again = [each.claim.row for each in current if each.settlement.state is State.PENDING]
        self._let_go(batch_id, again, now)
        return written

    def _let_go(self, batch_id: int, rows: Sequence[int], now: float) -> None:
        """What left the manifest in flight, or was cancelled, is not sent again, unless it is paid for."""
        gone = sum(
            self.run_many(statement, [(now, row) for row in rows]) for statement in (WITHDRAW, CALL_OFF)
        )
        self.count(batch_id, pending=-gone, cancelled=gone)

    def _written(self, settled: Sequence[Settled], now: float) -> list[bool]:
        sent = [
            (*next_values(each, now), *sent_values(each.attempt), *fence(each.claim))
            for each in settled
            if each.attempt is not None
        ]
        idle = [(*next_values(each, now), *fence(each.claim)) for each in settled if each.attempt is None]
        verdicts = {False: iter(self._fenced(SETTLE, sent)), True: iter(self._fenced(POSTPONE, idle))}
        return [next(verdicts[each.attempt is None]) for each in settled]

    def _fenced(self, statement: Statement, rows: Sequence[Values]) -> list[bool]:
        """Which rows were written. Nearly always it is all, in one call; if not, each is tried by itself."""
        if not rows:
            return []
        with self.connection.begin_nested() as trial:
            if self.run_many(statement, rows) == len(rows):
                return [True] * len(rows)
            trial.rollback()
        return [self.run(statement, *values).rowcount == 1 for values in rows]

    def ticket(self, batch_id: int, claim: Claim, data: bytes, attempt: Attempt | None) -> Claim | None:
        """From here the job goes on from `data`: returns the claim as it stands then, None if it is late.

        `attempt` is the sending that brought the ticket. It is paid for: should the ticket lead nowhere,
        another sending would be the second.
        """
        if self.run(TICKET, data, *fence(claim)).rowcount == 0:
            self.count(batch_id, late=1)
            return None
        if attempt is not None:
            self.run(SHOW_SENT, *sent_values(attempt), claim.row)
            self.run(RECORD, *attempt_values(claim, attempt))
            self.count(batch_id, **spent([attempt]))
            self.book(batch_id, [attempt])
        return replace(claim, ticket=data, tries=0, maybe_billed=0, useless=0, billed_before=True, reserve=0)


def fence(claim: Claim) -> Values:
    return claim.row, claim.attempt


def varied(settled: Settled) -> Values:
    return settled.settlement.unmet, settled.settlement.variant, settled.claim.row


def next_values(settled: Settled, now: float) -> Values:
    """In the order of `NEXT_NAMES`."""
    to = settled.settlement
    return (
        to.state.value,
        to.due_at,
        None if to.state is State.PENDING else now,
        to.tries,
        to.maybe_billed,
        to.useless,
        to.waits,
        int(to.billed_before),
        to.cause.value if to.cause else None,
        to.message,
        int(to.keeps_ticket),
    )


def sent_values(attempt: Attempt) -> Values:
    """In the order of `SENT_NAMES`."""
    return (
        int(attempt.counted),
        attempt.cost_nusd,
        attempt.started_at,
        attempt.latency_s,
        attempt.served_by,
        attempt.http_status,
        attempt.request_id,
        attempt.usage,
    )


def attempt_values(claim: Claim, attempt: Attempt) -> Values:
    """In the order of `ATTEMPT`."""
    return (
        claim.row,
        attempt.number,
        int(attempt.counted),
        attempt.started_at,
        attempt.latency_s,
        attempt.served_by,
        int(attempt.billed),
        int(attempt.again),
        attempt.cost_nusd,
        attempt.cause.value if attempt.cause else None,
        attempt.message,
        attempt.http_status,
        attempt.request_id,
        attempt.seed,
        attempt.usage,
        attempt.body,
    )


def kept_values(claim: Claim, kept: Kept) -> Values:
    """In the order of `OUTPUT`."""
    return (
        claim.row,
        kept.index,
        kept.kind,
        kept.path,
        kept.value,
        kept.mime,
        kept.bytes,
        kept.sha256,
        kept.width,
        kept.height,
        kept.finish_reason,
        kept.revised_prompt,
    )


def counted(settled: Sequence[Settled]) -> dict[str, int]:
    """What the counters of a batch gain by settlements."""
    states = Counter(each.settlement.state.value for each in settled)
    states[State.RUNNING.value] -= len(settled)
    kept = sum(len(each.kept) for each in settled)
    return {**states, **spent([each.attempt for each in settled if each.attempt]), "outputs": kept}


def spent(attempts: Sequence[Attempt]) -> dict[str, int]:
    """What the counters of a batch gain by attempts."""
    return {
        "attempts": sum(each.counted for each in attempts),
        "maybe_billed_twice": sum(each.counted and each.again for each in attempts),
        "spent_nusd": sum(each.cost_nusd or 0 for each in attempts),
    }
