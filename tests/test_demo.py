import asyncio
import io
import math
import re
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random

import aiohttp
import orjson
import pybase64
import pytest
from PIL import Image

from runner.cli.demo import demo
from runner.demo import (
    NAMES,
    Answer,
    BadFaults,
    Change,
    Close,
    Cut,
    Drip,
    Hang,
    Knobs,
    Mix,
    Picture,
    Raw,
    Slow,
    bomb,
    canonical,
    named,
    page,
    paint,
    parse_faults,
    refused,
    said,
    serve,
)
from runner.demo.limits import Bucket, Quota
from runner.demo.painting import FORMATS
from runner.demo.scenes import GROUNDS
from runner.demo.studio import SHELF, Shelf
from runner.demo.subjects import SIGNS

SMALL = {"width": 64, "height": 64}
SEED = {
    "model_name": "stabilityai/stable-diffusion-xl-base-1.0",
    "prompt": "a red fox",
    "num_steps": 25,
    "guidance_scale": 9,
    "negative_prompt": None,
    **SMALL,
}
CHAT = {"model": "demo-chat", "messages": [{"role": "user", "content": "why is the sky blue?"}]}
EMBED = {"model": "demo-embedding", "input": "a red fox"}
QUICK = aiohttp.ClientTimeout(total=0.3)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(http, provider, path, body, **options):
    async with http.post(provider.url + path, json=body, allow_redirects=False, **options) as response:
        return response.status, response.headers, await response.read()


async def get(http, url):
    async with http.get(url) as response:
        return response.status, response.headers, await response.read()


async def ask(http, provider, path, body):
    status, _, data = await post(http, provider, path, body)
    assert status < 300
    return orjson.loads(data)


def opened(file: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(file))
    image.load()
    return image


def events(data: bytes) -> list[dict]:
    *lines, last = [part for part in data.split(b"\n\n") if part]
    assert last == b"data: [DONE]"
    return [orjson.loads(line.removeprefix(b"data: ")) for line in lines]


# dialects


@pytest.mark.parametrize("field", ["model_name", "model"])
@pytest.mark.parametrize("prefix", ["", "/v1", "/api/v1"])
async def test_nebula_paints_the_seed_request(http, provider, field, prefix):
    body = {**SEED, field: SEED["model_name"]}
    answer = await ask(http, provider, f"{prefix}/images/generation", body)
    assert answer["status"] == "success"
    assert answer["model"] == SEED["model_name"]
    [item] = answer["data"]
    assert item["index"] == 0
    assert item["timings"] == {"inference": 1.0}
    image = opened(pybase64.b64decode(item["b64_json"], validate=True))
    assert (image.format, image.size) == ("PNG", (64, 64))
    assert image.text["prompt"] == "a red fox"


async def test_a_text_model_at_nebulas_image_url_answers_by_an_event_stream(http, provider):
    body = {"model_name": "meta-llama/Llama-3.1-8B-Instruct", "prompt": "say it"}
    status, headers, data = await post(http, provider, "/images/generation", body)
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    chunks = events(data)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert "say it" in "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks)


async def test_openai_images_come_as_base64_or_as_links(http, provider):
    body = {"model": "gpt-image", "prompt": "an owl", "n": 2, "size": "48x32"}
    plain = await ask(http, provider, "/images/generations", body)
    files = [pybase64.b64decode(item["b64_json"]) for item in plain["data"]]
    linked = await ask(http, provider, "/images/generations", {**body, "response_format": "url"})
    for item in linked["data"]:
        status, headers, file = await get(http, item["url"])
        assert (status, headers["content-type"]) == (200, "image/png")
        assert item["revised_prompt"].startswith("an owl")
        files.append(file)
    assert len(set(files)) == 4
    assert {opened(file).size for file in files} == {(48, 32)}
    assert plain["usage"]["total_tokens"] > 0
    assert (await get(http, f"{provider.url}/files/99-0.png"))[0] == 404


async def test_a_seed_paints_the_same_picture_again_and_none_another(http, provider):
    seeded = [await post(http, provider, "/images/generation", {**SEED, "seed": 7}) for _ in range(2)]
    loose = [await post(http, provider, "/images/generation", SEED) for _ in range(2)]
    assert seeded[0][2] == seeded[1][2]
    assert len({data for _, _, data in [*seeded, *loose]}) == 3


