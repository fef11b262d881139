"""Anthropic's messages: the request, its headers, and what is in an answer's blocks."""

import orjson
import pytest
from canned import body, calls, endpoint, ok, output, talk

from runner.compose.secrets import credentials
from runner.outcome import Cause, Fault
from runner.wire import Reply

SAID = {"type": "text", "text": "hello"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bern"}}


def answered(*content, stop_reason="end_turn"):
    usage = {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 0}
    return {"type": "message", "content": list(content), "stop_reason": stop_reason, "usage": usage}


def brought(*content, **fields):
    return output(
        "anthropic-messages", body("anthropic-messages", prompt="x"), ok(answered(*content, **fields))
    )


def test_the_body():
    assert body("anthropic-messages", prompt="hello", system="be brief", params={"temperature": 0}) == {
        "model": "m",
        "max_tokens": 4096,
        "temperature": 0,
        "system": "be brief",
        "messages": [{"role": "user", "content": "hello"}],
    }
    given = [{"role": "user", "content": [SAID]}]
    assert body("anthropic-messages", messages=given, params={"max_tokens": 7})["messages"] is given


@pytest.mark.parametrize(
    ("url", "path"),
    [("https://api.example.com", "/v1/messages"), ("https://api.example.com/v1", "/messages")],
)
def test_where_it_goes(url, path):
    at = endpoint("anthropic-messages", url=url)
    (call,) = calls(talk("anthropic-messages", {"model": "m"}, ok(answered(SAID)), at=at))
    assert (call.path, call.headers) == (path, {"anthropic-version": "2023-06-01"})


def test_a_version_of_the_users_own():
    at = endpoint("anthropic-messages", headers={"Anthropic-Version": "2030-01-01"})
    (call,) = calls(talk("anthropic-messages", {"model": "m"}, ok(answered(SAID)), at=at))
    assert call.headers == {}


def test_the_key_stands_in_its_own_header():
    assert credentials(endpoint("anthropic-messages")) == {"x-api-key": "${KEY}"}
    assert credentials(endpoint("anthropic-messages", auth="bearer")) == {"Authorization": "Bearer ${KEY}"}
    assert credentials(endpoint("openai-chat")) == {"Authorization": "Bearer ${KEY}"}


def test_text_and_tools():
    found = brought({"type": "thinking", "thinking": "hm"}, SAID, {"type": "text", "text": "!"}, USE)
    text, tools = found.artifacts
    assert (text.text, text.finish_reason, tools.tool_calls) == ("hello!", "end_turn", [USE])
    assert (found.usage.input_tokens, found.usage.output_tokens) == (3, 2)
    assert orjson.loads(found.body)["content"][0]["thinking"] == "hm"


def test_tools_alone_have_no_text_beside_them_and_no_block_is_an_empty_text():
    assert [each.kind for each in brought(USE, stop_reason="tool_use").artifacts] == ["tool_calls"]
    assert [each.text for each in brought().artifacts] == [""]


ERRORS = [
    (529, "overloaded_error", Cause.UNAVAILABLE),
    (429, "rate_limit_error", Cause.THROTTLED),
    (401, "authentication_error", Cause.UNAUTHORIZED),
    (404, "not_found_error", Cause.NOT_FOUND),
    (400, "invalid_request_error", Cause.REJECTED),
    (413, "request_too_large", Cause.REJECTED),
    (500, "api_error", Cause.UNAVAILABLE),
    (200, "overloaded_error", Cause.UNAVAILABLE),
]


@pytest.mark.parametrize(("status", "kind", "cause"), ERRORS)
def test_errors(status, kind, cause):
    tree = {"type": "error", "error": {"type": kind, "message": "sorry"}}
    reply = Reply(status=status, headers={}, body=orjson.dumps(tree))
    with pytest.raises(Fault) as caught:
        talk("anthropic-messages", {"model": "m"}, reply)
    assert (caught.value.cause, caught.value.message[-5:]) == (cause, "sorry")


def test_an_answer_without_outputs():
    with pytest.raises(Fault) as caught:
        brought(stop_reason="refusal")
    assert caught.value.cause is Cause.BLOCKED
    with pytest.raises(Fault) as caught:
        brought({"type": "thinking", "thinking": "hm"}, stop_reason="max_tokens")
    assert caught.value.cause is Cause.MALFORMED
