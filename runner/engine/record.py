"""An attempt, put on record: what was sent, what came of it, what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from runner.job import Claim
from runner.outcome import Attempt, Cause, Done, Failed, Interrupted, Outcome, Unmet, Usage, Waiting
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
    match outcome:
        case Done(output=output):
            return answered(till, errand, outcome, message=output.message)
        case Unmet(done=done, cause=cause, message=message):
            return answered(till, errand, done, cause=cause, message=message)
        case Failed(fault=fault):
            return lost(
                till,
                errand,
                may_be_billed=fault.billed,
                cause=fault.cause,
                message=fault.message,
                body=fault.body or errand.answer,
            )
        case Interrupted(sent=sent):
            return lost(till, errand, may_be_billed=sent, cause=Cause.INTERRUPTED)
        case Waiting():
            return lost(till, errand, may_be_billed=True)


def answered(
    till: Till, errand: Errand, done: Done, *, cause: Cause | None = None, message: str | None
) -> Attempt:
    """A whole answer came, as expected or not."""
    billed, output = errand.called, done.output
    return attempt(
        till,
        errand,
        billed=billed,
        cost_nusd=till.cost_of(errand.claim, done) if billed else unbilled(errand.claim),
        cause=cause,
        message=message,
        usage=None if output.usage is None else usage(output.usage),
        body=output.body,
    )


def lost(
    till: Till,
    errand: Errand,
    *,
    may_be_billed: bool,
    cause: Cause | None = None,
    message: str | None = None,
    body: bytes = b"",
) -> Attempt:
    """No answer that counts: where it may be billed, what was reserved is taken for its cost."""
    billed = errand.called and may_be_billed
    cost_nusd = errand.claim.reserve if billed else unbilled(errand.claim)
    return attempt(till, errand, billed=billed, cost_nusd=cost_nusd, cause=cause, message=message, body=body)


def unbilled(claim: Claim) -> int | None:
    """What a sending costs that is not billed: not known where no price is."""
    return None if claim.reserve is None else 0


def attempt(
    till: Till,
    errand: Errand,
    *,
    billed: bool,
    cost_nusd: int | None,
    cause: Cause | None,
    message: str | None,
    usage: bytes | None = None,
    body: bytes,
) -> Attempt:
    claim = errand.claim
    return Attempt(
        number=claim.attempt,
        counted=errand.called,
        started_at=errand.started_at,
        latency_s=errand.latency_s,
        served_by=till.name,
        billed=billed,
        again=claim.billed_before and errand.called and errand.sending.sent,
        seed=errand.seed,
        cost_nusd=cost_nusd,
        cause=cause,
        message=message,
        http_status=errand.http_status,
        request_id=errand.request_id,
        usage=usage,
        body=body,
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


def usage(told: Usage) -> bytes:
    """The provider's usage block, with what was read of it."""
    tree = dict(told.raw)
    if told.input_tokens is not None:
        tree["input_tokens"] = told.input_tokens
    if told.output_tokens is not None:
        tree["output_tokens"] = told.output_tokens
    if told.inference_s is not None:
        tree["inference_s"] = told.inference_s
    return orjson.dumps(tree)
