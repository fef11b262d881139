from collections import deque
from random import Random

import pytest

from runner.climb import Climb


def top(serves, noise, seed, answers=400):
    """What a climb from 4 ends at, and after how many answers, where a request waits as places ask for."""
    climb, chance, sent, now = Climb(4), Random(seed), deque([(0.0, 4)] * 4), 0.0
    for n in range(answers):
        sent_at, places = sent.popleft()
        now += 1.0
        latency_s = max(places / serves, 1.0) * chance.lognormvariate(-(noise**2) / 2, noise)
        grown = climb.answered(sent_at=sent_at, latency_s=latency_s)
        if (found := climb.top()) is not None:
            return found, n
        if grown:
            climb.grew(now)
        sent.extend([(now, 4 + len(climb.steps))] * (1 + grown))
    return None, answers


@pytest.mark.parametrize("serves", [8, 16, 64])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_top_is_found_within_a_few_times_as_many_answers(serves, noise):
    for seed in range(5):
        found, after = top(serves, noise, seed)
        assert 0.5 * serves <= found <= 2 * serves
        assert after <= 8 * serves + 30


def test_what_is_served_at_once_has_no_top():
    assert top(10_000, 0.0, 1)[0] is None


def test_before_there_is_something_to_compare_nothing_is_told():
    climb = Climb(4)
    climb.answered(sent_at=0.0, latency_s=1.0)
    assert climb.top() is None