async def test_a_chat_says_the_same_streamed_and_plain(http, provider):
    plain = await ask(http, provider, "/chat/completions", {**CHAT, "n": 2})
    wanted = {**CHAT, "n": 2, "stream": True, "stream_options": {"include_usage": True}}
    _, headers, data = await post(http, provider, "/chat/completions", wanted)
    assert headers["content-type"] == "text/event-stream"
    *chunks, last = events(data)
    assert last["usage"] == plain["usage"]
    texts, reasons = {0: "", 1: ""}, {}
    for chunk in chunks:
        [choice] = chunk["choices"]
        texts[choice["index"]] += choice["delta"].get("content", "")
        reasons[choice["index"]] = choice["finish_reason"]
    assert texts == {choice["index"]: choice["message"]["content"] for choice in plain["choices"]}
    assert reasons == {0: "stop", 1: "stop"}


async def test_a_chat_reads_parts_limits_shapes_and_tools(http, provider):
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    seen = await ask(http, provider, "/chat/completions", {"model": "m", "messages": [{"content": parts}]})
    assert "what is it? (a picture)" in seen["choices"][0]["message"]["content"]
    short = (await ask(http, provider, "/chat/completions", {**CHAT, "max_tokens": 2}))["choices"][0]
    assert (len(short["message"]["content"].split()), short["finish_reason"]) == (2, "length")
    shaped = await ask(
        http, provider, "/chat/completions", {**CHAT, "response_format": {"type": "json_object"}}
    )
    assert "answer" in orjson.loads(shaped["choices"][0]["message"]["content"])
    tools = [{"type": "function", "function": {"name": "look"}}]
    called = await ask(
        http, provider, "/chat/completions", {**CHAT, "tools": tools, "tool_choice": "required"}
    )
    assert called["choices"][0]["finish_reason"] == "tool_calls"
    assert called["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "look"


async def test_an_embedding_hangs_on_its_input_alone(http, provider):
    one = await ask(http, provider, "/embeddings", EMBED)
    many = await ask(http, provider, "/embeddings", {**EMBED, "input": ["a red fox", "an owl"]})
    assert one["data"][0]["embedding"] == many["data"][0]["embedding"] != many["data"][1]["embedding"]
    assert math.isclose(math.hypot(*one["data"][0]["embedding"]), 1, abs_tol=1e-5)
    packed = await ask(http, provider, "/embeddings", {**EMBED, "dimensions": 8, "encoding_format": "base64"})
    assert len(pybase64.b64decode(packed["data"][0]["embedding"])) == 32


async def test_a_prediction_is_submitted_polled_and_fetched(http, provider):
    job = await ask(http, provider, "/predictions", {"input": {"prompt": "a whale", **SMALL}})
    polls = [orjson.loads((await get(http, job["urls"]["get"]))[2]) for _ in range(3)]
    assert [poll["status"] for poll in (job, *polls)] == ["starting", "processing", "processing", "succeeded"]
    [url] = polls[-1]["output"]
    assert opened((await get(http, url))[2]).size == (64, 64)
    assert provider.billed == 1
    assert (await get(http, f"{provider.url}/predictions/p999"))[0] == 404


async def test_a_json_api_answers_at_once(http, provider):
    result = (await ask(http, provider, "/generate", {"prompt": "a cup of tea", **SMALL}))["result"]
    assert "a cup of tea" in result["text"]
    assert opened(pybase64.b64decode(result["images"][0]["base64"])).size == (64, 64)


async def test_models_and_credits_can_be_looked_at(http, provider):
    assert orjson.loads((await get(http, f"{provider.url}/v1/models"))[2])["object"] == "list"
    credit = orjson.loads((await get(http, f"{provider.url}/api/v1/users/credits"))[2])
    assert isinstance(credit["data"]["available_balance"], str)
    assert provider.sent == 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/images/generation", {"model": "sdxl"}, 400),
        ("/images/generation", {"model": "sdxl", "prompt": ""}, 400),
        ("/images/generation", {"prompt": "a fox"}, 400),
        ("/images/generation", {**SEED, "width": 100_000}, 400),
        ("/images/generation", {**SEED, "width": True}, 400),
        ("/images/generation", {**SEED, "image": "#"}, 400),
        ("/images/generation", {**SEED, "mask": 1}, 400),
        ("/images/generation", {**SEED, "image": "data:image/png;base64,AAAA"}, 200),
        ("/images/generations", {"prompt": "a fox", "size": "huge"}, 400),
        ("/images/generations", {"prompt": "a fox", "output_format": "svg"}, 400),
        ("/chat/completions", {"model": "m", "messages": []}, 400),
        ("/chat/completions", {"model": "m", "messages": [{"content": ["x"]}]}, 400),
        ("/embeddings", {"model": "m"}, 400),
        ("/embeddings", [], 400),
        ("/api/v1/api/v1/images/generation", SEED, 404),
        ("/images", SEED, 404),
    ],
)
async def test_a_request_is_read_strictly_and_a_bad_one_is_free(http, provider, path, body, status):
    assert (await post(http, provider, path, body))[0] == status
    assert provider.billed == (status == 200)


