"""Signals end a run in good order, then at once; what was paid for is on record either way."""

import asyncio
import base64
import fcntl
import io
import os
import pty
import shutil
import signal
import socket
import subprocess
import termios
import time
from contextlib import ExitStack, contextmanager
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM

import pytest
from PIL import Image
from runs import accounts_balance, animals, herd

from runner import compose
from runner.compose.exporting import GivenUp
from runner.demo import Hang, Knobs, Slow, refused, said, serve
from runner.engine.stop import Stop, heeding_signals

WITH_OWN_RESOLVER = (
    *("unshare", "-m", "sh", "-c"),
    'mount --bind resolv.conf /etc/resolv.conf && exec "$@"',
    "sh",
)


async def under_way(desk, provider, number, *acts, **options):
    """A run with so many requests in flight."""
    provider.play(*acts)
    running = await desk.start("run", "jobs.yaml", "--json", **options)
    await provider.until(lambda seen: seen.sent == number)
    return running


@pytest.mark.parametrize(("number", "status"), [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 143)])
async def test_p1_p3_the_first_signal_sends_no_more_and_records_what_is_in_flight(
    desk, provider, number, status
):
    desk.write(animals(provider.url, *herd(12), concurrency=4))
    running = await under_way(desk, provider, 4, *[Slow(seconds=0.4)] * 4)
    at = time.monotonic()
    running.signal(number)
    await running.says("stopping: 4 in flight, Ctrl-C again to cut")
    done = await running.ends()
    assert done.status == status
    assert (done.last["state"], done.last["reason"]) == ("stopped", "interrupted")
    assert done.last["jobs"]["succeeded"] == 4
    assert (done.last["jobs"]["pending"], done.last["jobs"]["running"]) == (8, 0)
    assert done.last["maybe_billed_twice"] == 0
    assert "runner resume animals" in done.err
    assert [seen for seen in provider.requests if seen.at > at + 0.1] == []
    assert len(desk.results()) == 4
    again = await desk.run("resume", "--json")
    assert (again.status, again.last["maybe_billed_twice"], provider.sent) == (0, 0, 12)
    assert "recovered" not in again.err


