"""Answers that come at once are taken up a few at a time."""

import asyncio

import pytest

from runner.engine.turns import Turns

pytestmark = pytest.mark.anyio


async def go(turns, name, gone):
    if not turns.take():
        await turns.next()
    gone.append(name)


async def test_in_one_turn_of_the_loop_so_many_go_on_and_the_rest_in_their_order():
    turns, gone = Turns(most=2), []
    tasks = [asyncio.create_task(go(turns, name, gone)) for name in range(5)]
    seen = []
    while len(gone) < len(tasks):
        await asyncio.sleep(0)
        seen.append(list(gone))
    assert seen[0] == [0, 1]
    assert gone == [0, 1, 2, 3, 4]
    assert all(after - before <= 2 for before, after in zip(map(len, seen), map(len, seen[1:]), strict=False))


async def test_one_that_comes_later_does_not_overtake_those_who_wait():
    turns, gone = Turns(most=1), []
    tasks = [asyncio.create_task(go(turns, name, gone)) for name in ("first", "second", "third")]
    await asyncio.sleep(0)
    assert not turns.take()
    await asyncio.gather(*tasks)
    assert gone == ["first", "second", "third"]
    assert turns.take()


async def test_who_is_cut_while_waiting_goes_on_at_once_and_takes_no_turn():
    turns, gone = Turns(most=1), []
    tasks = [asyncio.create_task(go(turns, name, gone)) for name in range(4)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    await asyncio.gather(*tasks)
    assert gone.index(3) < gone.index(2)
    assert sorted(gone) == [0, 1, 2, 3]
