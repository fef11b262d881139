"""What jobs expect of their answers, over the whole way: manifest, run, queue, results."""

import io
import json
import signal
from collections import Counter

import orjson
from PIL import Image
from runs import accounts_balance, animals, herd

from runner.demo import NAMES, Answer, Change, named, said

BLACK, FLAT, SMALL, SAME = (NAMES[name] for name in ("black", "flat", "small", "same"))
WHOLE = {"size": "asked", "flat": False, "duplicate": False}


def expecting(url, expect, *prompts, params=(), **endpoint):
    manifest = animals(url, *prompts, params=params, **endpoint)
    manifest["jobs"][0]["expect"] = expect
    return manifest


def talking(url, expect, *prompts, **endpoint):
    return {
        "name": "animals",
        "endpoints": {"chat": {"dialect": "openai-chat", "url": url, **endpoint}},
        "jobs": [{"model": "m", "prompts": list(prompts), "expect": expect}],
        "retry": {"first": 0.01},
    }


def ends(desk):
    return [(job["state"], job["cause"], job["message"], job["attempts"]) for job in desk.results()]


def evidence(desk):
    return sorted(path.suffix for path in (desk.outputs() / ".evidence").glob("*"))


async def test_n9_a_picture_that_is_not_as_expected_is_asked_for_once_more_and_kept(desk, provider):
    acts = {
        "a black one": (
            "failed",
            "blocked",
            "one flat colour, black: what a safety filter paints",
            [BLACK] * 2,
        ),
        "a flat one": ("failed", "invalid", "one flat colour", [FLAT] * 2),
        "a small one": ("failed", "invalid", "expected 64x64, got 32x32", [SMALL] * 2),
        "a good one": ("succeeded", None, None, []),
        "a good one at last": ("succeeded", None, None, [BLACK]),
    }
    scripts = {prompt: list(each[3]) for prompt, each in acts.items()}

    def script(seen):
        left = scripts[json.loads(seen.body)["prompt"]]
        return left.pop() if left else None

    provider.script = script
    desk.write(expecting(provider.url, WHOLE, *acts, price={"image": 0.01}))
    assert (await desk.run("run", "jobs.yaml")).status == 1
    for job in desk.results():
        state, cause, message, bad = acts[job["prompt"]]
        sent = 2 if bad else 1
        assert (job["state"], job["cause"], job["attempts"], job["cost_usd"]) == (
            state,
            cause,
            sent,
            sent / 100,
        )
        kept = f"{message}; kept as {desk.outputs()}/.evidence/{job['key']}-2-0.png"
        assert job["message"] == (kept if cause else None)
    assert evidence(desk) == [".png"] * 7
    shown = await desk.run("show", desk.results()[0]["id"])
    assert shown.out.count("blocked: one flat colour, black: what a safety filter paints; kept as ") == 3
    accounts_balance(desk, provider)


async def test_a_fresh_seed_is_on_record_and_makes_no_new_job(desk, provider):
    desk.write(expecting(provider.url, WHOLE, "a fox", params={"seed": 7}, idempotency_header="Once"))
    provider.play(BLACK)
    assert (await desk.run("run", "jobs.yaml")).status == 0
    bodies = [json.loads(each.body) for each in provider.requests]
    first, second = (body.pop("seed") for body in bodies)
    assert (first, bodies[0]) == (7, bodies[1])
    [fox] = desk.results()
    shown = json.loads((await desk.run("show", "--json", fox["id"])).out)
    assert shown["request"]["seed"] == 7
    assert [each["seed"] for each in shown["history"]] == [None, second]
    assert fox["message"] == f"made with the seed {second}"
    assert f"with the seed {second}" in (await desk.run("show", fox["id"])).out
    keys = [each.headers["once"] for each in provider.requests]
    assert keys == [fox["key"], f"{fox['key']}-1"]
    assert (await desk.run("run", "--json", "jobs.yaml")).last["attempts"] == 2


async def test_retries_of_its_own_cost_no_tries_and_tries_cost_none_of_them(desk, provider):
    manifest = expecting(provider.url, {"flat": False, "retries": 3}, "a fox")
    manifest["retry"] |= {"attempts": 2, "maybe_billed": 0}
    desk.write(manifest)
    provider.play(BLACK, FLAT, named("500"), FLAT, BLACK)
    assert (await desk.run("run", "jobs.yaml")).status == 1
    assert ends(desk)[0][:2] == ("failed", "blocked")
    assert provider.sent == 5


