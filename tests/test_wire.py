"""What goes over the wire, and that each answer ends where it belongs."""

import base64
import hashlib
import io
import json

import orjson
import pytest
from PIL import Image
from runs import accounts_balance, animals, herd

from runner.demo import Change, Close, Hang, refused

SMALL = {"width": 64, "height": 64}
SDXL = "stabilityai/stable-diffusion-xl-base-1.0"
PREDICTIONS = {
    "dialect": "json-http",
    "path": "/predictions",
    "body": {"input": {"prompt": "{{ prompt }}", "width": 64, "height": 64}},
    "poll": {
        "path": "/predictions/{{ id }}",
        "until": "status == 'succeeded'",
        "failed": "status == 'failed'",
        "every": 0.05,
    },
    "image_urls": "output",
    "texts": "text",
}


def manifest(endpoint, *jobs, **more):
    return {
        "name": "animals",
        "endpoints": {"api": endpoint},
        "jobs": list(jobs),
        "retry": {"first": 0.01},
        **more,
    }


def hanging_gets(seen):
    return Hang() if seen.method == "GET" else None


async def test_the_providers_own_example_goes_out_to_the_letter(desk, provider):
    params = {"num_steps": 25, "guidance_scale": 9, "width": 1024, "height": 1024, "negative_prompt": None}
    job = {"model": SDXL, "prompt": "insert your prompt here", "params": params}
    endpoint = {"dialect": "nebula-images", "url": f"{provider.url}/api/v1", "key": "${NEBULA_API_KEY}"}
    desk.write(manifest(endpoint, job))
    (desk.folder / ".env").write_text("NEBULA_API_KEY=sk-0123456789\n")
    assert (await desk.run("run", "jobs.yaml")).status == 0
    [seen] = provider.requests
    assert (seen.method, seen.path) == ("POST", "/api/v1/images/generation")
    assert seen.headers["authorization"] == "Bearer sk-0123456789"
    assert seen.headers["content-type"] == "application/json"
    assert seen.json == {"model_name": SDXL, "prompt": "insert your prompt here", **params}
    [output] = desk.results()[0]["outputs"]
    assert (output["width"], output["height"]) == (1024, 1024)


