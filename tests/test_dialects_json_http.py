"""Any JSON API: outputs by expressions, and jobs that are asked for later."""

import orjson
import pytest
from canned import FOX, OWL, base64, body, calls, endpoint, file, ok, output, talk, tickets

from runner.outcome import Cause, Fault, Output, Then
from runner.wire import Call, Ticket, Wait

GENERATE = {"path": "/generate", "body": {"prompt": "{{ prompt }}"}}
POLL = {
    "path": "/predictions/{{ id }}",
    "until": "status == 'succeeded'",
    "failed": "status == 'failed'",
    "every": 2,
}
PREDICT = {
    "path": "/predictions",
    "body": {"input": {"prompt": "{{ prompt }}", "seed": "{{ seed }}"}},
    "image_urls": "output",
    "poll": POLL,
}
TAKEN = {"id": "p1", "status": "starting", "error": None, "output": None}
DONE = {"id": "p1", "status": "succeeded", "output": ["https://files.example.com/1.png"]}
URL = "https://api.example.com/v1/jobs/1?a=b%20c"
ASKED = {"input": {"prompt": "a fox", "seed": 7}}


def at(**changes):
    return endpoint("json-http", **changes)


def failure(*replies, ticket=None, **changes):
    with pytest.raises(Fault) as caught:
        talk("json-http", ASKED, *replies, ticket=ticket, at=at(**changes))
    return caught.value


def test_the_body_is_a_template_whose_lone_expressions_keep_their_type():
    asked = body("json-http", at=at(**PREDICT), prompt="a fox", params={"seed": 7})
    assert asked == ASKED


def test_variables_and_parameters_are_there_by_name_and_together():
    tree = {"a": "{{ animal }} {{ model }}", "all": "{{ params }}", "steps": "{{ steps }}"}
    asked = body("json-http", at=at(path="/x", body=tree), vars={"animal": "fox"}, params={"steps": 3})
    assert asked == {"a": "fox m", "all": {"steps": 3}, "steps": 3}


def test_without_a_template_the_parameters_are_the_body():
    asked = body("json-http", at=at(path="/x"), prompt="a fox", params={"seed": 7})
    assert asked == {"model": "m", "prompt": "a fox", "seed": 7}
    assert body("json-http", at=at(path="/x"), model="", params={"seed": 7}) == {"seed": 7}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("", ""),
        ("/x", "/x"),
        ("x", "/x"),
        ("/models/{{ model }}/run", "/models/m/run"),
        ("/x/{{ input.seed }}", "/x/7"),
    ],
)
def test_the_path_may_name_the_model_and_the_body(path, sent):
    (call,) = calls(talk("json-http", ASKED, ok({"text": "a"}), at=at(path=path, texts="text")))
    assert call.path == sent


@pytest.mark.parametrize(
    "wrong", [{"texts": "a["}, {"images": "[?"}, {"image_urls": "("}, {"poll": POLL | {"until": "a = b"}}]
)
def test_an_expression_that_cannot_be_read_sends_nothing(wrong):
    found = failure(**PREDICT | wrong)
    assert (found.cause, found.then, found.billed) == (Cause.INVALID, Then.FAIL, False)


def test_a_path_that_names_nothing_known_sends_nothing():
    found = failure(path="/x/{{ animal }}", texts="text")
    assert (found.cause, found.then, found.billed) == (Cause.INVALID, Then.FAIL, False)
    assert "animal" in found.message


@pytest.mark.parametrize(("method", "sent"), [("POST", ASKED), ("PUT", ASKED), ("GET", None)])
def test_the_request(method, sent):
    where = at(path="/generate", texts="text", method=method)
    (call,) = calls(talk("json-http", ASKED, ok({"text": "a fox"}), at=where))
    assert (call.method, call.path, call.paid) == (method, "/generate", True)
    assert call.body == (None if sent is None else orjson.dumps(sent))


