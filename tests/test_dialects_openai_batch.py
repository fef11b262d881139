"""Lines of batch files on the wire, and what their answers hold."""

import orjson
import pytest
from canned import FOX, OWL, base64, calls, endpoint, ok, output, talk

from runner import batchurl
from runner.outcome import Cause, Fault

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
SAID = {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}


def brought(path, asked, tree, **more):
    return output("openai-batch", asked, ok(tree), path=path, **more)


def refusal(path, asked, tree):
    with pytest.raises(Fault) as caught:
        brought(path, asked, tree)
    return caught.value


def test_the_body_goes_to_its_url_as_it_is():
    kept = orjson.dumps(CHAT)
    for url, where in (
        ("https://api.example.com/v1", "/chat/completions"),
        ("http://host", "/v1/chat/completions"),
    ):
        steps = talk("openai-batch", kept, ok(SAID), path=batchurl.CHAT, at=endpoint("openai-batch", url=url))
        (call,) = calls(steps)
        assert (call.method, call.path, call.paid) == ("POST", where, True)
        assert call.body is kept


def test_choices_of_a_chat_and_of_a_completion():
    assert brought(batchurl.CHAT, CHAT, SAID).artifacts[0].text == "hi"
    choices = [{"index": index, "text": word, "finish_reason": "stop"} for index, word in enumerate("ab")]
    found = brought(batchurl.COMPLETIONS, {"model": "m", "prompt": ["x", "y"], "n": 2}, {"choices": choices})
    assert [each.text for each in found.artifacts] == ["a", "b"]
    assert found.message == "2 of 4 texts"


def test_vectors_for_each_input():
    data = [{"index": index, "embedding": [float(index), 1.0]} for index in (1, 0)]
    found = brought(batchurl.EMBEDDINGS, {"model": "m", "input": ["x", "y"]}, {"data": data})
    assert [each.vector for each in found.artifacts] == [[0.0, 1.0], [1.0, 1.0]]
    assert found.message is None
    assert (
        brought(batchurl.EMBEDDINGS, {"model": "m", "input": [1, 2, 3]}, {"data": data[:1]}).message is None
    )


def test_pictures():
    tree = {"created": 1, "data": [{"b64_json": base64(FOX)}, {"b64_json": base64(OWL)}]}
    found = brought(batchurl.IMAGES, {"model": "m", "prompt": "x", "n": 2}, tree)
    assert [each.data for each in found.artifacts] == [FOX, OWL]


MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "hel"}, {"text": "lo"}]}
CALL = {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"}
SEARCH = {"type": "web_search_call", "id": "s1", "status": "completed"}
USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


def answered(*items, **fields):
    return {"object": "response", "status": "completed", "error": None, "output": list(items), **fields}


def responded(*items, **fields):
    return brought(batchurl.RESPONSES, {"model": "m", "input": "x"}, answered(*items, **fields))


def test_text_and_calls_of_a_response():
    found = responded({"type": "reasoning", "summary": []}, SEARCH, MESSAGE, CALL, usage=USAGE)
    text, tools = found.artifacts
    assert (text.text, text.finish_reason, tools.tool_calls) == ("hello", "completed", [CALL])
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 2)
    assert orjson.loads(found.body)["output"][2] == MESSAGE


def test_a_response_that_was_cut_says_so():
    (text,) = responded(
        MESSAGE, status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    ).artifacts
    assert (text.text, text.finish_reason) == ("hello", "max_output_tokens")


def test_pictures_of_a_response_are_no_part_of_the_record():
    drawn = {"type": "image_generation_call", "id": "i1", "result": base64(FOX)}
    found = responded(MESSAGE, drawn)
    assert [(each.kind, each.index) for each in found.artifacts] == [("text", 0), ("image", 1)]
    assert found.artifacts[1].data == FOX
    assert orjson.loads(found.body)["output"][1]["result"] == f"<image 1: {len(FOX)} bytes>"


@pytest.mark.parametrize(
    ("tree", "cause", "words"),
    [
        (
            answered({"type": "message", "content": [{"type": "refusal", "refusal": "I will not"}]}),
            Cause.BLOCKED,
            "I will not",
        ),
        (
            answered(status="incomplete", incomplete_details={"reason": "content_filter"}),
            Cause.BLOCKED,
            "content_filter",
        ),
        (
            answered(status="failed", error={"code": "server_error", "message": "sorry"}),
            Cause.UNAVAILABLE,
            "sorry",
        ),
        (answered(status="queued"), Cause.MALFORMED, "no outputs in the answer (queued)"),
        ({"object": "response"}, Cause.MALFORMED, "no outputs"),
        ([], Cause.MALFORMED, "not a JSON object"),
    ],
)
def test_a_response_without_outputs(tree, cause, words):
    found = refusal(batchurl.RESPONSES, {"model": "m", "input": "x"}, tree)
    assert found.cause is cause
    assert words in found.message


def test_verdicts_are_kept_as_they_are():
    verdicts = [{"flagged": True, "categories": {"hate": True}}, {"flagged": False}]
    asked = {"input": ["x", "y", "z"]}
    found = brought(batchurl.MODERATIONS, asked, {"id": "m1", "model": "m", "results": verdicts})
    assert [orjson.loads(each.text) for each in found.artifacts] == verdicts
    assert found.message == "2 of 3 results"
    assert refusal(batchurl.MODERATIONS, asked, {"results": []}).cause is Cause.MALFORMED
    told = {"error": {"code": "rate_limit", "message": "slower"}}
    assert refusal(batchurl.MODERATIONS, asked, told).cause is Cause.THROTTLED
