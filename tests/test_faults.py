"""Every fault that a provider can bring, one job for each, all in one batch as a user runs it."""

import asyncio
import json
import re
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import cycle, pairwise

import orjson
import pytest
from runs import Desk, accounts_balance, animals, herd

from runner.demo import (
    NAMES,
    Act,
    Answer,
    Change,
    Close,
    Cut,
    Drip,
    Hang,
    Knobs,
    Raw,
    bomb,
    page,
    refused,
    said,
    serve,
)

SMALL = {"width": 64, "height": 64}
KEY = "sk-canary-0123456789abcdef"
FOREVER = 99
CHAT = {"dialect": "openai-chat"}
STREAM = {"stream": True}


@dataclass(frozen=True)
class Case:
    """What the provider does with one job's requests, and what is right then."""

    name: str
    act: Act
    state: str = "failed"
    cause: str | None = None
    sent: int = 1
    says: str = ""
    times: int = FOREVER
    """Requests that the act is done to; the next are answered honestly."""
    params: tuple = tuple(SMALL.items())
    endpoint: tuple = ()

    def on(self, **endpoint):
        return replace(self, endpoint=tuple(endpoint.items()))

    def asking(self, **params):
        return replace(self, params=tuple(params.items()))


def lost(name, act, says="", cause="connection"):
    """Maybe billed: sent again twice."""
    return Case(name, act, cause=cause, sent=3, says=says)


def useless(name, act, says="", cause="malformed"):
    """A whole answer of no use: sent again once."""
    return Case(name, act, cause=cause, sent=2, says=says)


def final(name, act, cause, says=""):
    return Case(name, act, cause=cause, says=says)


def parked(name, act, cause, says=""):
    """Not the job's fault: it stays pending, its endpoint is left alone."""
    return Case(name, act, state="pending", cause=cause, says=says)


def passing(name, act, sent=2):
    """Right again after a while."""
    return Case(name, act, state="succeeded", sent=sent, times=sent - 1)


def body(change):
    return Change(how=lambda honest: replace(honest, body=change(honest.body)))


def tree(change):
    return body(lambda data: orjson.dumps(change(orjson.loads(data))))


def events(*lines):
    return Answer(body="".join(f"{line}\n\n" for line in lines).encode(), type="text/event-stream")


def delta(text, finish=None):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return "data: " + json.dumps({"choices": [choice]})


WHOLE_STREAM = events(delta("It is", "stop"), "data: [DONE]").body


def chunked(data):
    """An event stream on the wire, the chunk that ends it left out."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n" % (len(data), data)


def flipped(data):
    """The base64 of a picture with one character in its middle changed."""
    start = data.index(b'"b64_json":"') + len(b'"b64_json":"')
    middle = start + (data.index(b'"', start) - start) // 2
    return data[:middle] + (b"A" if data[middle : middle + 1] != b"A" else b"B") + data[middle + 1 :]


def in_a_second():
    """An HTTP date that is at most a second ahead, beside the provider's own."""
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "date": format_datetime(now, usegmt=True),
        "retry_after": format_datetime(now + timedelta(seconds=1), usegmt=True),
    }


B64 = re.compile(rb'"b64_json":"[^"]*"')
DAMAGE = cycle((False, True))


def damaged(match):
    """Every second picture is none."""
    return b'"b64_json":"#not base64#"' if next(DAMAGE) else match[0]