async def test_p1_a_signal_during_the_last_request_of_a_batch_finishes_it(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    running = await under_way(desk, provider, 1, Slow(seconds=0.3))
    running.signal(SIGINT)
    done = await running.ends()
    assert (done.status, done.last["state"], done.last["reason"]) == (0, "finished", None)


async def test_p1_a_signal_during_the_last_request_of_one_batch_begins_no_other(desk, provider):
    desk.write(animals(provider.url, "a fox", name="one"), "one.yaml")
    desk.write(animals(provider.url, "an owl", name="two"), "two.yaml")
    provider.play(Slow(seconds=0.3))
    running = await desk.start("run", "one.yaml", "two.yaml", "--json")
    await provider.until(lambda seen: seen.sent == 1)
    running.signal(SIGINT)
    done = await running.ends()
    assert (done.status, provider.sent) == (130, 1)


async def test_p1_a_run_that_waits_for_a_limit_ends_at_the_first_signal(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    running = await under_way(desk, provider, 1, refused(429, retry_after="40"))
    await running.until(lambda: desk.states() == {"pending": 1})
    running.signal(SIGINT)
    done = await running.ends_within(2)
    assert (done.status, provider.sent) == (130, 1)


async def test_p1_a_request_that_has_no_connection_yet_is_not_sent_after_the_signal(desk):
    with deaf() as url:
        desk.write(animals(url, "a fox"))
        running = await desk.start("run", "jobs.yaml", "--json")
        await running.says("1 to do")
        await running.until(lambda: desk.states() == {"running": 1})
        running.signal(SIGINT)
        done = await running.ends_within(1)
    assert (done.status, done.last["jobs"]["pending"], done.last["attempts"]) == (130, 1, 0)
    assert "recovered" not in done.err


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0,
    reason="a resolver of its own needs a mount namespace",
)
@pytest.mark.parametrize("signals", [(SIGINT,), (SIGTERM, SIGTERM)])
async def test_n1_p1_a_name_that_is_looked_up_in_vain_keeps_no_run_from_ending(desk, signals):
    desk.write(animals("http://nowhere.example.com", *herd(3)))
    (desk.folder / "resolv.conf").write_text("nameserver 127.0.0.77\n")
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.77", 53))
        running = await desk.start("run", "jobs.yaml", "--json", through=WITH_OWN_RESOLVER)
        await running.says("3 to do")
        await running.until(lambda: desk.states() == {"running": 3})
        for number in signals:
            running.signal(number)
        done = await running.ends_within(2)
    assert done.status == (130 if signals[0] is SIGINT else 143)
    assert (done.last["jobs"]["pending"], done.last["attempts"]) == (3, 0)


async def test_p2_the_second_signal_cuts_and_records_what_it_cut(desk, provider):
    desk.write(animals(provider.url, *herd(8), concurrency=4, price={"image": 0.25}))
    running = await under_way(desk, provider, 4, *[Hang()] * 4)
    running.signal(SIGINT)
    await running.says("stopping")
    running.signal(SIGINT)
    done = await running.ends_within(2)
    assert (done.status, done.last["reason"], done.last["attempts"]) == (130, "interrupted", 4)
    assert (done.last["jobs"]["pending"], done.last["jobs"]["running"]) == (8, 0)
    assert done.last["spent_usd"] == 1.0
    assert not (desk.outputs() / "results.jsonl").exists()
    assert desk.rows("SELECT DISTINCT cause, billed, counted FROM attempts") == [("interrupted", 1, 1)]
    again = await desk.run("resume", "--json")
    assert (again.status, again.last["maybe_billed_twice"], provider.sent) == (0, 4, 12)
    assert "recovered" not in again.err
    accounts_balance(desk, provider)


async def test_p2_what_is_cut_is_held_where_the_manifest_says_so(desk, provider):
    desk.write(animals(provider.url, *herd(3), concurrency=2, retry={"on_unknown": "hold"}))
    running = await under_way(desk, provider, 2, Hang(), Hang())
    running.signal(SIGTERM)
    await running.says("stopping")
    running.signal(SIGTERM)
    done = await running.ends_within(2)
    assert (done.status, done.last["jobs"]["unknown"], done.last["jobs"]["pending"]) == (143, 2, 1)


async def test_p2_two_signals_at_once_leave_nothing_to_recover(desk):
    async with serve(Knobs(latency_s=0.01, record=True)) as provider:
        desk.write(animals(provider.url, *herd(400), concurrency=16))
        for mark in (20, 50, 90, 140):
            running = await desk.start("run", "jobs.yaml", "--json")
            await provider.until(lambda seen, mark=mark: seen.sent >= mark)
            running.signal(SIGINT)
            running.signal(SIGTERM)
            done = await running.ends_within(2)
            assert done.status in {130, 143}
            assert done.last["jobs"]["running"] == 0
            assert done.last["attempts"] == provider.sent
            assert "recovered" not in done.err


async def test_p2_an_answer_that_has_come_is_kept_although_the_run_is_cut(desk, provider):
    answer = said({"data": [{"b64_json": wide_picture()}]})
    desk.write(animals(provider.url, *herd(6), concurrency=6))
    running = await under_way(desk, provider, 6, *[answer] * 6)
    pending = desk.outputs() / ".pending"
    await running.until(lambda: pending.exists() and any(pending.iterdir()))
    running.signal(SIGINT)
    running.signal(SIGTERM)
    done = await running.ends_within(2)
    assert (done.last["jobs"]["succeeded"], done.last["jobs"]["pending"]) == (6, 0)


async def test_p2_a_ticket_that_has_come_outlives_a_cut(desk, provider):
    desk.write(predictions(provider.url, *herd(3)))
    provider.script = lambda seen: Hang() if seen.method == "GET" else None
    running = await desk.start("run", "jobs.yaml", "--json")
    await provider.until(lambda seen: sum(each.method == "GET" for each in seen.requests) == 3)
    running.signal(SIGINT)
    running.signal(SIGTERM)
    done = await running.ends_within(2)
    assert (done.last["attempts"], done.last["jobs"]["pending"]) == (3, 3)
    provider.script = None
    again = await desk.run("resume", "--json")
    assert (again.status, again.last["attempts"], provider.sent) == (0, 3, 3)
    assert again.last["maybe_billed_twice"] == 0


async def test_p2_a_ticket_that_is_being_committed_outlives_a_cut(desk, provider):
    desk.write(predictions(provider.url, "a fox"))
    running = await under_way(desk, provider, 1, Slow(seconds=0.3))
    with desk.locked():
        await provider.until(lambda seen: seen.answered[201] == 1)
        running.signal(SIGINT)
        running.signal(SIGTERM)
        await running.says("stopping")
        await asyncio.sleep(0.1)
    done = await running.ends_within(2)
    assert (done.last["attempts"], done.last["jobs"]["pending"]) == (1, 1)
    again = await desk.run("resume", "--json")
    assert (again.status, again.last["attempts"], provider.sent) == (0, 1, 1)
    assert again.last["maybe_billed_twice"] == 0


async def test_results_that_are_given_up_are_the_ones_before(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    results = desk.outputs() / "results.jsonl"
    before = results.read_bytes()
    with pytest.raises(GivenUp):
        compose.results(str(desk.folder / "runner.db"), "animals", None, until=lambda: True)
    assert results.read_bytes() == before


async def test_p2_the_third_signal_leaves_at_once(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    running = await under_way(desk, provider, 1, Hang())
    with desk.locked():
        for number in (SIGINT, SIGINT):
            running.signal(number)
            await asyncio.sleep(0.1)
        running.signal(SIGINT)
        done = await running.ends_within(1)
    assert done.status == 130
    again = await desk.run("resume", "--json")
    assert "recovered 1 interrupted request" in again.err
    assert (again.status, again.last["maybe_billed_twice"]) == (0, 1)


@pytest.mark.parametrize(("number", "status"), [(SIGINT, 130), (SIGTERM, 143)])
async def test_a_run_that_waits_for_the_queue_before_it_begins_ends_at_once(desk, provider, number, status):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("submit", "jobs.yaml")).status == 0
    with desk.locked():
        running = await desk.start("resume", "--json")
        await running.until((desk.folder / "runner.db.lock").exists)
        await asyncio.sleep(0.3)
        running.signal(number)
        done = await running.ends_within(2)
    assert (done.status, provider.requests) == (status, [])
    assert "Traceback" not in done.err


async def test_a_batch_that_was_killed_is_resumed_from_the_queue_alone(desk, provider):
    desk.write(animals(provider.url, *herd(4), concurrency=2))
    running = await under_way(desk, provider, 2, Hang(), Hang())
    running.signal(SIGKILL)
    await running.ends()
    (desk.folder / "jobs.yaml").unlink()
    desk.write(animals(provider.url, "an owl", name="birds"), "birds.yaml")
    other = await desk.run("run", "birds.yaml")
    assert other.status == 0
    assert "animals: recovered 2 interrupted requests" in other.err
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["batch"], done.last["jobs"]["succeeded"]) == (0, "animals", 4)
    assert (await desk.run("resume")).status == 0


async def test_p3_a_signal_that_was_ignored_at_the_start_stays_ignored(desk, provider):
    desk.write(animals(provider.url, *herd(3), concurrency=1))
    running = await under_way(
        desk, provider, 1, Slow(seconds=0.3), before=lambda: signal.signal(SIGHUP, signal.SIG_IGN)
    )
    running.signal(SIGHUP)
    done = await running.ends()
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 3)
    assert "stopping" not in done.err


