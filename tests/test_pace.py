"""Simulations under a clock of their own: no second of them is waited for."""

import heapq
from math import inf

import pytest

from runner.crowd import Crowd
from runner.pace import DAY_S, Day, Pace, Spread


def paced(**parts):
    return Pace(crowd=Crowd(1000), **parts)


def sends(pace, seconds):
    """The times at which requests go out that are answered at once."""
    now, sent = 0.0, []
    while now < seconds:
        for _ in range(pace.room(now)):
            pace.start(now)
            pace.ended()
            sent.append(now)
        opens_at = pace.opens_at(now)
        now = opens_at if opens_at > now else now + 0.001
    return sent


def test_a_stated_limit_is_used_and_never_passed_in_any_minute():
    sent = sends(paced(requests=Spread(1200)), 300)
    in_each_minute = [sum(start <= each < start + 60 for each in sent) for start in sent[::50] if start < 240]
    assert max(in_each_minute) <= 1200
    assert min(in_each_minute) >= 0.95 * 1200


def test_sends_are_spread_and_the_first_burst_is_bounded():
    sent = sends(paced(requests=Spread(600)), 10)
    assert sum(each < 0.1 for each in sent) <= 6
    gaps = [later - earlier for earlier, later in zip(sent[10:], sent[11:], strict=False)]
    assert max(gaps) < 0.11


def test_tokens_are_estimated_before_and_corrected_after():
    pace = paced(tokens=Spread(60_000))
    now, used = 0.0, 0
    while now < 120:
        for _ in range(pace.room(now)):
            pace.start(now)
            pace.ended()
            pace.answered(sent_at=now, latency_s=0.1, tokens=2_000)
            used += 2_000
        now = max(pace.opens_at(now), now + 0.001)
    assert 0.9 * 120_000 <= used <= 1.06 * 120_000


def test_a_days_quota_opens_again_when_the_day_turns():
    pace = paced(day=Day(limit=200, used=190, resets_at=1_000.0))
    for _ in range(pace.room(0)):
        pace.start(0)
    assert pace.day.used == 200
    assert pace.room(999) == 0
    assert pace.opens_at(0) == 1_000
    assert pace.why(0) == "day quota 200/200"
    assert pace.room(1_000) == 200
    assert pace.day.resets_at == 1_000 + DAY_S


def test_n17_after_a_cooldown_one_probe_goes_first():
    pace = paced()
    pace.close(30.0, "rate limited")
    assert (pace.room(29.9), pace.opens_at(0), pace.why(0)) == (0, 30.0, "rate limited")
    assert pace.room(30) == 1
    pace.start(30)
    assert pace.room(31) == 0
    assert pace.opens_at(31) == inf
    pace.ended()
    pace.reached()
    assert pace.room(32) == 1000


def test_a_later_refusal_never_shortens_a_cooldown():
    pace = paced()
    pace.close(100.0, "long")
    pace.close(20.0, "short")
    assert pace.opens_at(0) == 100


def throughput(crowd, seconds, service):
    """Answers a second of a server whose latency is `service(in flight)`, kept as busy as the crowd lets."""
    now, ends, answered = 0.0, [], 0
    while now < seconds:
        while crowd.room() > 0:
            crowd.start()
            heapq.heappush(ends, (now + service(crowd.in_flight), now))
        now, sent_at = heapq.heappop(ends)
        crowd.end()
        crowd.answered(sent_at=sent_at, latency_s=now - sent_at)
        answered += now > seconds / 2
    return answered / (seconds / 2)


def sixteen_at_a_time(in_flight):
    """Beyond 16 requests wait, and each that waits slows all a little."""
    return 0.5 * max(1.0, in_flight / 16) * (1 + 0.01 * max(in_flight - 16, 0))


def test_auto_finds_the_knee_of_a_server_that_slows_down_under_load():
    best = max(throughput(Crowd(places), 60, sixteen_at_a_time) for places in (8, 12, 16, 20, 32))
    assert throughput(Crowd(4, adapts=True), 120, sixteen_at_a_time) >= 0.9 * best


def test_auto_grows_while_latency_is_flat():
    crowd = Crowd(4, adapts=True)
    throughput(crowd, 60, lambda _: 0.5)
    assert crowd.places == 256


def test_auto_halves_once_for_all_the_refusals_of_one_overload():
    crowd = Crowd(64, adapts=True)
    crowd.overloaded(sent_at=0.0, now=1.0)
    crowd.overloaded(sent_at=0.5, now=1.1)
    assert crowd.places == 32
    crowd.overloaded(sent_at=1.2, now=2.0)
    assert crowd.places == 16


def test_a_fixed_number_of_places_stays():
    crowd = Crowd(16)
    crowd.overloaded(sent_at=0.0, now=1.0)
    crowd.answered(sent_at=0.0, latency_s=9.0)
    assert crowd.places == 16


@pytest.mark.parametrize("in_flight", [0, 3])
def test_places_are_never_overdrawn(in_flight):
    crowd = Crowd(3)
    for _ in range(in_flight):
        crowd.start()
    assert crowd.room() == 3 - in_flight
