import base64
import hmac
import json
from contextlib import asynccontextmanager
from datetime import date

import pytest
from aiohttp import web
from tenacity import wait_none

from runner import compose, load, run
from runner.compose.notifying import key_of
from runner.demo import refused
from runner.notice import Notice
from runner.problems import ManifestError
from runner.settings import Settings

LAST_NIGHT, TONIGHT = date(2026, 11, 24), date(2026, 11, 25)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
EVENTS = ("finished", "stopped", "alert", "always")
KEY = "sk-canary-0123456789abcdef"


@asynccontextmanager
async def listening(*statuses):
    """A server that keeps what it is sent, and answers with one status after the other, the last for ever."""
    heard, left = [], list(statuses)

    async def hear(request):
        heard.append((request.headers, await request.read()))
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0])

    server = web.Server(hear)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/hook", heard
    finally:
        await runner.cleanup()


def nightly(folder, url, **fields):
    endpoint = {"dialect": "openai-chat", "url": f"{url}/v1", "key": "${API_KEY}", "concurrency": 1}
    manifest = {
        "name": "nightly-{{ date }}",
        "endpoints": {"api": {**endpoint, "price": {"input": 1, "output": 2}}},
        "jobs": [{"model": "m", "prompts": ["a fox", "an owl"]}],
        "retry": {"first": 0.01},
        **fields,
    }
    path = folder / "nightly.yaml"
    path.write_text(json.dumps(manifest))
    return path


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("API_KEY", KEY)
    monkeypatch.setenv("HOOK_SECRET", SECRET)


async def night(path, day, **bounds):
    work = run(load(path, today=day), db=path.parent / "runner.db", **bounds)
    await work
    folder = path.parent / "outputs" / f"nightly-{day}"
    return work.ended.exit_status, json.loads((folder / "report.json").read_text()), folder


async def test_a_night_is_left_as_a_page_and_beside_the_night_before(tmp_path, provider):
    path = nightly(tmp_path, provider.url, alert={"failed": "> 10%", "attempts": "> 1.5x last"})
    status, first, _ = await night(path, LAST_NIGHT)
    assert (status, first["verdict"], first["compared_with"]) == (0, {"ok": True, "broken": []}, None)
    provider.play(refused(400, f"no {KEY}"))
    status, second, folder = await night(path, TONIGHT)
    page = (folder / "report.html").read_text()
    assert status == 1
    assert second["compared_with"] == "nightly-2026-11-24"
    assert second["numbers"]["failed"] == {"now": 1, "last": 0, "ratio": None}
    assert second["new_causes"] == ["rejected"]
    assert [each["rule"] for each in second["verdict"]["broken"]] == ["> 10%"]
    assert "failed: 50 % is more than 10 %" in page
    assert "Beside nightly-2026-11-24" in page
    assert "new</h3>" in page
    assert KEY not in page + json.dumps(second)


async def test_a_broken_rule_alone_makes_the_status_one(tmp_path, provider):
    path = nightly(tmp_path, provider.url, alert={"succeeded": "< 3"})
    assert (await night(path, TONIGHT))[0] == 1
    assert (await night(path, TONIGHT))[0] == 1


async def test_a_night_that_is_stopped_says_what_is_left_and_breaks_no_lower_bound(tmp_path, provider):
    path = nightly(tmp_path, provider.url, alert={"succeeded": "< 3"}, notify=[{"command": "cat > said"}])
    status, numbers, _ = await night(path, TONIGHT, limit=1)
    said = json.loads((tmp_path / "said").read_text())
    assert (status, numbers["verdict"]["ok"]) == (75, True)
    assert said["events"] == ["always", "stopped"]
    assert "1 job left" in said["text"]


async def test_a_plain_batch_is_left_as_its_results_alone(tmp_path, provider):
    path = nightly(tmp_path, provider.url, name="plain")
    await run(load(path, today=TONIGHT), db=tmp_path / "runner.db")
    assert [each.name for each in (tmp_path / "outputs" / "plain").iterdir() if each.is_file()] == [
        "results.jsonl"
    ]


async def test_a_run_with_nothing_to_do_tells_nobody_again(tmp_path, provider):
    path = nightly(tmp_path, provider.url, notify=[{"command": "echo >> said"}])
    for _ in range(2):
        await night(path, TONIGHT)
    assert (tmp_path / "said").read_text() == "\n"