async def test_p3_a_terminal_that_is_closed_ends_a_run_in_good_order(desk, provider):
    desk.write(animals(provider.url, *herd(4), concurrency=2))
    ours, theirs = pty.openpty()
    slow = [Slow(seconds=0.5)] * 2
    running = await under_way(desk, provider, 2, *slow, stderr=theirs, before=lambda: controlled_by(theirs))
    os.close(theirs)
    os.close(ours)
    done = await running.ends()
    assert (done.status, desk.states()) == (143, {"succeeded": 2, "pending": 2})
    assert desk.rows("SELECT state, reason FROM batches") == [("stopped", "interrupted")]


async def test_a_run_whose_words_nobody_reads_any_more_goes_on(desk, provider):
    desk.write(animals(provider.url, *herd(3), concurrency=1))
    running = await under_way(desk, provider, 1, Slow(seconds=0.7))
    running.deafen()
    done = await running.ends()
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 3)


@pytest.mark.parametrize(("number", "status"), [(SIGINT, 130), (SIGTERM, 143)])
async def test_a_signal_while_expanding_undoes_it(desk, provider, number, status):
    (desk.folder / "many.txt").write_text("a fox\n" * 90_000)
    manifest = animals(provider.url)
    manifest["jobs"] = [{"model": "sdxl", "file": "many.txt"}]
    desk.write(manifest)
    running = await desk.start("run", "jobs.yaml", "--json")
    await running.until((desk.folder / "runner.db-wal").exists)
    await asyncio.sleep(0.3)
    running.signal(number)
    done = await running.ends_within(2)
    assert (done.status, done.out) == (status, "")
    assert "Traceback" not in done.err
    assert desk.rows("SELECT count(*) FROM jobs") == [(0,)]
    assert provider.requests == []


