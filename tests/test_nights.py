import json
from datetime import UTC, date, datetime

import pytest
from runs import Desk

from runner import compose, load, run
from runner.night import Night, pattern
from runner.problems import ManifestError
from runner.store import BatchState

TONIGHT = date(2026, 11, 25)
LAST_NIGHT = date(2026, 11, 24)
TODAY = datetime.now(UTC).date()


def nightly(folder, name="nightly-{{ date }}", prompts=("a fox", "an owl"), **fields):
    path = folder / "nightly.yaml"
    manifest = {
        "name": name,
        "endpoints": {"painter": {"dialect": "nebula-images", "url": "demo"}},
        "jobs": [{"model": "demo", "params": {"width": 64, "height": 64}, "prompts": list(prompts)}],
        **fields,
    }
    path.write_text(json.dumps(manifest))
    return path


def batches(db):
    """Names and states, the oldest first."""
    with compose.reading(str(db)) as store:
        return sorted((row.id, row.name, row.state.value, row.run) for row in store.batches())


def test_a_night_has_a_date_the_day_before_and_a_number():
    values = Night(date(2026, 3, 1), 4).values()
    assert values == {"date": "2026-03-01", "yesterday": "2026-02-28", "run": 4}


@pytest.mark.parametrize(
    ("name", "sets", "same"),
    [
        ("animals", {}, "animals"),
        ("nightly-{{ date }}", {}, "nightly-{{ date }}"),
        ("{{ topic }}-{{ date }}", {"topic": "cats"}, "cats-{{ date }}"),
        ("n-{{ date }}-{{ '%03d' | format(run) }}", {}, "n-{{ date }}-000"),
        ("n-{{ date.split('-')[1] }}", {}, "n-{{ date.split('-')[1] }}"),
    ],
)
def test_the_names_of_all_nights_have_one_pattern(name, sets, same):
    assert pattern(name, sets) == same


def test_templates_know_date_yesterday_and_run(tmp_path):
    prompts = ["{{ date }} after {{ yesterday }}", {"prompt": "seeded", "params": {"seed": "{{ run }}"}}]
    manifest = load(nightly(tmp_path, prompts=prompts), today=TONIGHT)
    db = str(tmp_path / "runner.db")
    compose.submit(db, manifest, yes=False)
    with compose.reading(db) as store:
        first, second = store.jobs(1)
    assert first.prompt == "2026-11-25 after 2026-11-24"
    assert json.loads(second.params)["seed"] == 1


def test_a_variable_of_its_name_beats_the_night(tmp_path):
    manifest = load(nightly(tmp_path, name="of-{{ run }}"), sets={"run": "mine"}, today=TONIGHT)
    assert manifest.name == "of-mine"


def test_each_date_is_a_batch_and_the_nights_are_numbered(tmp_path):
    path, db = nightly(tmp_path), str(tmp_path / "runner.db")
    for day in (LAST_NIGHT, TONIGHT, LAST_NIGHT):
        compose.submit(db, load(path, today=day), yes=False)
    assert batches(db) == [
        (1, "nightly-2026-11-24", "pending", 1),
        (2, "nightly-2026-11-25", "pending", 2),
    ]


async def test_a_counted_batch_is_gone_on_with_until_it_is_finished(tmp_path):
    path, db = nightly(tmp_path, name="dataset-{{ run }}"), tmp_path / "runner.db"
    for bound in (1, None, None):
        await run(load(path, today=TONIGHT), db=db, limit=bound)
    assert batches(db) == [(1, "dataset-1", "finished", 1), (2, "dataset-2", "finished", 2)]


async def test_a_counter_beside_a_date_counts_on_over_the_dates(tmp_path):
    path, db = nightly(tmp_path, name="n-{{ date }}-{{ run }}"), tmp_path / "runner.db"
    for day, bound in ((LAST_NIGHT, 1), (TONIGHT, None), (TONIGHT, None)):
        await run(load(path, today=day), db=db, limit=bound)
    names = [(name, state) for _, name, state, _ in batches(db)]
    assert names == [
        ("n-2026-11-24-1", "stopped"),
        ("n-2026-11-25-2", "finished"),
        ("n-2026-11-25-3", "finished"),
    ]


