"""Chat, plain and streamed."""

import orjson
import pytest
from canned import EVENTS, body, calls, ok, output, talk

from runner.wire import Call

SAID = {"role": "user", "content": "hello"}
PARTS = [
    {
        "role": "user",
        "content": [{"type": "image_url", "image_url": {"url": {"file": "/a.png", "sha256": "00"}}}],
    }
]


@pytest.mark.parametrize(
    ("ask", "messages"),
    [
        ({"prompt": "hello"}, [SAID]),
        ({"prompt": "hello", "system": "be brief"}, [{"role": "system", "content": "be brief"}, SAID]),
        ({"prompt": ""}, [{"role": "user", "content": ""}]),
        ({"messages": PARTS}, PARTS),
    ],
)
def test_the_messages(ask, messages):
    assert body("openai-chat", params={"temperature": 0}, **ask) == {
        "model": "m",
        "messages": messages,
        "temperature": 0,
    }


def test_the_request_is_the_body_as_the_queue_keeps_it():
    kept = orjson.dumps(body("openai-chat", prompt="hello"))
    steps = talk(
        "openai-chat", kept, ok({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]})
    )
    (call,) = calls(steps)
    assert (call.method, call.path, call.paid) == ("POST", "/chat/completions", True)
    assert call.body is kept
    assert [type(step) for step in steps[:-1]] == [Call]


def test_a_plain_answer():
    tree = {
        "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    found = output("openai-chat", body("openai-chat", prompt="hello"), ok(tree))
    (text,) = found.artifacts
    assert (text.kind, text.text, text.finish_reason) == ("text", "hi", "stop")
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 1)
    assert orjson.loads(found.body) == tree


def test_several_choices_by_their_index():
    choices = [{"index": index, "message": {"content": word}} for index, word in ((1, "b"), (0, "a"))]
    asked = body("openai-chat", prompt="hello", params={"n": 3})
    found = output("openai-chat", asked, ok({"choices": choices}))
    assert [(text.index, text.text) for text in found.artifacts] == [(0, "a"), (1, "b")]
    assert found.message == "2 of 3 texts"


def test_a_streamed_answer():
    asked = body("openai-chat", prompt="hello", params={"stream": True})
    assert asked["stream"] is True
    chunks = [
        {"id": "1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
        {"id": "1", "choices": [{"index": 0, "delta": {"content": "h"}}]},
        {"id": "1", "choices": [{"index": 0, "delta": {"content": "i"}, "finish_reason": "stop"}]},
        {"id": "1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}},
    ]
    stream = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    found = output("openai-chat", asked, ok(stream, EVENTS))
    (text,) = found.artifacts
    assert (text.text, text.finish_reason) == ("hi", "stop")
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 1)
    assert orjson.loads(found.body)["choices"][0]["message"] == {"content": "hi"}


def test_an_n_in_the_prompt_asks_for_nothing():
    asked = body("openai-chat", prompt='what does "n": 4 mean?')
    assert output("openai-chat", asked, ok({"choices": [{"message": {"content": "four"}}]})).message is None
