"""`runner verify`: what became of outputs since they were kept, and what it costs to have them again."""

import sqlite3
from contextlib import closing

import pytest
from runs import accounts_balance, animals, herd

from runner.verdict import Drift, Standing, Verdict, drifts

KILLED = -9


async def finished(desk, provider, *prompts, **endpoint):
    desk.write(animals(provider.url, *prompts, price={"image": 0.0038}, **endpoint))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    return [desk.outputs() / line["outputs"][0]["path"] for line in desk.results()]


def change(desk, statement):
    with closing(sqlite3.connect(desk.folder / "runner.db")) as queue, queue:
        queue.execute(statement)


async def test_all_is_well_until_something_is_done_to_it(desk, provider):
    await finished(desk, provider, *herd(3))
    done = await desk.run("verify", "--json")
    assert done.status == 0
    assert done.last == {
        "batch": "animals",
        "ok": True,
        "files": 3,
        "bytes": done.last["bytes"],
        "missing": 0,
        "changed": 0,
        "unknown": 0,
        "unnamed": 0,
        "found": [],
        "left_out": 0,
        "queue": [],
        "counters": {},
        "to_send": {"jobs": 0, "cost_usd": 0.0},
        "repaired": None,
    }
    assert "animals: 3 files, " in (await desk.run("verify", "animals")).out
    assert (await desk.run("verify", "--repair")).err.strip() == "nothing to repair"


async def test_s8_three_outputs_deleted_and_one_changed_are_found_and_sent_again_for_a_price(desk, provider):
    files = await finished(desk, provider, *herd(6))
    for path in files[:3]:
        path.unlink()
    files[3].write_bytes(b"a changed picture")
    (desk.outputs() / "notes").mkdir()
    (desk.outputs() / "notes" / "mine.txt").write_text("mine")
    found = await desk.run("verify", "--json")
    assert (found.status, found.last["ok"]) == (1, False)
    assert [found.last[each] for each in ("missing", "changed", "unknown", "files")] == [3, 1, 1, 6]
    assert found.last["to_send"] == {"jobs": 4, "cost_usd": 0.0152}
    assert {each["path"]: each["is"] for each in found.last["found"]} == {
        **{path.name: "missing" for path in files[:3]},
        files[3].name: "changed",
        "notes/mine.txt": "unknown",
    }
    refused = await desk.run("verify", "--repair")
    assert refused.status == 1
    assert "4 jobs would be sent again, about $0.0152; --yes to do it" in refused.err
    assert desk.states() == {"succeeded": 6}
    mended = await desk.run("verify", "--repair", "--yes", "--json")
    assert mended.last["repaired"] == {"jobs": 4, "named": 0, "counters": 0}
    assert "4 jobs pending again" in mended.err
    assert (desk.outputs() / ".evidence" / files[3].name).read_bytes() == b"a changed picture"
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["outputs"], done.last["maybe_billed_twice"], provider.sent) == (
        0,
        6,
        4,
        10,
    )
    (desk.outputs() / "notes" / "mine.txt").unlink()
    assert (await desk.run("verify")).status == 0
    accounts_balance(desk, provider)


async def test_s8_all_pictures_of_an_answer_are_asked_for_again_together(desk, provider):
    desk.write(animals(provider.url, "a fox", params={"n": 3}))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    (desk.outputs() / desk.results()[0]["outputs"][1]["path"]).unlink()
    assert (await desk.run("verify", "--repair", "--yes", "--json")).last["to_send"]["jobs"] == 1
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["outputs"]) == (0, 3)
    assert len([path for path in desk.pictures() if path.startswith(".evidence/")]) == 2
    assert (await desk.run("verify")).status == 0


async def test_s8_a_file_that_is_put_back_after_a_repair_is_adopted_and_not_paid_again(desk, provider):
    [path] = await finished(desk, provider, "a fox")
    path.rename(desk.folder / "elsewhere")
    assert (await desk.run("verify", "--repair", "--yes")).status == 0
    (desk.folder / "elsewhere").rename(path)
    done = await desk.run("resume", "--json")
    assert (done.status, done.last["attempts"], done.last["spent_usd"], provider.sent) == (0, 1, 0.0038, 1)
    assert (await desk.run("verify")).status == 0


@pytest.mark.parametrize("act", ["link", "folder"])
async def test_s8_what_stands_in_place_of_an_output_is_not_read_through(desk, provider, act):
    [path] = await finished(desk, provider, "a fox")
    path.rename(desk.folder / "fox")
    path.symlink_to(desk.folder / "fox") if act == "link" else path.mkdir()
    found = await desk.run("verify", "--json")
    assert (found.status, found.last["changed"]) == (1, 1)


async def test_p8_a_picture_that_has_only_its_first_name_is_not_missing_and_gets_its_own(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    assert (await desk.run("run", "jobs.yaml", crash_at="committed")).status == KILLED
    found = await desk.run("verify", "--json")
    assert (found.status, found.last["unnamed"], found.last["missing"]) == (0, 1, 0)
    assert (await desk.run("verify", "--repair", "--json")).last["repaired"]["named"] == 1
    assert (await desk.run("verify", "--json")).last["unnamed"] == 0
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert provider.sent == 1


async def test_counters_that_drifted_are_told_and_set_right(desk, provider):
    await finished(desk, provider, *herd(2))
    change(desk, "UPDATE batches SET outputs = 7, spent_nusd = 1")
    found = await desk.run("verify", "--json")
    assert found.status == 1
    assert found.last["counters"] == {
        "outputs": {"counted": 7, "rows": 2},
        "spent_nusd": {"counted": 1, "rows": 7600000},
    }
    assert "counter  outputs is 7, its rows make 2" in (await desk.run("verify")).out
    assert (await desk.run("verify", "--repair", "--json")).last["repaired"]["counters"] == 2
    assert (await desk.run("verify")).status == 0
    accounts_balance(desk, provider)


async def test_rows_that_point_nowhere_are_told(desk, provider):
    await finished(desk, provider, "a fox")
    change(desk, "UPDATE outputs SET job = 99")
    found = await desk.run("verify", "--json")
    assert (found.status, len(found.last["queue"])) == (1, 1)
    assert "outputs points to a row of jobs that is not there" in found.last["queue"][0]


async def test_verify_of_nothing_is_bad_usage(desk):
    assert (await desk.run("verify")).status == 2


def test_a_verdict_is_well_unless_something_is_wrong():
    verdict = Verdict(batch="animals")
    verdict.note(Standing.SOUND, "fox.png", "fox")
    verdict.note(Standing.UNNAMED, "owl.png", "owl")
    assert verdict.is_well
    verdict.note(Standing.UNKNOWN, "mine.txt", None)
    assert (verdict.is_well, verdict.files) == (False, 2)


def test_counters_are_told_apart_by_name():
    assert drifts({"outputs": 1, "total": 2}, {"outputs": 1, "total": 3}) == {
        "total": Drift(counted=2, rows=3)
    }
