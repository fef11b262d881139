"""Simulations under a clock of their own: no second of them is waited for."""

import heapq
import sys
from functools import partial
from itertools import pairwise
from math import inf

import pytest
from simulated import WALL, Bucket, Fixed, Sliding, drive, silent, stated, whole_seconds

from runner import pace as clocks
from runner.crowd import Crowd, auto, fixed
from runner.endpoint import Limits
from runner.hints import Hints, Window
from runner.pace import DAY_S, LONGEST_PAUSE_S, Day, Pace, Spread, day_began

SERVERS = {
    "fixed window": partial(Fixed, 1200),
    "fixed window, half over": partial(Fixed, 1200, phase=45.0),
    "sliding window": partial(Sliding, 1200),
    "sliding window, reset when all is back": partial(Sliding, 1200, is_whole=True),
    "bucket of a minute": partial(Bucket, 1200, 1200),
    "bucket of three seconds": partial(Bucket, 1200, 60),
    "bucket of a second": partial(Bucket, 1200, 20),
}
EVERY_SERVER = pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
SECONDS = 120.0


def paced(places=16, **parts):
    return Pace(crowd=fixed(places), **parts)


def used(told, server):
    """The part used of what a minute's limit lets through."""
    return told.let / (server.per_minute * SECONDS / 60)


@EVERY_SERVER
@pytest.mark.parametrize("headers", [silent, stated])
@pytest.mark.parametrize("latency_s", [0.05, 0.5])
def test_a_limit_that_the_manifest_states_is_used_and_hardly_passed(server, headers, latency_s):
    provider = server()
    told = drive(paced(requests=Spread(1200)), provider, SECONDS, latency_s=latency_s, headers=headers)
    assert told.share_refused <= 0.01
    assert used(told, provider) >= 0.95


@EVERY_SERVER
@pytest.mark.parametrize("headers", [stated, whole_seconds])
@pytest.mark.parametrize("latency_s", [0.05, 0.3])
def test_a_limit_that_headers_tell_is_found(server, headers, latency_s):
    provider = server()
    told = drive(paced(), provider, SECONDS, latency_s=latency_s, headers=headers)
    assert told.share_refused <= 0.02
    assert used(told, provider) >= 0.90


@EVERY_SERVER
@pytest.mark.parametrize("latency_s", [0.05, 0.3])
def test_a_limit_that_only_refusals_tell_is_found(server, latency_s):
    provider = server()
    told = drive(paced(), provider, SECONDS, latency_s=latency_s)
    assert told.share_refused <= 0.05
    assert used(told, provider) >= 0.90


def test_a_stated_limit_that_is_too_high_gives_way_to_the_real_one():
    provider = Bucket(1200, 20)
    told = drive(paced(requests=Spread(2400)), provider, SECONDS, latency_s=0.1)
    assert told.share_refused <= 0.05
    assert used(told, provider) >= 0.85


def test_a_limit_of_a_few_a_minute_is_kept_and_used():
    provider = Fixed(6)
    told = drive(paced(), provider, 1200.0, latency_s=2.0, headers=stated)
    assert told.refused <= 16
    assert told.let >= 0.9 * 6 * 20


def test_sends_are_spread_and_the_first_burst_is_bounded():
    sent = drive(paced(1000, requests=Spread(600)), Bucket(600, 600), 10.0, lag_s=0.0).sent
    assert sum(each < 0.1 for each in sent) <= 3
    gaps = [later - earlier for earlier, later in pairwise(sent[3:])]
    assert min(gaps) > 0.09
    assert max(gaps) < 0.11


def test_sends_that_are_close_together_go_out_by_twos_and_more():
    pace, now = paced(100_000, requests=Spread(60_000)), 0.0
    wakings = starts = 0
    while now < 10:
        wakings += 1
        for _ in range(pace.room(now)):
            pace.start(now)
            starts += 1
        now = pace.opens_at(now)
    assert starts == pytest.approx(9_900, rel=0.05)
    assert wakings <= 1_200