async def test_another_expectation_makes_nothing_new_and_retry_goes_by_it(desk, provider):
    desk.write(
        expecting(provider.url, {"size": "100x100", "retries": 0}, "a fox", "an owl", params={"seed": 7})
    )
    assert (await desk.run("run", "jobs.yaml")).status == 1
    assert Counter(end[1] for end in ends(desk)) == {"invalid": 2}
    changed = expecting(provider.url, {"size": "asked"}, "a fox", params={"seed": 7})
    changed["jobs"] += animals(provider.url, "an owl", params={"seed": 7})["jobs"]
    desk.write(changed)
    again = await desk.run("run", "jobs.yaml")
    assert "0 new, 2 kept, 0 withdrawn" in again.err
    assert provider.sent == 2
    await desk.run("retry", "--cause", "invalid")
    assert (await desk.run("resume")).status == 0
    seeds = [json.loads(each.body)["seed"] for each in provider.requests]
    assert seeds[:2] == [7, 7]
    assert len({7, *seeds[2:]}) == 3
    assert {end[2] for end in ends(desk)} == {f"made with the seed {seed}" for seed in seeds[2:]}


async def test_a_person_hears_of_it_where_no_answer_is_as_expected(desk, provider):
    desk.write(expecting(provider.url, {"size": "100x100"}, *herd(5)))
    run = await desk.run("run", "jobs.yaml")
    said_once = "nebula: 10 answers in a row not as expected, such as: expected 100x100, got 64x64"
    assert run.err.count(said_once) == 1


async def test_nothing_is_expected_that_is_not_written(desk, provider):
    desk.write(animals(provider.url, *herd(3)))
    provider.play(BLACK, SMALL, BLACK)
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert provider.sent == 3


async def test_no_picture_is_another_of_the_batch_not_even_after_a_restart(desk, provider):
    desk.write(expecting(provider.url, {**WHOLE, "retries": 2}, *herd(4)))
    provider.play(SAME, SAME)
    assert (await desk.run("run", "jobs.yaml", "--limit", "2")).status == 75
    provider.play(SAME)
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert provider.sent == 6
    hashes = {job["outputs"][0]["sha256"] for job in desk.results()}
    assert len(hashes) == 4
    [[message]] = desk.rows("SELECT DISTINCT substr(message, 1, 17) FROM attempts WHERE cause IS NOT NULL")
    assert message == "the same picture as"[:17]
    accounts_balance(desk, provider)


async def test_what_is_good_of_several_pictures_is_kept(desk, provider):
    def one_black(answer):
        tree = orjson.loads(answer.body)
        tree["data"][1]["b64_json"] = orjson.loads(BLACK.how(answer).body)["data"][1]["b64_json"]
        tree["data"][2]["b64_json"] = tree["data"][0]["b64_json"]
        return said(tree)

    desk.write(expecting(provider.url, WHOLE, "a fox", params={"n": 4}, price={"image": 0.01}))
    provider.play(Change(how=one_black))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    [fox] = desk.results()
    assert [kept["index"] for kept in fox["outputs"]] == [0, 3]
    assert "image 1: one flat colour, black" in fox["message"]
    assert "image 2: the same picture twice; kept as " in fox["message"]
    assert (fox["cost_usd"], len(evidence(desk))) == (0.04, 2)


ANSWER = {"type": "object", "required": ["answer"], "properties": {"answer": {"type": "string"}}}


TEXTS = [
    ({"empty": False}, NAMES["blank"], "empty text"),
    ({"cut": False}, NAMES["length"], "cut off at the limit of its length (finish_reason length)"),
    ({"pattern": "^A cow"}, None, "the pattern ^A cow is not found in the text"),
    ({"json": True}, None, "not JSON: unexpected character, expected a JSON value"),
    ({"json": ANSWER}, NAMES["blank"], "not JSON: "),
    ({"empty": False, "cut": False, "pattern": "demo"}, None, None),
]


