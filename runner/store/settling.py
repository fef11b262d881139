"""What became of claims, into rows: fenced by the number of the attempt, so that nothing is written twice."""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, Update, case, func, insert, null, update
from sqlalchemy import bindparam as given

from runner.job import Claim, State
from runner.outcome import Attempt, Cause, Kept
from runner.retry import Settlement
from runner.schema import PENDING, RUNNING, attempts, jobs, outputs, word
from runner.store.desk import ONE, ZERO, Statement, Tapered, blob, tapered
from runner.store.ledger import Ledger
from runner.store.rows import Settled, Values
from runner.store.steering import WITHDRAWN

MINE = (RUNNING, jobs.c.row == given("job"), jobs.c.attempt == given("number"))
"""The fence: the job is still in the hands of whoever brings the result."""
FREED = {"worker": null(), "claimed_at": null(), "lease_until": null()}

WORDS: dict[State | Cause | None, str | None] = {
    None: None,
    **{each: each.value for each in (*State, *Cause)},
}
"""As plain strings: the driver wants to know how to adapt any other."""
FENCE = ("job", "number")
SENT = ("started_at", "latency_s", "served_by", "http_status", "request_id", "usage")
"""What the job shows of its last attempt."""
TRIED = ("tries", "maybe_billed", "useless", "waits", "billed_before")
"""What an attempt that has succeeded leaves as it was."""
WANTING = ("due_at", "cause", "message")
"""What a job that has succeeded has not."""


def new(*columns: str) -> tuple[str, ...]:
    """Names of parameters for what is to be in them."""
    return tuple([f"new_{column}" for column in columns])


def written(columns: Sequence[str], names: Collection[str]) -> dict[str, ColumnElement[Any]]:
    """Those of the columns that are given."""
    return {column: given(name) for column, name in zip(columns, new(*columns), strict=True) if name in names}


def shown(names: Collection[str]) -> dict[str, ColumnElement[Any]]:
    """What a job takes over of an attempt: a cost, where it is known, on top of earlier ones."""
    cost = func.coalesce(jobs.c.cost_nusd + given("cost"), jobs.c.cost_nusd, given("cost"))
    return {
        **written(SENT, names),
        **({"attempts": jobs.c.attempts + given("counted")} if "counted" in names else {}),
        **({"cost_nusd": cost} if "cost" in names else {}),
    }


def settling(names: Sequence[str]) -> Update:
    """The next row of a job in hand."""
    ticket = case((given("keeps_ticket") == ONE, jobs.c.ticket), else_=null())
    return (
        update(jobs)
        .where(*MINE)
        .values(
            **FREED,
            **shown(names),
            **dict.fromkeys(WANTING, null()) | written((*ENDED, *TRIED, *WANTING), names),
            ticket=ticket if "keeps_ticket" in names else null(),
        )
    )


ENDED = ("state", "finished_at")
SHOWN = ("counted", *new(*SENT))
REST = (*new(*TRIED, *WANTING), "keeps_ticket")
NOTHING = (None,) * len(REST)
SETTLE = Tapered(settling, (*FENCE, *new(*ENDED), *SHOWN, "cost", *REST))
POSTPONE = Tapered(settling, (*FENCE, *new(*ENDED), *REST))
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
SHOW_SENT = Statement(
    update(jobs).where(jobs.c.row == given("job")).values(shown((*SHOWN, "cost"))), (*SHOWN, "cost", "job")
)


def inserting(table: Table, names: Sequence[str]) -> Insert:
    return insert(table).values({name: given(name) for name in names})


RECORD = Tapered(
    partial(inserting, attempts),
    (
        "job",
        "number",
        "counted",
        "started_at",
        "latency_s",
        "served_by",
        "billed",
        "again",
        "http_status",
        "request_id",
        "usage",
        "body",
        "cost_nusd",
        "seed",
        "cause",
        "message",
    ),
)
KEEP = Tapered(
    partial(inserting, outputs),
    (
        "job",
        "index",
        "kind",
        "mime",
        "bytes",
        "sha256",
        "value",
        "finish_reason",
        "path",
        "width",
        "height",
        "revised_prompt",
    ),
)


class Late(Exception):
    """Some of many results belong to claims that are not current any more."""