def test_tokens_are_estimated_before_and_corrected_after():
    pace = paced(1000, tokens=Spread(60_000))
    now, used_tokens, ends = 0.0, 0, []
    while now < 120:
        for _ in range(pace.room(now)):
            pace.start(now)
            heapq.heappush(ends, now + 0.7)
        opens_at = pace.opens_at(now)
        if ends and ends[0] <= opens_at:
            now = heapq.heappop(ends)
            pace.ended()
            pace.answered(sent_at=now - 0.7, latency_s=0.7, tokens=2_000)
            used_tokens += 2_000
        else:
            now = opens_at
    assert 0.93 * 120_000 <= used_tokens <= 1.02 * 120_000


def test_tokens_of_different_estimates_are_corrected_to_the_last():
    pace = paced(tokens=Spread(60_000))
    pace.start(0.0, tokens=100)
    pace.start(0.0, tokens=900)
    before = pace.tokens.earned
    for tokens in (700, 800):
        pace.ended()
        pace.answered(sent_at=0.0, latency_s=1.0, tokens=tokens)
    assert before - pace.tokens.earned == pytest.approx(1_500 - 1_000)


def test_a_request_that_never_went_out_is_given_back():
    pace = paced(requests=Spread(60), tokens=Spread(600), day=Day(10, 3, DAY_S))
    assert pace.room(0.0) == 1
    pace.start(0.0)
    assert (pace.room(0.0), pace.day.used) == (0, 4)
    pace.ended()
    pace.unsent()
    assert (pace.room(0.0), pace.day.used) == (1, 3)


def test_a_days_quota_opens_again_when_the_day_turns():
    pace = paced(day=Day(limit=200, used=190, resets_at=1_000.0, opens="00:00 UTC"))
    for _ in range(pace.room(0)):
        pace.start(0)
        pace.ended()
    assert pace.day.used == 200
    assert pace.room(999) == 0
    assert pace.opens_at(0) == 1_000
    assert pace.why(0) == "day quota 200/200, opens 00:00 UTC"
    assert pace.room(1_000) == 16
    assert pace.day.resets_at == 1_000 + DAY_S


def test_a_days_quota_that_nobody_stated_is_told_from_the_minutes():
    pace = clocks.of(Limits(resets_at="06:00"), 16, now=0.0, wall=WALL)
    pace.tell(Hints(is_daily=True), sent_at=0.0, now=1.0)
    assert pace.room(2.0) == 0
    assert pace.why(2.0) == "day quota used up, opens 06:00 UTC"
    opens = WALL + pace.opens_at(2.0)
    assert opens % DAY_S == 6 * 3600
    assert 0 < opens - WALL <= DAY_S
    assert pace.room(opens - WALL) == 16


@pytest.mark.parametrize(
    ("resets_at", "hour", "began"),
    [("00:00", 5, 0), ("06:00", 5, -18), ("05:00", 5, 5), ("04:30", 5, 4.5), ("23:59", 0, -1 / 60)],
)
def test_a_providers_day_begins_at_its_own_hour(resets_at, hour, began):
    midnight = WALL // DAY_S * DAY_S
    assert day_began(resets_at, midnight + hour * 3600) == pytest.approx(midnight + began * 3600)


def test_a_quota_that_lasts_for_hours_is_used_and_then_waited_for():
    pace = paced()
    pace.start(0.0)
    window = Window(name="day", unit="requests", limit=200, remaining=3, reset_s=7_200.5)
    pace.tell(Hints(windows=(window,)), sent_at=0.0, now=0.5)
    assert pace.room(0.5) == 3
    for _ in range(3):
        pace.start(0.5)
    assert pace.room(1.0) == 0
    assert pace.opens_at(1.0) == 7_201
    assert pace.room(7_201) > 3


def refuse(pace, now, *, after_s=None, sent_at=None, latency_s=0.05, chance=0.0):
    return pace.refused(
        after_s=after_s,
        sent_at=now if sent_at is None else sent_at,
        latency_s=latency_s,
        now=now,
        wall=WALL + now,
        chance=chance,
    )


