"""What a batch was given is never overdrawn: by many workers, by faults, over runs, whoever serves."""

from itertools import chain, cycle, repeat

import pytest
from runs import animals, herd

from runner.demo import Close, Knobs, Slow, refused, serve

PRICE = {"image": 0.0038}


def budgeted(url, number, usd, **options):
    return {**animals(url, *herd(number), concurrency=16, **options), "budget": {"usd": usd}}


async def run(desk, manifest, *options):
    desk.write(manifest)
    return await desk.run("run", "jobs.yaml", "--json", *options)


@pytest.mark.parametrize(("usd", "pictures"), [(0.1, 26), (0.076, 20), (0.0037, 0)])
async def test_sixteen_workers_never_overdraw_a_budget_by_a_cent(desk, provider, usd, pictures):
    provider.script = lambda _: Slow(seconds=0.01)
    done = await run(desk, budgeted(provider.url, 60, usd, price=PRICE))
    assert (done.status, done.last["reason"]) == (75, "budget")
    assert provider.sent == provider.billed == pictures
    assert done.last["spent_usd"] == pytest.approx(pictures * 0.0038)


async def test_sendings_that_may_have_been_billed_are_of_the_budget(desk, provider):
    acts = chain(repeat(None, 16), cycle([Close(), None, refused(500), None]))
    provider.script = lambda _: next(acts)
    done = await run(desk, budgeted(provider.url, 60, 0.1, price=PRICE))
    assert (done.status, done.last["reason"]) == (75, "budget")
    assert provider.billed * 0.0038 <= done.last["spent_usd"] + 1e-9 <= 0.1 + 1e-9


async def test_a_budget_is_the_batchs_over_runs_and_raising_it_goes_on(desk, provider):
    for _ in range(2):
        done = await run(desk, budgeted(provider.url, 30, 0.038, price=PRICE))
        assert (done.status, provider.sent) == (75, 10)
    done = await run(desk, budgeted(provider.url, 30, 0.076, price=PRICE))
    assert (done.status, provider.sent) == (75, 20)
    done = await run(desk, budgeted(provider.url, 30, 1.0, price=PRICE))
    assert (done.status, done.last["reason"], provider.sent) == (0, None, 30)


async def test_a_killed_run_leaves_no_money_uncounted(desk, provider):
    desk.write(budgeted(provider.url, 60, 0.1, price=PRICE))
    await desk.run("run", "jobs.yaml", crash_at="answered:9")
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["reason"]) == (75, "budget")
    assert provider.billed <= 26
    assert done.last["spent_usd"] <= 0.1


async def test_equivalents_share_the_budget_each_at_its_own_price(desk, provider):
    async with serve(Knobs(latency_s=0, record=True)) as second:
        manifest = budgeted(provider.url, 60, 0.1, price=PRICE)
        manifest["endpoints"]["backup"] = {
            **manifest["endpoints"]["nebula"],
            "url": second.url,
            "price": {"image": 0.01},
        }
        manifest["jobs"][0] |= {"endpoint": "nebula", "also": ["backup"]}
        done = await run(desk, manifest)
        assert (done.status, done.last["reason"]) == (75, "budget")
        spent = provider.billed * 0.0038 + second.billed * 0.01
        assert done.last["spent_usd"] == pytest.approx(spent)
        assert 0.09 < spent <= 0.1
        assert second.billed > 0


@pytest.mark.parametrize("also", [False, True])
async def test_a_budget_without_a_price_is_an_error_that_says_so(desk, provider, also):
    manifest = budgeted(provider.url, 4, 1.0, **({"price": PRICE} if also else {}))
    if also:
        manifest["endpoints"]["backup"] = {"dialect": "nebula-images", "url": provider.url}
        manifest["jobs"][0] |= {"endpoint": "nebula", "also": ["backup"]}
    done = await run(desk, manifest)
    assert (done.status, provider.sent) == (2, 0)
    name = "backup" if also else "nebula"
    assert f"budget needs to know what '{name}' costs: give the endpoint a `price`" in done.err


async def test_what_a_price_does_not_tell_is_not_sent_under_a_budget(desk, provider):
    manifest = budgeted(provider.url, 4, 1.0, price={"models": {"another": {"image": 0.01}}})
    done = await run(desk, manifest)
    assert (done.status, provider.sent) == (75, 0)
