from dataclasses import replace

import canned
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.job import State
from runner.outcome import Cause, Done, Failed, Fault, Interrupted, Output, Then, Unmet, Waiting
from runner.retry import LONGEST_COOLDOWN_S, Policy, Settlement, settle

NOW = 1_800_000_000.0
POLICY = Policy()
FRESH = canned.claim(b"{}")


def failed(then, *, billed=False, useless=False, after_s=None, cause=Cause.UNAVAILABLE):
    return Failed(
        fault=Fault(cause=cause, message="503", then=then, billed=billed, useless=useless, after_s=after_s)
    )


def unmet(retries, cause=Cause.INVALID):
    done = Done(kept=(), output=Output(artifacts=()))
    return Unmet(done=done, cause=cause, message="empty text", retries=retries)


def settled(outcome, claim=FRESH, policy=POLICY, chance=0.5):
    return settle(claim, outcome, policy, now=NOW, chance=chance)


def test_an_output_ends_the_job():
    assert settled(Done(kept=(), output=Output(artifacts=()))).state is State.SUCCEEDED


@pytest.mark.parametrize("then", list(Then))
@pytest.mark.parametrize("billed", [True, False])
def test_what_may_have_been_billed_is_remembered_whatever_comes_next(then, billed):
    assert settled(failed(then, billed=billed)).billed_before is billed


@pytest.mark.parametrize(
    ("cause", "billed", "state"),
    [
        (Cause.INTERRUPTED, True, State.UNKNOWN),
        (Cause.INTERRUPTED, False, State.PENDING),
        (Cause.UNAVAILABLE, True, State.PENDING),
    ],
)
def test_s2_a_paid_answer_that_could_not_be_kept_is_held_where_that_is_asked_for(cause, billed, state):
    outcome = failed(Then.STOP, billed=billed, cause=cause)
    assert settled(outcome, policy=replace(POLICY, on_unknown="hold")).state is state


@pytest.mark.parametrize(
    ("claim", "outcome", "state", "tries"),
    [
        (FRESH, failed(Then.RETRY), State.PENDING, 1),
        (replace(FRESH, tries=3), failed(Then.RETRY), State.PENDING, 4),
        (replace(FRESH, tries=4), failed(Then.RETRY), State.FAILED, 5),
        (FRESH, failed(Then.FAIL), State.FAILED, 1),
        (FRESH, failed(Then.STOP), State.PENDING, 0),
        (replace(FRESH, tries=4), failed(Then.STOP), State.PENDING, 4),
        (FRESH, failed(Then.WAIT), State.PENDING, 0),
        (replace(FRESH, tries=4, waits=40), failed(Then.WAIT), State.PENDING, 4),
        (replace(FRESH, maybe_billed=1), failed(Then.RETRY, billed=True), State.PENDING, 1),
        (replace(FRESH, maybe_billed=2), failed(Then.RETRY, billed=True), State.FAILED, 1),
        (FRESH, failed(Then.RETRY, useless=True), State.PENDING, 1),
        (replace(FRESH, useless=1), failed(Then.RETRY, useless=True), State.FAILED, 1),
        (FRESH, Waiting(seconds=5), State.PENDING, 0),
        (FRESH, Interrupted(sent=True), State.PENDING, 0),
        (FRESH, Interrupted(sent=False), State.PENDING, 0),
    ],
)
def test_a_settlement_is_the_faults_wish_within_the_jobs_past(claim, outcome, state, tries):
    settlement = settled(outcome, claim)
    assert (settlement.state, settlement.tries) == (state, tries)


@pytest.mark.parametrize(
    ("claim", "retries", "state"),
    [
        (FRESH, 1, State.PENDING),
        (FRESH, 0, State.FAILED),
        (replace(FRESH, unmet=1, variant=1), 1, State.FAILED),
        (replace(FRESH, tries=4, maybe_billed=2, useless=1), 1, State.PENDING),
        (replace(FRESH, variant=7), 1, State.PENDING),
        (replace(FRESH, ticket=b"{}"), 1, State.PENDING),
    ],
)
def test_answers_that_are_not_as_expected_have_a_number_of_their_own(claim, retries, state):
    settlement = settled(unmet(retries, Cause.BLOCKED), claim)
    assert settlement.state is state
    assert settlement.due_at == (NOW if state is State.PENDING else None)
    assert (settlement.cause, settlement.message) == (Cause.BLOCKED, "empty text")
    assert (settlement.unmet, settlement.variant) == (claim.unmet + 1, claim.variant + 1)
    assert (settlement.tries, settlement.maybe_billed) == (claim.tries, claim.maybe_billed)
    assert (settlement.billed_before, settlement.keeps_ticket) == (True, False)


def test_hold_leaves_a_cut_paid_request_unknown_and_an_unsent_one_pending():
    hold = Policy(on_unknown="hold")
    assert settled(Interrupted(sent=True), policy=hold).state is State.UNKNOWN
    assert settled(Interrupted(sent=False), policy=hold).state is State.PENDING
    assert settled(Interrupted(sent=True), replace(FRESH, ticket=b"{}"), policy=hold).state is State.PENDING


