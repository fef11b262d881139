"""What an outcome says of the endpoint that it came from: to its health, its breaker and its pace."""

import time
from dataclasses import replace
from random import random

from runner import hints
from runner.breaker import PROBE_S
from runner.engine.lane import Lane
from runner.engine.record import Errand
from runner.outcome import Cause, Done, Failed, Fault, Outcome, Then, Unmet, Usage, Waiting
from runner.reason import Reason


def judged(lane: Lane, errand: Errand, outcome: Outcome) -> tuple[Outcome, tuple[int, ...]]:
    """The outcome as the endpoint's past lets it appear, and the rows of jobs that it clears."""
    match outcome:
        case Done() | Unmet() | Waiting():
            if isinstance(outcome, Unmet):
                lane.health.answered_amiss(errand.claim.model, outcome.message)
            else:
                lane.health.succeeded(errand.claim.model)
            was_down = lane.breaker.down_since is not None
            lane.breaker.answered()
            served(lane, errand.sending.begun_at or 0.0, was_down=was_down)
        case Failed(fault=fault):
            verdict = lane.health.judge(errand.claim, fault)
            fault = naming_key(lane, verdict.fault)
            if verdict.stop is not None:
                lane.stop(verdict.stop, fault.message)
            return Failed(fault=unless_down(lane, errand, fault)), tuple(verdict.reopen)
    return outcome, ()


def naming_key(lane: Lane, fault: Fault) -> Fault:
    """The fault; where it is the key that is refused, saying which."""
    if fault.cause is not Cause.UNAUTHORIZED:
        return fault
    key = f"key rejected ({lane.key})" if lane.key else "refused without a key"
    return replace(fault, message=f"{key}: {fault.message}")


def unless_down(lane: Lane, errand: Errand, fault: Fault) -> Fault:
    """The fault; where the endpoint is down it costs the job no try, and the endpoint is only probed."""
    if not errand.called:
        return fault
    now = time.monotonic()
    was_down = lane.breaker.down_since is not None
    status = None if fault.cause is not Cause.UNAVAILABLE else fault.http_status
    if not lane.breaker.failed(fault.cause, sent=errand.sending.sent, now=now, status=status):
        if fault.then is not Then.WAIT:
            served(lane, errand.sending.begun_at or now, was_down=was_down)
        return fault
    lane.pace.close(now + PROBE_S, f"{lane.breaker.why}: {fault.message}")
    if lane.breaker.has_given_up(now, lane.give_up_s):
        lane.stop(Reason.UNAVAILABLE, fault.message)
    return replace(fault, then=Then.STOP) if fault.then is Then.RETRY else fault


def served(lane: Lane, sent_at: float, *, was_down: bool) -> None:
    """The endpoint has answered, if only to refuse a job; one that was taken to be down is open at once."""
    if was_down:
        lane.pace.came_back(sent_at)
    else:
        lane.pace.reached(sent_at)


def heed(lane: Lane, errand: Errand, outcome: Outcome) -> float | None:
    """Let the pace know: places, tokens, limits, and what closes the endpoint for all its workers.

    Returns until when a refusal closes it, in seconds since the epoch; None for any other outcome.
    """
    pace, now, wall = lane.pace, time.monotonic(), time.time()
    pace.ended()
    sent_at = errand.sending.begun_at
    if sent_at is None or not errand.called:
        pace.unsent()
        return None
    refusal = outcome.fault.body if isinstance(outcome, Failed) and outcome.fault.then is Then.WAIT else b""
    pace.tell(hints.read(errand.headers, refusal, now=wall), sent_at=sent_at, now=now)
    match outcome:
        case Done(output=output) | Unmet(done=Done(output=output)):
            pace.answered(sent_at=sent_at, latency_s=errand.latency_s, tokens=tokens(output.usage))
        case Failed(fault=fault) if fault.then is Then.WAIT:
            pace.refused(
                after_s=fault.after_s,
                sent_at=sent_at,
                latency_s=errand.latency_s,
                now=now,
                wall=wall,
                chance=random(),
            )
            return wall + pace.gate.asked_until - now
        case Failed(fault=fault) if fault.cause is Cause.UNAVAILABLE:
            pace.crowd.overloaded(sent_at=sent_at, now=now)
    return None


def tokens(usage: Usage | None) -> int | None:
    """What an answer took of a limit by tokens; None where it does not tell."""
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return None
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)
