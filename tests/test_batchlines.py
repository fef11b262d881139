"""Lines of output and error files: the answer as it came, or why there is none."""

import struct

import orjson
import pytest
from canned import FOX, OWL, base64
from rows import AT, attempt, job, kept, text

from runner.batchlines import line
from runner.job import State
from runner.outcome import Cause

FILES = {"fox.png": FOX, "owl.png": OWL}
SHAPE = {"id", "custom_id", "response", "error"}


def sending(tree=None, **fields):
    return attempt(body=tree if isinstance(tree, bytes) else orjson.dumps(tree), **fields)


def vector(value):
    return text(value, kind="embedding", mime="application/json")


def told(row, last):
    """The line as its reader has it, and whether it is one of errors."""
    found = line(row, last, lambda each: FILES[each.path])
    tree = orjson.loads(found.data)
    assert found.data.endswith(b"}\n")
    assert found.data.count(b"\n") == 1
    assert set(tree) == SHAPE
    return tree, found.is_error


def answered(tree, *outputs, **fields):
    found, is_error = told(job(outputs=outputs, **fields), sending(tree))
    assert (is_error, found["error"], found["custom_id"]) == (False, None, "fox")
    assert (found["response"]["status_code"], found["response"]["request_id"]) == (200, "req-1")
    return found["response"]["body"]


def test_an_answer_stands_there_as_it_came():
    tree = {"z": 1.0, "a": [{"message": {"content": "<image 1: 5 bytes>"}}], "usage": {"total_tokens": 3}}
    assert answered(orjson.dumps(tree, option=orjson.OPT_INDENT_2), text("hi")) == tree


def test_lines_of_a_batch_have_names_of_their_own():
    first, second = (told(job(key=key * 64), sending({}))[0]["id"] for key in "ab")
    assert first != second
    assert first.startswith("batch_req_")


def test_pictures_are_back_in_their_places_by_the_providers_index():
    places = [
        {"index": 1, "b64_json": "<image 1: 26 bytes>", "revised_prompt": "an owl"},
        {"index": 0, "b64_json": "<image 2: 27 bytes>"},
    ]
    outputs = kept(index=1, path="owl.png"), kept()
    body = answered({"created": 1, "data": places}, *outputs)
    assert [each["b64_json"] for each in body["data"]] == [base64(OWL), base64(FOX)]
    assert body["data"][0]["revised_prompt"] == "an owl"


def test_a_picture_in_a_url_and_one_in_a_response():
    image = kept()
    body = answered({"data": [{"url": "<image 1: 27 bytes>"}]}, image)
    assert body["data"][0]["url"] == f"data:image/png;base64,{base64(FOX)}"
    body = answered({"output": [{"type": "image_generation_call", "result": "<image 1: 27 bytes>"}]}, image)
    assert body["output"][0]["result"] == base64(FOX)


def test_a_marker_without_its_picture_stays():
    places = [{"b64_json": "<image 1: 27 bytes>"}, {"b64_json": "<image 2: 26 bytes>"}]
    assert answered({"data": places}, kept())["data"] == places


def test_an_answer_that_was_a_picture_alone():
    body = answered(b"", kept())
    assert body == {"created": int(AT), "data": [{"b64_json": base64(FOX)}]}


def test_vectors_are_back_as_they_were_asked_for():
    tree = {"data": [{"index": 0, "embedding": "<2 numbers>"}]}
    numbers = vector("[0.5,-1.25]")
    assert answered(tree, numbers)["data"][0]["embedding"] == [0.5, -1.25]
    packed = answered(tree, numbers, body=b'{"encoding_format":"base64"}')["data"][0]["embedding"]
    assert packed == base64(struct.pack("<2f", 0.5, -1.25))


ERROR = {"error": {"message": "no such model", "code": "model_not_found"}}
WORDS = {"message": "sorry", "type": "unavailable", "param": None, "code": "unavailable"}


@pytest.mark.parametrize(
    ("fields", "last", "response", "error"),
    [
        (
            {"state": State.FAILED, "cause": Cause.NOT_FOUND},
            sending(ERROR, http_status=404),
            {"status_code": 404, "request_id": "req-1", "body": ERROR},
            None,
        ),
        (
            {"state": State.FAILED, "cause": Cause.UNAVAILABLE, "message": "sorry"},
            sending(b"<html>", http_status=502, request_id=None),
            {"status_code": 502, "request_id": "", "body": {"error": WORDS}},
            None,
        ),
        (
            {"state": State.FAILED, "cause": Cause.BLOCKED, "message": "refused"},
            sending({"choices": []}),
            {"status_code": 200, "request_id": "req-1", "body": {"choices": []}},
            {"code": "blocked", "message": "refused"},
        ),
        (
            {"state": State.FAILED, "cause": Cause.TIMED_OUT, "message": "no answer in 120 s"},
            sending(b"", http_status=None),
            None,
            {"code": "timed_out", "message": "no answer in 120 s"},
        ),
        (
            {"state": State.UNKNOWN, "cause": Cause.INTERRUPTED, "message": "killed"},
            sending(b"", http_status=None),
            None,
            {"code": "interrupted", "message": "killed"},
        ),
        (
            {"state": State.CANCELLED},
            sending(ERROR, http_status=500),
            None,
            {"code": "batch_cancelled", "message": "the job is cancelled"},
        ),
        (
            {"state": State.PENDING},
            None,
            None,
            {"code": "batch_expired", "message": "the job is pending"},
        ),
    ],
)
def test_what_has_no_answer(fields, last, response, error):
    found, is_error = told(job(**fields), last)
    assert is_error
    assert (found["response"], found["error"]) == (response, error)
