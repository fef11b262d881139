"""What a job costs the event loop and the memory: counted, not timed, so the same on any machine.

The bounds have a seventh of room. Where one is passed, look at what a job's way has gained before raising it.
"""

import asyncio
import gc
import sys
import time
import tracemalloc
from math import inf
from pathlib import Path

import orjson
import pytest
from canned import base64
from lanes import lane

from runner import pace
from runner.endpoint import Endpoint
from runner.engine.allowance import Allowance
from runner.engine.engine import Engine
from runner.engine.parts import Taken
from runner.engine.stop import Stop
from runner.engine.toll import Toll
from runner.fault import Trouble, of_error
from runner.job import Claim
from runner.outcome import Fault
from runner.retry import Policy
from runner.sinks import Folder
from runner.wire import Reply

pytestmark = pytest.mark.anyio

IN_FLIGHT = 64
FEW, MANY = 4 * IN_FLIGHT, 20 * IN_FLIGHT
CALLS = 160
"""Of functions of Python that the loop makes for a chat job, HTTP and the queue left out."""
OF_LIMITS = 32
"""Further ones, where the provider tells what is left of two limits."""
BYTES = 10_500
"""That a chat job in flight takes in memory at most, its answer of 600 bytes included."""
HEADERS = {"content-type": "application/json", "content-length": "600", "x-request-id": "req-1"}
LIMITS = {
    "x-ratelimit-limit-requests": "1000000",
    "x-ratelimit-remaining-requests": "999999",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-limit-tokens": "100000000",
    "x-ratelimit-remaining-tokens": "99999000",
    "x-ratelimit-reset-tokens": "1ms",
}
ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1740081592,
        "model": "small",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "A red fox crosses the frozen river. " * 10},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 64, "total_tokens": 84},
    }
)


class Memory:
    """A queue that costs nothing: so many jobs, made when they are claimed."""

    def __init__(self, jobs):
        self.left = jobs
        self.settled = 0

    async def claim(self, wants, skip, fresh_first, among):
        wanted = min(wants["mock"], self.left)
        claims = [claim(self.left - number) for number in range(wanted)]
        self.left -= wanted
        return Taken(claims, {"mock": 0.0 if self.left else inf})

    async def settle(self, settled):
        self.settled += len(settled)
        return [True] * len(settled)


class Canned:
    """A door behind which the answer lies ready."""

    def __init__(self, **more):
        self.headers = {**HEADERS, **more}

    async def send(self, call, sending):
        sending.begun_at = time.monotonic()
        await asyncio.sleep(0)
        return Reply(status=200, headers=self.headers, body=bytes(bytearray(ANSWER)))


def claim(row):
    return Claim(
        row=row,
        id=str(row),
        stem=str(row),
        key=f"{row:064x}",
        endpoint="mock",
        model="small",
        body=b'{"model":"small","messages":[{"role":"user","content":"scene %d"}]}' % row,
        attempt=1,
        tries=0,
        maybe_billed=0,
        useless=0,
        waits=0,
        billed_before=False,
        ticket=None,
    )


class CutPictures:
    """A door behind which there are pictures that cannot be decoded."""

    async def send(self, call, sending):
        sending.begun_at = time.monotonic()
        await asyncio.sleep(0)
        body = orjson.dumps({"data": [{"b64_json": base64(b"\x89PNG\r\n\x1a\n and no more")}]})
        return Reply(status=200, headers=HEADERS, body=body)


class Cut:
    """A door at which connections break."""

    async def send(self, call, sending):
        sending.begun_at = time.monotonic()
        await asyncio.sleep(0)
        try:
            raise ConnectionResetError
        except OSError as met:
            error = met
        raise of_error(Trouble.CLOSED, sent=True) from error


def engine(queue, *, dialect="openai-chat", door=None, folder=Path("nowhere")):
    endpoint = Endpoint(dialect=dialect, url="http://127.0.0.1:1/v1", concurrency=IN_FLIGHT)
    clock = pace.of(endpoint.limits, IN_FLIGHT, now=time.monotonic(), wall=time.time())
    clock.is_heard = True
    return Engine(
        queue=queue,
        lanes={"mock": lane(endpoint, clock, name="mock", door=door or Canned(), give_up_s=60.0)},
        sink=Folder(folder, spread=False),
        expect={},
        policy=Policy(),
        allowance=Allowance(),
        stop=Stop(),
        toll=Toll(
            tell=lambda settled, late: None,
            saw=lambda size: None,
            has_failed=lambda: False,
            failed=lambda why: None,
        ),
        waits=True,
    )


async def worked(jobs, **headers):
    queue = Memory(jobs)
    await engine(queue, door=Canned(**headers)).run()
    assert queue.settled == jobs


async def calls(jobs, **headers):
    """Functions of Python that a run of so many jobs calls."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        await worked(jobs, **headers)
    finally:
        sys.setprofile(None)
    return count


async def peak(jobs):
    """Bytes that a run of so many jobs takes at most."""
    tracemalloc.start()
    try:
        await worked(jobs)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_the_loop_calls_few_functions_for_a_job():
    await worked(IN_FLIGHT)
    of_a_job = (await calls(MANY) - await calls(FEW)) / (MANY - FEW)
    assert CALLS / 2 < of_a_job < CALLS


async def test_limits_that_every_answer_tells_anew_are_read_in_few_calls():
    await worked(IN_FLIGHT, **LIMITS)
    with_them = (await calls(MANY, **LIMITS) - await calls(FEW, **LIMITS)) / (MANY - FEW)
    without = (await calls(MANY) - await calls(FEW)) / (MANY - FEW)
    assert OF_LIMITS / 2 < with_them - without < OF_LIMITS


async def test_a_job_in_flight_takes_few_bytes_and_one_that_is_over_none():
    await worked(IN_FLIGHT)
    few, many = await peak(FEW), await peak(MANY)
    assert few / IN_FLIGHT < BYTES
    assert (many - few) / (MANY - FEW) < BYTES / 100


@pytest.mark.parametrize(("dialect", "door"), [("openai-images", CutPictures()), ("openai-chat", Cut())])
async def test_an_attempt_that_failed_leaves_nothing_to_the_collector(tmp_path, dialect, door):
    """It would hold its answer until the collector comes: two gigabytes of pictures that were cut."""
    others = faults()
    gc.disable()
    try:
        await engine(Memory(FEW), dialect=dialect, door=door, folder=tmp_path).run()
        assert [each for each in faults() if all(each is not other for other in others)] == []
    finally:
        gc.enable()


def faults():
    """All that somebody holds, or nobody but the collector."""
    return [each for each in gc.get_objects() if isinstance(each, Fault)]
