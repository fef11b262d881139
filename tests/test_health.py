from dataclasses import replace

import canned
import pytest

from runner.health import MANY, Health
from runner.outcome import Cause, Fault, Then
from runner.reason import Reason

CLAIM = replace(canned.claim(b"{}"), model="sdxl")


def fault(cause, then, status=None):
    return Fault(cause=cause, message="refused", then=then, http_status=status)


FORBIDDEN = fault(Cause.REJECTED, Then.FAIL, 403)
MISSING = fault(Cause.NOT_FOUND, Then.FAIL, 404)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (Cause.UNAUTHORIZED, Reason.UNAUTHORIZED),
        (Cause.NO_CREDIT, Reason.NO_CREDIT),
        (Cause.CONNECTION, Reason.UNAVAILABLE),
    ],
)
def test_n15_a_fault_that_stops_stops_the_endpoint_at_once(cause, reason):
    assert Health().judge(CLAIM, fault(cause, Then.STOP)).stop is reason


def test_n14_a_403_of_a_key_that_never_worked_is_the_keys():
    verdict = Health().judge(CLAIM, FORBIDDEN)
    assert (verdict.stop, verdict.fault.then) == (Reason.UNAUTHORIZED, Then.STOP)


def test_n14_a_403_of_a_key_that_works_is_the_jobs_unless_three_come_in_a_row():
    health = Health()
    health.succeeded("sdxl")
    verdicts = [health.judge(CLAIM, FORBIDDEN) for _ in range(3)]
    assert [verdict.stop for verdict in verdicts] == [None, None, Reason.UNAUTHORIZED]
    assert [verdict.fault.then for verdict in verdicts] == [Then.FAIL, Then.FAIL, Then.STOP]


def test_n14_a_success_between_403s_clears_the_key():
    health = Health()
    for _ in range(5):
        health.succeeded("sdxl")
        assert health.judge(CLAIM, FORBIDDEN).stop is None
        assert health.judge(CLAIM, FORBIDDEN).stop is None


def test_n13_the_third_job_in_a_row_clears_the_two_before_and_stops_the_model():
    health = Health()
    verdicts = [health.judge(replace(CLAIM, row=row), MISSING) for row in (1, 2, 3, 4)]
    assert [verdict.fault.then for verdict in verdicts] == [Then.FAIL, Then.FAIL, Then.STOP, Then.STOP]
    assert [tuple(verdict.reopen) for verdict in verdicts] == [(), (), (1, 2), ()]
    assert health.stopped_models == {"sdxl"}
    assert all(verdict.stop is None for verdict in verdicts)


def test_n13_another_answer_between_them_starts_the_count_anew():
    health = Health()
    for row in range(10):
        assert health.judge(replace(CLAIM, row=row), MISSING).fault.then is Then.FAIL
        health.succeeded("sdxl")
    other = replace(CLAIM, model="flux")
    assert health.judge(other, MISSING).fault.then is Then.FAIL


def test_a_jobs_own_fault_is_passed_on_as_it_is():
    met = fault(Cause.BLOCKED, Then.FAIL, 400)
    assert Health().judge(CLAIM, met).fault is met


def test_many_answers_in_a_row_that_are_not_as_expected_raise_a_doubt():
    health = Health()
    for _ in range(MANY - 1):
        health.answered_amiss("sdxl", "empty text")
    health.succeeded("sdxl")
    for _ in range(MANY - 1):
        health.answered_amiss("sdxl", "empty text")
    assert (health.doubt, health.has_succeeded) == (None, True)
    health.answered_amiss("sdxl", "cut off")
    health.answered_amiss("sdxl", "empty text")
    assert health.doubt == "cut off"