def test_after_a_ticket_nothing_is_billed_again():
    settlement = settled(failed(Then.RETRY, billed=True), replace(FRESH, ticket=b"{}"))
    assert (settlement.maybe_billed, settlement.billed_before, settlement.keeps_ticket) == (0, False, True)


@pytest.mark.parametrize(
    ("tries", "after_s", "chance", "wait_s"),
    [
        (0, None, 1.0, 1),
        (1, None, 1.0, 2),
        (2, None, 0.5, 2),
        (3, None, 1.0, 8),
        (0, 30.0, 1.0, 30),
        (3, 3.0, 1.0, 8),
    ],
)
def test_the_wait_doubles_with_full_jitter_above_the_providers_floor(tries, after_s, chance, wait_s):
    settlement = settled(failed(Then.RETRY, after_s=after_s), replace(FRESH, tries=tries), chance=chance)
    assert settlement.due_at == NOW + wait_s


def test_a_refusal_for_pace_waits_for_the_providers_time_or_doubles():
    assert settled(failed(Then.WAIT, after_s=17.0)).due_at == NOW + 17
    assert settled(failed(Then.WAIT), chance=1.0).due_at == NOW + 1
    assert settled(failed(Then.WAIT), replace(FRESH, waits=3), chance=1.0).due_at == NOW + 8
    assert settled(failed(Then.WAIT), replace(FRESH, waits=60), chance=1.0).due_at == NOW + LONGEST_COOLDOWN_S


ways = st.builds(
    failed,
    st.sampled_from(Then),
    billed=st.booleans(),
    useless=st.booleans(),
    after_s=st.none() | st.floats(0, 1e6),
)
outcomes = st.one_of(
    ways,
    st.builds(unmet, st.integers(0, 2)),
    st.builds(Interrupted, sent=st.booleans()),
    st.builds(Waiting, seconds=st.floats(0, 1e3)),
)
policies = st.builds(
    Policy,
    attempts=st.integers(1, 5),
    maybe_billed=st.integers(0, 3),
    on_unknown=st.sampled_from(["retry", "hold"]),
)


def gone_on(claim, settlement):
    """The next claim of a job that was settled so."""
    return replace(
        claim,
        attempt=claim.attempt + 1,
        tries=settlement.tries,
        maybe_billed=settlement.maybe_billed,
        useless=settlement.useless,
        unmet=settlement.unmet,
        variant=settlement.variant,
        waits=settlement.waits,
        billed_before=settlement.billed_before,
        ticket=claim.ticket if settlement.keeps_ticket else None,
    )


def lives(outcomes, policy, chance, ticket):
    """Each outcome with its settlement, up to the one that ends the job."""
    claim = replace(FRESH, ticket=ticket)
    for outcome in outcomes:
        settlement = settle(claim, outcome, policy, now=NOW, chance=chance)
        yield outcome, settlement
        if settlement.state is not State.PENDING:
            return
        claim = gone_on(claim, settlement)


def is_then(outcome, *then):
    return isinstance(outcome, Failed) and outcome.fault.then in then


@given(st.lists(outcomes, max_size=20), policies, st.floats(0, 1), st.sampled_from([None, b"{}"]))
def test_n17_whatever_comes_tries_are_spent_by_faults_alone_and_no_job_fails_by_a_429(
    outcomes, policy, chance, ticket
):
    tries = 0
    for outcome, after in lives(outcomes, policy, chance, ticket):
        tries += is_then(outcome, Then.RETRY, Then.FAIL)
        assert after.tries == tries <= policy.attempts
        blames = isinstance(outcome, Unmet) or is_then(outcome, Then.RETRY, Then.FAIL)
        assert after.state is not State.FAILED or blames
        assert after.state is not State.UNKNOWN or isinstance(outcome, Interrupted)
        assert (after.due_at is not None) == (after.state is State.PENDING)
        assert after.due_at is None or NOW <= after.due_at <= NOW + 1e6


@given(st.lists(outcomes, max_size=20), policies, st.floats(0, 1))
def test_n4_no_more_is_sent_again_after_it_may_have_been_billed_than_the_policy_allows(
    outcomes, policy, chance
):
    billed = 0
    for outcome, after in lives(outcomes, policy, chance, None):
        billed += is_then(outcome, Then.RETRY, Then.FAIL) and outcome.fault.billed
        assert after.maybe_billed == billed <= policy.maybe_billed + (after.state is State.FAILED)
        assert after.billed_before or not billed


faults = st.builds(
    failed,
    st.sampled_from([Then.RETRY, Then.FAIL]),
    billed=st.booleans(),
    useless=st.booleans(),
    after_s=st.none() | st.floats(0, 1e6),
) | st.just(unmet(2))


@given(st.lists(faults, min_size=15, max_size=15), st.integers(1, 6), st.integers(0, 3), st.floats(0, 1))
def test_a_job_always_ends_within_its_tries(outcomes, attempts, maybe_billed, chance):
    policy = Policy(attempts=attempts, maybe_billed=maybe_billed)
    claim = FRESH
    for outcome in outcomes:
        settlement: Settlement = settle(claim, outcome, policy, now=NOW, chance=chance)
        assert settlement.tries <= attempts
        if settlement.state is State.FAILED:
            return
        claim = gone_on(claim, settlement)
    raise AssertionError("the job went on for ever")