def test_n17_a_refusal_closes_for_all_and_one_probe_goes_first():
    pace = paced()
    assert refuse(pace, 0.0, after_s=30.0) == 30.0
    assert (pace.room(29.9), pace.opens_at(0.0)) == (0, 30.0)
    assert pace.why(0.0).startswith("rate limited until ")
    assert pace.room(30.0) == 1
    pace.start(30.0)
    assert pace.room(30.1) == 0
    pace.ended()
    pace.reached(30.0)
    assert pace.room(31.0) == 16


def test_n17_answers_to_earlier_requests_do_not_open_it():
    pace = paced()
    pace.start(0.0)
    refuse(pace, 1.0, after_s=30.0)
    pace.ended()
    pace.reached(0.0)
    assert (pace.room(30.9), pace.room(31.0)) == (0, 1)


def test_n17_refusals_of_one_moment_are_one_and_the_longest_counts():
    pace = paced()
    refuse(pace, 1.0, after_s=10.0, sent_at=0.5)
    refuse(pace, 1.1, after_s=2.0, sent_at=0.6)
    assert (pace.gate.until, pace.refusals) == (11.0, 1)
    refuse(pace, 1.2, after_s=20.0, sent_at=0.7)
    assert (pace.gate.until, pace.refusals) == (21.2, 1)


def test_n17_a_refusal_that_comes_after_the_opening_closes_nothing():
    pace = paced()
    refuse(pace, 1.0, after_s=1.0, sent_at=0.5)
    pace.start(2.0)
    assert refuse(pace, 2.5, after_s=60.0, sent_at=0.5) == 2.5
    pace.ended()
    pace.reached(2.0)
    assert pace.room(3.0) > 1


def test_n17_pauses_that_the_provider_does_not_name_double():
    pace, now, pauses = paced(), 0.0, []
    for _ in range(9):
        until = refuse(pace, now, chance=0.0)
        pauses.append(until - now)
        now = until
    assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE_S / 2, LONGEST_PAUSE_S / 2, LONGEST_PAUSE_S / 2]
    pace.reached(now)
    assert refuse(pace, now, chance=0.0) - now == 0.5


@pytest.mark.parametrize(("after_s", "latest"), [(1.0, 1.1), (30.0, 33.0), (3_600.0, 3_605.0)])
def test_n17_chance_makes_a_pause_longer_and_never_shorter(after_s, latest):
    assert refuse(paced(), 0.0, after_s=after_s, chance=0.0) == after_s
    assert refuse(paced(), 0.0, after_s=after_s, chance=1.0) == pytest.approx(latest)


def test_n17_without_a_time_what_headers_told_is_waited_for():
    pace = paced()
    pace.start(0.0)
    window = Window(name="requests", unit="requests", limit=60, remaining=0, reset_s=17.5)
    pace.tell(Hints(windows=(window,)), sent_at=0.0, now=0.5)
    assert refuse(pace, 0.5) == 18.0


def test_a_probe_that_is_not_refused_for_long_opens_before_its_answer():
    pace = paced()
    refuse(pace, 0.0, after_s=1.0, latency_s=0.5)
    pace.start(1.0)
    assert (pace.room(2.9), pace.opens_at(1.5)) == (0, 3.0)
    assert pace.room(3.0) > 0


def test_n1_a_closed_endpoint_is_probed_for_as_long_as_the_probe_takes():
    pace = paced()
    pace.close(30.0, "provider down")
    pace.start(30.0)
    assert pace.opens_at(31.0) == inf
    pace.ended()
    pace.close(60.0, "provider down")
    assert (pace.room(59.0), pace.room(60.0)) == (0, 1)


def test_a_probe_that_ends_without_telling_makes_room_for_another():
    pace = paced()
    pace.close(30.0, "provider down")
    pace.start(30.0)
    pace.ended()
    assert pace.room(31.0) == 1


def test_a_later_refusal_never_shortens_a_cooldown():
    pace = paced()
    pace.close(100.0, "long")
    pace.close(20.0, "short")
    assert (pace.opens_at(0.0), pace.why(0.0)) == (100.0, "long")


