"""What people ask of a run from beside it; what one run knows of a provider's limits, the next knows too."""

import time
from datetime import UTC, datetime, timedelta
from signal import SIGKILL

import pytest
from runs import animals, herd

from runner.demo import Hang, Knobs, Slow, refused, serve


def stopped(done):
    return done.status, done.last["reason"]


def why(desk, batch="animals"):
    return desk.rows("SELECT why FROM batches WHERE name = ?", batch)[0][0]


def limited(**limits):
    return {"limits": limits}


async def paused(desk, provider, *options, acts=3):
    """A runner of six jobs that is paused after so many requests, none of them in flight."""
    provider.play(*[Slow(seconds=1.5)] * acts)
    desk.write(animals(provider.url, *herd(6), concurrency=acts))
    running = await desk.start("run", "jobs.yaml", "--json", *options)
    await provider.until(lambda seen: seen.in_flight == acts)
    told = await desk.run("pause", "--json")
    assert told.last == {"batch": "animals", "paused": True}
    return running


async def test_a_pause_lets_nothing_more_out_and_ends_nothing(desk, provider):
    running = await paused(desk, provider)
    await running.until(lambda: why(desk) == "paused" and desk.states().get("succeeded") == 3)
    seen = await desk.run("status")
    assert "waiting: paused: `runner resume animals` goes on" in seen.out
    assert (provider.sent, running.process.returncode) == (3, None)
    resumed = await desk.run("resume", "animals")
    assert (resumed.status, "its runner goes on" in resumed.err) == (0, True)
    done = await running.ends()
    assert (stopped(done), provider.sent) == ((0, None), 6)


async def test_a_batch_that_is_paused_in_its_last_jobs_ends_with_them(desk, provider):
    provider.play(*[Slow(seconds=1.5)] * 2)
    desk.write(animals(provider.url, *herd(2)))
    running = await desk.start("run", "jobs.yaml", "--json")
    await provider.until(lambda seen: seen.in_flight == 2)
    await desk.run("pause")
    assert stopped(await running.ends()) == (0, None)
    assert desk.rows("SELECT paused FROM batches") == [(0,)]


async def test_a_paused_run_that_waits_for_nothing_stops(desk, provider):
    running = await paused(desk, provider, "--no-wait")
    done = await running.ends()
    assert (stopped(done), provider.sent) == ((75, "paused"), 3)
    assert stopped(await desk.run("resume", "--json")) == (0, None)


async def test_a_pause_where_nothing_runs_says_so(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    await desk.run("submit", "jobs.yaml")
    done = await desk.run("pause")
    assert (done.status, done.out) == (0, "")
    assert done.err == "animals: no runner is at work on it, so nothing is sent\n"
    assert (await desk.run("run", "jobs.yaml")).status == 0


async def test_what_is_set_beside_a_run_holds_within_a_second_and_in_the_next_run(desk, provider):
    provider.play(*[Slow(seconds=3)] * 4)
    desk.write(animals(provider.url, *herd(8), concurrency=1))
    running = await desk.start("run", "jobs.yaml")
    await provider.until(lambda seen: seen.in_flight == 1)
    done = await desk.run("set", "nebula", "concurrency=4", "--json")
    set_at = time.monotonic()
    assert done.last == {
        "batch": "animals",
        "endpoint": "nebula",
        "concurrency": "4",
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "requests_per_day": None,
    }
    await provider.until(lambda seen: seen.in_flight == 4)
    assert time.monotonic() - set_at < 1
    running.signal(SIGKILL)
    await running.ends()
    await provider.until(lambda seen: seen.in_flight == 0)
    provider.play(*[Slow(seconds=0.5)] * 9)
    resumed = await desk.run("resume")
    assert (resumed.status, provider.peak) == (0, 4)
    assert "nebula: concurrency=4, as `runner set` has it and not the manifest" in resumed.err


async def test_a_slower_pace_holds_while_it_runs(desk, provider):
    provider.play(*[Slow(seconds=2)])
    desk.write(animals(provider.url, *herd(40), concurrency=1))
    running = await desk.start("run", "jobs.yaml")
    await provider.until(lambda seen: seen.in_flight == 1)
    assert (await desk.run("set", "nebula", "requests_per_minute=60")).out == (
        "animals: nebula requests_per_minute=60\n"
    )
    await provider.until(lambda seen: seen.sent == 4)
    times = [seen.at for seen in provider.requests][1:]
    assert times[-1] - times[0] >= 1.9
    assert (await desk.run("set", "nebula", "requests_per_minute=")).out == (
        "animals: nebula as the manifest says\n"
    )
    assert (await running.ends()).status == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nebulla", "concurrency=4"), "no endpoint 'nebulla' in batch 'animals'. Did you mean 'nebula'?"),
        (("nebula", "concurency=4"), "'concurency=4' is not one of concurrency=N"),
        (("nebula", "concurrency"), "'concurrency' is not one of"),
        (("nebula", "concurrency=0"), "a whole number from 1 or auto expected"),
        (("nebula", "requests_per_day=auto"), "a whole number from 1 expected"),
    ],
)
async def test_what_cannot_be_set_is_refused(desk, provider, arguments, words):
    desk.write(animals(provider.url, "a fox"))
    await desk.run("submit", "jobs.yaml")
    done = await desk.run("set", *arguments)
    assert (done.status, words in " ".join(done.err.split())) == (2, True), done.err
    assert desk.rows("SELECT concurrency FROM lanes") == [(None,)]


