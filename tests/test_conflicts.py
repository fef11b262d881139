"""A file that is not ours is found before anything is sent, and never written over."""

import hashlib

import pytest
from runs import animals

from runner.demo import Slow

MINE = b"a year's work"


def plant_file(path):
    path.write_bytes(MINE)


def plant_link(path):
    path.symlink_to(path.with_name("elsewhere"))


def plant_folder(path):
    path.mkdir()


def named(*names):
    return {
        "prompts": [
            {"id": name, "prompt": f"a {name}", "params": {"width": 64, "height": 64}} for name in names
        ],
        "model": "sdxl",
    }


@pytest.mark.parametrize("plant", [plant_file, plant_link, plant_folder])
async def test_s9_a_file_of_that_name_is_a_conflict_before_anything_is_sent(desk, provider, plant):
    desk.write({**animals(provider.url), "jobs": [named("fox", "owl")]})
    desk.outputs().mkdir(parents=True)
    plant(desk.outputs() / "fox.png")
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["failed"], done.last["jobs"]["succeeded"]) == (1, 1, 1)
    assert (done.last["attempts"], [seen.json["prompt"] for seen in provider.requests]) == (1, ["a owl"])
    conflict = desk.results()[0]
    assert (conflict["id"], conflict["cause"], conflict["attempts"]) == ("fox", "conflict", 0)
    assert str(desk.outputs() / "fox.png") in conflict["message"]
    assert not (desk.outputs() / "elsewhere").exists()


async def test_s9_once_it_is_moved_away_a_retry_finishes_the_job(desk, provider):
    desk.write({**animals(provider.url), "jobs": [named("fox")]})
    desk.outputs().mkdir(parents=True)
    path = desk.outputs() / "fox.png"
    plant_file(path)
    assert (await desk.run("run", "jobs.yaml")).status == 1
    assert (await desk.run("run", "jobs.yaml")).status == 1
    assert path.read_bytes() == MINE
    path.unlink()
    assert (await desk.run("retry", "--json")).last["retried"] == 1
    assert (await desk.run("resume")).status == 0
    assert (path.is_file(), provider.sent) == (True, 1)


async def test_s9_a_file_that_comes_while_the_request_is_under_way_is_not_written_over(desk, provider):
    desk.write({**animals(provider.url), "jobs": [named("fox")]})
    provider.play(Slow(seconds=0.3))
    running = await desk.start("run", "jobs.yaml", "--json")
    await provider.until(lambda seen: seen.sent == 1)
    plant_file(desk.outputs() / "fox.png")
    assert (await running.ends()).status == 0
    assert (desk.outputs() / "fox.png").read_bytes() == MINE
    [[output]] = [line["outputs"] for line in desk.results()]
    picture = (desk.outputs() / output["path"]).read_bytes()
    assert hashlib.sha256(picture).hexdigest() == output["sha256"]
    assert desk.pictures() == sorted(["fox.png", output["path"]])


async def test_s9_a_file_that_comes_after_a_kill_is_not_written_over_by_the_adoption(desk, provider):
    desk.write({**animals(provider.url), "jobs": [named("fox")]})
    assert (await desk.run("run", "jobs.yaml", crash_at="renamed")).status == -9
    plant_file(desk.outputs() / "fox.png")
    done = await desk.run("resume", "--json")
    assert (done.status, provider.sent) == (0, 1)
    assert (desk.outputs() / "fox.png").read_bytes() == MINE
    [[output]] = [line["outputs"] for line in desk.results()]
    assert hashlib.sha256((desk.outputs() / output["path"]).read_bytes()).hexdigest() == output["sha256"]
