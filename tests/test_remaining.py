from math import inf

import pytest

from runner.hints import Window
from runner.remaining import Remaining


def told(remaining, left, reset_s, *, now, limit=1200.0, ahead=0.0, sent_at=None):
    window = Window(name="requests", unit="requests", limit=limit, remaining=left, reset_s=reset_s)
    remaining.tell(window, sent_at=now if sent_at is None else sent_at, ahead=ahead, now=now)
    return remaining


def test_what_is_left_is_spread_until_it_is_whole_again():
    assert told(Remaining(), 600.0, 30.5, now=100.0).rate(100.0) == pytest.approx(601 / 30.5)


def test_the_last_of_a_few_goes_before_the_end():
    remaining = told(Remaining(), 1.0, 12.5, now=0.0, limit=6.0)
    assert 1 / remaining.rate(0.0) == pytest.approx(6.25)


def test_a_reset_in_whole_seconds_may_be_a_second_late():
    assert told(Remaining(), 600.0, 30.0, now=100.0).rate(100.0) == pytest.approx(601 / 31)


def test_what_was_sent_since_is_no_longer_left():
    remaining = told(Remaining(), 10.0, 30.5, now=1.0, ahead=4.0)
    remaining.spend(3.0)
    assert remaining.available(1.0) == 3


def test_nothing_left_waits_for_the_reset_and_is_whole_then():
    remaining = told(Remaining(), 0.0, 30.5, now=100.0)
    assert (remaining.available(130.4), remaining.opens_at(100.0, 1.0)) == (0.0, 130.5)
    assert remaining.available(130.5) == 1200


def test_what_comes_back_before_the_reset_is_measured_and_used():
    remaining = Remaining()
    for second in range(10):
        told(remaining, 100.0 + second, 59.5, now=float(second))
        remaining.spend(19.0)
    assert remaining.inflow == pytest.approx(20, rel=0.01)
    told(remaining, 0.0, 59.5, now=9.5)
    assert remaining.opens_at(9.5, 1.0) == pytest.approx(9.55, abs=0.01)


def test_a_window_that_turned_is_no_inflow():
    remaining = told(Remaining(), 10.0, 3.5, now=0.0)
    told(remaining, 1200.0, 60.5, now=4.0)
    told(remaining, 1200.0, 58.0, now=6.5)
    assert remaining.inflow == 0


def test_a_reset_once_told_stands_though_later_ones_are_told_meanwhile():
    remaining = told(Remaining(), 600.0, 60.5, now=0.0)
    told(remaining, 300.0, 60.5, now=30.0)
    assert remaining.rate(30.0) == pytest.approx(301 / 30.5)


def test_a_limit_of_a_day_is_not_spread():
    remaining = told(Remaining(), 5.0, 40_000.5, now=0.0, limit=200.0)
    assert (remaining.rate(0.0), remaining.available(0.0)) == (inf, 5)


def test_without_a_limit_nothing_bounds_it_after_the_reset():
    remaining = told(Remaining(), 0.0, 5.5, now=0.0, limit=None)
    assert remaining.available(5.5) == inf
