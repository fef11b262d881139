"""A job that ends its runner is found, and fails alone; one that was only near is not blamed."""

import os
from signal import SIGABRT, SIGKILL

from runs import accounts_balance, animals, herd

from runner.demo import Hang

KILLS = 4


def asked(provider, prompt):
    return sum(each.json["prompt"] == prompt for each in provider.requests if each.method == "POST")


async def ended_by(desk, provider, number, holds, *, most=8):
    """Runs, each ended by the provider where `holds` of a request; the last one, and how many before it."""
    running = []

    def act(seen):
        if seen.method == "POST" and holds(seen):
            os.kill(running[-1].pid, number)

    provider.script = act
    for times in range(most):
        running.append(await desk.start("run", "jobs.yaml", "--json"))
        done = await running[-1].ends()
        if done.status != -number:
            return done, times
    raise AssertionError("it never came to its end")


async def test_p12_a_job_that_ends_its_runner_fails_alone_and_the_run_goes_on(desk, provider):
    desk.write(animals(provider.url, *herd(5), "poison", concurrency=4))
    done, crashes = await ended_by(desk, provider, SIGABRT, lambda seen: seen.json["prompt"] == "poison")
    assert (done.status, crashes) == (1, 3)
    jobs = done.last["jobs"]
    assert (jobs["succeeded"], jobs["failed"], asked(provider, "poison")) == (5, 1, 3)
    [line] = [line for line in desk.results() if line["prompt"] == "poison"]
    assert (line["cause"], line["attempts"]) == ("bug", 3)
    assert "it ended its runner 3 times, the last time while it ran alone" in line["message"]
    assert f"{line['id']} failed: it ended its runner" in done.err
    assert line["message"].endswith("Fatal Python error: Aborted")
    assert "most recent call first" in (desk.folder / "runner.db.crash").read_text()
    assert f"its trace is {desk.folder / 'runner.db.crash'}" in done.err
    assert not (desk.folder / "runner.db.trace").exists()
    accounts_balance(desk, provider)


async def test_p12_what_was_in_flight_at_two_crashes_runs_last_and_alone(desk, provider):
    desk.write(animals(provider.url, *herd(6), "poison", concurrency=4))
    crashes = []

    def poisoned(seen):
        if seen.json["prompt"] == "poison" and len(crashes) < 2:
            crashes.append(provider.in_flight)
            return True
        return False

    done, _ = await ended_by(desk, provider, SIGKILL, poisoned)
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 7)
    assert "in flight at two crashes or more, so last to run, and alone: " in done.err
    assert provider.requests[-1].json["prompt"] == "poison"
    assert desk.rows("SELECT count(*) FROM jobs WHERE cause IS NOT NULL") == [(0,)]


async def test_p12_kills_from_outside_fail_no_job(desk, provider):
    desk.write(animals(provider.url, *herd(8), concurrency=4))
    started = []

    def act(_seen):
        if len(started) > KILLS:
            return None
        if provider.in_flight >= 3:
            os.kill(started[-1].pid, SIGKILL)
        return Hang()

    provider.script = act
    for _ in range(KILLS):
        started.append(await desk.start("run", "jobs.yaml"))
        assert (await started[-1].ends()).status == -SIGKILL
    started.append(None)
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 8)
    accounts_balance(desk, provider)
