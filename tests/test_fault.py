"""Every status, error and code that can come, and the fault it stands for."""

import orjson
import pytest

from runner import fault
from runner.fault import Trouble
from runner.job import Claim, State
from runner.outcome import Cause, Failed, Then
from runner.retry import Policy, settle
from runner.wire import Reply

NOW = 1_795_400_000.0


def reply(status, tree=None, **headers):
    body = tree if isinstance(tree, bytes) else b"" if tree is None else orjson.dumps(tree)
    return Reply(
        status=status, headers={name.replace("_", "-"): text for name, text in headers.items()}, body=body
    )


def of(status, tree=None, *, paid=True, download=False, **headers):
    return fault.of_reply(reply(status, tree, **headers), now=NOW, paid=paid, download=download)


def error(code, message="the words"):
    return {"error": {"message": message, "code": code}}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_a_status_of_success_is_left_to_the_dialect(status):
    assert of(status) is None


@pytest.mark.parametrize(
    ("row", "trouble", "cause", "then", "billed"),
    [
        ("n1", Trouble.DNS, Cause.CONNECTION, Then.RETRY, False),
        ("n2", Trouble.REFUSED, Cause.CONNECTION, Then.RETRY, False),
        ("n2", Trouble.UNREACHABLE, Cause.CONNECTION, Then.RETRY, False),
        ("n2", Trouble.CONNECT_TIMEOUT, Cause.CONNECTION, Then.RETRY, False),
        ("n3", Trouble.CERTIFICATE, Cause.CONNECTION, Then.STOP, False),
        ("n4", Trouble.RESET_UNSENT, Cause.CONNECTION, Then.RETRY, False),
        ("n4", Trouble.CLOSED, Cause.CONNECTION, Then.RETRY, True),
        ("n5", Trouble.CUT_BODY, Cause.CONNECTION, Then.RETRY, True),
        ("n6", Trouble.TIMEOUT, Cause.TIMED_OUT, Then.RETRY, True),
        ("n19", Trouble.BROKEN_HTTP, Cause.MALFORMED, Then.RETRY, True),
        ("n19", Trouble.DECODE, Cause.MALFORMED, Then.RETRY, True),
        ("n19", Trouble.TOO_LARGE, Cause.MALFORMED, Then.RETRY, True),
        ("n18", Trouble.TOO_MANY_HOPS, Cause.REJECTED, Then.FAIL, False),
        ("x4", Trouble.FORBIDDEN_ADDRESS, Cause.REJECTED, Then.FAIL, False),
        ("n11", Trouble.NO_ADDRESS, Cause.REJECTED, Then.FAIL, False),
    ],
)
def test_n4_n5_n6_no_reply_is_maybe_billed_only_if_the_request_left(row, trouble, cause, then, billed):
    sent = fault.of_error(trouble, sent=True, detail="the detail")
    assert (sent.cause, sent.then, sent.billed, sent.message) == (cause, then, billed, "the detail"), row
    assert not fault.of_error(trouble, sent=False).billed
    assert not fault.of_error(trouble, sent=True, paid=False).billed


def test_every_trouble_is_in_the_table_and_has_words():
    assert set(fault.TROUBLES) == set(Trouble)
    assert fault.of_error(Trouble.DNS, sent=False).message == "name not found"


@pytest.mark.parametrize("status", [400, 405, 406, 410, 413, 415, 422, 431, 451])
def test_n13_a_refused_request_fails_with_the_providers_words(status):
    found = of(status, error(None, "width must be divisible by 16"))
    assert (found.cause, found.then, found.billed) == (Cause.REJECTED, Then.FAIL, False)
    assert (found.message, found.http_status) == ("width must be divisible by 16", status)


@pytest.mark.parametrize(
    ("status", "tree"),
    [
        (404, None),
        (404, error("model_not_found")),
        (400, error("model_not_found")),
        (403, error("ModelNotFound")),
        (400, {"code": "InvalidModel", "message": "no"}),
    ],
)
def test_n13_a_missing_model_is_not_found(status, tree):
    found = of(status, tree)
    assert (found.cause, found.then) == (Cause.NOT_FOUND, Then.FAIL)


