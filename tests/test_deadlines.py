"""One timer for all calls, whatever their number and order."""

import asyncio
import time

import pytest

from runner.deadlines import Deadlines

pytestmark = pytest.mark.anyio


class Call:
    """Notes when it is cut."""

    def __init__(self):
        self.was_cut = asyncio.Event()

    def cut(self):
        self.was_cut.set()


async def test_what_is_overdue_is_cut_and_nothing_else():
    deadlines, now = Deadlines(), time.monotonic()
    late, soon, dropped = Call(), Call(), Call()
    deadlines.put(late, now + 3600.0)
    deadlines.put(soon, now + 0.01)
    deadlines.put(dropped, now + 0.005)
    deadlines.drop(dropped)
    await asyncio.wait_for(soon.was_cut.wait(), 10.0)
    assert time.monotonic() >= now + 0.01
    assert (late.was_cut.is_set(), dropped.was_cut.is_set()) == (False, False)
    deadlines.close()


async def test_a_call_may_be_put_forward_and_the_next_is_still_waited_for():
    deadlines, now = Deadlines(), time.monotonic()
    first, second = Call(), Call()
    deadlines.put(first, now + 3600.0)
    deadlines.put(second, now + 0.02)
    deadlines.put(first, now + 0.01)
    for call in (first, second):
        await asyncio.wait_for(call.was_cut.wait(), 10.0)
    deadlines.close()


async def test_once_closed_nothing_is_cut_any_more():
    deadlines, call = Deadlines(), Call()
    deadlines.put(call, time.monotonic() - 1.0)
    deadlines.close()
    for _ in range(4):
        await asyncio.sleep(0)
    assert not call.was_cut.is_set()
