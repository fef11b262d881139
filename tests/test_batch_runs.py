"""Batch files from the command line to their results, by a real process and a real server."""

import gzip
import json

from openai.types import Completion, CreateEmbeddingResponse, ImagesResponse, ModerationCreateResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from runner import compose
from runner.batchlines import line
from runner.demo import Knobs, refused, serve

KEY = "sk-demo-1234567890"
CHAT = {"temperature": 0, "model": "m", "messages": [{"role": "user", "content": "hello"}]}
BODIES = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"prompt": ["hello", "again"], "model": "m"},
    "/v1/embeddings": {"model": "m", "input": ["hello", "again"]},
    "/v1/images/generations": {"size": "64x64", "prompt": "a fox", "model": "m", "n": 2},
    "/v1/moderations": {"input": "hello"},
    "/v1/responses": {"model": "m", "input": "hello"},
}
KINDS = {
    "/v1/chat/completions": ["text"],
    "/v1/completions": ["text", "text"],
    "/v1/embeddings": ["embedding", "embedding"],
    "/v1/images/generations": ["image", "image"],
    "/v1/moderations": ["text"],
    "/v1/responses": ["text"],
}


TYPES = {
    "/v1/chat/completions": ChatCompletion,
    "/v1/completions": Completion,
    "/v1/embeddings": CreateEmbeddingResponse,
    "/v1/images/generations": ImagesResponse,
    "/v1/moderations": ModerationCreateResponse,
    "/v1/responses": Response,
}


def answers(desk, name):
    """The bodies of the answers as an output file has them, by `custom_id`."""
    with compose.reading(str(desk.folder / "runner.db")) as store:
        batch = store.batch(name)
        rows = [(job, store.history(job.row)[-1]) for job in store.jobs(batch.id)]
    written = [
        line(job, last, lambda kept: (desk.outputs(name) / kept.path).read_bytes()) for job, last in rows
    ]
    assert not any(each.is_error for each in written)
    read = [json.loads(each.data) for each in written]
    return {each["custom_id"]: each["response"]["body"] for each in read}


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def requests():
    return [{"custom_id": url, "method": "POST", "url": url, "body": body} for url, body in BODIES.items()]


async def test_a_batch_file_needs_no_manifest(desk):
    (desk.folder / "requests.jsonl.gz").write_bytes(gzip.compress(lines(requests()).encode()))
    (desk.folder / ".env").write_text(f"HOME_KEY={KEY}\n")
    async with serve(Knobs(latency_s=0, record=True, key=KEY)) as provider:
        sending = ("run", "requests.jsonl.gz", "--url", f"{provider.url}/v1", "--key-env", "HOME_KEY")
        done = await desk.run(*sending, "--json")
        assert (done.status, done.last["jobs"]["succeeded"]) == (0, len(BODIES))
        seen = {each.path: each.body for each in provider.requests}
        assert seen == {url: json.dumps(body, separators=(",", ":")).encode() for url, body in BODIES.items()}
        results = {line["id"]: line for line in desk.results("requests")}
        assert {name: [each["kind"] for each in line["outputs"]] for name, line in results.items()} == KINDS
        assert results["/v1/responses"]["usage"]["output_tokens"] > 0
        found = {url: TYPES[url].model_validate(body) for url, body in answers(desk, "requests").items()}
        assert found.keys() == TYPES.keys()
        assert found["/v1/responses"].output_text == results["/v1/responses"]["outputs"][0]["text"]
        assert all(picture.b64_json.startswith("iVBOR") for picture in found["/v1/images/generations"].data)
        again = await desk.run(*sending)
        assert (again.status, provider.sent) == (0, len(BODIES))
        assert "unchanged" in again.err
    kept = [path.read_bytes() for path in desk.folder.rglob("*") if path.is_file() and path.name != ".env"]
    assert not any(KEY.encode() in data for data in kept)


async def test_a_batch_file_of_anthropic(desk):
    body = {"model": "m", "max_tokens": 3, "messages": [{"role": "user", "content": "hello"}]}
    (desk.folder / "talks.jsonl").write_text(lines([{"custom_id": "a", "params": body}]))
    (desk.folder / ".env").write_text(f"HOME_KEY={KEY}\n")
    manifest = {
        "name": "talks",
        "endpoints": {"home": {"dialect": "anthropic-messages", "key": "${HOME_KEY}"}},
        "jobs": [{"file": "talks.jsonl", "samples": 2}],
        "retry": {"first": 0.01},
    }
    async with serve(Knobs(latency_s=0, record=True, key=KEY)) as provider:
        manifest["endpoints"]["home"]["url"] = provider.url
        desk.write(manifest)
        provider.play(refused(529, "Overloaded", "overloaded_error"))
        done = await desk.run("run", "jobs.yaml", "--json")
        assert (done.status, done.last["jobs"]["succeeded"], provider.sent) == (0, 2, 3)
        heard = provider.requests[-1]
    assert heard.path == "/v1/messages"
    assert (heard.headers["x-api-key"], heard.headers["anthropic-version"]) == (KEY, "2023-06-01")
    assert "authorization" not in heard.headers
    texts = [line["outputs"][0] for line in desk.results("talks")]
    assert {text["finish_reason"] for text in texts} == {"max_tokens"}


async def test_nothing_of_a_bad_batch_file_is_sent(desk, provider):
    bad = [*requests(), {"custom_id": "x", "method": "GET", "url": "/v1/embeddings", "body": {"model": "m"}}]
    (desk.folder / "bad.jsonl").write_text(lines([*bad, requests()[0]]) + "{\n")
    done = await desk.run("run", "bad.jsonl", "--url", f"{provider.url}/v1")
    assert (done.status, provider.sent) == (2, 0)
    said = done.err.splitlines()[1:]
    assert said == [
        "bad.jsonl:7: the method is 'GET': only 'POST' makes a request of a batch",
        "bad.jsonl:8: the id '/v1/chat/completions' stands here a second time, first at bad.jsonl:1",
        "bad.jsonl:9:2: not JSON: unexpected end of data",
    ]


async def test_where_a_batch_file_goes_has_to_be_said(desk):
    (desk.folder / "requests.jsonl").write_text(lines(requests()))
    silent = await desk.run("plan", "requests.jsonl")
    assert (silent.status, "say by --url where its requests go" in silent.err) == (2, True)
    told = await desk.run("plan", "requests.jsonl", "--url", "http://host/v1", "--key-env", KEY)
    assert (told.status, KEY in told.err, "not the key itself" in told.err) == (2, False, True)