@pytest.mark.parametrize(
    "tree",
    [
        error("content_filter"),
        error("content_policy_violation"),
        error("moderation_blocked"),
        {"error": {"code": "400", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        {"error": "NSFW_CONTENT_DETECTED"},
        {"errors": [{"code": "nsfw", "message": "no"}]},
        {"detail": {"code": "content-filter"}},
    ],
)
@pytest.mark.parametrize("status", [400, 403, 422, 500])
def test_n13_a_refusal_of_content_is_blocked(status, tree):
    found = of(status, tree)
    assert (found.cause, found.then, found.billed) == (Cause.BLOCKED, Then.FAIL, False)


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "content_filter", "model_not_found"])
def test_n13_n17_some_statuses_are_certain_whatever_the_code(code):
    assert of(413, error(code)).cause is Cause.REJECTED
    assert of(401, error(code)).cause is Cause.UNAUTHORIZED
    assert of(429, error(code)).then is Then.WAIT
    assert of(301, error(code)).cause is Cause.REJECTED


def test_words_for_people_decide_nothing():
    assert (
        of(400, {"error": "NSFW content was found, insufficient quota, rate limit"}).cause is Cause.REJECTED
    )


@pytest.mark.parametrize(
    ("status", "tree", "cause", "then"),
    [
        (401, None, Cause.UNAUTHORIZED, Then.STOP),
        (401, error("invalid_api_key"), Cause.UNAUTHORIZED, Then.STOP),
        (401, error("rate_limit_exceeded"), Cause.UNAUTHORIZED, Then.STOP),
        (400, error("invalid_api_key"), Cause.UNAUTHORIZED, Then.STOP),
        (403, {"error": {"type": "authentication_error"}}, Cause.UNAUTHORIZED, Then.STOP),
        (403, None, Cause.REJECTED, Then.FAIL),
        (403, error("forbidden"), Cause.REJECTED, Then.FAIL),
    ],
)
def test_n14_a_rejected_key_stops_and_a_bare_403_is_judged_by_its_past(status, tree, cause, then):
    found = of(status, tree)
    assert (found.cause, found.then, found.http_status) == (cause, then, status)


@pytest.mark.parametrize(
    ("status", "tree"),
    [
        (402, None),
        (402, error("content_filter")),
        (429, error("insufficient_quota")),
        (429, {"error": {"type": "insufficient_quota", "code": None}}),
        (400, error("billing_hard_limit_reached")),
        (403, error("InsufficientBalance")),
        (500, error("insufficient_quota")),
    ],
)
def test_n15_no_credit_stops(status, tree):
    found = of(status, tree)
    assert (found.cause, found.then) == (Cause.NO_CREDIT, Then.STOP)


@pytest.mark.parametrize("status", [408, 409, 425, *range(500, 505), *range(520, 530), 599])
def test_n16_a_server_in_trouble_is_asked_again(status):
    found = (
        of(status, error("model_not_found"), retry_after="7")
        if status >= 500
        else of(status, retry_after="7")
    )
    assert (found.cause, found.then, found.billed) == (Cause.UNAVAILABLE, Then.RETRY, False)
    assert found.after_s == 7.0


@pytest.mark.parametrize("should_retry", ["true", "false", ""])
@pytest.mark.parametrize(
    "tree", [None, error("rate_limit_exceeded"), {"code": 429, "data": {"retryAfter": 17}}]
)
def test_n17_no_job_fails_by_a_429(tree, should_retry):
    found = of(429, tree, x_should_retry=should_retry)
    assert (found.cause, found.then, found.billed) == (Cause.THROTTLED, Then.WAIT, False)
    assert found.after_s == (17.0 if tree and "data" in tree else None)


@pytest.mark.parametrize(
    ("status", "should_retry", "then"),
    [
        (400, "true", Then.RETRY),
        (400, "TRUE", Then.RETRY),
        (400, "false", Then.FAIL),
        (500, "false", Then.FAIL),
        (500, "true", Then.RETRY),
        (500, "perhaps", Then.RETRY),
        (401, "true", Then.STOP),
    ],
)
def test_n17_the_provider_may_say_itself_whether_to_send_again(status, should_retry, then):
    assert of(status, x_should_retry=should_retry).then is then


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_n18_a_redirect_is_not_followed_and_its_target_is_said(status):
    found = of(status, b"<html>moved</html>", location="https://other.example/x")
    assert (found.cause, found.then, found.billed) == (Cause.REJECTED, Then.FAIL, False)
    assert found.message == "redirected to https://other.example/x, which is not followed"


