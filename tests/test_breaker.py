from random import Random

import pytest

from runner.breaker import LAST, UNREACHED, Breaker
from runner.outcome import Cause


def test_n1_connections_that_cannot_be_made_park_the_endpoint():
    breaker = Breaker()
    downs = [breaker.failed(Cause.CONNECTION, sent=False, now=float(n)) for n in range(UNREACHED)]
    assert downs == [False] * (UNREACHED - 1) + [True]


def test_n16_a_dead_provider_opens_the_breaker():
    breaker = Breaker()
    downs = [breaker.failed(Cause.UNAVAILABLE, sent=True, now=0.0) for _ in range(LAST)]
    assert downs.index(True) == LAST - 1


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