@pytest.mark.parametrize(
    ("expressions", "tree", "texts"),
    [
        ({"texts": "result.text"}, {"result": {"text": "a fox"}}, ["a fox"]),
        ({"texts": "[].generated_text"}, [{"generated_text": "a"}, {"generated_text": "b"}], ["a", "b"]),
        (
            {"texts": "results[?score > `1`].label"},
            {"results": [{"score": 2, "label": "x"}, {"score": 0}]},
            ["x"],
        ),
        ({"texts": "answer"}, {"answer": {"n": 1}}, ['{"n":1}']),
        ({"texts": "answer"}, {"answer": 0}, ["0"]),
        ({"texts": "[a, b]"}, {"b": "only"}, ["only"]),
    ],
)
def test_texts_stand_where_the_manifest_says(expressions, tree, texts):
    found = output("json-http", ASKED, ok(tree), at=at(path="/x", **expressions))
    assert [(text.index, text.text) for text in found.artifacts] == list(enumerate(texts))
    assert orjson.loads(found.body) == tree


def test_texts_images_and_usage_of_one_answer():
    tree = {
        "text": "a fox",
        "images": [{"base64": base64(FOX)}, {"base64": base64(OWL)}],
        "usage": {"input_tokens": 3},
    }
    found = output("json-http", ASKED, ok(tree), at=at(path="/x", texts="text", images="images[].base64"))
    assert [(item.index, item.kind) for item in found.artifacts] == [(0, "text"), (1, "image"), (2, "image")]
    assert [item.data for item in found.artifacts[1:]] == [FOX, OWL]
    assert found.usage.input_tokens == 3
    assert base64(FOX).encode() not in found.body
    assert orjson.loads(found.body)["text"] == "a fox"


def test_links_are_followed_once_their_answer_is_committed():
    where = at(path="/x", image_urls="output")
    steps = talk("json-http", ASKED, ok({"output": "https://files.example.com/1.png"}), file(FOX), at=where)
    assert [type(step) for step in steps] == [Call, Ticket, Call, Output]
    assert steps[2].download
    again = talk("json-http", ASKED, file(FOX), ticket=steps[1].data, at=where)
    assert [type(step) for step in again] == [Call, Output]
    assert again[-1].artifacts[0].data == FOX


def test_without_expressions_an_answer_is_read_like_any_other():
    found = output("json-http", ASKED, ok({"data": [{"b64_json": base64(FOX)}]}), at=at(path="/x"))
    assert found.artifacts[0].data == FOX
    assert output("json-http", ASKED, file(FOX), at=at(path="/x", texts="t")).artifacts[0].data == FOX


def test_the_ticket_is_committed_before_the_first_poll():
    steps = talk("json-http", ASKED, ok(TAKEN), ok(TAKEN), ok(DONE), file(FOX), at=at(**PREDICT))
    assert [type(step) for step in steps] == [Call, Ticket, Call, Wait, Call, Call, Output]
    submitted, ticket, poll, wait, _, download, found = steps
    assert (submitted.path, submitted.paid) == ("/predictions", True)
    assert orjson.loads(ticket.data) == TAKEN
    assert (poll.method, poll.path, poll.paid, poll.body) == ("GET", "/predictions/p1", False, None)
    assert wait.seconds == 2
    assert (download.path, download.download) == ("https://files.example.com/1.png", True)
    assert found.artifacts[0].data == FOX


def test_a_later_claim_goes_on_from_the_ticket_and_pays_nothing():
    steps = talk("json-http", ASKED, ok(DONE), file(FOX), ticket=orjson.dumps(TAKEN), at=at(**PREDICT))
    assert [type(step) for step in steps] == [Call, Call, Output]
    assert not any(call.paid for call in calls(steps))
    assert tickets(steps) == []


@pytest.mark.parametrize(
    ("path", "taken", "polled"),
    [
        ("{{ urls.get }}", {"urls": {"get": URL}}, URL),
        ("/jobs/{{id}}/status", {"id": 17}, "/jobs/17/status"),
        ("jobs/{{ id }}", {"id": "a b\n"}, "/jobs/a%20b%0A"),
        ("/v1/{{ name }}", {"name": "operations/7"}, "/v1/operations/7"),
        ("/jobs/{{ [0].id }}", [{"id": "x"}], "/jobs/x"),
    ],
)
def test_the_poll_goes_where_the_answer_says(path, taken, polled):
    where = at(**PREDICT | {"poll": POLL | {"path": path}})
    steps = talk("json-http", ASKED, ok(taken), ok(DONE), file(FOX), at=where)
    assert calls(steps)[1].path == polled