@pytest.mark.parametrize("status", [0, 103, 199, 600, 999])
def test_a_status_of_no_table_is_no_success(status):
    found = of(status)
    assert (found.cause, found.then, found.billed) == (Cause.MALFORMED, Then.RETRY, True)


@pytest.mark.parametrize(
    ("status", "cause", "then", "useless"),
    [
        (400, Cause.REJECTED, Then.FAIL, True),
        (401, Cause.REJECTED, Then.FAIL, True),
        (403, Cause.REJECTED, Then.FAIL, True),
        (404, Cause.REJECTED, Then.FAIL, True),
        (410, Cause.REJECTED, Then.FAIL, True),
        (408, Cause.UNAVAILABLE, Then.RETRY, False),
        (429, Cause.THROTTLED, Then.RETRY, False),
        (503, Cause.UNAVAILABLE, Then.RETRY, False),
    ],
)
def test_n11_a_download_is_free_and_stops_nothing(status, cause, then, useless):
    found = of(status, error("insufficient_quota"), paid=False, download=True)
    assert (found.cause, found.then, found.useless, found.billed) == (cause, then, useless, False)
    assert (found.message == f"image link expired: HTTP {status}") == useless
    assert found.http_status is None


@pytest.mark.parametrize(
    ("status", "cause", "then", "useless"),
    [
        (404, Cause.REJECTED, Then.RETRY, True),
        (410, Cause.REJECTED, Then.RETRY, True),
        (401, Cause.UNAUTHORIZED, Then.STOP, False),
        (429, Cause.THROTTLED, Then.WAIT, False),
        (500, Cause.UNAVAILABLE, Then.RETRY, False),
        (999, Cause.MALFORMED, Then.RETRY, False),
    ],
)
def test_a_poll_is_free_and_may_come_too_early(status, cause, then, useless):
    found = of(status, paid=False)
    assert (found.cause, found.then, found.useless, found.billed) == (cause, then, useless, False)


@pytest.mark.parametrize(
    ("tree", "cause", "then", "billed", "useless"),
    [
        (error("rate_limit_exceeded"), Cause.THROTTLED, Then.WAIT, False, False),
        ({"code": 429, "data": {"retryAfter": 17}}, Cause.THROTTLED, Then.WAIT, False, False),
        (error(429), Cause.THROTTLED, Then.WAIT, False, False),
        (error("429"), Cause.THROTTLED, Then.WAIT, False, False),
        (error("insufficient_quota"), Cause.NO_CREDIT, Then.STOP, False, False),
        (error(401), Cause.UNAUTHORIZED, Then.STOP, False, False),
        (error("content_filter"), Cause.BLOCKED, Then.FAIL, True, False),
        (error("model_not_found"), Cause.NOT_FOUND, Then.FAIL, False, False),
        (
            {"type": "error", "error": {"type": "overloaded_error"}},
            Cause.UNAVAILABLE,
            Then.RETRY,
            False,
            False,
        ),
        (error(500), Cause.UNAVAILABLE, Then.RETRY, False, False),
        (error("invalid_request_error"), Cause.REJECTED, Then.FAIL, False, False),
        (error(422), Cause.REJECTED, Then.FAIL, False, False),
        ({"error": "it did not work"}, Cause.REJECTED, Then.RETRY, True, True),
        ({"status": "error", "message": "no"}, Cause.REJECTED, Then.RETRY, True, True),
        ({"success": False}, Cause.REJECTED, Then.RETRY, True, True),
        ({"errors": ["no"]}, Cause.REJECTED, Then.RETRY, True, True),
        ({"status": 503}, Cause.UNAVAILABLE, Then.RETRY, False, False),
    ],
)
def test_n9_an_error_in_a_200_is_classified_by_its_code(tree, cause, then, billed, useless):
    found = fault.of_answer(reply(200, tree), tree)
    assert (found.cause, found.then, found.billed, found.useless) == (cause, then, billed, useless)
    assert not fault.of_answer(reply(200, tree), tree, paid=False).billed


