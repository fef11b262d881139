"""An attempt, put on record: what was sent, what came of it, what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from runner.job import Claim
from runner.outcome import Attempt, Cause, Done, Failed, Interrupted, Outcome, Unmet
from runner.transport import Sending


@dataclass(slots=True, kw_only=True)
class Errand:
    """One claim on its way: what it is, how far its sending came, what its answer said of itself."""

    claim: Claim
    sending: Sending
    started_at: float
    """Seconds since the epoch."""
    called: bool = False
    """Whether the paid call was tried."""
    latency_s: float = 0.0
    http_status: int | None = None
    request_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the last paid call's reply."""
    seed: int | None = None
    """The fresh one that it is sent with."""
    answer: bytes = b""
    """The beginning of the last answer, as evidence where it could not be read."""

    def interrupted(self) -> Interrupted:
        """It was cut by ourselves; a call that was not sent is none."""
        self.called = self.called and self.sending.sent
        return Interrupted(sent=self.sending.sent)


class Till(Protocol):
    """What attempts cost, in billionths of a dollar; None where no price is known."""

    name: str

    def cost_of(self, claim: Claim, done: Done) -> int | None: ...


def recorded(till: Till, errand: Errand, outcome: Outcome) -> Attempt:
    """The attempt as it ended. One that only went on from a ticket cost nothing more."""
    claim = errand.claim
    billed = errand.called and may_be_billed(outcome)
    return Attempt(
        number=claim.attempt,
        counted=errand.called,
        started_at=errand.started_at,
        latency_s=errand.latency_s,
        served_by=till.name,
        billed=billed,
        again=claim.billed_before and errand.called and errand.sending.sent,
        seed=errand.seed,
        cost_nusd=cost(till, claim, outcome, billed=billed),
        cause=cause(outcome),
        message=message(outcome),
        http_status=errand.http_status,
        request_id=errand.request_id,
        usage=usage(outcome),
        body=body(errand, outcome),
    )


def ticketed(till: Till, errand: Errand, body: bytes) -> Attempt:
    """The sending that brought a ticket: paid, whatever becomes of what it points to."""
    return Attempt(
        number=errand.claim.attempt,
        counted=True,
        started_at=errand.started_at,
        latency_s=errand.latency_s,
        served_by=till.name,
        billed=True,
        again=errand.claim.billed_before,
        seed=errand.seed,
        cost_nusd=errand.claim.reserve,
        http_status=errand.http_status,
        request_id=errand.request_id,
        body=body,
    )


def answer(outcome: Outcome) -> Done | None:
    """The whole answer that an attempt brought, as expected or not."""
    match outcome:
        case Done():
            return outcome
        case Unmet(done=done):
            return done
        case _:
            return None


def may_be_billed(outcome: Outcome) -> bool:
    match outcome:
        case Failed(fault=fault):
            return fault.billed
        case Interrupted(sent=sent):
            return sent
        case _:
            return True


def cost(till: Till, claim: Claim, outcome: Outcome, *, billed: bool) -> int | None:
    came = answer(outcome)
    if came is not None and billed:
        return till.cost_of(claim, came)
    return claim.reserve if billed or claim.reserve is None else 0


def cause(outcome: Outcome) -> Cause | None:
    match outcome:
        case Unmet(cause=unmet):
            return unmet
        case Failed(fault=fault):
            return fault.cause
        case Interrupted():
            return Cause.INTERRUPTED
        case _:
            return None


def message(outcome: Outcome) -> str | None:
    match outcome:
        case Done(output=output):
            return output.message
        case Unmet(message=unmet):
            return unmet
        case Failed(fault=fault):
            return fault.message
        case _:
            return None


def usage(outcome: Outcome) -> bytes | None:
    """The provider's usage block, with what was read of it."""
    came = answer(outcome)
    if came is None or came.output.usage is None:
        return None
    told = came.output.usage
    read = {
        "input_tokens": told.input_tokens,
        "output_tokens": told.output_tokens,
        "inference_s": told.inference_s,
    }
    return orjson.dumps({**told.raw, **{name: value for name, value in read.items() if value is not None}})


def body(errand: Errand, outcome: Outcome) -> bytes:
    match outcome:
        case Done(output=output) | Unmet(done=Done(output=output)):
            return output.body
        case Failed(fault=fault):
            return fault.body or errand.answer
        case _:
            return b""
