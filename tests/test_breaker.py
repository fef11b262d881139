from random import Random

import pytest

from runner.breaker import LAST, PROBE_S, UNREACHED, Breaker, RetryBudget
from runner.outcome import Cause


def test_n1_connections_that_cannot_be_made_park_the_endpoint():
    breaker = Breaker()
    downs = [breaker.failed(Cause.CONNECTION, sent=False, now=float(n)) for n in range(UNREACHED)]
    assert downs == [False] * (UNREACHED - 1) + [True]


def test_n16_a_provider_that_stops_serving_opens_the_breaker():
    breaker = Breaker()
    for _ in range(LAST):
        breaker.answered()
    downs = [breaker.failed(Cause.UNAVAILABLE, sent=True, now=0.0) for _ in range(LAST)]
    assert downs.index(True) == 0.9 * LAST - 1


@pytest.mark.parametrize("seed", range(20))
def test_n16_thirty_per_cent_of_bad_answers_trip_nothing(seed):
    chance, breaker = Random(seed), Breaker()
    for _ in range(1000):
        if chance.random() < 0.3:
            assert not breaker.failed(Cause.UNAVAILABLE, sent=True, now=0.0)
        else:
            breaker.answered()


def test_one_answer_closes_the_breaker():
    breaker = Breaker()
    for _ in range(LAST):
        breaker.failed(Cause.TIMED_OUT, sent=True, now=0.0)
    breaker.answered()
    assert not breaker.failed(Cause.TIMED_OUT, sent=True, now=1.0)


def test_refusals_of_a_job_are_answers():
    breaker = Breaker()
    assert not any(breaker.failed(Cause.REJECTED, sent=True, now=0.0) for _ in range(100))


def test_it_gives_up_once_it_was_down_for_long():
    breaker = Breaker()
    for _ in range(UNREACHED):
        breaker.failed(Cause.CONNECTION, sent=False, now=100.0)
    assert not breaker.has_given_up(3_699.0, 3_600.0)
    assert breaker.has_given_up(3_700.0, 3_600.0)
    assert breaker.has_given_up(100.0, 0.0)


def test_n1_a_provider_that_is_dead_from_the_start_gets_a_handful_of_requests():
    breaker, sent, in_flight, now = Breaker(), 0, 0, 0.0
    while now < 3_600:
        while in_flight < (1 if breaker.down_since is not None else 4):
            in_flight, sent = in_flight + 1, sent + 1
        is_down = breaker.failed(Cause.UNAVAILABLE, sent=True, now=now, status=503)
        in_flight -= 1
        now += PROBE_S if is_down and not in_flight else 0.1
    assert sent <= LAST + 3 + 3_600 / PROBE_S
    assert breaker.has_given_up(now, 3_599)


def test_it_says_what_it_saw():
    breaker = Breaker()
    for _ in range(12):
        breaker.failed(Cause.UNAVAILABLE, sent=True, now=0.0, status=503)
    assert breaker.why == "breaker: 12 \N{MULTIPLICATION SIGN} 503"
    breaker.failed(Cause.TIMED_OUT, sent=True, now=0.0)
    assert breaker.why == "breaker: 13 \N{MULTIPLICATION SIGN} timed_out"


def test_n16_a_retry_budget_has_fifty_free_and_then_a_fifth():
    budget = RetryBudget()
    for _ in range(1_000):
        budget.sent(again=False)
    spent = 0
    while not budget.is_spent:
        budget.sent(again=True)
        spent += 1
    assert spent == pytest.approx((50 + 200) / 0.8, abs=1)


def test_n16_thirty_per_cent_of_failures_leave_the_retry_budget_nearly_whole():
    chance, budget = Random(1), RetryBudget()
    for _ in range(100):
        budget.sent(again=False)
        while chance.random() < 0.3 and not budget.is_spent:
            budget.sent(again=True)
    assert not budget.is_spent
    assert budget.requests <= 150
