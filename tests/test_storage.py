"""Runs on disks that are full, read-only or gone: nothing paid for is lost, and it is said what to do."""

import asyncio
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from runs import Desk, accounts_balance, animals, herd
from small_disk import grow, small_disk

from runner import database
from runner.demo import Slow


@pytest.fixture
async def small(tmp_path: Path):
    """A desk on a disk of four megabytes."""
    with small_disk(tmp_path / "disk") as folder:
        async with Desk.at(folder) as desk:
            yield desk


def left_over(desk):
    """Files that nobody is to find after a run."""
    return [path.name for path in desk.folder.rglob("*") if path.name.endswith((".ballast", ".part"))]


def free(folder):
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


async def test_s1_s2_a_small_disk_fills_up_and_nothing_is_lost_or_paid_twice(small, provider):
    small.write(animals(provider.url, *herd(300), params={"width": 96, "height": 96}, concurrency=8))
    full = await small.run("run", "jobs.yaml", "--json")
    assert (full.status, full.last["reason"]) == (75, "disk"), full.err
    assert re.search(r"disk full: \d+ results? saved, 0 lost; free \d+ MB and run again", full.err)
    assert full.last["jobs"]["pending"] > 0 < full.last["jobs"]["succeeded"]
    assert (full.last["jobs"]["running"], full.last["attempts"]) == (0, provider.sent)
    assert left_over(small) == []
    (small.folder / "others").write_bytes(bytes(free(small.folder) - 100_000))
    refused = await small.run("run", "jobs.yaml")
    assert refused.status == 75
    assert "disk full" in refused.err
    assert "runner.db.ballast" in refused.err
    assert provider.sent == full.last["attempts"]
    grow(small.folder, "64m")
    done = await small.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["maybe_billed_twice"], provider.sent) == (0, 0, 300), done.err
    assert max(provider.paid.values()) == 1
    assert "recovered" not in done.err
    assert len(small.results()) == len(small.pictures()) == 300
    accounts_balance(small, provider)


async def test_s8_a_run_whose_outputs_are_deleted_stops_and_keeps_what_is_in_flight(desk, provider):
    desk.write(animals(provider.url, *herd(12), concurrency=4))
    provider.play(*[Slow(seconds=0)] * 4, *[Slow(seconds=2.0)] * 4)
    running = await desk.start("run", "jobs.yaml", "--json")
    await running.until(lambda: len(list(desk.outputs().glob("*.png"))) == 4)
    await running.until(lambda: not any((desk.outputs() / ".pending").iterdir()))
    desk.outputs().rename(desk.folder / "away")
    await running.says("was deleted or replaced while running: stopping")
    done = await running.ends()
    assert (done.status, done.last["reason"]) == (75, "disk")
    assert done.last["jobs"]["succeeded"] == provider.sent
    found = (await desk.run("verify", "--repair", "--yes", "--json")).last
    assert (found["missing"], found["files"]) == (4, provider.sent)
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, len(desk.pictures()), done.last["maybe_billed_twice"]) == (0, 12, 4)


async def taken_away(desk, provider, act):
    """A run whose queue is dealt with so while four requests are in flight."""
    desk.write(animals(provider.url, *herd(12), concurrency=4))
    provider.play(*[Slow(seconds=1.5)] * 4)
    running = await desk.start("run", "jobs.yaml", "--json")
    await provider.until(lambda seen: seen.sent == 4)
    act(desk.folder / "runner.db")
    await running.says("runner.db was replaced while running: stopping")
    return await running.ends()


def replaced(path):
    """By another queue, and its log is gone."""
    database.named(path.with_name("other.db")).prepare()
    path.with_name("other.db").replace(path)


def all_gone(path):
    for each in path.parent.glob("runner.db*"):
        each.unlink()


@pytest.mark.parametrize(
    "act", [Path.unlink, replaced, all_gone, lambda path: path.rename(path.with_name("elsewhere.db"))]
)
async def test_s7_a_queue_that_is_taken_away_while_running_is_saved_and_goes_on(desk, provider, act):
    done = await taken_away(desk, provider, act)
    assert (done.status, done.last["reason"], provider.sent) == (75, "disk", 4), done.err
    assert (done.last["jobs"]["succeeded"], done.last["jobs"]["pending"]) == (4, 8)
    [copy] = desk.folder.glob("runner.db.saved-*Z")
    assert f"runner --db {copy} resume animals" in done.err
    assert copy.stat().st_mode & 0o777 == 0o600
    again = await desk.run("--db", str(copy), "resume", "animals", "--json")
    assert (again.status, again.last["maybe_billed_twice"], provider.sent) == (0, 0, 12)


