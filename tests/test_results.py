import json

import orjson
import pytest
from rows import AT, attempt, batch, failure, job, kept, tally, text

from runner import results
from runner.job import State
from runner.outcome import Cause
from runner.schema import BatchState

JOB_FIELDS = [
    "id",
    "key",
    "batch",
    "endpoint",
    "model",
    "prompt",
    "params",
    "vars",
    "sample",
    "state",
    "outputs",
    "usage",
    "cost_usd",
    "attempts",
    "cause",
    "message",
    "http_status",
    "request_id",
    "served_by",
    "started_at",
    "finished_at",
    "latency_s",
]


def test_a_job_has_the_documented_fields_in_their_order():
    assert list(results.job("animals", job())) == JOB_FIELDS


def test_a_succeeded_job():
    line = results.job("animals", job(outputs=(kept(),)))
    assert line["outputs"] == [
        {
            "index": 0,
            "kind": "image",
            "path": "fox.png",
            "mime": "image/png",
            "bytes": 1234,
            "sha256": "b" * 64,
            "width": 64,
            "height": 48,
        }
    ]
    assert line["params"] == {"width": 64, "negative_prompt": None}
    assert line["vars"] == {"animal": "red fox"}
    assert line["usage"] == {"inference_s": 13.36}
    assert (line["state"], line["cost_usd"], line["cause"]) == ("succeeded", 0.0038, None)
    assert line["started_at"] == "2026-11-23T02:00:00.123Z"
    assert line["finished_at"] == "2026-11-23T02:00:01.123Z"


def test_a_failed_job():
    failed = job(state=State.FAILED, cause=Cause.BLOCKED, message="no", usage=None, cost_nusd=None)
    line = results.job("animals", failed)
    assert (line["state"], line["cause"], line["message"]) == ("failed", "blocked", "no")
    assert (line["usage"], line["cost_usd"], line["outputs"]) == (None, None, [])


@pytest.mark.parametrize(
    ("one", "field", "value"),
    [
        (text("two\nlines"), "text", "two\nlines"),
        (text('{"not": "parsed"}'), "text", '{"not": "parsed"}'),
        (text(""), "text", ""),
        (text("[0.5,-1.0]", kind="embedding", mime="application/json"), "vector", [0.5, -1.0]),
        (text('[{"id":"a"}]', kind="tool_calls", mime="application/json"), "tool_calls", [{"id": "a"}]),
    ],
)
def test_an_output_is_held_by_the_field_of_its_kind(one, field, value):
    shown = results.output(one)
    assert shown[field] == value
    assert shown.keys() == {"index", "kind", field, "mime", "bytes", "sha256"}


def test_what_a_provider_said_of_an_output_is_told():
    shown = results.output(text("hi", finish_reason="stop", revised_prompt="greet"))
    assert (shown["finish_reason"], shown["revised_prompt"]) == ("stop", "greet")


def test_lines_are_json_and_equal_to_the_objects():
    rows = [
        job(outputs=(kept(),)),
        job(id="words", outputs=(text("héllo\n"), text("[1.5]", kind="embedding", index=1))),
        job(id="failed", state=State.FAILED, cause=Cause.MALFORMED, message="a\u2028b", usage=None),
    ]
    lines = list(results.lines("animals", rows))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert [json.loads(line) for line in lines] == [results.job("animals", row) for row in rows]


def test_paths_lead_from_where_the_file_stands():
    [line] = results.lines("animals", [job(outputs=(kept(),))], prefix="../outputs/animals/")
    assert orjson.loads(line)["outputs"][0]["path"] == "../outputs/animals/fox.png"


def test_status_has_the_documented_shape():
    counted = tally(
        total=12,
        pending=1,
        running=2,
        succeeded=3,
        failed=1,
        unknown=1,
        cancelled=4,
        attempts=9,
        outputs=5,
        maybe_billed_twice=1,
        spent_nusd=1_500_000_000,
    )
    row = batch(state=BatchState.STOPPED, reason="budget", tally=counted)
    assert results.status(row) == {
        "batch": "animals",
        "state": "stopped",
        "reason": "budget",
        "jobs": {
            "total": 12,
            "pending": 1,
            "running": 2,
            "succeeded": 3,
            "failed": 1,
            "unknown": 1,
            "cancelled": 4,
        },
        "attempts": 9,
        "outputs": 5,
        "spent_usd": 1.5,
        "maybe_billed_twice": 1,
    }


def test_a_spend_that_is_not_known_is_null_and_not_nothing():
    assert results.status(batch(priced=False))["spent_usd"] is None
    assert results.status(batch(priced=True))["spent_usd"] == 0


def test_a_batch_is_listed_with_its_dates():
    listed = results.listed(batch(started_at=AT))
    assert listed["created_at"] == listed["started_at"] == "2026-11-23T02:00:00.123Z"
    assert listed["finished_at"] is None
    assert listed["manifest"] == "/home/ann/animals.yaml"


def test_show_adds_the_request_and_every_attempt():
    first = attempt(cause=Cause.UNAVAILABLE, message="busy", http_status=503, body=b"\xff{}", cost_nusd=None)
    shown = results.shown("animals", job(), [first, attempt(number=2, again=True, usage=b'{"x":1}')])
    assert list(shown) == [*JOB_FIELDS, "request", "history"]
    assert shown["request"] == {"model": "sdxl", "prompt": "a red fox", "width": 64}
    assert [each["attempt"] for each in shown["history"]] == [1, 2]
    assert shown["history"][0]["cause"] == "unavailable"
    assert shown["history"][0]["body"] == "\ufffd{}"
    assert shown["history"][0]["cost_usd"] is None
    assert shown["history"][1]["again"] is True
    assert shown["history"][1]["usage"] == {"x": 1}


def test_a_failure_is_told_with_an_example_and_advice():
    told = results.failure("animals", failure(), "reword it")
    assert (told["state"], told["cause"], told["count"], told["advice"]) == (
        "failed",
        "blocked",
        2,
        "reword it",
    )
    assert told["example"]["id"] == "fox"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, None),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_399_200.0, "2026-11-23T02:00:00.000Z"),
        (1_795_399_200.9999, "2026-11-23T02:00:00.999Z"),
    ],
)
def test_moments_are_utc_to_the_millisecond(seconds, words):
    assert results.moment(seconds) == words
