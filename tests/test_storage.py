"""Runs on disks that are full, read-only or gone: nothing paid for is lost, and it is said what to do."""

import os
import re
from pathlib import Path

import pytest
from runs import Desk, accounts_balance, animals, herd
from small_disk import grow, small_disk


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
