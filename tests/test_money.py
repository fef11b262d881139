"""What a run may spend, when it stops spending, and that it says what may have been spent twice."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from signal import SIGKILL

import pytest
from runs import accounts_balance, animals, herd, slowness

from runner.demo import Change, Close, Cut, Hang, Knobs, Slow, page, refused, serve

PRICE = {"image": 0.01}


def stopped(done):
    return done.status, done.last["reason"]


async def run(desk, *options):
    return await desk.run("run", "jobs.yaml", "--json", *options)


async def test_every_sending_after_one_that_may_have_been_billed_is_counted_and_paid_for(desk, provider):
    provider.play(*[Close()] * 5)
    desk.write(animals(provider.url, *herd(5), price=PRICE))
    done = await run(desk)
    assert (done.status, done.last["attempts"], done.last["maybe_billed_twice"]) == (0, 10, 5)
    assert done.last["spent_usd"] == pytest.approx(0.1)
    assert "5 requests may have been billed twice" in done.err
    assert sum(line["cost_usd"] for line in desk.results()) == pytest.approx(0.1)
    accounts_balance(desk, provider)


async def test_what_was_refused_costs_nothing(desk, provider):
    provider.play(refused(500), refused(503), refused(429, retry_after_ms="10"), refused(400))
    desk.write(animals(provider.url, *herd(4), price=PRICE))
    done = await run(desk)
    assert (done.status, done.last["maybe_billed_twice"]) == (1, 0)
    assert done.last["spent_usd"] == pytest.approx(0.03)


async def test_a_manifest_may_forbid_to_pay_twice(desk, provider):
    provider.play(Close(), page())
    desk.write(animals(provider.url, "a fox", "an owl", "a hare", retry={"maybe_billed": 0}))
    done = await run(desk)
    assert (done.status, done.last["jobs"]["failed"], done.last["maybe_billed_twice"]) == (1, 2, 0)
    assert provider.sent == 3


async def test_max_cost_is_never_passed_and_is_of_one_run(desk, provider):
    desk.write(animals(provider.url, *herd(10), price=PRICE))
    assert stopped(await run(desk, "--max-cost", "0.035")) == (75, "budget")
    assert provider.billed == 3
    done = await run(desk, "--max-cost", "0.02")
    assert stopped(done) == (75, "budget")
    assert (provider.billed, done.last["jobs"]["pending"]) == (5, 5)
    assert done.last["spent_usd"] == pytest.approx(0.05)


async def test_max_cost_counts_what_may_have_been_billed(desk, provider):
    provider.script = lambda _: Close()
    desk.write(animals(provider.url, *herd(5), price=PRICE))
    done = await run(desk, "--max-cost", "0.04")
    assert stopped(done) == (75, "budget")
    assert (provider.sent, done.last["spent_usd"]) == (4, pytest.approx(0.04))


async def test_a_max_cost_that_reaches_for_all_ends_as_usual(desk, provider):
    desk.write(animals(provider.url, *herd(4), price=PRICE))
    assert stopped(await run(desk, "--max-cost", "0.04")) == (0, None)


async def test_a_max_cost_without_a_price_is_refused(desk, provider):
    desk.write(animals(provider.url, "a fox"))
    done = await run(desk, "--max-cost", "1")
    assert done.status == 2
    assert "price" in done.err
    assert provider.sent == 0


async def test_a_budget_is_of_the_batch_and_can_be_raised(desk, provider):
    manifest = animals(provider.url, *herd(8), price=PRICE)
    desk.write({**manifest, "budget": {"usd": 0.03}})
    assert stopped(await run(desk)) == (75, "budget")
    assert stopped(await run(desk)) == (75, "budget")
    assert provider.sent == 3
    desk.write({**manifest, "budget": {"usd": 0.05}})
    assert stopped(await run(desk)) == (75, "budget")
    assert provider.sent == 5
    desk.write(manifest)
    assert stopped(await run(desk)) == (0, None)


async def test_a_budget_of_requests_counts_retries(desk, provider):
    provider.play(refused(500), refused(500))
    desk.write({**animals(provider.url, *herd(8)), "budget": {"requests": 4}})
    assert stopped(await run(desk)) == (75, "budget")
    assert provider.sent == 4
    assert stopped(await run(desk)) == (75, "budget")
    assert provider.sent == 4


async def test_while_the_money_is_in_flight_the_queue_is_left_in_peace(desk, provider):
    provider.script = lambda _: Slow(seconds=0.7)
    desk.write(animals(provider.url, *herd(40), price=PRICE))
    started = await desk.start("run", "jobs.yaml", "--json", "--max-cost", "0.02")
    assert (await started.ends()).status == 75
    assert desk.rows("SELECT max(attempt), sum(attempt) FROM jobs") == [(1, 2)]
    assert provider.sent == 2


async def test_a_limit_is_of_jobs_whatever_they_take(desk, provider):
    provider.play(refused(500), Close())
    desk.write(animals(provider.url, *herd(6), concurrency=1))
    done = await run(desk, "--limit", "3")
    assert stopped(done) == (75, "limit")
    assert len(provider.paid) <= 3
    assert done.last["jobs"]["pending"] >= 3
    assert stopped(await run(desk)) == (0, None)
    accounts_balance(desk, provider)


async def test_a_deadline_ends_claims_and_awaits_what_is_in_flight(desk, provider):
    until = datetime.now(UTC) + timedelta(seconds=1.5 * slowness())
    provider.script = lambda _: Slow(seconds=0.3 + (until - datetime.now(UTC)).total_seconds())
    desk.write(animals(provider.url, *herd(9), concurrency=3))
    done = await run(desk, "--until", until.isoformat())
    assert stopped(done) == (75, "deadline")
    assert (done.last["jobs"]["succeeded"], provider.sent) == (3, 3)


async def test_n17_one_probe_tells_whether_a_cooldown_is_over(desk, provider):
    provider.play(*[refused(429, retry_after_ms="600")] * 9)
    desk.write(animals(provider.url, *herd(30), concurrency=8))
    done = await run(desk)
    assert (done.status, done.last["attempts"]) == (0, provider.sent == 39 and 39)
    times = [each.at - provider.requests[0].at for each in provider.requests]
    last_refused = times[7]
    assert last_refused < 0.5
    assert times[8] >= 0.6
    assert times[9] >= times[8] + 0.6
    assert desk.rows("SELECT max(tries), max(maybe_billed) FROM jobs") == [(0, 0)]


async def test_n17_a_long_limit_is_not_sat_out_and_survives_a_restart(desk, provider):
    provider.play(refused(429, retry_after="3600"))
    desk.write(animals(provider.url, *herd(6), concurrency=1))
    began = time.monotonic()
    done = await run(desk, "--no-wait")
    assert stopped(done) == (75, "quota")
    assert (provider.sent, done.last["jobs"]["pending"]) == (1, 6)
    again = await run(desk, "--no-wait")
    assert stopped(again) == (75, "quota")
    assert provider.sent == 1
    assert time.monotonic() - began < 10


async def test_n17_a_short_limit_survives_a_restart(desk, provider):
    provider.play(refused(429, retry_after="3"))
    desk.write(animals(provider.url, *herd(3), concurrency=1))
    started = await desk.start("run", "jobs.yaml")
    await provider.until(lambda seen: seen.answered[429] == 1)
    await started.until(lambda: desk.rows("SELECT 1 FROM attempts"))
    started.process.kill()
    await started.ends()
    assert (await run(desk)).status == 0
    assert provider.requests[1].at - provider.requests[0].at >= 3
    assert provider.sent == 4


async def test_n14_a_rejected_key_stops_its_endpoint_alone(desk, provider):
    async with serve(Knobs(latency_s=0.05, key="sk-good", record=True)) as strict:
        manifest = animals(provider.url, *herd(5))
        manifest["endpoints"]["strict"] = {
            **manifest["endpoints"]["nebula"],
            "url": strict.url,
            "key": "${STRICT_KEY}",
            "concurrency": 4,
        }
        manifest["jobs"][0]["endpoint"] = "nebula"
        manifest["jobs"].append({**manifest["jobs"][0], "endpoint": "strict", "prompts": herd(100)})
        desk.write(manifest)
        (desk.folder / ".env").write_text("STRICT_KEY=sk-bad-0123456789\n")
        done = await run(desk)
        assert stopped(done) == (75, "unauthorized")
        assert (done.last["jobs"]["succeeded"], done.last["jobs"]["pending"]) == (5, 100)
        assert strict.sent <= 4
        assert "key rejected (…6789)" in done.err
        (desk.folder / ".env").write_text("STRICT_KEY=sk-good\n")
        assert (await run(desk)).status == 0


@pytest.mark.parametrize(
    "refusal", [refused(402), refused(429, "", "insufficient_quota")], ids=["402", "429"]
)
async def test_n15_no_credit_leaves_the_jobs_pending(desk, provider, refusal):
    provider.script = lambda _: refusal
    desk.write(animals(provider.url, *herd(100), concurrency=4))
    done = await run(desk)
    assert stopped(done) == (75, "no_credit")
    assert done.last["jobs"]["pending"] == 100
    assert provider.sent <= 4


async def test_n14_a_403_among_successes_is_the_jobs_until_there_are_three_in_a_row(desk, provider):
    no = refused(403, "not for you")
    provider.play(None, no, None, no, no, no)
    desk.write(animals(provider.url, *herd(20), concurrency=1))
    done = await run(desk)
    assert stopped(done) == (75, "unauthorized")
    assert provider.sent == 6
    lines = {line["prompt"]: (line["state"], line["cause"]) for line in desk.results()}
    rejected = ("failed", "rejected")
    assert lines == {
        "animal 0": ("succeeded", None),
        "animal 1": rejected,
        "animal 2": ("succeeded", None),
        "animal 3": rejected,
        "animal 4": rejected,
    }


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_n13_a_model_that_is_missing_three_times_fails_nobody(desk, provider, concurrency):
    def script(seen):
        return refused(404, "no such model", "model_not_found") if seen.json["model_name"] == "gone" else None

    provider.script = script
    manifest = animals(provider.url, *herd(6), concurrency=concurrency)
    manifest["jobs"].insert(0, {**manifest["jobs"][0], "model": "gone", "prompts": herd(12)})
    desk.write(manifest)
    done = await run(desk)
    assert done.status == 75
    assert (done.last["jobs"]["succeeded"], done.last["jobs"]["pending"]) == (6, 12)
    asked = Counter(each.json["model_name"] for each in provider.requests)
    assert asked["gone"] <= 2 + concurrency
    assert "does not know the model gone" in done.err


async def test_n13_a_model_that_is_missing_twice_fails_its_jobs(desk, provider):
    missing = refused(404, "no such model", "model_not_found")
    provider.play(missing, missing)
    desk.write(animals(provider.url, *herd(4), concurrency=1))
    done = await run(desk)
    assert (done.status, done.last["jobs"]["failed"], done.last["jobs"]["succeeded"]) == (1, 2, 2)


async def test_n16_a_provider_that_serves_nobody_is_parked_and_fails_no_job(desk, provider):
    provider.script = lambda _: refused(503, "maintenance")
    desk.write(animals(provider.url, *herd(100), concurrency=8))
    done = await run(desk, "--no-wait")
    assert stopped(done) == (75, "unavailable")
    assert done.last["jobs"]["pending"] == 100
    assert provider.sent <= 30
    assert done.err.count("maintenance") == 1


async def test_n16_with_thirty_per_cent_faults_in_six_ways_every_sending_is_on_record(desk, provider):
    chance = Random(20)
    ways = (refused(500), refused(429, retry_after_ms="20"), Close(), Close(reset=True), Cut(), page())

    def script(_):
        return chance.choice(ways) if chance.random() < 0.3 else None

    provider.script = script
    retry = {"attempts": 50, "maybe_billed": 50}
    desk.write(animals(provider.url, *herd(200), retry=retry, price=PRICE, concurrency=8))
    done = await run(desk)
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 200)
    assert done.last["attempts"] == provider.sent
    assert provider.sent <= 1.5 * 200
    assert done.last["maybe_billed_twice"] >= provider.billed - 200
    assert done.last["spent_usd"] == pytest.approx(provider.billed * 0.01)
    accounts_balance(desk, provider)


async def test_the_cost_is_that_of_the_images_that_came(desk, provider):
    provider.play(None, Change(how=lambda honest: honest))
    desk.write(animals(provider.url, "a fox", params={"n": 3}, price=PRICE))
    done = await run(desk)
    assert (done.last["outputs"], done.last["spent_usd"]) == (3, pytest.approx(0.03))
    assert sorted(output["path"].rpartition("-")[2] for output in desk.results()[0]["outputs"]) == [
        "0.png",
        "1.png",
        "2.png",
    ]


TAKEN = {
    "dialect": "json-http",
    "path": "/predictions",
    "body": {"input": {"prompt": "{{ prompt }}"}},
    "texts": "text",
    "poll": {"path": "{{ urls.get }}", "until": "status == 'succeeded'", "every": 0.2},
    "price": {"request": 0.01},
}


def taken(url, *prompts, **fields):
    """A manifest of jobs that are taken, and asked for later."""
    return {
        "name": "animals",
        "endpoints": {"nebula": {**TAKEN, "url": url}},
        "jobs": [{"prompts": list(prompts)}],
        **fields,
    }


@pytest.mark.parametrize("budget", [{"usd": 0.03}, {"requests": 3}])
async def test_what_the_last_money_was_paid_for_is_still_fetched(desk, provider, budget):
    desk.write(taken(provider.url, *herd(6), budget=budget))
    done = await run(desk)
    assert stopped(done) == (75, "budget")
    assert (provider.billed, done.last["jobs"]["succeeded"], done.last["spent_usd"]) == (3, 3, 0.03)


async def test_a_limit_brings_its_jobs_to_their_end_polls_and_retries_included(desk, provider):
    provider.play(refused(500), None, refused(503))
    desk.write(taken(provider.url, *herd(6), retry={"first": 0.05}))
    done = await run(desk, "--limit", "3")
    assert stopped(done) == (75, "limit")
    assert (done.last["jobs"]["succeeded"], done.last["jobs"]["pending"]) == (3, 3)
    assert provider.sent == 5


async def test_a_ticket_of_an_endpoint_that_was_removed_meanwhile_is_sent_elsewhere_and_said(desk, provider):
    provider.script = lambda seen: Hang() if seen.method == "POST" else None
    async with serve(Knobs(latency_s=0, polls=10**6, record=True)) as second:
        manifest = taken(provider.url, "a fox", "an owl")
        first = manifest["endpoints"]["nebula"] | {"concurrency": 1}
        manifest["endpoints"] = {"nebula": first, "backup": {**first, "url": second.url}}
        manifest["jobs"][0] |= {"endpoint": "nebula", "also": ["backup"]}
        second.play(Slow(seconds=3))  # longer than it takes to submit
        desk.write(manifest)
        running = await desk.start("run", "jobs.yaml")
        await second.until(lambda seen: seen.in_flight == 1)
        del manifest["endpoints"]["backup"], manifest["jobs"][0]["also"]
        desk.write(manifest)
        assert (await desk.run("submit", "jobs.yaml")).status == 0
        await running.until(lambda: desk.rows("SELECT 1 FROM jobs WHERE ticket IS NOT NULL"))
        running.signal(SIGKILL)
        await running.ends()
        provider.script = None
        done = await run(desk)
        assert (stopped(done), second.billed) == ((0, None), 1)
        assert "1 job taken by an endpoint that the manifest no longer has: sent again" in done.err
        assert (done.last["jobs"]["succeeded"], done.last["maybe_billed_twice"]) == (2, 2)