async def test_n9_a_text_that_is_not_as_expected_stands_in_the_queue(desk, provider):
    manifest = talking(provider.url, {"empty": False}, "a fox", concurrency=1)
    manifest["jobs"] = [
        {"model": "m", "prompt": f"text {at}", "expect": {**expect, "retries": 0}}
        for at, (expect, _, _) in enumerate(TEXTS)
    ]
    desk.write(manifest)
    provider.play(*(act for _, act, _ in TEXTS))
    assert (await desk.run("run", "jobs.yaml")).status == 1
    *bad, good = desk.results()
    assert good["state"] == "succeeded"
    for job, (_, _, message) in zip(bad, TEXTS, strict=False):
        assert (job["state"], job["cause"], job["attempts"]) == ("failed", "invalid", 1)
        assert job["message"].startswith(message)
        assert job["usage"]["output_tokens"] > 0
    shown = json.loads((await desk.run("show", "--json", bad[1]["id"])).out)
    assert "choices" in shown["history"][0]["body"]


async def test_a_vector_of_another_length_is_kept_as_evidence(desk, provider):
    manifest = talking(provider.url, {"dimensions": 65}, "a fox")
    manifest["endpoints"]["chat"]["dialect"] = "openai-embeddings"
    desk.write(manifest)
    assert (await desk.run("run", "jobs.yaml")).status == 1
    [(_, cause, message, attempts)] = ends(desk)
    assert (cause, attempts) == ("invalid", 2)
    assert message.startswith("expected 65 dimensions, got 64; kept as ")
    assert evidence(desk) == [".json"] * 2


async def test_a_picture_behind_a_link_is_looked_at_too_and_its_answer_not_gone_on_from(desk, provider):
    manifest = expecting(provider.url, WHOLE, "a fox", price={"image": 0.01}, concurrency=1)
    manifest["endpoints"]["nebula"]["dialect"] = "openai-images"
    manifest["jobs"][0]["params"] = {"size": "64x64", "response_format": "url"}
    desk.write(manifest)
    files = iter([paint_black(64), None])
    provider.script = lambda seen: next(files) if "/files/" in seen.path else None
    assert (await desk.run("run", "jobs.yaml")).status == 0
    [fox] = desk.results()
    assert (fox["attempts"], fox["cost_usd"], provider.sent) == (2, 0.02, 2)
    history = desk.rows("SELECT number, counted, cause, cost_nusd FROM attempts ORDER BY id")
    price = 10_000_000
    assert history == [(1, 1, None, price), (1, 0, "blocked", 0), (2, 1, None, price), (2, 0, None, 0)]
    accounts_balance(desk, provider)


def paint_black(side):
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, "PNG")
    return Answer(body=file.getvalue(), type="image/png")


async def test_p8_a_picture_whose_runner_was_killed_is_adopted_and_no_copy_of_itself(desk, provider):
    desk.write(expecting(provider.url, WHOLE, "a fox", "an owl", params={"seed": 7}, concurrency=1))
    provider.play(BLACK)
    killed = await desk.run("run", "jobs.yaml", crash_at="renamed:1")
    assert killed.status == -signal.SIGKILL
    run = await desk.run("run", "jobs.yaml")
    assert "adopted 1 finished output" in run.err
    assert (run.status, provider.sent) == (0, 3)
    [owl] = [job for job in desk.results() if job["prompt"] == "an owl"]
    [fox] = [job for job in desk.results() if job["prompt"] == "a fox"]
    seed = json.loads(provider.requests[1].body)["seed"]
    assert (fox["message"], fox["attempts"], owl["message"]) == (f"made with the seed {seed}", 2, None)
    assert desk.rows("SELECT seed FROM attempts WHERE number = 2") == [(seed,)]


async def test_any_json_api_can_be_expected_something_of(desk, provider):
    endpoint = {
        "dialect": "json-http",
        "url": provider.url,
        "path": "/generate",
        "body": {"prompt": "{{ prompt }}", "width": 64, "height": 64, "options": {"seed": 7}},
        "images": "result.images[*].base64",
    }
    desk.write(
        {
            "name": "animals",
            "endpoints": {"any": endpoint},
            "jobs": [{"prompt": "a fox", "expect": {"size": "64x48"}}],
        }
    )
    assert (await desk.run("run", "jobs.yaml")).status == 1
    assert ends(desk)[0][2].startswith("expected 64x48, got 64x64")
    seeds = [json.loads(each.body)["options"]["seed"] for each in provider.requests]
    assert (seeds[0], len(set(seeds))) == (7, 2)