async def test_a_plan_is_of_the_run_that_would_come(tmp_path):
    path, db = nightly(tmp_path, name="dataset-{{ run }}"), tmp_path / "runner.db"
    planned = [compose.plan(str(db), load(path, today=TONIGHT)).batch]
    await run(load(path, today=TONIGHT), db=db)
    planned.append(compose.plan(str(db), load(path, today=TONIGHT)).batch)
    assert planned == ["dataset-1", "dataset-2"]


async def test_what_an_earlier_night_left_is_finished_first_where_it_is_asked_for(tmp_path):
    path, db = nightly(tmp_path, carry_over=True), tmp_path / "runner.db"
    await run(load(path, today=LAST_NIGHT), db=db, limit=1)
    tonight = load(path, today=TONIGHT)
    ids = [finished.id async for finished in run(tonight, db=db)]
    assert len(ids) == 3
    assert [state for _, _, state, _ in batches(db)] == ["finished", "finished"]


async def test_the_bounds_of_a_run_hold_over_all_that_it_carries(tmp_path):
    path, db = nightly(tmp_path, carry_over=True), tmp_path / "runner.db"
    await run(load(path, today=LAST_NIGHT), db=db, limit=1)
    assert len([each async for each in run(load(path, today=TONIGHT), db=db, limit=2)]) == 2
    with compose.reading(str(db)) as store:
        left = {row.name: row.tally.pending for row in store.batches()}
    assert left == {"nightly-2026-11-24": 0, "nightly-2026-11-25": 1}


async def test_a_predecessor_is_told_of_with_the_ways_to_take_it_up(tmp_path):
    path, db = nightly(tmp_path), tmp_path / "runner.db"
    await run(load(path, today=LAST_NIGHT), db=db, limit=1)
    compose.submit(str(db), load(path, today=TONIGHT), yes=False)
    told = compose.predecessors(str(db), load(path, today=TONIGHT), "nightly-2026-11-25")
    assert told.carried == ()
    ways = "`runner resume nightly-2026-11-24`, `--date 2026-11-24` or `carry_over: true`"
    assert told.notes == (f"nightly-2026-11-24 is unfinished, 1 left: {ways} takes it up",)


async def test_one_that_is_paused_is_not_carried_over(tmp_path):
    path, db = nightly(tmp_path, carry_over=True), str(tmp_path / "runner.db")
    compose.submit(db, load(path, today=LAST_NIGHT), yes=False)
    with compose.writing(db) as store:
        store.pause(1, paused=True)
    compose.submit(db, load(path, today=TONIGHT), yes=False)
    told = compose.predecessors(db, load(path, today=TONIGHT), "nightly-2026-11-25")
    assert told.carried == ()
    assert "is unfinished and paused, 2 left" in told.notes[0]


async def test_a_date_takes_up_the_batch_of_that_day(tmp_path):
    nightly(tmp_path)
    async with Desk.at(tmp_path) as desk:
        assert (await desk.run("run", "nightly.yaml", "--limit", "1")).status == 75
        later = await desk.run("run", "nightly.yaml", "--date", "2026-11-23", "--json")
        assert f"nightly-{TODAY} is unfinished" not in later.err
        assert later.last["batch"] == "nightly-2026-11-23"
        taken = await desk.run("run", "nightly.yaml", "--date", str(TODAY), "--json")
    assert (taken.status, taken.last["batch"]) == (0, f"nightly-{TODAY}")
    assert taken.last["state"] == BatchState.FINISHED


async def test_a_run_carries_over_within_one_command_and_says_each_batch(tmp_path):
    nightly(tmp_path, carry_over=True)
    async with Desk.at(tmp_path) as desk:
        await desk.run("run", "nightly.yaml", "--date", "2026-11-23", "--limit", "1")
        done = await desk.run("run", "nightly.yaml", "--date", "2026-11-24", "--json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 0
    assert [each["batch"] for each in told] == ["nightly-2026-11-23", "nightly-2026-11-24"]


def test_a_name_knows_no_other_variable(tmp_path):
    with pytest.raises(ManifestError, match="undefined"):
        load(nightly(tmp_path, name="n-{{ tomorrow }}"), today=TONIGHT)
