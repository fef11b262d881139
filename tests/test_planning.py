"""What `plan` tells of a run beforehand, and that nothing is done by it."""

import json
import re

import pytest
from runs import animals, herd

CHAT = {"dialect": "openai-chat", "price": {"input": 1.0, "output": 10.0}}


async def plan(desk, manifest):
    desk.write(manifest)
    told, shown = await desk.run("plan", "jobs.yaml", "--json"), await desk.run("plan", "jobs.yaml")
    assert (told.status, shown.status) == (0, 0)
    return json.loads(told.out), shown.out


def chat(url, number, **endpoint):
    return {
        "name": "animals",
        "endpoints": {"nebula": {**CHAT, "url": url, **endpoint}},
        "jobs": [{"model": "m", "prompts": herd(number), "params": {"max_tokens": 1000}}],
    }


async def test_a_price_of_each_picture_is_summed_up_and_nothing_is_sent(desk, provider):
    told, shown = await plan(desk, animals(provider.url, *herd(10), price={"image": 0.0038}))
    assert told["cost_usd"] == pytest.approx(0.038)
    assert (told["jobs"]["new"], told["requests"], told["warnings"]) == (10, 10, [])
    assert "cost $0.0380 (by the prices of the manifest)" in shown
    assert provider.sent == 0
    assert not (desk.folder / "runner.db").exists()


async def test_without_a_price_the_cost_is_not_known(desk, provider):
    told, shown = await plan(desk, animals(provider.url, *herd(2)))
    assert told["cost_usd"] is None
    assert "cost unknown (no price of nebula)" in shown


async def test_a_cost_that_hangs_on_the_answers_is_a_range_and_then_known_by_experience(desk, provider):
    told, shown = await plan(desk, chat(provider.url, 20))
    assert told["cost_usd"] == pytest.approx(0.2, rel=0.05)
    assert "$0.00 to $0.2005, as the answers are (by the prices of the manifest)" in shown
    assert (await desk.run("run", "jobs.yaml")).status == 0
    told, shown = await plan(desk, chat(provider.url, 40))
    assert (told["requests"], told["jobs"]["kept"]) == (20, 20)
    assert 0 < told["cost_usd"] < 0.1
    assert "by the last 20 answers" in shown


async def test_a_days_quota_tells_the_nights(desk, provider):
    limits = {"requests_per_minute": 60, "requests_per_day": 200}
    told, shown = await plan(desk, animals(provider.url, *herd(600), limits=limits))
    assert told["time_s"] > 86_400
    assert "finishes in 3 nights" in shown


async def test_only_what_would_be_sent_is_counted(desk, provider):
    desk.write(animals(provider.url, *herd(4), price={"image": 0.01}))
    await desk.run("run", "jobs.yaml", "--limit", "3")
    told, shown = await plan(desk, animals(provider.url, *herd(6), price={"image": 0.01}))
    assert (told["requests"], told["cost_usd"]) == (3, pytest.approx(0.03))
    assert re.findall(r'"prompt": "(.*)"', shown) == ["animal 3", "animal 4", "animal 5"]
    assert list(told) == ["batch", "jobs", "requests", "cost_usd", "time_s", "warnings"]


async def test_it_warns_of_what_the_documentation_is_against(desk, provider):
    manifest = animals(provider.url, *herd(3), params={"seed": 7})
    manifest["jobs"][0]["model"] = "stabilityai/stable-diffusion-xl-base-1.0"
    manifest["jobs"].append({"model": "FLUX.1-schnel", "prompt": "a fox"})
    told, _ = await plan(desk, manifest)
    assert told["warnings"] == [
        "stabilityai/stable-diffusion-xl-base-1.0 is documented not to take 'seed' (3 jobs)",
        "no model 'FLUX.1-schnel' is known; did you mean 'FLUX.1-schnell'? (1 job)",
    ]


@pytest.mark.parametrize(
    ("endpoint", "warning"),
    [
        ({"price": {"image": 0.5}}, "the budget has $1.00 left, and it may cost $2.00"),
        ({}, "a budget in dollars needs prices: there is no price of nebula"),
    ],
)
async def test_it_warns_of_a_budget_that_does_not_reach(desk, provider, endpoint, warning):
    told, _ = await plan(desk, {**animals(provider.url, *herd(4), **endpoint), "budget": {"usd": 1.0}})
    assert told["warnings"] == [warning]


async def test_a_name_is_known_from_earlier_answers_from_most_other_jobs_and_from_the_price_table(
    desk, provider
):
    manifest = animals(provider.url, *herd(2))
    manifest["jobs"] += [{**manifest["jobs"][0], "model": "painter"}, {"model": "paintre", "prompt": "a fox"}]
    told, _ = await plan(desk, manifest)
    meant = "no model 'paintre' is known; did you mean 'painter'? (1 job)"
    assert told["warnings"] == [meant]
    manifest["jobs"] = manifest["jobs"][1:2]
    desk.write(manifest)
    assert (await desk.run("run", "jobs.yaml")).status == 0
    manifest["jobs"] = [{"model": "paintre", "prompts": ["a fox"]}]
    told, _ = await plan(desk, manifest)
    assert told["warnings"] == [meant]
    openai = {"dialect": "openai-chat", "url": "https://api.openai.com/v1"}
    jobs = [{"model": "gpt-4o-mnii", "prompt": "hello"}]
    told, _ = await plan(desk, {"name": "animals", "endpoints": {"openai": openai}, "jobs": jobs})
    assert told["warnings"] == ["no model 'gpt-4o-mnii' is known; did you mean 'gpt-4o-mini'? (1 job)"]
