from math import inf

import pytest

from runner.learned import Learned


def learned(*episodes):
    """After refusals, each told by requests sent before it, requests sent by then, and the pause's end."""
    found = Learned()
    found.start(0.0)
    for before, sent, until in episodes:
        found.refused(before=before, sent=sent, until=until)
    return found


def test_before_any_refusal_nothing_is_known():
    assert learned().rate(100.0) == inf


def test_a_whole_window_tells_its_limit():
    found = learned((1200, 1216, 60.0))
    assert found.found == 20
    assert found.rate(60.0) == pytest.approx(19.4)


def test_what_was_refused_at_one_time_is_not_taken_for_let_through_later():
    assert learned((1200, 1216, 60.0), (2416, 2420, 120.0)).found == 20


def test_the_rate_stays_near_and_then_rises_ever_faster():
    found = learned((1200, 1216, 60.0), (2416, 2420, 120.0))
    rates = [found.rate(120.0 + seconds) for seconds in (0, 15, 30, 45, 60, 120)]
    assert rates == sorted(rates)
    assert rates[1:3] == pytest.approx([20, 20.74], abs=0.01)
    assert rates[4] == pytest.approx(40)


def test_a_rate_that_another_confirms_is_left_alone_for_longer():
    hasty, confirmed = learned((100, 100, 5.0)), learned((100, 100, 5.0), (200, 200, 10.0))
    assert hasty.found == confirmed.found
    assert hasty.rate(5.0 + 8.0) > confirmed.rate(10.0 + 8.0)


def test_a_slow_limit_is_tried_anew_by_sends_and_not_by_time():
    found = learned((6, 7, 60.0))
    assert found.rate(60.0 + 120.0) < 1.1 * found.found


@pytest.mark.parametrize("until", [0.0, 86_400.0])
def test_a_days_quota_is_no_rate(until):
    assert learned((200, 201, until)).rate(until) == inf