async def test_s7_no_other_manifest_is_begun_once_the_queue_is_taken_away(desk, provider):
    desk.write(animals(provider.url, "a fox", name="one"), "one.yaml")
    desk.write(animals(provider.url, "an owl", name="two"), "two.yaml")
    provider.play(Slow(seconds=1.0))
    running = await desk.start("run", "one.yaml", "two.yaml", "--json")
    await provider.until(lambda seen: seen.sent == 1)
    (desk.folder / "runner.db").unlink()
    done = await running.ends()
    assert (done.status, provider.sent) == (75, 1)


async def test_s7_a_new_queue_beside_the_outputs_of_a_lost_one_is_refused(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    all_gone(desk.folder / "runner.db")
    for command in ("run", "submit"):
        refused = await desk.run(command, "jobs.yaml")
        assert refused.status == 2
        assert "mv outputs/animals outputs/animals.old" in refused.err.replace(f"{desk.folder}/", "")
    assert provider.sent == 1
    desk.outputs().rename(desk.folder / "old")
    assert (await desk.run("run", "jobs.yaml")).status == 0


async def test_s7_another_batch_in_a_new_queue_is_nobodys_concern(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    all_gone(desk.folder / "runner.db")
    desk.write(animals(provider.url, "an owl", name="birds"))
    assert (await desk.run("run", "jobs.yaml")).status == 0


async def test_s4_while_the_queue_is_locked_nothing_is_claimed_and_what_was_in_flight_is_kept(desk, provider):
    desk.write(animals(provider.url, *herd(6), concurrency=2))
    provider.play(*[Slow(seconds=0.5)] * 2)
    running = await desk.start("run", "jobs.yaml", "--json")
    await provider.until(lambda seen: seen.sent == 2)
    with desk.locked():
        await running.until(lambda: len(list((desk.outputs() / ".pending").glob("*-1-*.png"))) == 2)
        await asyncio.sleep(0.5)
        assert provider.sent == 2
        assert desk.states() == {"pending": 4, "running": 2}
    done = await running.ends()
    assert (done.status, done.last["maybe_billed_twice"], provider.sent) == (0, 0, 6)
    accounts_balance(desk, provider)


def failing(call, *, after):
    """A command under which a system call fails from its so-manieth time in a thread on: a dying disk."""
    return (
        *("strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={call}"),
        *("-e", f"inject={call}:error=EIO:when={after}+"),
    )


def can_inject():
    command = [*failing("fdatasync", after=1), "true"]
    return shutil.which("strace") is not None and subprocess.run(command, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not can_inject(), reason="faults of the disk are made by strace")


@needs_strace
@pytest.mark.parametrize("after", [1, 4, 6])
async def test_s11_a_commit_whose_sync_failed_is_never_taken_for_one(desk, provider, after):
    desk.write(animals(provider.url, *herd(12), concurrency=2))
    assert (await desk.run("submit", "jobs.yaml")).status == 0
    broken = await desk.run("resume", "--json", through=failing("fdatasync", after=after))
    assert broken.status == 75, broken.err
    assert "runner.db: disk I/O error" in broken.err
    assert "Traceback" not in broken.err
    paid = provider.sent
    assert paid < 12
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 12)
    accounts_balance(desk, provider)


@needs_strace
async def test_s11_a_picture_whose_sync_failed_is_never_taken_for_one(desk, provider):
    desk.write(animals(provider.url, *herd(40), concurrency=2))
    assert (await desk.run("submit", "jobs.yaml")).status == 0
    broken = await desk.run("resume", "--json", through=failing("fsync", after=9))
    assert (broken.status, broken.last["reason"]) == (75, "disk"), broken.err
    assert "Input/output error" in broken.err
    assert broken.last["jobs"]["running"] == 0
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 40)
    assert left_over(desk) == []
    accounts_balance(desk, provider)


@pytest.mark.parametrize("room", [0, 60_000, 400_000])
async def test_s1_a_manifest_that_has_no_room_is_submitted_whole_or_not_at_all(small, provider, room):
    small.write(animals(provider.url, *herd(3000)))
    others = small.folder / "others"
    others.write_bytes(bytes(free(small.folder) - room))
    done = await small.run("run", "jobs.yaml")
    assert (done.status, provider.requests) == (75, []), done.err
    assert "disk full" in done.err
    assert "Traceback" not in done.err
    assert small.states() == {}
    others.unlink()
    assert (await small.run("submit", "jobs.yaml")).status == 0
    assert small.states() == {"pending": 3000}
