"""Embeddings."""

import orjson
from canned import body, calls, ok, output, talk

ANSWER = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}],
    "model": "m",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


def test_the_request():
    (call,) = calls(talk("openai-embeddings", body("openai-embeddings", prompt="a fox"), ok(ANSWER)))
    assert (call.method, call.path, call.paid) == ("POST", "/embeddings", True)
    assert orjson.loads(call.body) == {"model": "m", "input": "a fox"}


def test_the_prompt_is_the_input_and_parameters_go_as_they_are():
    asked = body("openai-embeddings", prompt="a fox", params={"dimensions": 2})
    assert asked == {"model": "m", "input": "a fox", "dimensions": 2}
    assert body("openai-embeddings", params={"input": [1, 2]}) == {"model": "m", "input": [1, 2]}


def test_the_vector_and_its_usage():
    found = output("openai-embeddings", body("openai-embeddings", prompt="a fox"), ok(ANSWER))
    (vector,) = found.artifacts
    assert (vector.kind, vector.index, vector.vector) == ("embedding", 0, [0.5, -1.0])
    assert (found.usage.input_tokens, found.usage.output_tokens) == (2, None)
    assert orjson.loads(found.body)["data"][0]["embedding"] == "<2 numbers>"