@pytest.mark.parametrize("taken", [{}, {"id": None}, {"id": ""}, {"id": {}}, {"id": True}])
def test_an_answer_that_does_not_say_where_to_poll_is_useless(taken):
    found = failure(ok(taken), **PREDICT)
    assert (found.cause, found.useless, found.billed) == (Cause.MALFORMED, True, True)
    assert found.message == "answer does not say where to ask: it has no id"


@pytest.mark.parametrize(
    ("tree", "cause", "message"),
    [
        ({"status": "failed", "error": "out of memory"}, Cause.REJECTED, "out of memory"),
        ({"status": "failed", "error": {"code": "nsfw", "message": "no"}}, Cause.BLOCKED, "no"),
        ({"status": "failed"}, Cause.REJECTED, "the provider gave the job up"),
    ],
)
def test_a_job_that_the_provider_gave_up_is_final_and_its_ticket_void(tree, cause, message):
    found = failure(ok(tree), ticket=orjson.dumps(TAKEN), **PREDICT)
    assert (found.cause, found.then, found.message) == (cause, Then.FAIL, message)
    assert (found.useless, found.billed) == (True, False)


def test_without_an_expression_for_failure_an_error_is_one():
    poll = {name: value for name, value in POLL.items() if name != "failed"}
    found = failure(ok({"status": "error"}), ticket=orjson.dumps(TAKEN), **PREDICT | {"poll": poll})
    assert found.then is Then.FAIL


@pytest.mark.parametrize(
    ("reply", "cause", "then"),
    [
        (ok({"status": "failed", "error": {"code": 429}}), Cause.THROTTLED, Then.WAIT),
        (ok({"status": "failed"}), Cause.REJECTED, Then.RETRY),
        (ok({"status": "starting"}), Cause.MALFORMED, Then.RETRY),
        (ok(b"<html>"), Cause.MALFORMED, Then.RETRY),
    ],
)
def test_no_ticket_is_committed_for_a_job_that_cannot_be_asked_for(reply, cause, then):
    found = failure(reply, **PREDICT)
    assert (found.cause, found.then) == (cause, then)


def test_a_poll_that_cannot_be_read_is_asked_again_for_nothing():
    found = failure(ok(b"<html>"), ticket=orjson.dumps(TAKEN), **PREDICT)
    assert (found.cause, found.then, found.billed, found.useless) == (
        Cause.MALFORMED,
        Then.RETRY,
        False,
        False,
    )


@pytest.mark.parametrize(
    ("tree", "cause", "useless"),
    [
        ({"text": None}, Cause.MALFORMED, True),
        ({"error": {"code": 500}}, Cause.UNAVAILABLE, False),
        ({"error": {"code": "content_filter"}}, Cause.BLOCKED, False),
    ],
)
def test_n9_an_answer_without_outputs_goes_by_its_code(tree, cause, useless):
    found = failure(ok(tree), path="/x", texts="text")
    assert (found.cause, found.useless) == (cause, useless)


def test_an_expression_that_does_not_fit_the_answer_is_said():
    found = failure(ok({"text": 7}), path="/x", texts="length(text)")
    assert found.message.startswith("length(text): ")


def test_a_result_may_have_to_be_fetched():
    where = at(
        **PREDICT | {"poll": POLL | {"fetch": "/predictions/{{ id }}/{{ part }}"}, "image_urls": "images"}
    )
    polled = ok({"status": "succeeded", "part": "result"})
    result = ok({"images": ["https://files.example.com/1.png"]})
    steps = talk("json-http", ASKED, ok(TAKEN), polled, result, file(FOX), at=where)
    assert [type(step) for step in steps] == [Call, Ticket, Call, Call, Call, Output]
    assert (steps[3].path, steps[3].paid, steps[3].download) == ("/predictions/p1/result", False, False)
    assert steps[-1].artifacts[0].data == FOX