async def test_a_body_that_is_no_json_is_refused(http, provider):
    async with http.post(f"{provider.url}/embeddings", data=b"{") as response:
        assert response.status == 400


async def test_a_paid_path_takes_posts_alone(http, provider):
    assert (await get(http, f"{provider.url}/images/generation"))[0] == 405
    async with http.put(f"{provider.url}/embeddings", json=EMBED) as response:
        assert response.status == 405


# knobs


async def test_an_answer_takes_its_latency(http):
    async with serve(Knobs(latency_s=0.05, jitter=0)) as provider:
        start = time.monotonic()
        await post(http, provider, "/embeddings", EMBED)
        assert time.monotonic() - start >= 0.05


async def test_only_its_key_opens_it(http):
    async with serve(Knobs(latency_s=0, key="sk-1")) as provider:
        assert (await post(http, provider, "/embeddings", EMBED))[0] == 401
        mine = {"authorization": "Bearer sk-1"}
        assert (await post(http, provider, "/embeddings", EMBED, headers=mine))[0] == 200
        assert (await get(http, f"{provider.url}/models"))[0] == 401
        assert (await get(http, f"{provider.url}/files/1-0.png"))[0] == 404
        assert provider.billed == 1


async def test_credit_runs_out(http):
    async with serve(Knobs(latency_s=0, credit=2)) as provider:
        found = [(await post(http, provider, "/embeddings", EMBED))[0] for _ in range(4)]
        assert found == [200, 200, 402, 402]
        assert provider.answered == {200: 2, 402: 2}


async def test_models_that_are_not_there_are_not_found(http):
    async with serve(Knobs(latency_s=0, models=frozenset({"demo-embedding"}))) as provider:
        assert (await post(http, provider, "/embeddings", EMBED))[0] == 200
        assert (await post(http, provider, "/embeddings", {**EMBED, "model": "other"}))[0] == 404
        assert (await post(http, provider, "/images/generation", SEED))[0] == 404


