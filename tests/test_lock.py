"""One runner has a queue to itself; whoever reads or gives a short order is welcome beside it."""

import asyncio
import socket
import time
from signal import SIGKILL, SIGSTOP

from runs import accounts_balance, animals, herd

from runner.compose.glance import EVERY_S
from runner.demo import Hang, Knobs, Slow, refused, serve


async def at_work(desk, provider, *acts):
    """A runner with so many requests in flight."""
    provider.play(*acts)
    running = await desk.start("run", "jobs.yaml", "--json")
    await provider.until(lambda seen: seen.sent == len(acts))
    return running


async def test_s10_a_second_runner_leaves_at_once_and_says_who_has_the_queue_since_when(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    first = await at_work(desk, provider, Hang())
    began = time.monotonic()
    await desk.run("status")
    start_s = time.monotonic() - began
    for command in (("run", "jobs.yaml"), ("resume",), ("resume", "animals")):
        done = await (await desk.start(*command)).ends_within(2 * start_s + 1)
        assert (done.status, done.out) == (75, "")
        assert "another runner works on this queue" in done.err
        assert f"pid {first.pid} on {socket.gethostname()} since 20" in done.err
    assert provider.sent == 1


async def test_s10_a_runner_that_was_killed_has_the_queue_no_more(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    first = await at_work(desk, provider, Hang())
    first.signal(SIGKILL)
    await first.ends()
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["jobs"]["succeeded"], provider.sent) == (0, 1, 2)


async def test_s10_of_two_that_start_at_once_one_works(desk):
    async with serve(Knobs(latency_s=0.05, record=True)) as provider:
        desk.write(animals(provider.url, *herd(30), concurrency=2))
        await desk.run("submit", "jobs.yaml")
        both = [await desk.start("run", "jobs.yaml"), await desk.start("run", "jobs.yaml")]
        done = await asyncio.gather(*[each.ends() for each in both])
        assert sorted(each.status for each in done) == [0, 75]
        assert list(provider.paid.values()) == [1] * 30
        accounts_balance(desk, provider)


async def test_s10_those_who_read_are_welcome_and_wait_for_nobody(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    running = await at_work(desk, provider, Hang())
    running.signal(SIGSTOP)
    [[name]] = desk.rows("SELECT id FROM jobs")
    for command in (("status",), ("jobs",), ("show", name), ("export",)):
        done = await desk.run(*command, "--json")
        assert (done.status, "Traceback" in done.err) == (0, False), (command, done.err)
    assert (await desk.run("status", "--json")).last["jobs"]["running"] == 1


def test_s10_a_runner_looks_for_orders_more_often_than_every_second():
    assert EVERY_S <= 0.5


async def test_s10_an_order_is_heard_at_the_next_look_whatever_else_is_waited_for(desk, provider):
    provider.play(refused(429, retry_after="3600"))
    desk.write(animals(provider.url, *herd(5), concurrency=1))
    running = await desk.start("run", "jobs.yaml", "--json")
    await running.until(lambda: desk.states() and desk.rows("SELECT 1 FROM attempts"))
    assert (await desk.run("cancel", "--json")).last["cancelled"] == 5
    done = await running.ends()
    assert (done.status, done.last["jobs"]["cancelled"], provider.sent) == (0, 5, 1)


async def test_s10_what_is_submitted_beside_a_runner_is_done_by_it(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    running = await at_work(desk, provider, Slow(seconds=2))
    desk.write(animals(provider.url, "a fox", "an owl"))
    assert (await desk.run("submit", "jobs.yaml", "--json")).last["new"] == 1
    done = await running.ends()
    assert (done.status, done.last["jobs"]["succeeded"], provider.sent) == (0, 2, 2)
    assert [line["prompt"] for line in desk.results()] == ["a fox", "an owl"]