async def test_the_models_field_is_named_as_the_server_knows_it(desk, provider):
    desk.write(animals(provider.url, "a fox", model_field="model"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert provider.requests[0].json == {"model": "sdxl", "prompt": "a fox", **SMALL}
    desk.write(animals(provider.url, "a fox", model_field="model_name"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert provider.sent == 1


async def test_an_image_endpoint_that_answers_with_text_gives_a_text(desk, provider):
    endpoint = {"dialect": "nebula-images", "url": provider.url}
    desk.write(manifest(endpoint, {"model": "meta-llama/Llama-3.1-8B-Instruct", "prompt": "what is a fox?"}))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    [output] = desk.results()[0]["outputs"]
    assert output["kind"] == "text"
    assert "what is a fox?" in output["text"]


async def test_every_dialect_brings_its_outputs(desk, provider):
    at = {"url": provider.url}
    endpoints = {
        "nebula": {**at, "dialect": "nebula-images"},
        "pictures": {**at, "dialect": "openai-images"},
        "chat": {**at, "dialect": "openai-chat"},
        "vectors": {**at, "dialect": "openai-embeddings"},
        "any": {
            **at,
            "dialect": "json-http",
            "path": "/generate",
            "texts": "result.text",
            "images": "result.images[].base64",
        },
        "later": {**at, **PREDICTIONS},
    }
    small = {"size": "64x64"}
    jobs = [
        {"id": "nebula", "endpoint": "nebula", "model": "sdxl", "params": SMALL},
        {"id": "base64", "endpoint": "pictures", "model": "m", "params": {**small, "n": 2}},
        {"id": "links", "endpoint": "pictures", "model": "m", "params": {**small, "response_format": "url"}},
        {"id": "chat", "endpoint": "chat", "model": "m", "system": "Be brief."},
        {"id": "stream", "endpoint": "chat", "model": "m", "params": {"stream": True}},
        {"id": "vector", "endpoint": "vectors", "model": "m"},
        {"id": "any", "endpoint": "any", "params": SMALL},
        {"id": "later", "endpoint": "later"},
    ]
    prompted = [{**job, "prompt": f"a fox by {job['id']}"} for job in jobs]
    desk.write({"name": "animals", "endpoints": endpoints, "jobs": prompted, "retry": {"first": 0.01}})
    done = await desk.run("run", "jobs.yaml", "--json")
    assert done.status == 0, done.err
    kinds = {line["id"]: [output["kind"] for output in line["outputs"]] for line in desk.results()}
    assert kinds == {
        "nebula": ["image"],
        "base64": ["image", "image"],
        "links": ["image"],
        "chat": ["text"],
        "stream": ["text"],
        "vector": ["embedding"],
        "any": ["text", "image"],
        "later": ["text", "image"],
    }
    assert (done.last["attempts"], provider.sent) == (8, 8)
    asked = {
        seen.json["messages"][-1]["content"]: seen.json
        for seen in provider.requests
        if b"messages" in seen.body
    }
    assert asked["a fox by chat"]["messages"][0] == {"role": "system", "content": "Be brief."}
    accounts_balance(desk, provider)


async def test_every_picture_is_at_its_own_job(desk, provider):
    made = {}

    def noted(prompt):
        def note(answer):
            data = base64.b64decode(orjson.loads(answer.body)["data"][0]["b64_json"])
            made[prompt] = hashlib.sha256(data).hexdigest()
            return answer

        return Change(how=note)

    provider.script = lambda seen: noted(seen.json["prompt"])
    desk.write({**animals(provider.url, *herd(40), concurrency=8), "outputs": {"embed": False}})
    assert (await desk.run("run", "jobs.yaml")).status == 0
    for line in desk.results():
        [output] = line["outputs"]
        content = (desk.outputs() / output["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == output["sha256"] == made[line["prompt"]]
    assert len(set(made.values())) == 40


async def test_an_idempotency_key_is_the_jobs_own_over_its_retries(desk, provider):
    provider.play(refused(500), Close(), refused(503))
    desk.write(animals(provider.url, "a fox", "an owl", "a fox", idempotency_header="Idempotency-Key"))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    keys = {seen.headers["idempotency-key"] for seen in provider.requests}
    assert provider.sent == 6
    assert keys == {line["key"] for line in desk.results()}
    assert len(keys) == 3


async def test_a_file_goes_out_as_base64(desk, provider):
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    (desk.folder / "cat.png").write_bytes(picture.getvalue())
    desk.write(animals(provider.url, "a fox", params={"image": {"file": "cat.png"}}))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert base64.b64decode(provider.requests[0].json["image"]) == picture.getvalue()


async def test_samples_are_requests_and_files_of_their_own(desk, provider):
    job = {"id": "fox", "model": "sdxl", "prompt": "a fox", "params": SMALL, "samples": 3}
    desk.write(manifest({"dialect": "nebula-images", "url": provider.url}, job))
    assert (await desk.run("run", "jobs.yaml")).status == 0
    assert len({seen.body for seen in provider.requests}) == 1
    assert provider.sent == 3
    assert len({line["outputs"][0]["sha256"] for line in desk.results()}) == 3
    assert [line["sample"] for line in desk.results()] == [1, 2, 3]


@pytest.mark.parametrize(
    "endpoint",
    [PREDICTIONS, {"dialect": "openai-images"}],
    ids=["between the ticket and the poll", "n11 between the answer and the download"],
)
async def test_n11_a_kill_after_the_paid_answer_pays_once(desk, provider, endpoint):
    params = {} if "path" in endpoint else {"size": "64x64", "response_format": "url"}
    job = {"model": "m", "prompts": herd(3), "params": params}
    desk.write(manifest({**endpoint, "url": provider.url, "price": {"image": 0.01}}, job))
    provider.script = hanging_gets
    started = await desk.start("run", "jobs.yaml")
    await provider.until(lambda seen: sum(each.method == "GET" for each in seen.requests) == 3)
    started.process.kill()
    await started.ends()
    provider.script = None
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 3)
    assert (provider.sent, done.last["attempts"], done.last["maybe_billed_twice"]) == (3, 3, 0)
    assert done.last["spent_usd"] == pytest.approx(0.03)
    assert "billed twice" not in done.err
    accounts_balance(desk, provider)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_n11_an_expired_link_fails_its_job_and_is_paid_for_once(desk, provider, status):
    provider.script = lambda seen: refused(status) if seen.method == "GET" else None
    job = {"model": "m", "prompt": "a fox", "params": {"size": "64x64", "response_format": "url"}}
    desk.write(manifest({"dialect": "openai-images", "url": provider.url}, job))
    assert (await desk.run("run", "jobs.yaml")).status == 1
    [line] = desk.results()
    assert (line["cause"], line["attempts"], provider.sent) == ("rejected", 1, 1)
    assert "image link expired" in line["message"]


async def test_n11_a_download_has_retries_of_its_own(desk, provider):
    gets = [Close(), refused(500), refused(429, retry_after_ms="20")]

    def script(seen):
        return gets.pop() if seen.method == "GET" and gets else None

    provider.script = script
    job = {"model": "m", "prompt": "a fox", "params": {"size": "64x64", "response_format": "url"}}
    desk.write(manifest({"dialect": "openai-images", "url": provider.url, "price": {"image": 0.01}}, job))
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["attempts"], done.last["maybe_billed_twice"]) == (0, 1, 0)
    assert (provider.sent, len(provider.requests), done.last["spent_usd"]) == (1, 5, 0.01)


async def test_a_paid_answer_that_led_nowhere_is_counted_when_it_is_paid_for_again(desk, provider):
    expired = [refused(404)]
    provider.script = lambda seen: expired.pop() if seen.method == "GET" and expired else None
    job = {"model": "m", "prompt": "a fox", "params": {"size": "64x64", "response_format": "url"}}
    desk.write(manifest({"dialect": "openai-images", "url": provider.url}, job))
    assert (await desk.run("run", "jobs.yaml")).status == 1
    await desk.run("retry")
    done = await desk.run("resume", "--json")
    assert (done.status, provider.sent, done.last["maybe_billed_twice"]) == (0, 2, 1)


async def test_a_prediction_that_fails_is_the_jobs_end(desk, provider):
    def failed(answer):
        tree = orjson.loads(answer.body)
        return type(answer)(body=orjson.dumps({**tree, "status": "failed", "error": "NSFW content"}))

    provider.script = lambda seen: Change(how=failed) if seen.method == "GET" else None
    desk.write(manifest({**PREDICTIONS, "url": provider.url}, {"prompt": "a fox"}))
    assert (await desk.run("run", "jobs.yaml")).status == 1
    [line] = desk.results()
    assert (line["attempts"], provider.sent) == (1, 1)
    assert "NSFW content" in line["message"]


async def test_polls_are_no_requests_of_the_budget(desk, provider):
    desk.write(manifest({**PREDICTIONS, "url": provider.url}, {"prompts": herd(4)}, budget={"requests": 5}))
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["attempts"]) == (0, 4)


async def test_a_poll_at_another_host_carries_no_credentials(desk, provider):
    def moved(answer):
        tree = orjson.loads(answer.body)
        return type(answer)(
            status=201,
            body=json.dumps(
                {**tree, "urls": {"get": tree["urls"]["get"].replace("127.0.0.1", "localhost")}}
            ).encode(),
        )

    provider.script = lambda seen: Change(how=moved) if seen.method == "POST" else None
    (desk.folder / ".env").write_text("KEY=sk-0123456789\n")
    poll = {**PREDICTIONS["poll"], "path": "{{ urls.get }}"}
    desk.write(
        manifest({**PREDICTIONS, "poll": poll, "url": provider.url, "key": "${KEY}"}, {"prompt": "a fox"})
    )
    assert (await desk.run("run", "jobs.yaml")).status == 0
    with_key = {
        seen.headers["host"].partition(":")[0]
        for seen in provider.requests
        if "authorization" in seen.headers
    }
    assert with_key == {"127.0.0.1"}
    assert any(seen.headers["host"].startswith("localhost") for seen in provider.requests)


@pytest.mark.parametrize("count", [2**64 - 1, -5, 1e300, "many", True])
async def test_a_mad_count_of_tokens_breaks_nothing(desk, provider, count):
    def counted(answer):
        tree = orjson.loads(answer.body)
        return type(answer)(
            body=orjson.dumps({**tree, "usage": {"prompt_tokens": count, "completion_tokens": count}})
        )

    provider.script = lambda _: Change(how=counted)
    endpoint = {"dialect": "openai-chat", "url": provider.url, "price": {"input": 500.0, "output": 500.0}}
    desk.write(manifest(endpoint, {"model": "m", "prompts": herd(2)}))
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 2)
    assert 0 <= done.last["spent_usd"] < 10