async def test_those_are_told_whose_event_it_is(tmp_path, provider):
    ways = [{"command": f"touch {event}", "on": [event]} for event in EVENTS]
    path = nightly(tmp_path, provider.url, notify=ways, alert={"succeeded": "< 3"})
    await night(path, TONIGHT)
    told = {each.name for each in tmp_path.iterdir()} & set(EVENTS)
    assert told == {"finished", "alert", "always"}


async def test_a_webhook_is_signed_and_its_secret_stays_secret(tmp_path, provider):
    async with listening(204) as (url, heard):
        path = nightly(tmp_path, provider.url, notify=[{"webhook": url, "secret": "${HOOK_SECRET}"}])
        await night(path, TONIGHT)
    [(headers, body)] = heard
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signature = base64.b64encode(hmac.digest(b"0123456789abcdef", signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{signature}"
    assert json.loads(body)["title"] == "nightly-2026-11-25: finished, 2 of 2 succeeded"
    assert SECRET not in body.decode() + path.with_name("runner.db").read_bytes().decode("latin-1")


def settings(*notices):
    return Settings(endpoints={}, notify=[Notice(**each) for each in notices])


def message():
    return compose.Message(events=frozenset({"always"}), title="t", text="x", document={"batch": "b"})


@pytest.mark.parametrize(
    ("statuses", "times", "said"),
    [
        ([503, 429, 200], 3, []),
        ([500], 4, ["notify: webhook: answered 500, 4 times"]),
        ([404], 1, ["notify: webhook: answered 404"]),
        ([302], 1, ["notify: webhook: answered 302"]),
    ],
)
async def test_a_webhook_is_called_again_where_it_may_be_heard_then(statuses, times, said):
    async with listening(*statuses) as (url, heard):
        assert await compose.tell(None, settings({"webhook": url}), message(), wait=wait_none()) == said
    assert len(heard) == times
    assert len({headers["webhook-id"] for headers, _ in heard}) == 1


async def test_apprise_tells_by_its_urls(monkeypatch):
    async with listening(200) as (url, heard):
        monkeypatch.setenv("PLACE", url.replace("http://", "json://"))
        assert await compose.tell(None, settings({"apprise": "${PLACE}"}), message()) == []
    assert json.loads(heard[0][1])["title"] == "t"


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        ({"command": "exit 3"}, "notify: command: exit status 3"),
        ({"webhook": "no address"}, "notify: webhook: no address to send to"),
        ({"apprise": "${PLACE}"}, "notify: apprise: this is no URL that Apprise knows"),
        ({"webhook": "${NOBODY}"}, "notify: webhook: ${NOBODY} is not set"),
    ],
)
async def test_what_cannot_be_told_is_said_and_fails_nothing(monkeypatch, notice, said):
    monkeypatch.setenv("PLACE", "nowhere-canary-secret")
    [words] = await compose.tell(None, settings(notice), message(), wait=wait_none())
    assert words.startswith(said)
    assert "canary" not in words


def test_a_secret_is_text_or_that_of_standard_webhooks():
    assert key_of("plain") == b"plain"
    assert key_of(SECRET) == b"0123456789abcdef"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"alert": {"sucseeded": "< 3"}}, "no number is named 'sucseeded'. Did you mean 'succeeded'?"),
        ({"alert": {"failed": "2%"}}, "'2%' is no rule such as '> 5', '> 2%' or '> 2x last'"),
        (
            {"notify": [{"webhook": "x", "command": "y"}]},
            "one of 'apprise', 'webhook' and 'command'",
        ),
        ({"notify": [{"command": "y", "secret": "${A}"}]}, "'secret' signs a webhook, and there is none"),
        ({"notify": [{"webhook": "x", "secret": "abc"}]}, "a secret is never written into a manifest"),
        ({"notify": [{"command": "x", "on": ["finish"]}]}, "Did you mean 'finished'?"),
        ({"notify": [{"comand": "x"}]}, "unknown key 'comand' in 'notify'. Did you mean 'command'?"),
    ],
)
def test_a_bad_rule_or_way_is_refused_with_its_place(tmp_path, fields, words):
    with pytest.raises(ManifestError) as refusal:
        load(nightly(tmp_path, "http://127.0.0.1:9", **fields), today=TONIGHT)
    assert words in str(refusal.value)


def test_on_may_be_written_bare(tmp_path):
    path = tmp_path / "nightly.yaml"
    endpoints = "endpoints: {a: {dialect: openai-chat, url: demo}}\njobs: [{model: m, prompt: x}]\n"
    path.write_text(f"name: n\n{endpoints}notify:\n  - command: ls\n    on: [alert]\n")
    assert load(path, today=TONIGHT).notify[0].on == ["alert"]
