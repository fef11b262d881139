"""SIGKILL at every place where it could hurt: nothing is lost, nothing recorded twice, nothing hidden."""

import hashlib
import json
import sqlite3
from contextlib import closing

import pytest
from runs import accounts_balance, animals, herd

from runner.demo import Hang, refused

KILLED = -9


def paid(provider):
    """How often each prompt was paid for."""
    return {json.loads(body)["prompt"]: count for body, count in provider.paid.items()}


def whole(desk):
    """Every output of the results is there with the content that they tell, and no other file is."""
    told = [output for line in desk.results() for output in line["outputs"]]
    for output in told:
        content = (desk.outputs() / output["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (output["bytes"], output["sha256"])
    assert desk.pictures() == sorted(output["path"] for output in told)


async def test_p4_a_kill_while_expanding_leaves_the_same_jobs_to_the_next_start(desk, provider):
    desk.write(animals(provider.url, *herd(40)))
    assert (await desk.run("submit", "jobs.yaml", crash_at="expanding:30")).status == KILLED
    assert desk.rows("SELECT count(*) FROM jobs") == [(0,)]
    assert (await desk.run("submit", "jobs.yaml", "--json")).last["new"] == 40
    keys = desk.rows("SELECT key, id FROM jobs ORDER BY position")
    (desk.folder / "runner.db").rename(desk.folder / "killed.db")
    await desk.run("submit", "jobs.yaml")
    assert desk.rows("SELECT key, id FROM jobs ORDER BY position") == keys
    assert provider.requests == []


async def test_p4_a_kill_while_expanding_again_leaves_the_batch_as_it_was(desk, provider):
    desk.write(animals(provider.url, *herd(4)))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    desk.write(animals(provider.url, *herd(8)[2:]))
    assert (await desk.run("run", "jobs.yaml", crash_at="expanding:5")).status == KILLED
    assert desk.states() == {"succeeded": 4}
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 8)
    assert sorted(provider.paid.values()) == [1] * 8


POINTS = [
    # crash point, of 8 jobs at 4 at once: most that are sent again, said at the next start
    ("claimed:1", 4, "recovered 4 interrupted requests, up to $0.16 may be billed twice"),
    ("sent:7", 4, "interrupted request"),
    ("answered:1", 4, "recovered 4 interrupted requests, up to $0.16 may be billed twice"),
    ("answered:6", 4, "interrupted request"),
    ("writing:5", 4, "interrupted request"),
    ("renamed:1", 3, "adopted "),
    ("renamed:5", 3, "adopted "),
    ("committed:1", 4, ""),
    ("committed:3", 4, ""),
]


@pytest.mark.parametrize(("point", "most", "said"), POINTS, ids=[point for point, _, _ in POINTS])
async def test_p5_to_p8_a_kill_at_any_point_loses_nothing_and_says_what_it_cost(
    desk, provider, point, most, said
):
    desk.write(animals(provider.url, *herd(8), concurrency=4, price={"image": 0.04}))
    assert (await desk.run("run", "jobs.yaml", crash_at=point)).status == KILLED
    sent, paid = provider.sent, provider.billed
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["jobs"]["succeeded"], done.last["outputs"]) == (0, 8, 8)
    assert said in done.err
    assert provider.sent - 8 <= most
    assert done.last["maybe_billed_twice"] <= most
    assert provider.billed - 8 <= done.last["maybe_billed_twice"]
    assert paid <= sent <= 8
    accounts_balance(desk, provider)
    whole(desk)


async def test_p5_a_job_that_may_have_been_billed_is_held_where_the_manifest_says_so(desk, provider):
    provider.play(Hang(), Hang())
    desk.write(animals(provider.url, *herd(6), concurrency=2, retry={"on_unknown": "hold"}))
    assert (await desk.run("run", "jobs.yaml", crash_at="sent:2")).status == KILLED
    sent = provider.sent
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["jobs"]["unknown"], done.last["jobs"]["succeeded"]) == (1, 2, 4)
    assert done.last["maybe_billed_twice"] == 0
    assert provider.sent == sent + 4
    assert (await desk.run("retry", "--json")).last["retried"] == 2
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["jobs"]["succeeded"], done.last["maybe_billed_twice"]) == (0, 6, 2)
    accounts_balance(desk, provider)


async def test_p5_a_batch_whose_runner_was_killed_is_shown_as_interrupted(desk, provider):
    provider.play(Hang(), Hang())
    desk.write(animals(provider.url, *herd(4), concurrency=2))
    assert (await desk.run("run", "jobs.yaml", crash_at="sent:2")).status == KILLED
    for command in ("status", "batches"):
        shown = (await desk.run(command, "--json")).last
        assert (shown["state"], shown["reason"], shown["jobs"]["running"]) == ("stopped", "interrupted", 2)
    assert "its runner is gone" in (await desk.run("status")).out
    assert (await desk.run("resume", "--json")).last["state"] == "finished"