@pytest.mark.parametrize(
    "tree", [{}, {"error": None}, {"error": "", "status": "success"}, {"code": 0}, [], "x", None]
)
def test_n9_an_answer_without_an_error_is_none(tree):
    assert fault.of_answer(reply(200, tree), tree) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"too wide"}}', "too wide"),
        (b'{"error":"Bad Request","message":"too wide"}', "too wide"),
        (b'{"detail":"too wide"}', "too wide"),
        (
            b'{"detail":[{"loc":["body","width"],"msg":"too wide"},{"msg":"too high"}]}',
            "body.width: too wide; too high",
        ),
        (b'{"errors":[{"message":"too wide"}]}', "too wide"),
        (b'{"message":"too\\n  wide\\u0007"}', "too wide"),
        (b'"too wide"', "too wide"),
        (b"too wide\n", "too wide"),
        (b"", "HTTP 400 Bad Request"),
        (b"{}", "HTTP 400 Bad Request"),
        (b"<html>nginx</html>", "HTTP 400 Bad Request"),
        (b"\xff\xfe", "HTTP 400 Bad Request"),
        (b'{"message":"' + b"w" * 9000 + b'"}', "w" * 500),
    ],
)
def test_the_providers_words_are_found(body, message):
    assert of(400, body).message == message


def test_an_unnamed_status_is_said_by_its_number():
    assert of(499).message == "HTTP 499"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"x-request-id": "req_1", "cf-ray": "8f"}, "req_1"),
        ({"request-id": "req_2"}, "req_2"),
        ({"x-amzn-requestid": "req_3"}, "req_3"),
        ({"x-request-id": "", "cf-ray": "8f"}, "8f"),
        ({"date": "today"}, None),
    ],
)
def test_the_providers_request_id_is_kept(headers, name):
    assert fault.request_id(headers) == name
    assert fault.of_reply(Reply(status=500, headers=headers, body=b""), now=NOW).request_id == name


def test_the_evidence_is_kept_to_64_kilobytes():
    assert of(500, b"x" * 100_000).body == b"x" * 65_536


def test_n8_an_unreadable_answer_shows_its_first_200_characters():
    found = fault.unreadable(reply(200, b"<html>\n<p>" + b"e" * 500), "answer is not JSON")
    assert (found.cause, found.then, found.billed, found.useless) == (
        Cause.MALFORMED,
        Then.RETRY,
        True,
        False,
    )
    assert found.message == "answer is not JSON: <html> <p>" + "e" * 190


def test_a_deep_error_body_breaks_nothing():
    assert of(400, b'{"error":' * 900 + b"1" + b"}" * 900).cause is Cause.REJECTED
    assert of(400, b'{"error":[' * 500 + b"1" + b"]}" * 500).cause is Cause.REJECTED


def requests_until_final(found):
    """How often a job is sent whose every attempt ends by this fault."""
    past = {"tries": 0, "maybe_billed": 0, "useless": 0, "waits": 0, "billed_before": False}
    for number in range(1, 50):
        claim = Claim(
            row=1,
            id="a",
            stem="a",
            key="k",
            endpoint="e",
            model="m",
            body=b"",
            attempt=number,
            ticket=None,
            **past,
        )
        after = settle(claim, Failed(fault=found), Policy(), now=NOW, chance=0.5)
        if after.state is not State.PENDING:
            return number
        past = {name: getattr(after, name) for name in past}
    return None


HTML = reply(200, b"<html>")
EMPTY = reply(200, {"data": []})


@pytest.mark.parametrize(
    ("row", "found", "requests"),
    [
        ("n1", fault.of_error(Trouble.DNS, sent=False), 5),
        ("n2", fault.of_error(Trouble.REFUSED, sent=False), 5),
        ("n3", fault.of_error(Trouble.CERTIFICATE, sent=False), None),
        ("n4", fault.of_error(Trouble.CLOSED, sent=True), 3),
        ("n5", fault.of_error(Trouble.CUT_BODY, sent=True), 3),
        ("n6", fault.of_error(Trouble.TIMEOUT, sent=True), 3),
        ("n8", fault.unreadable(HTML, "answer is not JSON"), 3),
        ("n9", fault.useless(EMPTY, "no outputs in the answer"), 2),
        ("n9", fault.of_answer(EMPTY, {"error": "no"}), 2),
        ("n12", fault.useless(EMPTY, "stream ended early"), 2),
        ("n13", of(400), 1),
        ("n13", of(404), 1),
        ("n13", of(422, error("content_filter")), 1),
        ("n13", fault.blocked(HTML, "refused"), 1),
        ("n14", of(401), None),
        ("n15", of(402), None),
        ("n16", of(503), 5),
        ("n17", of(429), None),
        ("n18", of(307), 1),
    ],
)
def test_n4_to_n18_each_fault_costs_as_many_requests_as_it_may(row, found, requests):
    assert requests_until_final(found) == requests, row