async def test_a_rate_limit_says_when_to_come_again(http):
    async with serve(Knobs(latency_s=0, requests_per_minute=60, burst=2)) as provider:
        answers = [await post(http, provider, "/embeddings", EMBED) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        headers = answers[-1][1]
        assert headers["retry-after"] == "1"
        assert 0 < int(headers["retry-after-ms"]) <= 1000
        assert headers["x-ratelimit-limit-requests"] == "60"
        assert headers["x-ratelimit-remaining-requests"] == "0"


async def test_a_limit_can_be_kept_secret(http):
    async with serve(Knobs(latency_s=0, requests_per_day=1, tells_limits=False)) as provider:
        await post(http, provider, "/embeddings", EMBED)
        status, headers, _ = await post(http, provider, "/embeddings", EMBED)
        assert status == 429
        assert not any("retry" in name or "ratelimit" in name for name in map(str.lower, headers))


async def test_too_many_in_flight_are_refused(http):
    async with serve(Knobs(latency_s=0.1, jitter=0, concurrency=2)) as provider:
        answers = await asyncio.gather(*(post(http, provider, "/embeddings", EMBED) for _ in range(5)))
        assert sorted(status for status, _, _ in answers) == [200, 200, 429, 429, 429]
        assert provider.peak >= 3
        assert provider.in_flight == 0


def test_a_bucket_refills_all_the_time():
    bucket = Bucket(per_minute=60, burst=2)
    times = (0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 60.0)
    assert [bucket.take(now) for now in times] == [0, 0, 1.0, 0.5, 0, 1.0, 0]
    assert bucket.headers()["x-ratelimit-remaining-requests"] == "1"
    assert bucket.headers()["x-ratelimit-reset-requests"] == "1.000s"


def test_a_quota_comes_back_at_midnight():
    quota = Quota(per_day=1)
    assert [quota.take(at) for at in (86_400.0 + 3600, 86_400.0 + 7200, 2 * 86_400.0)] == [0, 79_200, 0]


# faults


async def test_acts_are_played_in_order_and_counted_from_outside(http, provider):
    provider.play(refused(429, retry_after="3"), None, refused(500))
    answers = [await post(http, provider, "/embeddings", EMBED) for _ in range(4)]
    assert [status for status, _, _ in answers] == [429, 200, 500, 200]
    assert answers[0][1]["retry-after"] == "3"
    assert orjson.loads(answers[0][2])["error"]["message"] == "Too Many Requests"
    assert (provider.sent, provider.billed) == (4, 2)
    assert provider.paid == {canonical(orjson.dumps(EMBED)): 2}
    assert [seen.json for seen in provider.requests] == [EMBED] * 4
    assert provider.requests[0].headers["content-type"] == "application/json"
    assert all(a.at <= b.at for a, b in pairwise(provider.requests))


async def test_a_script_sees_polls_and_downloads_too(http, provider):
    provider.script = lambda seen: refused(403) if seen.path.startswith("/files/") else None
    body = {"prompt": "a fox", "response_format": "url", "size": "64x64"}
    [item] = (await ask(http, provider, "/images/generations", body))["data"]
    assert (await get(http, item["url"]))[0] == 403
    provider.script = None
    assert (await get(http, item["url"]))[0] == 200


CLOSED = aiohttp.ServerDisconnectedError
RESET = aiohttp.ClientOSError
TORN = aiohttp.ClientPayloadError
BROKEN = [
    (Close(), CLOSED, True),
    (Close(costs=False), CLOSED, False),
    (Close(reset=True), RESET, True),
    (Cut(), TORN, True),
    (Cut(framing="chunked"), TORN, True),
    (Cut(reset=True), aiohttp.ClientError, True),
    (Hang(), TimeoutError, True),
    (Hang(keep=0.5), TimeoutError, True),
    (Drip(every_s=0.01), TimeoutError, True),
    (Slow(seconds=5), TimeoutError, True),
    (Raw(data=b"HTTP/1.1 two hundred\r\n\r\n"), aiohttp.ClientResponseError, True),
]


@pytest.mark.parametrize(("act", "error", "paid"), BROKEN)
async def test_answers_break_in_every_way_that_is_played(http, provider, act, error, paid):
    provider.play(act)
    with pytest.raises(error):
        await post(http, provider, "/chat/completions", CHAT, timeout=QUICK)
    assert provider.billed == paid
    assert (await post(http, provider, "/chat/completions", CHAT))[0] == 200


async def test_an_answer_cut_at_a_close_looks_whole(http, provider):
    provider.play(Cut(framing="close"))
    status, _, data = await post(http, provider, "/chat/completions", CHAT)
    assert status == 200
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(data)


async def test_a_kept_alive_connection_ends_without_a_word(http, provider):
    provider.play(Answer(body=b"{}", hangs_up=True))
    reader, writer = await asyncio.open_connection(*provider.url.removeprefix("http://").split(":"))
    writer.write(b"POST /embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.endswith(b"\r\n\r\n{}")
    assert b"connection" not in answer.lower()


async def test_an_answer_can_be_slow_or_changed(http, provider):
    provider.play(Slow(seconds=0.05), Change(how=lambda answer: Answer(status=202, body=answer.body[:1])))
    start = time.monotonic()
    assert (await post(http, provider, "/embeddings", EMBED))[0] == 200
    assert time.monotonic() - start >= 0.05
    status, _, data = await post(http, provider, "/embeddings", EMBED)
    assert (status, data) == (202, b"{")


async def test_a_drip_ends_whole(http, provider):
    provider.play(Drip(size=400, every_s=0.001))
    assert (await ask(http, provider, "/chat/completions", CHAT))["object"] == "chat.completion"


STREAMED = {"early": ("/chat/completions", {**CHAT, "stream": True})}
LAPSES = ("black", "flat", "small", "same", "length", "blank")
"""What only a look at the answer tells."""
WHOLE = [
    name for name, act in NAMES.items() if isinstance(act, Answer | Change) and name not in {"bomb", *LAPSES}
]


@pytest.mark.parametrize("name", WHOLE)
async def test_named_answers_are_whole_and_of_no_use_and_paid_unless_they_say_error(http, provider, name):
    path, body = STREAMED.get(name, ("/images/generation", SEED))
    assert of_use((await post(http, provider, path, body))[2])
    provider.play(named(name))
    status, _, data = await post(http, provider, path, body)
    assert (status, provider.billed) == (200, 1 if name == "error" else 2)
    assert not of_use(data)


@pytest.mark.parametrize(
    ("name", "extrema", "size"),
    [
        ("black", ((0, 0), (0, 0), (0, 0)), (64, 64)),
        ("flat", ((94, 94), (129, 129), (172, 172)), (64, 64)),
        ("same", ((0, 240), (0, 224), (128, 128)), (64, 64)),
        ("small", None, (32, 32)),
    ],
)
async def test_pictures_can_be_whole_and_not_what_was_asked_for(http, provider, name, extrema, size):
    provider.play(named(name))
    answer = await ask(http, provider, "/images/generation", SEED)
    image = opened(pybase64.b64decode(answer["data"][0]["b64_json"]))
    assert image.size == size
    assert extrema in {None, image.convert("RGB").getextrema()}


async def test_texts_can_be_whole_and_not_what_was_asked_for(http, provider):
    [whole] = (await ask(http, provider, "/chat/completions", CHAT))["choices"]
    provider.play(named("length"), named("blank"), named("length"))
    [cut] = (await ask(http, provider, "/chat/completions", CHAT))["choices"]
    [blank] = (await ask(http, provider, "/chat/completions", CHAT))["choices"]
    assert cut["finish_reason"] == "length"
    assert whole["message"]["content"].startswith(cut["message"]["content"])
    assert not blank["message"]["content"].strip()
    streamed = await post(http, provider, "/chat/completions", {**CHAT, "stream": True})
    assert b'"finish_reason":"length"' in streamed[2]


def of_use(data: bytes) -> bool:
    """Whether a client could make an output of it."""
    if data.startswith(b"data:"):
        return b"[DONE]" in data
    try:
        answer = orjson.loads(data)
        return bool(opened(pybase64.b64decode(answer["data"][0]["b64_json"], validate=True)))
    except (ValueError, LookupError, OSError):
        return False


async def test_a_small_body_grows_large(provider):
    provider.play(Change(how=lambda answer: Answer(body=bomb(8).body, headers=dict(bomb(8).headers))))
    async with aiohttp.ClientSession(auto_decompress=False) as raw:
        _, headers, packed = await post(raw, provider, "/generate", {"prompt": "x", **SMALL})
    assert headers["content-encoding"] == "gzip"
    assert len(packed) < 20_000
    async with aiohttp.ClientSession() as plain:
        provider.play(bomb(8))
        assert len((await post(plain, provider, "/generate", {}))[2]) == 8 << 20


async def test_a_redirect_names_its_target(http, provider):
    provider.play(named("307"), page(502))
    status, headers, _ = await post(http, provider, "/generate", SEED)
    assert (status, headers["location"]) == (307, "/moved")
    status, headers, _ = await post(http, provider, "/generate", SEED)
    assert (status, headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert provider.billed == 0


def test_a_mix_is_read_and_drawn_from():
    mix = parse_faults("429:0.25, reset:0.25,")
    assert named(mix.pick(0.1)) == refused(429, retry_after="1")
    assert named(mix.pick(0.3)) == Close(reset=True)
    assert mix.pick(0.5) is None
    assert Mix().pick(0.0) is None
    chance = Random(1)
    drawn = [mix.pick(chance.random()) for _ in range(2000)]
    assert 900 < drawn.count(None) < 1100


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rset:0.1", "unknown fault 'rset'. Did you mean 'reset'?"),
        ("200:0.1", "unknown fault '200'."),
        ("429", "'429' has no chance. Write it as '429:0.05'"),
        ("429:often", "'often' in '429:often' is not a number"),
        ("429:1.5", "not between 0 and 1"),
        ("429:nan", "not between 0 and 1"),
        ("429:0.6,500:0.6", "add up to 1.2, more than 1"),
    ],
)
def test_a_mix_that_cannot_be_read_says_why(text, words):
    with pytest.raises(BadFaults) as error:
        parse_faults(text)
    assert words in str(error.value)


async def test_chance_brings_faults_in_the_same_order_each_time(http):
    runs = []
    for _ in range(2):
        async with serve(Knobs(latency_s=0, faults=parse_faults("500:0.5"), seed=3)) as provider:
            runs.append([(await post(http, provider, "/embeddings", EMBED))[0] for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


async def test_a_provider_without_record_keeps_nothing(http):
    async with serve(Knobs(latency_s=0)) as provider:
        await post(http, provider, "/embeddings", EMBED)
        assert (provider.requests, dict(provider.paid), provider.sent, provider.billed) == ([], {}, 1, 1)


def test_a_shelf_holds_the_newest():
    shelf: Shelf[int] = Shelf()
    for number in range(SHELF + 1):
        shelf.put(str(number), number)
    assert (shelf.find("0"), shelf.find(str(SHELF))) == (None, SHELF)


async def test_a_provider_closes_at_once_whatever_hangs(http):
    async with serve(Knobs(latency_s=0)) as provider:
        provider.play(Hang(), Drip(every_s=30), Slow(seconds=30))
        hung = [asyncio.create_task(post(http, provider, "/embeddings", EMBED)) for _ in range(3)]
        await provider.until(lambda p: p.in_flight == 3)
        start = time.monotonic()
    assert time.monotonic() - start < 2
    ends = await asyncio.gather(*hung, return_exceptions=True)
    assert all(isinstance(end, aiohttp.ClientError) for end in ends)


async def test_a_client_that_leaves_frees_its_place(http, provider):
    provider.play(Hang())
    with pytest.raises(TimeoutError):
        await post(http, provider, "/embeddings", EMBED, timeout=aiohttp.ClientTimeout(total=0.05))
    async with asyncio.timeout(2):
        await provider.until(lambda p: p.in_flight == 0)
    assert provider.billed == 1


async def test_a_scripted_answer_need_not_be_json(http, provider):
    provider.play(
        said({"data": []}, 200, x_request_id="mine"), Answer(body=b"data: {}\n\n", type="text/event-stream")
    )
    _, headers, _ = await post(http, provider, "/embeddings", EMBED)
    assert headers["x-request-id"] == "mine"
    _, headers, data = await post(http, provider, "/embeddings", EMBED)
    assert (headers["x-request-id"], data) == ("demo-2", b"data: {}\n\n")


# pictures


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("size", [(16, 16), (64, 200), (300, 96), (1030, 128)])
def test_a_picture_has_the_size_and_format_that_were_asked_for(form, size):
    wide, high = size
    image = opened(paint(Picture(prompt="a lighthouse", model="m", width=wide, height=high, format=form)))
    assert (image.size, image.format) == (size, form.upper())


def test_every_sign_ground_and_hand_makes_another_picture():
    named_things = [names.split()[0] for _, _, names in SIGNS] + [names.split()[0] for _, names in GROUNDS]
    hands = [f"a fox, {hand}" for hand in ("watercolour", "photograph", "sketch", "pixel art", "noir")]
    prompts = [*named_things, *hands, "a stormy night", "snow", "silence", "recursion", "日本語", ""]
    files = {prompt: paint(Picture(prompt=prompt, model="m", width=80, height=80)) for prompt in prompts}
    assert len(set(files.values())) == len(set(prompts))


def test_pictures_of_one_prompt_differ_by_salt_alone_and_are_painted_again_to_the_byte():
    files = [
        paint(Picture(prompt="a fox, watercolour", model="m", width=96, height=96, salt=s)) for s in (1, 1, 2)
    ]
    assert files[0] == files[1] != files[2]


def test_two_prompts_differ_at_a_glance():
    prompts = ["a red fox", "a barn owl", "a lighthouse at dusk", "a storm at sea", "the sound of silence"]
    looks = [opened(paint(Picture(prompt=prompt, model="m"))).resize((8, 8)).tobytes() for prompt in prompts]
    for one, other in pairwise(looks):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one) > 20


def test_words_that_do_not_fit_end_in_an_ellipsis():
    image = opened(paint(Picture(prompt="word " * 500, model="m" * 500, width=128, height=128)))
    assert image.text["prompt"] == "word " * 500


def test_every_fault_is_named_where_people_ask_for_help():
    told = re.findall(r"[\w-]+", demo.__doc__)
    assert [name for name in NAMES if name not in told] == []


async def test_with_the_same_seed_the_nth_request_fares_the_same():
    fates = []
    for _ in range(2):
        async with serve(Knobs(latency_s=0, seed=7, faults=parse_faults("429:0.3,500:0.3"))) as provider:
            async with aiohttp.ClientSession() as http:
                fates.append([(await post(http, provider, "/generate", SEED))[0] for _ in range(12)])
            assert provider.mishaps.total() == sum(status != 200 for status in fates[-1])
    assert fates[0] == fates[1]
    assert set(fates[0]) == {200, 429, 500}