def hours_from_now(hours):
    return f"{datetime.now(UTC) + timedelta(hours=hours):%H:%M}"


async def test_a_day_quota_is_counted_over_starts_kills_and_batches(desk, provider):
    resets_at = hours_from_now(2)
    limits = {**limited(requests_per_day=7, resets_at=resets_at), "price": {"image": 0.01}}
    desk.write(animals(provider.url, *herd(6), key="${KEY}", **limits))
    desk.write(animals(provider.url, *herd(6), name="more", key="${KEY}", **limits), "more.yaml")
    (desk.folder / ".env").write_text("KEY=sk-0123456789abcdef\n")
    assert stopped(await desk.run("run", "jobs.yaml", "--json", "--limit", "2")) == (75, "limit")
    provider.play(*[Hang()] * 2)
    second = await desk.start("run", "jobs.yaml", "--limit", "2")
    await provider.until(lambda seen: seen.in_flight == 2)
    second.signal(SIGKILL)
    await second.ends()
    third = await desk.run("resume", "--json", "--no-wait")
    assert (stopped(third), provider.sent) == ((75, "quota"), 7)
    seen = (await desk.run("status")).out
    assert f"waiting: nebula: day quota 7/7, opens {resets_at} UTC" in seen
    assert f"nebula: 7 of 7 requests since {resets_at} UTC with its key, $0.0700\n" in seen
    other = await desk.run("run", "more.yaml", "--json", "--no-wait")
    assert (stopped(other), provider.sent) == ((75, "quota"), 7)
    raised = limited(requests_per_day=9, resets_at=resets_at)
    desk.write(animals(provider.url, *herd(6), key="${KEY}", **raised))
    fourth = await desk.run("run", "jobs.yaml", "--json", "--no-wait")
    assert (stopped(fourth), provider.sent) == ((0, None), 8)
    assert desk.rows("SELECT sum(requests) FROM ledger") == [(8,)]


async def test_another_key_has_a_day_of_its_own(desk, provider):
    (desk.folder / ".env").write_text("ONE=sk-0123456789abcdef\nTWO=sk-fedcba9876543210\n")
    for key, name in (("${ONE}", "jobs.yaml"), ("${TWO}", "more.yaml")):
        limits = limited(requests_per_day=2, resets_at=hours_from_now(2))
        desk.write(animals(provider.url, *herd(2), name=name[:4], key=key, **limits), name)
    assert stopped(await desk.run("run", "jobs.yaml", "more.yaml", "--json", "--no-wait")) == (0, None)
    assert desk.rows("SELECT requests FROM ledger") == [(2,), (2,)]


async def test_a_run_that_waits_for_a_new_day_says_so_and_heeds_more_of_it(desk, provider):
    resets_at = hours_from_now(2)
    desk.write(animals(provider.url, *herd(3), **limited(requests_per_day=2, resets_at=resets_at)))
    running = await desk.start("run", "jobs.yaml")
    await running.until(lambda: desk.states() and why(desk) is not None)
    assert why(desk) == f"nebula: day quota 2/2, opens {resets_at} UTC"
    assert f"waiting: {why(desk)}" in (await desk.run("status")).out
    await desk.run("set", "nebula", "requests_per_day=3")
    assert ((await running.ends()).status, provider.sent) == (0, 3)


async def test_n17_a_cooldown_is_not_shortened_by_a_kill_and_holds_for_other_batches(desk, provider):
    provider.play(refused(429, retry_after="4"))
    desk.write(animals(provider.url, *herd(3), concurrency=1))
    desk.write(animals(provider.url, *herd(2), name="more"), "more.yaml")
    running = await desk.start("run", "jobs.yaml")
    await running.until(lambda: desk.states() and desk.rows("SELECT 1 FROM attempts"))
    refused_at = time.monotonic()
    running.signal(SIGKILL)
    await running.ends()
    other = await desk.start("run", "more.yaml", "--json")
    assert "waiting: nebula: rate limited until" in (await desk.run("status", "animals")).out
    assert stopped(await other.ends()) == (0, None)
    assert time.monotonic() - refused_at > 3.5
    assert provider.answered[429] == 1


async def test_a_long_cooldown_is_told_while_it_lasts(desk, provider):
    provider.play(refused(429, retry_after="3600"))
    desk.write(animals(provider.url, *herd(3), concurrency=1))
    running = await desk.start("run", "jobs.yaml")
    await running.until(lambda: desk.states() and why(desk) is not None)
    assert "rate limited until" in why(desk)
    assert why(desk) in (await desk.run("status")).out
    running.signal(SIGKILL)
    await running.ends()
    again = await desk.run("resume", "--json", "--no-wait")
    assert (stopped(again), provider.sent) == ((75, "quota"), 1)


async def test_a_budget_warns_before_it_is_spent(desk):
    async with serve(Knobs(latency_s=0.02, record=True)) as provider:
        desk.write({**animals(provider.url, *herd(10), concurrency=1), "budget": {"requests": 9}})
        done = await desk.run("run", "jobs.yaml", "--json")
        assert stopped(done) == (75, "budget")
        assert done.err.count("more than 80% of the budget of 9 requests is spent") == 1