def test_a_user_sets_limits_while_it_runs():
    pace = paced(requests=Spread(60))
    pace.learned.found = 0.1
    pace.adjust(concurrency=3, requests_per_minute=60_000)
    assert pace.room(0.0) == 3
    pace.adjust(concurrency="auto")
    assert pace.crowd.most > 3
    pace.adjust(concurrency=1)
    assert (pace.room(1.0), pace.crowd.most) == (1, 1)


def test_answers_without_tokens_leave_an_estimate():
    pace = paced(tokens=Spread(60_000))
    for n in range(10_000):
        pace.start(float(n))
        pace.ended()
        pace.answered(sent_at=float(n), latency_s=0.1, tokens=0)
    assert pace.usual_tokens == 1.0
    assert pace.room(10_001.0) > 0


def test_a_lifted_limit_is_found_out():
    provider = Bucket(1200, 20)
    pace = paced()
    drive(pace, provider, 60.0, latency_s=0.1)
    assert pace.learned.rate(60.0) < 40
    assert pace.learned.rate(600.0) > 400


def test_nothing_is_kept_to_where_nothing_is_known():
    pace = paced(64)
    pace.start(0.0)
    pace.ended()
    assert pace.room(0.0) == 64
    assert pace.why(0.0) is None
    for _ in range(64):
        pace.start(0.0)
    assert (pace.room(0.0), pace.opens_at(0.0), pace.why(0.0)) == (0, inf, None)


def test_before_anything_is_heard_the_first_burst_is_bounded_and_doubles_each_second():
    pace, now, sent = paced(100), 0.0, []
    while pace.crowd.room() > 0:
        for _ in range(pace.room(now)):
            pace.start(now)
            sent.append(now)
        now = pace.opens_at(now)
    counted = [sum(each <= second + 0.01 for each in sent) for second in range(4)]
    assert counted == [16, 32, 64, 100]


def test_the_memory_of_starts_is_bounded():
    pace = paced(10)
    for n in range(20_000):
        pace.start(float(n))
        pace.ended()
    assert len(pace.starts) <= 2_100
    assert pace.sent == 20_000


def test_a_request_costs_few_calls():
    limits = Limits(requests_per_minute=10**7, tokens_per_minute=10**10, requests_per_day=10**7)
    pace = clocks.of(limits, 100_000, now=0.0, wall=WALL)
    calls(pace, 0)
    assert calls(pace, 1) < 33


def calls(pace, start, requests=2_000):
    """Python's calls for one request from its start to its answer, in the mean."""
    counted = 0

    def count(_frame, event, _argument):
        nonlocal counted
        counted += event == "call"

    sys.setprofile(count)
    try:
        for n in range(requests):
            now = start + n / requests
            pace.room(now)
            pace.start(now)
            pace.ended()
            pace.reached(now)
            pace.answered(sent_at=now, latency_s=0.1, tokens=600)
    finally:
        sys.setprofile(None)
    return counted / requests


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
    assert throughput(auto(), 120, sixteen_at_a_time) >= 0.9 * best


def test_auto_grows_while_latency_is_flat():
    crowd = auto()
    throughput(crowd, 60, lambda _: 0.5)
    assert crowd.places == 256


@pytest.mark.parametrize("in_flight", [0, 3])
def test_places_are_never_overdrawn(in_flight):
    crowd = Crowd(3)
    for _ in range(in_flight):
        crowd.start()
    assert crowd.room() == 3 - in_flight


def test_an_endpoint_that_was_given_up_for_now_is_open_with_its_first_answer():
    pace = Pace(crowd=Crowd(4))
    pace.close(30.0, "breaker")
    assert pace.room(1.0) == 0
    pace.came_back(0.5)
    assert pace.room(1.0) == 4


def test_an_endpoint_that_comes_back_still_waits_for_what_it_asked_for():
    pace = Pace(crowd=Crowd(4))
    pace.refused(after_s=10.0, sent_at=0.0, latency_s=0.1, now=0.0, wall=0.0, chance=0.0)
    pace.close(30.0, "breaker")
    pace.came_back(0.5)
    assert (pace.room(9.9), pace.opens_at(1.0)) == (0, 10.0)
