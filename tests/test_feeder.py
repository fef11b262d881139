"""The feeder takes what may be sent, and sleeps while nothing may: a count of its claims and wakings."""

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf

import anyio
import anyio.lowlevel
import pytest
from canned import claim
from lanes import lane
from queues import attempt

from runner.crowd import fixed
from runner.endpoint import Endpoint
from runner.engine.allowance import Allowance
from runner.engine.bell import Bell
from runner.engine.feeder import Feeder
from runner.engine.parts import Taken
from runner.engine.stop import Stop
from runner.outcome import Cause
from runner.pace import Pace
from runner.reason import Reason

A_WHILE_S = 0.05
TOO_MANY = 20


class Shelf:
    """A queue that always has more fresh jobs; those with a ticket are `ticketed`."""

    def __init__(self):
        self.claims = 0
        """Times that something was wanted of all jobs."""
        self.released, self.ticketed = [], []

    async def claim(self, wants, skip, fresh_first, among):
        self.fresh_first = fresh_first
        await anyio.lowlevel.checkpoint()
        if among.ticketed:
            taken, self.ticketed = self.ticketed[: wants["studio"]], self.ticketed[wants["studio"] :]
            return Taken(taken, {"studio": 0.0 if self.ticketed else inf})
        if among.rows is not None:
            taken = [replace(claim({}), row=row) for row in among.rows[: wants["studio"]]]
            return Taken(taken, {"studio": inf})
        self.claims += any(wants.values())
        assert self.claims < TOO_MANY
        taken = [replace(claim({"prompt": "a fox"}), row=row) for row in range(wants["studio"])]
        return Taken(taken, {"studio": 0.0})

    async def release(self, claims):
        self.released += claims


class Counted(Bell):
    waits = 0

    async def wait(self, seconds=None):
        self.waits += 1
        await super().wait(seconds)


class Crew:
    def __init__(self):
        self.hands = []

    def hand(self, taken):
        self.hands.append(taken)


class Scene:
    """A feeder, and everything it stands among."""

    def __init__(self, **allowance):
        endpoint = {"dialect": "nebula-images", "url": "http://localhost", "price": {"request": 1.0}}
        self.lane = lane(Endpoint.model_validate(endpoint), Pace(crowd=fixed(4)))
        self.queue, self.bell, self.stop, self.crew = Shelf(), Counted(), Stop(), Crew()
        self.allowance = Allowance(**allowance)
        self.feeder = Feeder(
            self.queue,
            {"studio": self.lane},
            settle_first=anyio.lowlevel.checkpoint,
            allowance=self.allowance,
            stop=self.stop,
            bell=self.bell,
            waits=True,
        )

    @asynccontextmanager
    async def running(self):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.feeder.run, {"studio": self.crew})
            await anyio.sleep(A_WHILE_S)
            yield
            tasks.cancel_scope.cancel()

    async def end_one(self, cost=10**9):
        """One claim is settled and recorded, at the price that was reserved or another."""
        self.allowance.settle(10**9, cost)
        self.lane.pace.ended()
        self.lane.open -= 1
        self.bell.ring()
        await anyio.sleep(A_WHILE_S)


async def test_while_the_money_is_in_flight_nothing_is_claimed_over_and_over():
    scene = Scene(nusd=2 * 10**9)
    async with scene.running():
        assert (len(scene.crew.hands), len(scene.queue.released)) == (2, 2)
        assert scene.queue.claims == 1
        assert scene.bell.waits <= 2
        await scene.end_one()
        assert not scene.stop.is_asked
        await scene.end_one()
        assert scene.stop.reason is Reason.BUDGET
    assert len(scene.crew.hands) == 2
    assert scene.queue.claims <= 3


async def test_money_that_comes_back_is_spent():
    scene = Scene(nusd=2 * 10**9)
    async with scene.running():
        await scene.end_one(cost=0)
        assert len(scene.crew.hands) == 3


async def test_what_has_cost_more_than_was_reserved_may_do_so_again():
    scene = Scene(nusd=7 * 10**9)
    async with scene.running():
        assert len(scene.crew.hands) == 4
        await scene.end_one(cost=2 * 10**9)
        for _ in range(3):
            assert len(scene.crew.hands) == 4
            await scene.end_one()
        assert len(scene.crew.hands) == 5


@pytest.mark.parametrize("allowed", [{"nusd": 10**9}, {"requests": 1}])
async def test_what_is_paid_for_goes_on_when_the_money_is_spent(allowed):
    scene = Scene(**allowed)
    scene.queue.ticketed = [replace(claim({}), row=9, ticket=b"{}")]
    async with scene.running():
        assert [each.ticket for each in scene.crew.hands] == [None, b"{}"]
        scene.lane.open -= 1
        await scene.end_one()
        assert scene.stop.reason is Reason.BUDGET


async def test_the_jobs_of_a_limit_are_brought_to_their_end():
    scene = Scene(jobs=1)
    async with scene.running():
        scene.allowance.put_off(0, due_at=1.0)
        scene.lane.due_at = 1.0
        await scene.end_one()
        assert [each.row for each in scene.crew.hands] == [0, 0]
        assert not scene.stop.is_asked
        await scene.end_one()
        assert scene.stop.reason is Reason.LIMIT


async def test_a_limit_does_not_wait_for_a_job_that_is_parked():
    scene = Scene(jobs=1)
    async with scene.running():
        scene.lane.due_at = time.time() + 700
        await scene.end_one()
        assert scene.stop.reason is Reason.LIMIT


@pytest.mark.parametrize("in_flight", [0, 2])
async def test_a_paused_feeder_sleeps(in_flight):
    scene = Scene()
    scene.feeder.paused = True
    scene.lane.open = in_flight
    async with scene.running():
        assert (scene.queue.claims, scene.bell.waits) == (0, 1)
        scene.feeder.paused = False
        scene.bell.ring()
        await anyio.sleep(A_WHILE_S)
        assert scene.queue.claims == 1


async def test_n16_where_too_much_is_retried_fresh_jobs_go_first():
    scene = Scene()
    async with scene.running():
        assert scene.queue.fresh_first == []
        scene.lane.retries.retries = 60
        await scene.end_one()
        assert scene.queue.fresh_first == ["studio"]


async def test_a_limit_and_a_deadline_end_it():
    limited = Scene(jobs=1)
    async with limited.running():
        assert (limited.stop.reason, len(limited.crew.hands)) == (None, 1)
        await limited.end_one()
        assert limited.stop.reason is Reason.LIMIT
    late = Scene(until=0.0)
    async with late.running():
        assert (late.stop.reason, late.queue.claims) == (Reason.DEADLINE, 0)


def test_what_may_be_billed_without_an_answer_counts_as_what_answers_have_cost():
    allowance = Allowance(nusd=10**9)
    allowance.admit(1, 100, sends=True)
    cut = replace(attempt(claim({})), billed=True, cause=Cause.TIMED_OUT, cost_nusd=100)
    assert allowance.doubtful(cut).cost_nusd == 100
    allowance.settle(100, 150)
    assert allowance.doubtful(cut).cost_nusd == 150
    assert allowance.doubtful(replace(cut, billed=False, cost_nusd=0)).cost_nusd == 0
    assert allowance.doubtful(replace(cut, cause=None)).cost_nusd == 100