async def test_p6_a_kill_costs_no_try(desk, provider):
    desk.write(animals(provider.url, "a fox", retry={"attempts": 1, "maybe_billed": 0}))
    for _ in range(4):
        assert (await desk.run("run", "jobs.yaml", crash_at="answered")).status == KILLED
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["attempts"], done.last["maybe_billed_twice"]) == (0, 5, 4)
    assert list(provider.paid.values()) == [5]
    shown = (await desk.run("show", desk.results()[0]["id"], "--json")).last
    assert [each["cause"] for each in shown["history"]] == ["interrupted"] * 4 + [None]
    assert [each["again"] for each in shown["history"]] == [False, True, True, True, True]


async def test_p7_what_was_half_written_is_removed_at_the_next_start(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml", crash_at="writing")).status == KILLED
    assert [path.rpartition(".")[2] for path in desk.pictures()] == ["part"]
    assert (await desk.run("run", "jobs.yaml")).status == 0
    whole(desk)


async def test_p8_pictures_that_were_kept_and_never_committed_are_adopted_and_not_sent_again(desk, provider):
    desk.write(animals(provider.url, "a fox", params={"n": 3}, price={"image": 0.5}))
    assert (await desk.run("run", "jobs.yaml", crash_at="renamed:3")).status == KILLED
    done = await desk.run("resume", "--json")
    assert "adopted 1 finished output" in done.err
    assert (done.status, done.last["outputs"], done.last["spent_usd"]) == (0, 3, 1.5)
    assert (done.last["attempts"], done.last["maybe_billed_twice"], provider.sent) == (1, 0, 1)
    whole(desk)


async def test_p8_a_part_of_an_attempts_pictures_is_not_adopted_but_kept_as_evidence(desk, provider):
    desk.write(animals(provider.url, "a fox", params={"n": 3}))
    assert (await desk.run("run", "jobs.yaml", crash_at="renamed:2")).status == KILLED
    done = await desk.run("resume", "--json")
    assert "adopted" not in done.err
    assert (done.status, done.last["outputs"], done.last["maybe_billed_twice"]) == (0, 3, 1)
    evidence = [path for path in desk.pictures() if path.startswith(".evidence/")]
    assert len(evidence) == 2
    assert len(desk.pictures()) == 5


async def test_p8_a_damaged_file_is_not_adopted(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml", crash_at="renamed")).status == KILLED
    [kept] = (desk.outputs() / ".pending").iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])
    done = await desk.run("resume", "--json")
    assert "adopted" not in done.err
    assert (done.status, done.last["maybe_billed_twice"], provider.sent) == (0, 1, 2)


async def test_p8_a_committed_picture_without_its_name_gets_it(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml", crash_at="committed")).status == KILLED
    assert [path.partition("/")[0] for path in desk.pictures()] == [".pending"]
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, provider.sent) == (0, 1)
    whole(desk)


async def test_a_kill_after_which_the_manifest_no_longer_has_the_job_sends_it_no_more(desk, provider):
    provider.play(Hang(), Hang())
    desk.write(animals(provider.url, "a fox", "an owl", concurrency=2))
    assert (await desk.run("run", "jobs.yaml", crash_at="sent:2")).status == KILLED
    desk.write(animals(provider.url, "an owl"))
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"], done.last["jobs"]["cancelled"]) == (0, 1, 1)
    assert paid(provider) == {"a fox": 1, "an owl": 2}


async def test_a_kill_after_which_the_endpoint_has_another_name_can_be_recovered_from(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml", crash_at="answered")).status == KILLED
    manifest = animals(provider.url, "a fox")
    manifest["endpoints"] = {"other": manifest["endpoints"]["nebula"]}
    desk.write(manifest)
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"], done.last["jobs"]["cancelled"]) == (0, 1, 1)
    assert provider.sent == 2


async def test_results_are_whole_or_the_ones_before(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    before = desk.results()
    desk.write(animals(provider.url, "a fox", "an owl"))
    assert (await desk.run("run", "jobs.yaml", crash_at="renamed")).status == KILLED
    assert desk.results() == before
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert [line["prompt"] for line in desk.results()] == ["a fox", "an owl"]


async def test_p5_what_was_in_flight_in_another_batch_is_made_good_too(desk, provider):
    provider.play(Hang(), Hang())
    desk.write(animals(provider.url, *herd(4), concurrency=2, price={"image": 0.04}))
    assert (await desk.run("run", "jobs.yaml", crash_at="sent:2")).status == KILLED
    desk.write(animals(provider.url, "a fox", name="others"), "others.yaml")
    done = await desk.run("run", "others.yaml")
    assert "animals: recovered 2 interrupted requests, up to $0.08 may be billed twice" in done.err
    assert desk.rows("SELECT running, pending, attempts FROM batches WHERE name = 'animals'") == [(0, 4, 2)]
    assert "recovered" not in (await desk.run("run", "jobs.yaml")).err


async def test_p10_what_a_clock_that_was_ahead_has_put_off_is_not_waited_for(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    provider.play(refused(503, retry_after="1"))
    assert (await desk.run("run", "jobs.yaml", crash_at="committed:1")).status == KILLED
    with closing(sqlite3.connect(desk.folder / "runner.db")) as queue, queue:
        queue.execute("UPDATE jobs SET due_at = due_at + 10800, started_at = started_at + 10800")
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert provider.sent == 2
