"""What an answer holds is told by its type and body alone."""

import struct

import orjson
import pytest
from canned import EVENTS, FOX, JSON, OWL, base64, file, ok

from runner.dialects import answers
from runner.dialects.answers import Link
from runner.outcome import Cause, Fault, Then
from runner.wire import Reply


def read(tree, *, asked=1, headers=JSON):
    return answers.read(ok(tree, headers), asked=asked)


def failure(tree, *, asked=1, headers=JSON):
    with pytest.raises(Fault) as caught:
        read(tree, asked=asked, headers=headers)
    return caught.value


def choice(content="a fox", *, finish="stop", **message):
    return {
        "index": 0,
        "message": {"role": "assistant", "content": content, **message},
        "finish_reason": finish,
    }


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>502</body></html>",
        b"",
        b"  \n",
        b'{"data": [{"b64_json": NaN}]}',
        b'{"data": [], "n": Infinity}',
        b'{"choices": [{"message": {"content": "\xff"}}]}',
        b'{"choices": [{"message": {"content": "\\ud800"}}]}',
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"created": ' + b"9" * 5000 + b', "choices": [{"message": {"content": "x"}}]}',
        b'{"data": [{"b64_json": "Zm94"}',
        b"[]",
        b'"data"',
        b'{"answer": 42}',
        b'{"data": {"b64_json": "Zm94"}}',
        b"null",
    ],
)
def test_n8_what_is_no_answer_is_malformed_and_sent_again(body):
    found = failure(body)
    assert (found.cause, found.then, found.billed, found.useless) == (
        Cause.MALFORMED,
        Then.RETRY,
        True,
        False,
    )
    assert (found.http_status, found.request_id, found.body) == (200, "req_1", body)


@pytest.mark.parametrize(
    "tree", [{"data": []}, {"choices": []}, {"data": [{}]}, {"data": [7, None]}, {"choices": [choice(None)]}]
)
def test_n9_an_empty_answer_is_useless(tree):
    found = failure(tree)
    assert (found.cause, found.then, found.billed, found.useless) == (Cause.MALFORMED, Then.RETRY, True, True)
    assert found.message == "no outputs in the answer"


@pytest.mark.parametrize(
    "tree",
    [
        {"error": {"code": "rate_limit_exceeded", "message": "slow down"}},
        {"data": [], "error": {"code": "rate_limit_exceeded", "message": "slow down"}},
        {"data": None, "code": 429, "message": "slow down"},
        {"data": [{"error": {"code": 429, "message": "slow down"}}]},
        {"choices": [choice(None, finish="error") | {"error": {"code": 429, "message": "slow down"}}]},
    ],
)
def test_n9_an_error_in_a_200_goes_by_its_code(tree):
    found = failure(tree)
    assert (found.cause, found.then, found.message) == (Cause.THROTTLED, Then.WAIT, "slow down")


def test_n9_outputs_beside_an_error_are_kept():
    assert read({"data": [{"b64_json": base64(FOX)}], "error": {"code": 500}}).items[0].data == FOX


def test_n9_fewer_images_than_asked_are_kept_and_said_to_be_fewer():
    found = read({"data": [{"b64_json": base64(FOX)}, {}, {"b64_json": base64(OWL)}]}, asked=4)
    assert [(item.index, item.data) for item in found.items] == [(0, FOX), (1, OWL)]
    assert found.message == "2 of 4 images"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"data": [{"url": "https://example.com/a.png"}]}, "1 of 2 images"),
        (
            {
                "data": [
                    {"b64_json": base64(FOX)},
                    {"b64_json": base64(OWL), "finish_reason": "CONTENT_FILTERED"},
                ]
            },
            "1 of 2 images, 1 refused",
        ),
        ({"choices": [choice()]}, "1 of 2 texts"),
        ({"choices": [choice(), choice(None, finish="content_filter")]}, "1 of 2 texts, 1 refused"),
        ({"choices": [choice(None, tool_calls=[{"id": "1"}])]}, "1 of 2 choices"),
        ({"choices": [choice(), choice()]}, None),
        ({"choices": [choice(), choice(), choice()]}, None),
    ],
)
def test_n9_what_is_missing_is_said(tree, message):
    assert read(tree, asked=2).message == message


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"choices": [choice("I will", finish="content_filter")]}, "refused: content_filter"),
        ({"choices": [choice(None, refusal="I cannot draw that")]}, "refused: I cannot draw that"),
        (
            {"data": [{"b64_json": base64(FOX), "finish_reason": "CONTENT_FILTERED"}]},
            "refused: CONTENT_FILTERED",
        ),
        ({"data": [{"finish_reason": "nsfw"}]}, "refused: nsfw"),
    ],
)
def test_n13_a_refusal_in_a_200_is_blocked_and_its_cost_kept(tree, message):
    found = failure(tree)
    assert (found.cause, found.then, found.billed) == (Cause.BLOCKED, Then.FAIL, True)
    assert found.message == message


def test_images_come_in_the_order_of_their_index():
    tree = {"data": [{"index": 1, "b64_json": base64(OWL)}, {"index": 0, "b64_json": base64(FOX)}]}
    assert [(item.index, item.data) for item in read(tree, asked=2).items] == [(0, FOX), (1, OWL)]


def test_the_body_is_kept_less_its_base64():
    found = read({"data": [{"b64_json": base64(FOX), "revised_prompt": "a red fox"}], "created": 7})
    assert orjson.loads(found.body) == {
        "data": [{"b64_json": "<image 1: 25 bytes>", "revised_prompt": "a red fox"}],
        "created": 7,
    }
    assert found.items[0].revised_prompt == "a red fox"


