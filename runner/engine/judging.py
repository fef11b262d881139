"""What an outcome says of the endpoint that it came from: to its health, its breaker and its pace."""

import time
from dataclasses import replace
from datetime import datetime

from runner.breaker import PROBE_S
from runner.engine.lane import Lane
from runner.engine.record import Errand
from runner.outcome import Cause, Done, Failed, Fault, Outcome, Then, Waiting
from runner.reason import Reason
from runner.retry import Settlement


def judged(lane: Lane, errand: Errand, outcome: Outcome) -> tuple[Outcome, tuple[int, ...]]:
    """The outcome as the endpoint's past lets it appear, and the rows of jobs that it clears."""
    match outcome:
        case Done() | Waiting():
            lane.health.succeeded(errand.claim.model)
            lane.breaker.answered()
            lane.pace.reached()
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
    if not lane.breaker.failed(fault.cause, sent=errand.sending.sent, now=now):
        if fault.then is not Then.WAIT:
            lane.pace.reached()
        return fault
    lane.pace.close(now + PROBE_S, f"provider down: {fault.message}")
    if lane.breaker.has_given_up(now, lane.give_up_s):
        lane.stop(Reason.UNAVAILABLE, fault.message)
    return replace(fault, then=Then.STOP) if fault.then is Then.RETRY else fault


def heed(lane: Lane, errand: Errand, outcome: Outcome, settlement: Settlement, *, now: float) -> None:
    """Let the pace know: places, tokens, and a refusal that closes the endpoint for all its workers."""
    lane.pace.ended()
    if not errand.called:
        lane.pace.unsent()
        return
    clock = time.monotonic()
    sent_at = errand.sending.begun_at or clock
    match outcome:
        case Done(output=output):
            usage = output.usage
            tokens = None if usage is None else (usage.input_tokens or 0) + (usage.output_tokens or 0)
            lane.pace.answered(sent_at=sent_at, latency_s=errand.latency_s, tokens=tokens)
        case Failed(fault=fault) if fault.cause in {Cause.THROTTLED, Cause.UNAVAILABLE}:
            lane.pace.crowd.overloaded(sent_at=sent_at, now=clock)
            if fault.then is Then.WAIT and settlement.due_at is not None:
                wait_s = settlement.due_at - now
                lane.pace.close(clock + wait_s, limited(settlement.due_at))


def limited(until: float) -> str:
    """A provider's limit in words, `until` in seconds since the epoch."""
    return f"rate limited until {datetime.fromtimestamp(until).astimezone():%H:%M:%S} (provider)"
