"""Servers under a clock of their own, kept as busy as the crowd lets."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from math import inf
from random import Random

import pytest

from runner.crowd import Crowd, auto, fixed

SERVICE_S = 0.5


@dataclass
class Server:
    """Serves `at_once` at a time and lets others wait, or refuses them; `slows`: how service takes longer."""

    at_once: float = inf
    refuses: bool = False
    flaky: float = 0.0
    noise: float = 0.0
    slows: float = 0.0
    chance: Random = field(default_factory=lambda: Random(1))
    waiting: deque = field(default_factory=deque)
    active: int = 0

    def service_s(self):
        over = max((self.active + len(self.waiting)) / self.at_once - 1, 0) if self.slows else 0
        return (
            SERVICE_S * (1 + self.slows * over) * self.chance.lognormvariate(-(self.noise**2) / 2, self.noise)
        )


def throughput(crowd, server, jobs=3_000):
    """Answers a second; `places` in time, and refusals, are left on the crowd's server."""
    now, events, done, number = 0.0, [], 0, 0
    while done < jobs:
        while crowd.room() > 0:
            crowd.start()
            number += 1
            if server.chance.random() < server.flaky or (server.refuses and server.active >= server.at_once):
                heapq.heappush(events, (now + 0.02, number, now, False))
            elif server.active < server.at_once:
                server.active += 1
                heapq.heappush(events, (now + server.service_s(), number, now, True))
            else:
                server.waiting.append((number, now))
        now, _, sent_at, is_served = heapq.heappop(events)
        crowd.end()
        if not is_served:
            crowd.overloaded(sent_at=sent_at, now=now)
            continue
        done += 1
        crowd.answered(sent_at=sent_at, latency_s=now - sent_at)
        if server.waiting:
            number, sent_at = server.waiting.popleft()
            heapq.heappush(events, (now + server.service_s(), number, sent_at, True))
        else:
            server.active -= 1
    return done / now


KNEES = {
    "lets wait": {"at_once": 16},
    "slows down": {"at_once": 16, "slows": 0.3},
    "slows down much": {"at_once": 16, "slows": 1.0},
    "refuses": {"at_once": 16, "refuses": True},
    "one with answers of many lengths": {"at_once": 16, "noise": 0.3},
    "a small one": {"at_once": 2},
}


@pytest.mark.parametrize("server", KNEES.values(), ids=KNEES)
def test_auto_finds_the_knee_of_a_server(server):
    fixed = (Crowd(places) for places in (1, 2, 4, 8, 12, 16))
    best = max(throughput(crowd, Server(**server), jobs=500) for crowd in fixed)
    assert throughput(auto(), Server(**server)) >= 0.9 * best


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.8])
def test_auto_grows_while_latency_is_flat_however_noisy(noise):
    crowd = auto()
    throughput(crowd, Server(noise=noise), jobs=6_000)
    assert crowd.places >= 128


def test_auto_is_not_made_small_by_failures_that_places_do_not_cause():
    crowd = auto()
    throughput(crowd, Server(flaky=0.3), jobs=3_000)
    assert crowd.places >= 16


def test_auto_leaves_a_server_that_has_shrunk_no_more_than_it_takes():
    crowd = fixed(64)
    throughput(crowd, Server(at_once=8, refuses=True))
    assert crowd.places <= 12


def test_refusals_halve_the_places_once_for_all_that_were_sent_before():
    crowd = fixed(64)
    for _ in range(40):
        crowd.overloaded(sent_at=0.0, now=1.0)
    assert crowd.places == 32
    for _ in range(20):
        crowd.overloaded(sent_at=1.2, now=2.0)
    assert crowd.places == 16


def test_latency_of_a_few_in_many_places_says_nothing():
    crowd = fixed(8)
    for n in range(1_000):
        crowd.start()
        crowd.end()
        crowd.answered(sent_at=float(n), latency_s=0.5)
    assert (crowd.places, crowd.known.answers) == (8, 0)


def test_a_fixed_number_is_begun_with_and_never_passed():
    crowd = fixed(16)
    assert crowd.places == 16
    throughput(crowd, Server(noise=0.3), jobs=3_000)
    assert crowd.places <= 16


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.5])
def test_a_fixed_number_costs_a_server_that_bears_it_next_to_nothing(noise):
    best = 32 / SERVICE_S
    assert throughput(fixed(32), Server(noise=noise), jobs=3_000) >= 0.96 * best


def test_under_a_fixed_number_fewer_are_found_where_fewer_are_served_at_once():
    crowd = fixed(64)
    throughput(crowd, Server(at_once=16, refuses=True))
    assert 12 <= crowd.places <= 24


def test_places_that_an_overload_has_cost_come_back():
    crowd = fixed(64)
    for n in range(200):
        crowd.overloaded(sent_at=float(n), now=n + 0.9)
    assert crowd.places < 16
    throughput(crowd, Server(noise=0.3), jobs=3_000)
    assert crowd.places == 64


@pytest.mark.parametrize("in_flight", [0, 3])
def test_places_are_never_overdrawn(in_flight):
    crowd = Crowd(3)
    for _ in range(in_flight):
        crowd.start()
    assert crowd.room() == 3 - in_flight