class Hurried(asyncio.SelectorEventLoop):
    """An event loop whose clock can be set ahead."""

    ahead_s = 0.0

    def time(self):
        return super().time() + self.ahead_s


@pytest.mark.parametrize(("number", "grace_s"), [(SIGINT, 60), (SIGTERM, 20), (SIGHUP, 20)])
def test_p1_p3_what_is_in_flight_has_its_grace_and_is_cut_then(number, grace_s):
    loop = Hurried()

    async def scene():
        stop, told = Stop(), []
        async with heeding_signals(stop, told.append, leave=pytest.fail):
            signal.raise_signal(number)
            await stop.asked.wait()
            with stop.cutting:
                for loop.ahead_s in (0, grace_s - 1):
                    await asyncio.sleep(0.05)
                    assert not stop.is_cut
                loop.ahead_s = grace_s
                await asyncio.sleep(5)
        assert (stop.is_cut, stop.signal, told) == (True, number, [1])

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(scene())


def test_what_handled_signals_before_does_so_again():
    def handler(*_):
        pass

    async def scene():
        async with heeding_signals(Stop(), lambda _: None, leave=pytest.fail):
            pass

    before = signal.signal(SIGTERM, handler)
    try:
        asyncio.run(scene())
        assert signal.getsignal(SIGTERM) is handler
    finally:
        signal.signal(SIGTERM, before)


def predictions(url, *prompts):
    """A manifest for an API that takes a job and is asked for it later."""
    poll = {"path": "/predictions/{{ id }}", "until": "status == 'succeeded'", "every": 0.05}
    endpoint = {"dialect": "json-http", "url": url, "path": "/predictions", "texts": "text", "poll": poll}
    return {
        "name": "animals",
        "endpoints": {"slow": {**endpoint, "body": {"input": {"prompt": "{{ prompt }}"}}}},
        "jobs": [{"prompts": list(prompts)}],
    }


def wide_picture():
    """Little to send, and long to decode: base64 of 25 megapixels in one colour."""
    file = io.BytesIO()
    Image.new("RGB", (5000, 5000)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def controlled_by(terminal):
    """In a new process: the terminal ends it by SIGHUP when it is closed."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


@contextmanager
def deaf():
    """The address of a server that takes no more connections: whoever calls waits for one."""
    with socket.socket() as server, ExitStack() as callers:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(server.getsockname())
        yield "http://{}:{}".format(*server.getsockname())