N4 = (
    lost("closed after the work was done", Close(), "closed"),
    lost("reset after the work was done", Close(reset=True)),
    lost("closed unread", Close(reset=True, costs=False)),
)
N5 = (
    lost("cut inside its length", Cut(), "cut"),
    lost("cut inside a chunk", Cut(framing="chunked"), "cut"),
    lost("cut where the close is the end", Cut(framing="close"), cause="malformed"),
    lost("cut by a reset", Cut(reset=True)),
    lost("cut before the first byte", Cut(keep=0.0)),
)
N6 = (lost("no headers", Hang(), "no answer in 0.4 s", "timed_out").on(timeout=0.4),)
N7 = (
    lost("stalled", Hang(keep=0.5), "no answer in 0.4 s", "timed_out").on(timeout=0.4),
    lost("dripping", Drip(), "no answer in 0.4 s", "timed_out").on(timeout=0.4),
)
N8 = (
    lost("a page", page(), "Just a moment", "malformed"),
    lost("nothing", Answer(), "empty", "malformed"),
    lost("a number that is none", NAMES["nan"], "NaN", "malformed"),
    lost("another alphabet", NAMES["latin"], "not JSON", "malformed"),
    lost("nested without end", NAMES["deep"], "[[[[", "malformed"),
    lost("a number without end", NAMES["huge"], "9999", "malformed"),
    lost("half a document", Answer(body=b'{"data": [{"b64_json": "AAAA'), '{"data"', "malformed"),
    lost("a bare word", Answer(body=b'"sorry"'), "sorry", "malformed"),
    lost("null", Answer(body=b"null"), "null", "malformed"),
    lost("a list", Answer(body=b"[]"), "[]", "malformed"),
    lost("an object of something else", said({"hello": "world"}), "hello", "malformed"),
)
N9 = (
    Case(
        "overloaded with 200",
        replace(NAMES["error"], paid=False),
        cause="unavailable",
        sent=5,
        says="overloaded",
    ),
    useless("no data", said({"data": []}), "no outputs"),
    useless(
        "an error nobody knows",
        said({"error": {"code": "e_42", "message": "went wrong"}}),
        "went wrong",
        "rejected",
    ),
    useless("an error without a code", said({"error": "went wrong"}), "went wrong", "rejected"),
    final(
        "a refusal with 200",
        said({"error": {"code": "content_policy_violation", "message": "no"}}),
        "blocked",
        "no",
    ),
    final("invalid with 200", said({"error": {"code": 400, "message": "bad size"}}), "rejected", "bad size"),
    parked(
        "no key with 200", said({"error": {"code": "invalid_api_key", "message": "who?"}}), "unauthorized"
    ),
    parked(
        "no credit with 200", said({"error": {"code": "insufficient_quota", "message": "pay"}}), "no_credit"
    ),
    passing(
        "too fast with 200",
        replace(said({"error": {"code": "rate_limit_exceeded", "retry_after_ms": 50}}), paid=False),
    ),
)
PARTIAL = Case(
    "two of four",
    tree(lambda answer: {**answer, "data": answer["data"][:2]}),
    state="succeeded",
    says="2 of 4 images",
)
TORN = Case(
    "two of four torn",
    body(lambda data: B64.sub(damaged, data)),
    state="succeeded",
    says="2 of 4 images can be decoded",
)
N9 += (PARTIAL.asking(**SMALL, n=4), TORN.asking(**SMALL, n=4))
N10 = (
    useless("not base64", NAMES["base64"]),
    useless("not an image", NAMES["noimage"]),
    useless("a torn image", NAMES["torn"]),
    useless("a flipped character", body(flipped)),
    useless("an empty image", body(lambda _: b'{"data":[{"b64_json":""}]}')),
)
N12 = (
    useless("a stream without its end", NAMES["early"], "stream ended early"),
    useless("a stream cut inside an event", body(lambda data: data[: len(data) // 2]), "stream ended early"),
    useless("an empty stream", events(), "stream"),
    useless(
        "an error in the stream",
        events(delta("It"), 'event: error\ndata: {"message": "went wrong"}'),
        "went wrong",
        "rejected",
    ),
    useless(
        "overloaded in the stream",
        events(delta("It"), 'data: {"error": {"code": "overloaded", "message": "busy"}}'),
        "busy",
        "unavailable",
    ),
    Case(
        "a word that is no JSON", events(delta("It"), "data: {]"), cause="malformed", sent=3, says="not JSON"
    ),
    Case(
        "a line of three megabytes",
        events(delta("x" * 3_000_000), delta("", "stop"), "data: [DONE]"),
        state="succeeded",
    ),
    Case("no end marker but a reason", events(delta("It is", "stop")), state="succeeded"),
    useless("a stream cut on the wire", Cut(framing="chunked"), cause="connection"),
    Case("a stream cut behind its end", Raw(data=chunked(WHOLE_STREAM)), state="succeeded"),
    useless("a stream that stalls", Hang(keep=0.5), "no answer in 0.4 s", "timed_out").on(timeout=0.4),
)
N12 = tuple(case.on(**CHAT, **dict(case.endpoint)).asking(**STREAM) for case in N12)
N13 = (
    *(
        final(f"refused by {status}", refused(status, "not like this"), "rejected", "not like this")
        for status in (400, 405, 413, 422)
    ),
    final("refused by 404", refused(404, "no such thing"), "not_found", "no such thing"),
    final("a filter", refused(400, "our policy", "content_filter"), "blocked", "our policy"),
    final("nsfw", refused(422, "our policy", "NSFW_CONTENT"), "blocked", "our policy"),
    final("a page with 400", page(400), "rejected", "400"),
    final("418", refused(418), "rejected", "Teapot"),
)
FILTERED = said({"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "content_filter"}]})
N13 += (
    final("a filtered answer", FILTERED, "blocked", "content_filter")
    .on(**CHAT, price={"request": 0.5})
    .asking(),
)
N14 = (
    parked("401", refused(401, "bad key"), "unauthorized", "key rejected (…cdef)"),
    parked("403", refused(403, "not yours"), "unauthorized"),
)
N15 = (
    parked("402", refused(402, "pay first"), "no_credit", "pay first"),
    parked(
        "429 without credit",
        refused(429, "pay first", "insufficient_quota", retry_after="1"),
        "no_credit",
        "pay first",
    ),
    parked(
        "a billing limit", refused(400, "pay first", "billing_hard_limit_reached"), "no_credit", "pay first"
    ),
)
UNAVAILABLE = (408, 409, 425, *range(500, 505), *range(520, 530))
N16 = (
    *(passing(f"{status} twice", refused(status), sent=3) for status in UNAVAILABLE),
    Case("503 for ever", refused(503, "busy"), cause="unavailable", sent=5, says="busy"),
    Case("500 that says not to", refused(500, x_should_retry="false"), cause="unavailable"),
    passing("400 that says to", refused(400, x_should_retry="true")),
)
FLOOR = passing("503 with a floor", refused(503, retry_after="1"))
N17 = (
    passing("seconds", refused(429, retry_after="1")),
    passing("a part of a second", refused(429, retry_after="0.2")),
    passing("a duration", refused(429, retry_after="200ms")),
    passing("milliseconds win", refused(429, retry_after="3600", retry_after_ms="100")),
    passing("a date", refused(429, **in_a_second())),
    passing("zero", refused(429, retry_after="0")),
    passing("negative", refused(429, retry_after="-5")),
    passing("a date in the past", refused(429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT")),
    passing("garbage", refused(429, retry_after="soon")),
    passing("no word of when", refused(429)),
    passing("in the body alone", said({"code": 429, "data": {"retryAfter": 0.2}}, 429)),
    passing("seven in a row", refused(429, retry_after_ms="20"), sent=8),
    passing("though it says not to", refused(429, retry_after_ms="20", x_should_retry="false")),
    parked("huge", refused(429, retry_after="99999999"), "throttled"),
    parked("an hour", refused(429, retry_after="3600"), "throttled"),
)
N19 = (
    useless("a bomb", bomb(), "answer over 64 MB"),
    useless("a bomb with a smaller cap", bomb(3), "answer over 2 MB").on(max_answer_mb=2),
    lost("broken HTTP", NAMES["broken"], cause="malformed"),
    lost(
        "broken compression",
        Answer(body=b"no gzip at all", headers={"content-encoding": "gzip"}),
        cause="malformed",
    ),
)


def n18(elsewhere):
    return tuple(
        final(
            f"redirected by {status}",
            refused(status, location=f"{elsewhere}/images/generation"),
            "rejected",
            elsewhere,
        )
        for status in (301, 302, 303, 307, 308)
    )


@dataclass(frozen=True)
class Night:
    """What was left of the batch in the morning."""

    desk: Desk
    done: object
    jobs: dict
    lines: dict
    seen: dict
    """By job: when its requests came."""
    elsewhere: list
    """What another host saw."""
    provider: object

    def history(self, name):
        """The attempts of a job: status, whether billed, and the evidence of each."""
        return self.desk.rows(
            "SELECT attempts.http_status, billed, attempts.body FROM attempts JOIN jobs ON job = row "
            "WHERE jobs.id = ? ORDER BY number",
            name,
        )

    def gaps(self, name):
        """Seconds between the requests of a job."""
        times = [request.at for request in self.seen[name]]
        return [later - earlier for earlier, later in pairwise(times)]


def asked(seen):
    """Which job a request is of."""
    body = seen.json
    return body["prompt"] if "prompt" in body else body["messages"][-1]["content"]


def script(cases):
    left = {case.name: case.times for case in cases}
    acts = {case.name: case.act for case in cases}

    def act(seen):
        if seen.method != "POST":
            return None
        name = asked(seen)
        left[name] -= 1
        return acts[name] if left[name] >= 0 else None

    return act


def manifest(url, cases):
    """An endpoint and a key for each case: none is judged by what befalls another."""
    common = {"dialect": "nebula-images", "url": url}
    return {
        "name": "night",
        "endpoints": {
            "-".join(case.name.split()): {**common, "key": f"${{KEY_{number}}}", **dict(case.endpoint)}
            for number, case in enumerate(cases)
        },
        "jobs": [
            {
                "id": case.name,
                "endpoint": "-".join(case.name.split()),
                "model": "m",
                "prompt": case.name,
                "params": dict(case.params),
            }
            for case in cases
        ],
        "retry": {"first": 0.01},
    }


async def worked(desk):
    """One night: every case a job, until all that can be done is done."""
    async with serve(Knobs(latency_s=0)) as elsewhere, serve(Knobs(latency_s=0, record=True)) as provider:
        cases = CASES + n18(elsewhere.url)
        provider.script = script(cases)
        desk.write(manifest(provider.url, cases))
        keys = (f"KEY_{number}={KEY}" for number in range(len(cases)))
        (desk.folder / ".env").write_text("\n".join(keys))
        done = await desk.run("run", "jobs.yaml", "--no-wait", "--json")
        assert done.status == 75, done.err
        seen = {}
        for request in provider.requests:
            if request.method == "POST":
                seen.setdefault(asked(request), []).append(request)
        jobs = {
            row[0]: row[1:]
            for row in desk.rows("SELECT id, state, cause, attempts, message, http_status FROM jobs")
        }
        lines = {line["id"]: line for line in desk.results("night")}
        return Night(desk, done, jobs, lines, seen, elsewhere.sent, provider)


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return asyncio.run(worked(Desk(tmp_path_factory.mktemp("night"))))


CASES = (*N4, *N5, *N6, *N7, *N8, *N9, *N10, *N12, *N13, *N14, *N15, *N16, FLOOR, *N17, *N19)


def each(cases):
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def check(night, case):
    state, cause, attempts, message, _ = night.jobs[case.name]
    assert (state, cause, len(night.seen[case.name])) == (case.state, case.cause, case.sent)
    assert attempts == case.sent
    assert case.says in (message or "")


@each(N4)
def test_n4_a_closed_connection_is_sent_again_twice(night, case):
    check(night, case)


@each(N5)
def test_n5_a_cut_body_is_sent_again_twice(night, case):
    check(night, case)


@each(N6)
def test_n6_no_headers_end_at_the_timeout(night, case):
    check(night, case)


@each(N7)
def test_n7_a_stalled_body_ends_at_the_timeout(night, case):
    check(night, case)


@each(N8)
def test_n8_an_unreadable_answer_is_malformed(night, case):
    check(night, case)


@each(N9)
def test_n9_an_error_in_a_success_is_judged_by_its_code(night, case):
    check(night, case)


@each(N10)
def test_n10_a_broken_image_is_asked_for_once_more(night, case):
    check(night, case)


@each(N12)
def test_n12_a_stream_must_say_that_it_is_whole(night, case):
    check(night, case)


@each(N13)
def test_n13_a_refusal_is_final_after_one_request(night, case):
    check(night, case)


@each(N14)
def test_n14_a_rejected_key_parks_the_endpoint(night, case):
    check(night, case)


@each(N15)
def test_n15_no_credit_parks_the_endpoint(night, case):
    check(night, case)


@each(N16)
def test_n16_a_degraded_provider_is_tried_again(night, case):
    check(night, case)


@each(N17)
def test_n17_a_429_fails_no_job(night, case):
    check(night, case)


@each(N19)
def test_n19_a_monstrous_answer_is_capped(night, case):
    check(night, case)


@each(n18(""))
def test_n18_a_redirect_is_never_followed_with_a_paid_request(night, case):
    check(night, case)
    assert night.elsewhere == 0


def test_every_sending_is_on_record_and_every_one_that_may_be_billed_twice_is_counted(night):
    [[attempts]] = night.desk.rows("SELECT attempts FROM batches")
    assert attempts == night.provider.sent
    accounts_balance(night.desk, night.provider)


def test_a_run_that_leaves_work_says_why_at_every_endpoint(night):
    assert night.done.last["reason"] in {"quota", "unauthorized", "no_credit"}
    assert "401: key rejected (…cdef): bad key; nothing more is sent there" in night.done.err
    assert "402: pay first" in night.done.err
    assert "Traceback" not in night.done.err


@each((*N4, *N5, *N6, *N7, *N8))
def test_what_may_have_been_billed_is_on_record_as_such(night, case):
    assert [billed for _, billed, _ in night.history(case.name)] == [1, 1, 1]


@each(N8)
def test_n8_the_raw_answer_is_kept_up_to_64_kb(night, case):
    [(status, _, evidence), *_] = night.history(case.name)
    answered = case.act.body if isinstance(case.act, Answer) else case.act.how(Answer()).body
    assert (status, evidence) == (200, answered[: 64 * 1024])


async def test_n8_what_is_kept_of_an_answer_is_shown(night):
    for name, start in (("a page", "<!doctype html>"), ("refused by 400", '{"error":')):
        people = await night.desk.run("show", name)
        assert re.search(rf"answer 1 \(\d+ B\): {start}", people.out), people.out
        [first, *_] = (await night.desk.run("show", name, "--json")).last["history"]
        assert first["body"].startswith(start)


def test_n9_fewer_images_than_asked_are_kept_and_said(night):
    line = night.lines["two of four"]
    assert (len(line["outputs"]), line["message"]) == (2, "2 of 4 images")


@each(N10[:-1])
def test_n10_a_broken_image_is_kept_beside_the_outputs(night, case):
    line = night.lines[case.name]
    evidence = night.desk.outputs("night") / ".evidence"
    assert len(list(evidence.glob(f"{line['key']}-*"))) == 2
    assert str(evidence) in line["message"]


def test_n12_the_text_of_a_stream_that_ended_early_is_kept(night):
    for name in (
        "a stream cut inside an event",
        "overloaded in the stream",
        "a stream cut on the wire",
        "a stream that stalls",
    ):
        assert all(evidence for _, _, evidence in night.history(name)), name
        assert b"choices" not in night.history(name)[0][2], name
    assert night.history("overloaded in the stream")[0][2] == b"It"


def test_n13_a_refusal_of_content_keeps_its_cost(night):
    assert night.lines["a filtered answer"]["cost_usd"] == 0.5


def test_n16_the_providers_wish_is_a_floor_for_the_wait(night):
    assert night.gaps(FLOOR.name)[0] >= 1.0


@pytest.mark.parametrize(
    ("name", "least_s"),
    [("seconds", 1.0), ("a part of a second", 0.2), ("milliseconds win", 0.1), ("in the body alone", 0.2)],
)
def test_n17_the_wait_is_the_providers(night, name, least_s):
    """Nothing comes earlier; `test_judging` holds that a wait is no longer, however busy the machine."""
    assert night.gaps(name)[0] >= least_s


async def test_n4_an_answer_behind_which_the_connection_closes_is_paid_for_once(desk, provider):
    provider.script = lambda _: Change(how=lambda honest: replace(honest, hangs_up=True))
    desk.write(animals(provider.url, *herd(12), concurrency=2))
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["jobs"]["succeeded"]) == (0, 12)
    [[lost]] = desk.rows("SELECT count(*) FROM attempts WHERE cause = 'connection'")
    assert done.last["attempts"] == provider.sent + lost  # sent into a closing connection: seen by nobody
    assert list(provider.paid.values()) == [1] * 12
    accounts_balance(desk, provider)


def nobody_listens():
    """The address of a port that is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("url", ["http://provider.invalid/v1", nobody_listens()], ids=["n1", "n2"])
async def test_n1_n2_a_provider_that_cannot_be_reached_parks_its_jobs(desk, url):
    desk.write(animals(url, *herd(30), price={"image": 1.0}))
    done = await desk.run("run", "jobs.yaml", "--no-wait", "--json")
    assert (done.status, done.last["reason"]) == (75, "unavailable")
    assert (done.last["jobs"]["pending"], done.last["spent_usd"]) == (30, 0)
    assert done.last["maybe_billed_twice"] == 0
    assert done.last["attempts"] <= 40
    assert done.err.count("nothing more is sent there") == 1


async def test_n2_a_single_job_is_tried_as_often_as_the_manifest_says(desk):
    desk.write(animals(nobody_listens(), "a fox", retry={"attempts": 3}))
    done = await desk.run("run", "jobs.yaml", "--json")
    [line] = desk.results()
    assert (done.status, line["state"], line["cause"], line["attempts"]) == (1, "failed", "connection", 3)
    assert "refused" in line["message"].lower()


async def test_n3_a_certificate_that_is_not_accepted_stops_the_endpoint(desk, self_signed):
    desk.write(animals(self_signed, *herd(20), concurrency=2))
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["reason"], done.last["jobs"]["pending"]) == (75, "unavailable", 20)
    assert done.last["attempts"] <= 2
    assert "localhost" in done.err
    assert "certificate" in done.err


PEAK = re.compile(r", ([\d.]+) MB of memory at most")


@pytest.mark.parametrize("act", [None, bomb()], ids=["an honest answer", "a bomb of 400 MB"])
async def test_p9_a_bomb_takes_no_more_memory_than_the_cap(desk, provider, act):
    provider.script = lambda _: act
    desk.write(animals(provider.url, "a fox", concurrency=1, max_answer_mb=16))
    done = await desk.run("run", "jobs.yaml")
    assert float(PEAK.search(done.err)[1]) < 130
    assert ("answer over 16 MB" in done.err) == (act is not None)


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "unauthorized"), (403, "unauthorized"), (402, "no_credit")]
)
async def test_n14_n15_of_a_hundred_jobs_no_more_are_sent_than_fit_in_flight(desk, provider, status, reason):
    provider.script = lambda _: refused(status, "no")
    desk.write(animals(provider.url, *herd(100), concurrency=8))
    done = await desk.run("run", "jobs.yaml", "--json")
    assert (done.status, done.last["reason"], done.last["jobs"]["pending"]) == (75, reason, 100)
    assert 1 <= provider.sent <= 8
    accounts_balance(desk, provider)
