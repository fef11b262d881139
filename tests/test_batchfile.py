"""Lines of batch files: what is a request, where it goes, and what is wrong with one that is none."""

from datetime import date
from pathlib import Path

import orjson
import pytest

from runner import batchfile, batchurl
from runner.batchfile import ANY, Unfit, request, whole
from runner.batchurl import path_at
from runner.dialects import DIALECTS
from runner.expand import count, expand
from runner.manifest import from_mapping
from runner.problems import ManifestError

TALK = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
LINE = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": TALK}
BODIES = {name: dialect.body for name, dialect in DIALECTS.items()}


def line(**changes):
    return {name: value for name, value in {**LINE, **changes}.items() if value is not ...}


@pytest.mark.parametrize(
    ("row", "url"),
    [
        (line(), "/v1/chat/completions"),
        (line(method="post"), "/v1/chat/completions"),
        (line(method=...), "/v1/chat/completions"),
        (line(url="/chat/completions"), "/v1/chat/completions"),
        (line(url="https://api.example.com/v1/chat/completions"), "/v1/chat/completions"),
        (line(url=..., method=...), "/v1/chat/completions"),
        (line(url=..., body={"model": "m", "input": "hello"}), "/v1/embeddings"),
        (line(url="/v1/responses", body={"model": "m", "input": "hello"}), "/v1/responses"),
        (line(url="/v1/moderations", body={"input": "hello"}), "/v1/moderations"),
    ],
)
def test_where_a_line_goes(row, url):
    found = request(row, ANY)
    assert (found.id, found.url, found.body, found.prompt) == ("a", url, row["body"], "hello")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (line(custom_id=...), "no 'custom_id'"),
        ({**line(custom_id=...), "customid": "a"}, "no 'custom_id'. Did you mean 'customid'?"),
        (line(custom_id=7), "'custom_id' is not a text"),
        (line(custom_id=" "), "'custom_id' is not a text"),
        (line(custom_id="a" * 513), "'custom_id' is longer than 512 characters"),
        (line(body=...), "neither 'body' nor 'params' is here"),
        (line(params=TALK), "both 'body' and 'params' is here"),
        (line(body="hello"), "'body' is not a JSON object"),
        (line(method="GET"), "the method is 'GET'"),
        (line(url=7), "'url' is not a text"),
        (line(url="/v1/chat/completion"), "Did you mean '/v1/chat/completions'?"),
        (line(url="/v1/images/edits"), "/v1/images/edits cannot be sent: its pictures go as a form"),
        (line(url="/v1/videos"), "/v1/videos cannot be sent"),
        (line(url=..., body={"model": "m", "prompt": "hello"}), "no 'url'"),
        (line(body={"messages": []}), "the body names no 'model'"),
        (line(body=..., params=TALK), "that is for an endpoint of anthropic-messages"),
        (line(custom_id=7, body=...), "from others; neither 'body' nor 'params'"),
    ],
)
def test_what_is_no_request(row, words):
    with pytest.raises(Unfit) as caught:
        request(row, ANY)
    assert words in str(caught.value)


def test_an_endpoint_of_one_url_takes_no_other():
    assert request(line(url=...), "openai-chat").url == "/v1/chat/completions"
    with pytest.raises(Unfit, match="an endpoint of openai-batch"):
        request(line(url="/v1/embeddings"), "openai-chat")


def test_lines_of_anthropic():
    found = request({"custom_id": "a", "params": {**TALK, "max_tokens": 9}}, "anthropic-messages")
    assert (found.url, found.model, found.params) == ("/v1/messages", "m", {"max_tokens": 9})


def test_an_answer_is_asked_for_whole():
    streamed = {**TALK, "stream": True, "stream_options": {"include_usage": True}}
    assert whole(streamed, batchurl.CHAT) == TALK
    assert whole({**TALK, "stream": False}, batchurl.CHAT) == {**TALK, "stream": False}
    assert whole({"model": "m", "background": True}, batchurl.RESPONSES) == {"model": "m"}
    transparent = {"model": "m", "background": "transparent"}
    assert whole(transparent, batchurl.IMAGES) == transparent


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("http://127.0.0.1:8000/v1", "/embeddings"),
        ("http://127.0.0.1:8000", "/v1/embeddings"),
        ("https://api.example.com/openai/v1", "/embeddings"),
        ("https://example.com/v1beta/openai", "/embeddings"),
        ("${BASE}", "/embeddings"),
        ("${BASE}/v1", "/embeddings"),
        ("https://${HOST}", "/v1/embeddings"),
    ],
)
def test_the_beginning_of_a_url_is_there_once(base, path):
    assert path_at(base, batchurl.EMBEDDINGS) == path


@pytest.mark.parametrize(
    ("file", "name"),
    [("requests.jsonl", "requests"), ("a/b.v2.jsonl.gz", "b.v2"), ("x.JSONL.zst", "x")],
)
def test_a_batch_is_named_after_its_file(file, name):
    assert batchfile.name_of(Path(file)) == name
    assert batchfile.is_batch_file(Path(file))
    assert not batchfile.is_batch_file(Path("jobs.yaml"))


