"""What becomes of a job after an attempt: a pure decision, taken in one place."""

from dataclasses import replace
from typing import Literal

from tenacity import RetryCallState, Retrying
from tenacity.stop import stop_after_attempt
from tenacity.wait import wait_exponential

from runner.job import Claim, State
from runner.outcome import Cause, Done, Failed, Fault, Interrupted, Outcome, Output, Then, Unmet, Waiting
from runner.value import value

USELESS_RETRIES = 1
"""Retries after whole answers that were of no use: the next is seldom better, and paid for."""
LONGEST_COOLDOWN_S = 60.0
"""The longest pause after a 429 that names no time of its own; it starts at a second and doubles."""


@value
class Policy:
    """How often and how long: the manifest's `retry` block."""

    attempts: int = 5
    """Tries of a job, the first included."""
    maybe_billed: int = 2
    """Retries of a job after tries that may have been billed."""
    first_s: float = 1.0
    """The ceiling of the first wait; it doubles with each try, and chance takes a part of it."""
    longest_s: float = 120.0
    on_unknown: Literal["retry", "hold"] = "retry"


@value
class Settlement:
    """The job's next row."""

    state: State
    due_at: float | None = None
    """Seconds since the epoch; set for `pending` alone."""
    tries: int
    maybe_billed: int
    useless: int
    unmet: int
    variant: int
    waits: int
    billed_before: bool
    cause: Cause | None = None
    message: str | None = None
    keeps_ticket: bool = False
    """Whether a later claim goes on from the committed ticket."""


def settle(claim: Claim, outcome: Outcome, policy: Policy, *, now: float, chance: float) -> Settlement:
    """Decide what becomes of `claim`; `now` in seconds since the epoch, `chance` from 0 to 1."""
    match outcome:
        case Done(output=output):
            return succeeded(claim, output)
        case Waiting(seconds=seconds):
            return replace(unchanged(claim, now), due_at=now + seconds, waits=0)
        case Interrupted(sent=sent):
            return interrupted(unchanged(claim, now), policy, billed=sent and claim.ticket is None)
        case Failed(fault=fault):
            return failed(claim, fault, policy, now=now, chance=chance)
        case Unmet():
            return unmet(claim, outcome, now=now)


def succeeded(claim: Claim, output: Output) -> Settlement:
    """The job has ended well; what a person should know of its output is kept with it."""
    return Settlement(
        state=State.SUCCEEDED,
        tries=claim.tries,
        maybe_billed=claim.maybe_billed,
        useless=claim.useless,
        unmet=claim.unmet,
        variant=claim.variant,
        waits=0,
        billed_before=claim.billed_before,
        message=output.message,
    )


def unchanged(claim: Claim, now: float) -> Settlement:
    """The claim given back as it was: due at once, nothing spent."""
    return Settlement(
        state=State.PENDING,
        due_at=now,
        tries=claim.tries,
        maybe_billed=claim.maybe_billed,
        useless=claim.useless,
        unmet=claim.unmet,
        variant=claim.variant,
        waits=claim.waits,
        billed_before=claim.billed_before,
        keeps_ticket=claim.ticket is not None,
    )


def interrupted(same: Settlement, policy: Policy, *, billed: bool) -> Settlement:
    """A sending cut by ourselves costs no try; whether it may be sent again is the user's to say."""
    cut = replace(
        same,
        billed_before=same.billed_before or billed,
        cause=Cause.INTERRUPTED,
        message="cut off after it was sent" if billed else "cut off before it was sent",
    )
    if billed and policy.on_unknown == "hold":
        return replace(cut, state=State.UNKNOWN, due_at=None)
    return cut


def failed(claim: Claim, fault: Fault, policy: Policy, *, now: float, chance: float) -> Settlement:
    """The fault says what it asks for, the job's past whether it may have it."""
    billed = fault.billed and claim.ticket is None
    same = replace(
        unchanged(claim, now),
        cause=fault.cause,
        message=fault.message,
        billed_before=claim.billed_before or billed,
    )
    if fault.then is Then.STOP:
        is_held = billed and fault.cause is Cause.INTERRUPTED and policy.on_unknown == "hold"
        return replace(same, state=State.UNKNOWN, due_at=None) if is_held else same
    if fault.then is Then.WAIT:
        return replace(same, due_at=now + cooldown(fault, claim.waits, chance=chance), waits=claim.waits + 1)
    spent = replace(
        same,
        tries=claim.tries + 1,
        maybe_billed=claim.maybe_billed + billed,
        useless=claim.useless + fault.useless,
        waits=0,
    )
    if fault.then is Then.FAIL or exhausted(spent, policy):
        return replace(
            spent, state=State.FAILED, due_at=None, keeps_ticket=same.keeps_ticket and not fault.useless
        )
    return replace(spent, due_at=now + backoff(spent.tries, fault, policy, chance=chance))


def unmet(claim: Claim, outcome: Unmet, *, now: float) -> Settlement:
    """An answer that is paid for and not as expected: as often again as that allows, at once.

    It has a number of its own: it costs none of the job's tries, for the provider did serve it.
    """
    spent = replace(
        unchanged(claim, now),
        unmet=claim.unmet + 1,
        variant=claim.variant + 1,
        waits=0,
        billed_before=True,
        cause=outcome.cause,
        message=outcome.message,
        keeps_ticket=False,
    )
    return replace(spent, state=State.FAILED, due_at=None) if spent.unmet > outcome.retries else spent


def exhausted(spent: Settlement, policy: Policy) -> bool:
    """Whether the job has had all the tries that its policy allows."""
    return (
        stop_after_attempt(policy.attempts)(numbered(spent.tries))
        or spent.maybe_billed > policy.maybe_billed
        or spent.useless > USELESS_RETRIES
    )


def backoff(tries: int, fault: Fault, policy: Policy, *, chance: float) -> float:
    """Seconds until the next try: exponential with full jitter, the provider's own wish being a floor."""
    ceiling = wait_exponential(multiplier=policy.first_s, max=policy.longest_s)(numbered(tries))
    return max(ceiling * chance, fault.after_s or 0.0)


def cooldown(fault: Fault, waits: int, *, chance: float) -> float:
    """Seconds that a refusal for pace asks for; where it names none, doubling with each in a row."""
    if fault.after_s is not None:
        return fault.after_s
    ceiling = wait_exponential(multiplier=1.0, max=LONGEST_COOLDOWN_S)(numbered(waits + 1))
    return ceiling * (0.5 + chance / 2)


def numbered(attempt: int) -> RetryCallState:
    """What tenacity's wait and stop objects ask to see."""
    state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = attempt
    return state