class Settling(Ledger):
    """What a runner writes of the jobs in its hands."""

    def settle(self, batch_id: int, settled: Sequence[Settled], *, now: float) -> list[bool]:
        """Write each result whose claim is still the current one; False: it came late and is dropped."""
        written = self._written(settled, now)
        current = [each for each, is_current in zip(settled, written, strict=True) if is_current]
        made = [each.attempt for each in current if each.attempt]
        self.run_many(
            VARY, [varied(each) for each in current if each.settlement.variant > each.claim.variant]
        )
        self.run_tapered(RECORD, [attempt_values(e.claim, e.attempt) for e in current if e.attempt])
        self.run_tapered(KEEP, [kept_values(each.claim, kept) for each in current for kept in each.kept])
        self.count(batch_id, **counted(current), **spent(made), late=len(settled) - len(current))
        self.book(batch_id, made)
        self.close_refused(batch_id, current)
        again = [each.claim.row for each in current if each.settlement.state is State.PENDING]
        if again:
            self._let_go(batch_id, again, now)
        return written

    def _let_go(self, batch_id: int, rows: Sequence[int], now: float) -> None:
        """What left the manifest in flight, or was cancelled, is not sent again, unless it is paid for."""
        gone = sum(
            self.run_many(statement, [(now, row) for row in rows]) for statement in (WITHDRAW, CALL_OFF)
        )
        self.count(batch_id, pending=-gone, cancelled=gone)

    def _written(self, settled: Sequence[Settled], now: float) -> list[bool]:
        """Which rows were written. Nearly always it is all of them; if not, each is tried by itself."""
        sent = [settled_values(each, each.attempt, now) for each in settled if each.attempt]
        idle = [postponed_values(each, now) for each in settled if not each.attempt]
        with suppress(Late), self.trial(Late):
            if self.run_tapered(SETTLE, sent) + self.run_tapered(POSTPONE, idle) < len(settled):
                raise Late
            return [True] * len(settled)
        return [self._is_written(each, now) for each in settled]

    def _is_written(self, each: Settled, now: float) -> bool:
        if each.attempt:
            return self.run_tapered(SETTLE, [settled_values(each, each.attempt, now)]) == 1
        return self.run_tapered(POSTPONE, [postponed_values(each, now)]) == 1

    def ticket(self, batch_id: int, claim: Claim, data: bytes, attempt: Attempt | None) -> Claim | None:
        """From here the job goes on from `data`: returns the claim as it stands then, None if it is late.

        `attempt` is the sending that brought the ticket. It is paid for: should the ticket lead nowhere,
        another sending would be the second.
        """
        if not self.run(TICKET, data, *fence(claim)):
            self.count(batch_id, late=1)
            return None
        if attempt is not None:
            self.run(SHOW_SENT, *sent_values(attempt), attempt.cost_nusd, claim.row)
            self.run_tapered(RECORD, [attempt_values(claim, attempt)])
            self.count(batch_id, **spent([attempt]))
            self.book(batch_id, [attempt])
        return replace(claim, ticket=data, tries=0, maybe_billed=0, useless=0, billed_before=True, reserve=0)


def fence(claim: Claim) -> Values:
    return claim.row, claim.attempt


def varied(settled: Settled) -> Values:
    return settled.settlement.unmet, settled.settlement.variant, settled.claim.row


def settled_values(settled: Settled, attempt: Attempt, now: float) -> Values:
    """In the order of `SETTLE`."""
    plain = (*fence(settled.claim), *ended_values(settled, now), *sent_values(attempt))
    return tapered(plain, attempt.cost_nusd, *rest_values(settled))


def postponed_values(settled: Settled, now: float) -> Values:
    """In the order of `POSTPONE`."""
    return (*fence(settled.claim), *ended_values(settled, now), *rest_values(settled))


def ended_values(settled: Settled, now: float) -> Values:
    """In the order of `ENDED`."""
    to = settled.settlement.state
    return WORDS[to], None if to is State.PENDING else now


def rest_values(settled: Settled) -> Values:
    """In the order of `REST`."""
    to = settled.settlement
    if is_plain(to, settled.claim):
        return NOTHING
    return (
        to.tries,
        to.maybe_billed,
        to.useless,
        to.waits,
        int(to.billed_before),
        to.due_at,
        WORDS[to.cause],
        to.message,
        int(to.keeps_ticket),
    )


def is_plain(to: Settlement, claim: Claim) -> bool:
    """Whether it is a success without a word, and no try is spent for it."""
    return (
        to.state is State.SUCCEEDED
        and to.message is None
        and to.tries == claim.tries
        and to.maybe_billed == claim.maybe_billed
        and to.useless == claim.useless
        and to.waits == claim.waits
        and to.billed_before == claim.billed_before
    )


def sent_values(attempt: Attempt) -> Values:
    """In the order of `SHOWN`."""
    return (
        int(attempt.counted),
        attempt.started_at,
        attempt.latency_s,
        attempt.served_by,
        attempt.http_status,
        attempt.request_id,
        blob(attempt.usage),
    )


def attempt_values(claim: Claim, attempt: Attempt) -> Values:
    """In the order of `RECORD`."""
    plain = (
        claim.row,
        attempt.number,
        int(attempt.counted),
        attempt.started_at,
        attempt.latency_s,
        attempt.served_by,
        int(attempt.billed),
        int(attempt.again),
        attempt.http_status,
        attempt.request_id,
        blob(attempt.usage),
        bytearray(attempt.body),
    )
    return tapered(plain, attempt.cost_nusd, attempt.seed, WORDS[attempt.cause], attempt.message)


def kept_values(claim: Claim, kept: Kept) -> Values:
    """In the order of `KEEP`."""
    plain = (
        claim.row,
        kept.index,
        kept.kind,
        kept.mime,
        kept.bytes,
        kept.sha256,
        kept.value,
        kept.finish_reason,
    )
    return tapered(plain, kept.path, kept.width, kept.height, kept.revised_prompt)


def counted(settled: Sequence[Settled]) -> dict[str, int]:
    """What the counters of a batch gain by settlements."""
    states = Counter([each.settlement.state for each in settled])
    gained = {state.value: number for state, number in states.items()}
    gained[State.RUNNING.value] = -len(settled)
    return {**gained, "outputs": sum([len(each.kept) for each in settled])}


def spent(attempts: Sequence[Attempt]) -> dict[str, int]:
    """What the counters of a batch gain by attempts."""
    return {
        "attempts": sum([each.counted for each in attempts]),
        "maybe_billed_twice": sum([each.counted and each.again for each in attempts]),
        "spent_nusd": sum([each.cost_nusd or 0 for each in attempts]),
    }