def test_n10_what_is_no_base64_goes_on_to_be_found_no_image():
    assert read({"data": [{"b64_json": "not base64!"}]}).items[0].data == b"not base64!"


def test_links_are_told_from_pictures():
    tree = {"data": [{"url": "https://example.com/a.png", "revised_prompt": "a fox", "b64_json": None}]}
    found = read(tree)
    assert found.items == (Link("https://example.com/a.png", 0, "a fox"),)
    assert found.has_links
    inline = read({"data": [{"url": "data:image/png;base64," + base64(FOX)}]})
    assert inline.items[0].data == FOX
    assert not inline.has_links


def test_an_image_file_is_an_answer():
    found = answers.read(file(FOX), asked=1)
    assert (found.items[0].kind, found.items[0].data, found.body) == ("image", FOX, b"")
    with pytest.raises(Fault):
        answers.read(file(b""), asked=1)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a fox", "a fox"),
        ("", ""),
        ([{"type": "text", "text": "a "}, {"type": "text", "text": "fox"}, {"type": "image"}], "a fox"),
    ],
)
def test_a_text_is_kept_as_it_is(content, text):
    found = read({"choices": [choice(content, finish="length")]})
    assert [(item.kind, item.text, item.finish_reason) for item in found.items] == [("text", text, "length")]


def test_tool_calls_are_kept_beside_the_text():
    calls = [{"id": "1", "type": "function", "function": {"name": "paint", "arguments": "{}"}}]
    both = read({"choices": [choice("I paint", finish="tool_calls", tool_calls=calls)]}).items
    assert [(item.index, item.kind) for item in both] == [(0, "text"), (1, "tool_calls")]
    alone = read({"choices": [choice("", finish="tool_calls", tool_calls=calls)]}).items
    assert [(item.index, item.kind, item.tool_calls) for item in alone] == [(0, "tool_calls", calls)]


def test_a_completion_without_chat_is_a_text():
    assert (
        read({"choices": [{"index": 0, "text": "a fox", "finish_reason": "stop"}]}).items[0].text == "a fox"
    )


@pytest.mark.parametrize("embedding", [[1.0, -2.5, 0], base64(struct.pack("<3f", 1.0, -2.5, 0.0))])
def test_vectors_come_as_numbers_or_as_base64(embedding):
    found = read({"data": [{"embedding": embedding, "index": 0}], "usage": {"prompt_tokens": 3}})
    assert found.items[0].vector == [1.0, -2.5, 0.0]
    assert orjson.loads(found.body)["data"] == [{"embedding": "<3 numbers>", "index": 0}]
    assert found.usage.input_tokens == 3


@pytest.mark.parametrize(
    "embedding",
    [[], ["1"], [True], [None], [[1.0]], "Zm9", "Zm9v", "", 7, {}, base64(struct.pack("<f", float("nan")))],
)
def test_what_is_no_vector_is_no_output(embedding):
    assert failure({"data": [{"embedding": embedding}]}).useless


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}, (3, 5, None)),
        ({"usage": {"input_tokens": 3, "output_tokens": 5}}, (3, 5, None)),
        ({"usage": {"prompt_tokens": 3}}, (3, None, None)),
        ({"usage": {"prompt_tokens": True, "completion_tokens": "5"}}, (None, None, None)),
        ({"usage": {"prompt_tokens": -3, "completion_tokens": 5.0}}, (None, 5, None)),
        ({"timings": {"inference": 1.5}}, (None, None, 1.5)),
    ],
)
def test_usage_is_read_in_every_spelling(tree, expected):
    found = read({"choices": [choice()], **tree}).usage
    assert (found.input_tokens, found.output_tokens, found.inference_s) == expected
    assert found.raw == tree.get("usage", {})


@pytest.mark.parametrize(
    "tree", [{}, {"usage": None}, {"usage": {}}, {"usage": 7}, {"timings": {"inference": None}}]
)
def test_no_usage_is_none(tree):
    assert read({"choices": [choice()], **tree}).usage is None


def test_inference_time_is_summed_over_the_images():
    places = [
        {"b64_json": base64(FOX), "timings": {"inference": 1.25}},
        {"b64_json": base64(OWL), "timings": {"inference": 2}},
    ]
    assert read({"data": places}, asked=2).usage.inference_s == 3.25


def test_a_stream_is_read_as_the_answer_that_it_spells():
    chunk = {"id": "1", "choices": [{"delta": {"content": "a fox"}}], "usage": {"prompt_tokens": 3}}
    body = b"data: " + orjson.dumps(chunk) + b"\n\ndata: [DONE]\n\n"
    for headers in (EVENTS, JSON, {}):
        found = read(body, headers=headers)
        assert (found.items[0].kind, found.items[0].text, found.usage.input_tokens) == ("text", "a fox", 3)
    assert orjson.loads(found.body) == {
        "id": "1",
        "usage": {"prompt_tokens": 3},
        "choices": [{"index": 0, "message": {"content": "a fox"}, "finish_reason": None}],
    }


def test_a_stream_may_bring_images():
    body = b'data: {"type": "image_generation.completed", "b64_json": "%s"}\n\n' % base64(FOX).encode()
    assert read(body, headers=EVENTS).items[0].data == FOX


def test_an_answer_too_deep_to_be_written_is_malformed():
    deep = b'{"a":' * 400 + b"1" + b"}" * 400
    assert failure(b'{"data": [{"embedding": [1.0]}], "more": ' + deep + b"}").cause is Cause.MALFORMED


def test_a_byte_order_mark_is_passed_over():
    reply = Reply(
        status=200, headers={}, body=b'\xef\xbb\xbf{"choices": [{"message": {"content": "a fox"}}]}'
    )
    assert answers.read(reply, asked=1).items[0].text == "a fox"