def read(folder, rows, *, dialect=ANY, text=None, **job):
    written = text if text is not None else b"".join(orjson.dumps(row) + b"\n" for row in rows)
    (folder / "r.jsonl").write_bytes(written)
    endpoint = {"dialect": dialect, "url": "https://api.example.com/v1"}
    mapping = {"name": "r", "endpoints": {"api": endpoint}, "jobs": [{"file": "r.jsonl", **job}]}
    return from_mapping(mapping, folder=folder, today=date(2026, 11, 25))


def jobs(folder, rows, **changes):
    return list(expand(read(folder, rows, **changes), BODIES))


def test_each_line_is_a_job_with_its_own_body_in_its_own_order(tmp_path):
    body = {"temperature": 0, "model": "m", "messages": [{"role": "user", "content": "{{ no }} template"}]}
    first, second = jobs(tmp_path, [line(body=body), line(custom_id="b")])
    assert (first.id, first.model, first.path) == ("a", "m", "/v1/chat/completions")
    assert first.body == orjson.dumps(body)
    assert (first.prompt, first.params, first.vars) == ("{{ no }} template", b'{"temperature":0}', b"{}")
    assert (second.id, second.sample) == ("b", 1)


def test_the_key_is_of_body_url_and_sample_alone(tmp_path):
    said = {"model": "m", "input": "hello"}
    rows = [
        line(custom_id="a", url="/v1/embeddings", body=said),
        line(custom_id="b", url="/v1/responses", body=said),
        line(custom_id="c", url="/v1/embeddings", body={"input": "hello", "model": "m"}),
    ]
    first, second, third = jobs(tmp_path, rows)
    assert len({first.key, second.key, third.key}) == 3
    assert [job.sample for job in (first, second, third)] == [1, 1, 2]
    [again] = jobs(tmp_path, [line(custom_id="z", url="/v1/embeddings", body=said)])
    assert again.key == first.key


def test_one_model_may_stand_for_all(tmp_path):
    [job] = jobs(tmp_path, [line()], model="llama")
    assert (job.model, orjson.loads(job.body)["model"]) == ("llama", "llama")


def test_a_body_without_a_model_takes_the_one_that_is_given():
    bare = line(body={"messages": TALK["messages"]})
    assert request(bare, ANY, model="llama").body == {"messages": TALK["messages"], "model": "llama"}


def test_samples_of_a_line(tmp_path):
    found = jobs(tmp_path, [line()], samples=2)
    assert [job.sample for job in found] == [1, 2]
    assert all(job.id.startswith("a-") for job in found)
    assert count(read(tmp_path, [line()], samples=2)) == 2


def test_rows_with_a_template_are_data(tmp_path):
    [job] = jobs(tmp_path, [line()], dialect="openai-chat", model="m", prompt="{{ url }}")
    assert (job.path, job.prompt) == (None, "/v1/chat/completions")


def test_a_column_called_prompt_is_a_prompt(tmp_path):
    rows = [{"custom_id": "a", "body": "of a mail", "prompt": "sum it up"}]
    [job] = jobs(tmp_path, rows, dialect="openai-chat", model="m")
    assert (job.path, job.prompt) == (None, "sum it up")


def problems(folder, rows=(), **changes):
    with pytest.raises(ManifestError) as caught:
        jobs(folder, rows, **changes)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_all_bad_lines_are_told_at_once(tmp_path):
    text = b"\n".join([orjson.dumps(line()), b"{", orjson.dumps(line()), orjson.dumps(line(body=...))])
    assert problems(tmp_path, text=text) == [
        "r.jsonl:2:2: not JSON: unexpected end of data",
        "r.jsonl:3: the id 'a' stands here a second time, first at r.jsonl:1",
        "r.jsonl:4: neither 'body' nor 'params' is here",
    ]


def test_a_file_without_a_line_is_none(tmp_path):
    assert problems(tmp_path, text=b"\n") == ["r.jsonl: no line, where each is to be a request"]


@pytest.mark.parametrize(
    "job",
    [{"params": {"n": 2}}, {"matrix": {"n": [1, 2]}}, {"vars": {"x": 1}}, {"id": "b"}, {"prompt": "hi"}],
)
def test_lines_say_all(tmp_path, job):
    [name] = job
    assert any(f"'{name}' is no" in told for told in problems(tmp_path, [line()], **job))


def test_an_endpoint_for_batch_files_needs_one(tmp_path):
    endpoint = {"dialect": ANY, "url": "demo"}
    mapping = {"name": "r", "endpoints": {"api": endpoint}, "jobs": [{"model": "m", "prompts": ["hi"]}]}
    with pytest.raises(ManifestError, match="lines of a batch file: give 'file'"):
        from_mapping(mapping, folder=tmp_path, today=date(2026, 11, 25))
