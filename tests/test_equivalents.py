"""Endpoints that serve the same jobs: a batch is spread over them, and goes on where one of them does not."""

from collections import Counter
from types import SimpleNamespace

import pytest
from runs import accounts_balance, animals, herd

from runner.demo import Knobs, refused, serve
from runner.store.claiming import turns


@pytest.fixture
async def second():
    async with serve(Knobs(latency_s=0, record=True)) as running:
        yield running


def pair(first, second, prompts, *, also=("backup",), **endpoint):
    """A manifest whose jobs either of two servers may serve."""
    manifest = animals(first.url, *prompts)
    nebula = {**manifest["endpoints"]["nebula"], "concurrency": 4, **endpoint}
    manifest["endpoints"] = {"nebula": nebula}
    manifest["jobs"][0] |= {"endpoint": "nebula"}
    if also:
        manifest["endpoints"]["backup"] = {**nebula, "url": second.url}
        manifest["jobs"][0] |= {"also": list(also)}
    return manifest


async def run(desk, manifest, *options):
    desk.write(manifest)
    return await desk.run("run", "jobs.yaml", "--json", *options)


def servers(desk):
    """How many jobs each endpoint served; all of them belong to the first."""
    lines = desk.results()
    assert {line["endpoint"] for line in lines} == {"nebula"}
    return Counter(line["served_by"] for line in lines if line["state"] == "succeeded")


@pytest.mark.parametrize("number", [6, 40])
async def test_jobs_are_spread_over_equivalents_and_who_served_is_on_record(desk, provider, second, number):
    done = await run(desk, pair(provider, second, herd(number)))
    assert done.status == 0
    assert servers(desk) == {"nebula": provider.sent, "backup": second.sent}
    assert min(provider.sent, second.sent) > 0
    assert provider.sent + second.sent == number


async def test_adding_and_removing_equivalents_makes_nothing_new(desk, provider, second):
    assert (await run(desk, pair(provider, second, herd(4), also=()))).status == 0
    keys = [line["key"] for line in desk.results()]
    assert (await run(desk, pair(provider, second, herd(4)))).status == 0
    assert [line["key"] for line in desk.results()] == keys
    assert (await run(desk, pair(provider, second, herd(4), also=()))).status == 0
    assert (provider.sent, second.sent) == (4, 0)


async def test_an_equivalent_that_is_added_serves_what_was_pending_already(desk, provider, second):
    provider.script = lambda _: refused(401)
    assert (await run(desk, pair(provider, second, herd(6), also=()))).status == 75
    assert (await run(desk, pair(provider, second, herd(6)))).status == 0
    assert servers(desk) == {"backup": 6}


async def test_an_equivalent_that_is_removed_serves_nothing_any_more(desk, provider, second):
    provider.script = second.script = lambda _: refused(401)
    assert (await run(desk, pair(provider, second, herd(6)))).status == 75
    before, provider.script = second.sent, None
    assert (await run(desk, pair(provider, second, herd(6), also=()))).status == 0
    assert (servers(desk), second.sent) == ({"nebula": 6}, before)


async def test_a_rejected_key_beside_a_good_equivalent_costs_no_job(desk, provider, second):
    provider.script = lambda _: refused(401)
    done = await run(desk, pair(provider, second, herd(30)))
    assert (done.status, done.last["reason"]) == (0, None)
    assert servers(desk) == {"backup": 30}
    assert provider.sent <= 4
    assert "nebula: refused without a key" in done.err


async def test_a_long_limit_at_one_is_not_waited_for(desk, provider, second):
    provider.script = lambda _: refused(429, retry_after="3000")
    done = await run(desk, pair(provider, second, herd(30)))
    assert (done.status, servers(desk)) == (0, {"backup": 30})
    assert provider.sent <= 4


async def test_a_limit_at_both_is_waited_for_and_fails_none(desk, provider, second):
    provider.script = second.script = lambda _: refused(429, retry_after="3000")
    done = await run(desk, pair(provider, second, herd(30)), "--no-wait")
    assert (done.status, done.last["reason"]) == (75, "quota")
    assert done.last["jobs"]["pending"] == 30
    assert (provider.sent <= 4, second.sent <= 4) == (True, True)


async def test_a_server_that_is_down_beside_a_good_one(desk, provider, second):
    manifest = pair(provider, second, herd(30))
    manifest["endpoints"]["nebula"]["url"] = "http://127.0.0.1:9"
    assert (await run(desk, manifest)).status == 0
    assert servers(desk) == {"backup": 30}


async def test_a_model_that_one_does_not_know_is_served_by_the_other(desk, second):
    async with serve(Knobs(latency_s=0, record=True, models=frozenset({"another"}))) as first:
        done = await run(desk, pair(first, second, herd(20)))
        assert (done.status, servers(desk)) == (0, {"backup": 20})


async def test_jobs_of_one_alone_are_not_given_to_the_other(desk, provider, second):
    manifest = pair(provider, second, herd(8))
    manifest["jobs"].append({"endpoint": "nebula", "model": "sdxl", "prompts": ["of its own"]})
    done = await run(desk, manifest)
    assert done.status == 0
    [line] = [line for line in desk.results() if line["prompt"] == "of its own"]
    assert line["served_by"] == "nebula"


@pytest.mark.parametrize("point", ["claimed", "answered", "committed"])
async def test_a_kill_loses_nothing_of_either(desk, provider, second, point):
    desk.write(pair(provider, second, herd(12)))
    await desk.run("run", "jobs.yaml", crash_at=f"{point}:5")
    assert (await desk.run("run", "jobs.yaml")).status == 0
    both = SimpleNamespace(paid=provider.paid + second.paid, sent=provider.sent + second.sent)
    accounts_balance(desk, both)


@pytest.mark.parametrize("wants", [{"a": 1, "b": 16}, {"a": 5, "b": 0}, {"a": 256, "b": 3}])
def test_turns_add_up_to_what_is_wanted(wants):
    given = Counter()
    for name, part in turns(wants, ["a b"]):
        given[name] += part
    assert given == {name: wanted for name, wanted in wants.items() if wanted}


async def test_n17_endpoints_of_one_key_wait_together(desk, provider):
    """Which of them is refused first is for chance to say: the other is not asked."""
    provider.play(refused(429, retry_after="3600"))
    manifest = pair(provider, provider, herd(6), concurrency=1)
    manifest["jobs"] = [{**manifest["jobs"][0], "also": []}]
    manifest["jobs"].append({"endpoint": "backup", "model": "sdxl", "prompts": ["beside"]})
    done = await run(desk, manifest, "--no-wait")
    assert (done.status, done.last["reason"]) == (75, "quota")
    assert provider.sent <= 2


async def test_n17_a_kill_does_not_shorten_a_cooldown_that_an_equivalent_need_not_wait_for(
    desk, provider, second
):
    provider.script = second.script = lambda _: refused(429, retry_after="3600")
    desk.write(pair(provider, second, herd(6), concurrency=1))
    await desk.run("run", "jobs.yaml", crash_at="committed:1")
    known = [name for (name,) in desk.rows("SELECT served_by FROM attempts WHERE cause = 'throttled'")]
    await desk.run("run", "jobs.yaml", "--no-wait")
    assert known
    sent = {"nebula": provider.sent, "backup": second.sent}
    assert [sent[name] for name in known] == [1] * len(known)
