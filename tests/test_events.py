"""Event streams: what is whole, what is cut, and what a server may get wrong in between."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.dialects import events
from runner.outcome import Cause, Fault, Then
from runner.wire import Reply

SEED = b"""data: {
    "id": "chatcmpl-3061dfd6d9170825ba0fb54086c4dad3",
    "created": 1740081592,
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "object": "chat.completion.chunk",
    "choices": [
        {
            "index": 0,
            "delta": {
                "content": "It",
                "role": "assistant"
            }
        }
    ]
}

data: {
    "id": "chatcmpl-3061dfd6d9170825ba0fb54086c4dad3",
    "created": 1740081592,
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "object": "chat.completion.chunk",
    "choices": [
        {
            "index": 0,
            "delta": {
                "content": " looks"
            }
        }
    ]
}
...
data: [DONE]
"""


def stream(body, kind="text/event-stream; charset=utf-8"):
    return Reply(status=200, headers={"content-type": kind}, body=body)


def chunk(text=None, *, index=0, finish=None, **more):
    delta = {} if text is None else {"content": text}
    return {"choices": [{"index": index, "delta": delta | more, "finish_reason": finish}]}


def sent(*chunks, end=b"data: [DONE]\n\n"):
    return b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in chunks) + end


def texts(tree):
    return [each["message"]["content"] for each in tree["choices"]]


def failure(body):
    with pytest.raises(Fault) as caught:
        events.joined(stream(body))
    return caught.value


def test_the_stream_of_the_providers_own_page_is_read():
    tree = events.joined(stream(SEED))
    assert texts(tree) == ["It looks"]
    assert tree["id"] == "chatcmpl-3061dfd6d9170825ba0fb54086c4dad3"
    assert tree["model"] == "meta-llama/Llama-3.1-8B-Instruct"


@pytest.mark.parametrize(
    "body",
    [
        sent(chunk("It"), chunk(" looks")),
        sent(chunk("It"), chunk(" looks"), end=b"data: [DONE]"),
        sent(chunk("It"), chunk(" looks"), end=b"data:[DONE]\r\n\r\n"),
        sent(chunk("It"), chunk(" looks", finish="stop"), end=b""),
        sent(chunk("It"), chunk(" looks", finish="stop"), end=b"").rstrip(),
        sent(chunk("It"), chunk(" looks")).replace(b"\n", b"\r\n"),
        sent(chunk("It"), chunk(" looks")).replace(b"\n", b"\r"),
        sent(chunk("It"), chunk(" looks")).replace(b"\n\n", b"\n"),
        b"\xef\xbb\xbf" + sent(chunk("It"), chunk(" looks")),
        b": hello\n\n: ping\nid: 7\nretry: 100\n" + sent(chunk("It"), chunk(" looks")),
        sent(chunk("It"), chunk(" looks")).replace(b"data: {", b"event: message\ndata: {"),
        sent(chunk("It"), chunk(" looks"), end=b"data: [DONE]\n\ndata: what is this\n\n"),
    ],
)
def test_every_honest_spelling_of_a_stream_is_read(body):
    assert texts(events.joined(stream(body))) == ["It looks"]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"data: {}", "application/json", True),
        (b"\n\n  data: {}", "", True),
        (b": ping\n\n", "text/event-stream", True),
        (b"", "Text/Event-Stream; charset=utf-8", True),
        (b'{"data": []}', "application/json", False),
        (b'{"error": "no"}', "text/event-stream", False),
        (b"<html>", "text/html", False),
        (b"<html>", "text/event-stream", False),
        (b"[[[[", "text/event-stream", False),
    ],
)
def test_the_body_and_its_type_tell_a_stream(body, kind, expected):
    assert stream(body, kind).is_stream is expected


def test_choices_are_joined_by_index():
    body = sent(
        chunk("b", index=1), chunk("a"), chunk("B", index=1, finish="length"), chunk("A", finish="stop")
    )
    tree = events.joined(stream(body))
    assert texts(tree) == ["aA", "bB"]
    assert [each["finish_reason"] for each in tree["choices"]] == ["stop", "length"]


def test_a_usage_block_is_kept_if_one_comes():
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    body = sent(chunk("It", finish="stop") | {"usage": None}, {"choices": [], "usage": usage})
    assert events.joined(stream(body))["usage"] == usage


def test_tool_calls_are_put_together_from_their_pieces():
    def piece(index, **function):
        return {"index": index, "function": function}

    body = sent(
        chunk(tool_calls=[{**piece(0, name="paint", arguments=""), "id": "call_1", "type": "function"}]),
        chunk(tool_calls=[{**piece(0, name=None, arguments='{"what":'), "id": ""}]),
        chunk(tool_calls=[{**piece(1, name="frame", arguments="{}"), "id": "call_2"}]),
        chunk(tool_calls=[piece(0, arguments='"fox"}')], finish="tool_calls"),
    )
    message = events.joined(stream(body))["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"] == [
        {"function": {"name": "paint", "arguments": '{"what":"fox"}'}, "id": "call_1", "type": "function"},
        {"function": {"name": "frame", "arguments": "{}"}, "id": "call_2"},
    ]


def test_images_come_by_completed_events_and_partial_ones_are_passed_over():
    body = sent(
        {"type": "image_generation.partial_image", "b64_json": "cGFydA=="},
        {"type": "image_generation.completed", "b64_json": "d2hvbGU=", "usage": {"output_tokens": 9}},
        end=b"",
    )
    tree = events.joined(stream(body))
    assert [place["b64_json"] for place in tree["data"]] == ["d2hvbGU="]
    assert tree["usage"] == {"output_tokens": 9}


@pytest.mark.parametrize(
    "body",
    [
        sent(chunk("It"), chunk(" looks"), end=b""),
        sent(chunk("It"), chunk(" looks"), end=b'data: {"choices": [{"del'),
        sent(chunk("It"), chunk(" looks"), end=b"data: "),
        sent(chunk("It"), chunk(" looks"), end=b"da"),
        sent(chunk("It looks"), chunk(index=1, finish="stop"), end=b""),
    ],
)
def test_n12_a_stream_without_its_end_is_useless_and_its_text_is_kept(body):
    found = failure(body)
    assert (found.cause, found.then, found.billed, found.useless) == (Cause.MALFORMED, Then.RETRY, True, True)
    assert found.message == "stream ended early"
    assert found.body.strip() == b"It looks"


@pytest.mark.parametrize("body", [b"", b": ping\n\n", b"event: message\n\n", b'data: {"choices": []}\n\n'])
def test_n12_a_stream_of_nothing_ended_early(body):
    assert failure(body).message == "stream ended early"


@pytest.mark.parametrize(
    ("event", "cause", "then"),
    [
        (b'data: {"error": {"message": "no", "code": "rate_limit_exceeded"}}', Cause.THROTTLED, Then.WAIT),
        (b'data: {"error": {"message": "no", "code": 503}}', Cause.UNAVAILABLE, Then.RETRY),
        (b'event: error\ndata: {"message": "no", "type": "overloaded_error"}', Cause.UNAVAILABLE, Then.RETRY),
        (b"event: error\ndata: no", Cause.REJECTED, Then.RETRY),
        (b'data: {"error": {"message": "no", "code": "insufficient_quota"}}', Cause.NO_CREDIT, Then.STOP),
        (b'data: {"error": {"message": "no", "code": "content_filter"}}', Cause.BLOCKED, Then.FAIL),
    ],
)
def test_n12_an_error_event_is_classified_and_after_text_never_waited_out(event, cause, then):
    first = failure(event + b"\n\n")
    assert (first.cause, first.then, first.message) == (cause, then, "no")
    late = failure(sent(chunk("It"), end=event + b"\n\n"))
    passing = then in {Then.RETRY, Then.WAIT}
    assert (late.cause, late.then) == (cause, Then.RETRY if passing else then)
    assert late.useless == passing
    assert late.billed == (passing or cause is Cause.BLOCKED)
    assert late.body == b"It"


@pytest.mark.parametrize(
    "line", [b"data: {]", b"data: [1]", b"data: NaN", b'data: "\xff"', b"data: " + b"[" * 3000]
)
def test_n12_an_event_that_is_no_json_object_is_malformed(line):
    found = failure(sent(chunk("It"), end=line + b"\n\n"))
    assert (found.cause, found.then, found.billed) == (Cause.MALFORMED, Then.RETRY, True)
    assert found.message.startswith("stream is not")


def test_n12_a_line_of_three_megabytes_is_a_line():
    assert texts(events.joined(stream(sent(chunk("x" * 3_000_000))))) == ["x" * 3_000_000]


def outcome(body):
    """The texts of a stream, or the fault it brings."""
    try:
        return texts(events.joined(stream(body)))
    except Fault as found:
        return found


WHOLE = sent(chunk("It"), chunk(" looks", finish="stop"))


@given(st.integers(0, len(WHOLE)))
def test_n12_a_stream_cut_anywhere_is_whole_or_ended_early(size):
    found = outcome(WHOLE[:size])
    assert found == ["It looks"] or found.message == "stream ended early"


PIECES = [
    b"data: ",
    b"event: error",
    b"{}",
    b"\n",
    b'{"choices":[{}]}',
    b":",
    b"\r",
    b"[DONE]",
    b'{"choices":[1]}',
]


@given(st.lists(st.sampled_from(PIECES)))
def test_no_stream_breaks_it(pieces):
    assert isinstance(outcome(b"".join(pieces)), list | Fault)


def laid_out(chunks, end, indented):
    """The same stream as servers write it: line ends, comments, JSON over several lines."""
    option = orjson.OPT_INDENT_2 if indented else 0
    lines = [b": ping", b"", b"id: 7"]
    for each in chunks:
        first, *more = orjson.dumps(each, option=option).split(b"\n")
        lines += [b"data: " + first, *more, b"", b": still there", b""]
    return end.join([*lines, b"data: [DONE]", b"", b""])


@given(st.lists(st.text()), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_n12_however_an_answer_is_cut_into_events_it_is_the_same(parts, end, indented):
    chunks = [*map(chunk, parts), chunk(finish="stop")]
    assert texts(events.joined(stream(laid_out(chunks, end, indented)))) == [
        "".join(parts) if parts else None
    ]
