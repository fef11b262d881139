"""A key goes to its own endpoint and nowhere else: no file, no log, no process list, no other host."""

import base64
import html
import json
import os
import stat
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from signal import SIGABRT
from urllib.parse import quote

import orjson
import pytest
from PIL import Image
from runs import accounts_balance, animals, herd

from runner.demo import Answer, Change, Close, Cut, Hang, Knobs, Raw, page, refused, said, serve

KEY = "sk-canary/0123+456789=abcdef&ghi"
TEAM = "team-canary-9876543210"
CANARIES = (
    KEY.encode(),
    KEY.replace("/", r"\/").encode(),
    html.escape(KEY).encode(),
    quote(KEY, safe="").encode(),
    base64.b64encode(KEY.encode())[:-4],
    TEAM.encode(),
)


def revised(answer):
    tree = orjson.loads(answer.body)
    tree["data"][0]["revised_prompt"] = f"as {KEY} asked"
    return replace(
        answer, body=orjson.dumps({**tree, "message": KEY, "usage": {"for": KEY, "input_tokens": 3}})
    )


def streamed(text, end=""):
    chunk = json.dumps({"choices": [{"delta": {"content": text}}]})
    return Answer(body=f"data: {chunk}\n\n{end}".encode(), type="text/event-stream")


ECHOES = {
    "bare": refused(400, f"Incorrect API key provided: {KEY}."),
    "both": refused(422, f"{KEY} of {TEAM}"),
    "escaped": Answer(status=400, body=json.dumps({"error": KEY}).replace("/", r"\/").encode()),
    "a page": Answer(body=f"<p>{html.escape(KEY)}</p>".encode(), type="text/html"),
    "a page with its url": Answer(body=f"<a href='/?key={quote(KEY, safe='')}'>".encode(), type="text/html"),
    "basic": Answer(status=400, body=b"Basic " + base64.b64encode(b":" + KEY.encode())),
    "a request id": refused(400, "no", x_request_id=f"for {KEY}"),
    "a request id that is no text": Raw(
        data=b"HTTP/1.1 400 No\r\nx-request-id: \xff\xfe\r\ncontent-length: 0\r\n\r\n", costs=False
    ),
    "a request id of a success": Change(how=lambda a: replace(a, headers={"request-id": KEY})),
    "a location": refused(307, location=f"https://example.com/?key={KEY}"),
    "a status line": Raw(data=f"HTTP/1.1 two {KEY}\r\n\r\n".encode()),
    "a header": Raw(data=f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n".encode()),
    "a code": said({"error": {"code": KEY, "message": "no"}}),
    "a success": Change(how=revised),
    "a text": streamed(f"hello {KEY}", "data: [DONE]\n\n"),
    "a stream cut short": streamed(f"hello {KEY}"),
    "a cut body": Change(how=lambda _: Answer(body=f'{{"key": "{KEY}", "more": "'.encode() * 2)),
    "no image": Change(
        how=lambda _: said({"data": [{"b64_json": base64.b64encode(KEY.encode() * 9).decode()}]})
    ),
    "a link": said({"data": [{"url": f"http://127.0.0.1:9/?key={KEY}"}]}),
    "a link that is none": said({"data": [{"url": f"http://[{KEY}"}]}),
    "a rate limit": replace(refused(429, f"{KEY} is too fast", retry_after_ms="20")),
}


def echoing():
    """Each job's way for all its requests; the rate limit for the first alone."""
    limited = ["a rate limit"]

    def act(seen):
        prompt = seen.json["prompt"]
        if prompt == "a rate limit":
            return ECHOES[limited.pop()] if limited else None
        return ECHOES.get(prompt)

    return act


def painted():
    picture = BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    return picture.getvalue()


PICTURE = painted()


def traces(folder):
    """Every file but `.env` in which a canary is found, spelled in any way."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".env"]
    assert len(files) > 3
    return [(path.name, canary) for path in files for canary in CANARIES if canary in path.read_bytes()]


def keyed(desk, url, *prompts, **endpoint):
    (desk.folder / ".env").write_text(f"KEY='{KEY}'\nTEAM={TEAM}\n")
    fields = {"key": "${KEY}", "headers": {"X-Team": "${TEAM}"}, **endpoint}
    return animals(url, *prompts, retry={"attempts": 3}, **fields)


async def test_x1_a_key_that_the_provider_echoes_in_every_way_is_written_nowhere(desk, provider):
    provider.script = echoing()
    desk.write(keyed(desk, provider.url, *ECHOES, "an honest one"))
    commands = (
        "plan jobs.yaml",
        "submit jobs.yaml",
        "run jobs.yaml --json",
        "status --json",
        "batches --json",
        "jobs --json",
        "jobs",
        "failures",
        "failures --json",
        "retry --json",
        "resume",
        "export",
        "report",
    )
    done = {command: await desk.run(*command.split()) for command in commands}
    shown = [
        await desk.run("show", job, "--json")
        for (job,) in desk.rows("SELECT id FROM jobs LIMIT 40 OFFSET 4")[:3]
    ]
    said_words = "".join(each.out + each.err for each in (*done.values(), *shown)).encode()
    assert [canary for canary in CANARIES if canary in said_words] == []
    assert traces(desk.folder) == []
    assert "Traceback" not in said_words.decode()
    assert desk.rows("SELECT id FROM jobs WHERE cause = 'bug'") == []
    assert desk.rows("SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')") == [(0,)]
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert provider.requests[0].headers["x-team"] == TEAM
    accounts_balance(desk, provider)


async def test_x1_a_key_in_the_address_is_written_nowhere(desk, provider):
    (desk.folder / ".env").write_text(f"TOKEN={TEAM}\n")
    provider.script = lambda seen: {"a fox": Close(), "an owl": refused(400, seen.path)}.get(
        seen.json["prompt"]
    )
    desk.write(animals(provider.url + "/${TOKEN}", "a fox", "an owl"))
    done = [
        await desk.run(*command.split())
        for command in ("plan jobs.yaml", "run jobs.yaml", "failures", "export")
    ]
    assert TEAM in provider.requests[0].path
    assert TEAM not in "".join(each.out + each.err for each in done)
    assert traces(desk.folder) == []


async def test_x1_a_rejected_key_is_named_by_its_end(desk, provider):
    provider.script = lambda _: refused(401, f"Incorrect API key provided: {KEY}")
    desk.write(keyed(desk, provider.url, "a fox"))
    done = await desk.run("run", "jobs.yaml")
    assert f"key rejected (…{KEY[-4:]})" in done.err
    assert KEY not in done.err
    assert traces(desk.folder) == []


async def test_x1_the_trace_of_a_program_that_broke_has_no_key(desk, provider):
    running = []

    def abort(_seen):
        os.kill(running[0].pid, SIGABRT)

    provider.script = abort
    desk.write(keyed(desk, provider.url, "a fox"))
    running.append(await desk.start("run", "jobs.yaml"))
    assert (await running[0].ends()).status == -SIGABRT
    provider.script = None
    done = await desk.run("run", "jobs.yaml")
    assert (done.status, traces(desk.folder)) == (0, [])
    assert "the last runner broke: Fatal Python error: Aborted" in done.err
    assert open_to_others(desk.folder, but=("jobs.yaml", ".env")) == []
    assert (desk.folder / ".env").read_text().startswith(f"KEY='{KEY}'")


def command_lines():
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]


async def test_x2_no_key_is_in_the_process_list(desk, provider):
    provider.play(Hang())
    desk.write(keyed(desk, provider.url, "a fox"))
    started = await desk.start("run", "jobs.yaml", afresh=True)
    await provider.until(lambda seen: seen.sent == 1)
    lines = [path.read_bytes() for path in command_lines()]
    assert [line for line in lines if KEY.encode() in line] == []
    assert any(b"jobs.yaml" in line for line in lines)
    started.process.kill()


@pytest.mark.parametrize("status", [301, 307])
async def test_x3_n18_a_redirect_takes_neither_key_nor_prompt_to_another_host(desk, provider, status):
    async with serve(Knobs(latency_s=0, record=True)) as other:
        provider.script = lambda _: refused(status, location=f"{other.url}/images/generation")
        desk.write(keyed(desk, provider.url, "a secret fox", auth={"header": "x-api-key"}))
        done = await desk.run("run", "jobs.yaml")
        assert done.status == 1
        assert other.requests == []
        assert provider.sent == 1
        assert provider.requests[0].headers["x-api-key"] == KEY


def linked(desk, provider, url, **endpoint):
    """An endpoint whose answers are links."""
    provider.script = lambda seen: said({"data": [{"url": url}]}) if seen.method == "POST" else None
    manifest = keyed(
        desk, provider.url, "a fox", dialect="openai-images", auth={"header": "x-api-key"}, **endpoint
    )
    desk.write({**manifest, "retry": {"first": 0.01, "attempts": 2}})


async def test_x3_a_download_from_another_host_carries_no_credentials(desk, provider):
    async with serve(Knobs(latency_s=0, record=True)) as other:
        picture = Answer(
            body=b"", status=302, headers={"location": f"{other.url}/files/fox.png", "set-cookie": "a=b"}
        )
        linked(desk, provider, f"{provider.url}/files/fox.png", downloads=[other.url.removeprefix("http://")])
        answers = provider.script
        provider.script = lambda seen: answers(seen) if seen.method == "POST" else picture
        await desk.run("run", "jobs.yaml")
        seen = [each for each in (*provider.requests, *other.requests) if each.method == "GET"]
        assert len(other.requests) >= 1
        for each in seen:
            names = {"authorization", "x-api-key", "x-team", "cookie", "idempotency-key"}
            assert names & each.headers.keys() == set()
        assert provider.sent == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
async def test_x4_a_link_into_the_users_own_network_is_not_followed(desk, provider, host):
    async with serve(Knobs(latency_s=0, record=True)) as inside:
        linked(desk, provider, f"http://{host}:{inside.url.rpartition(':')[2]}/files/fox.png")
        done = await desk.run("run", "jobs.yaml")
        assert (done.status, inside.requests) == (1, [])
        [line] = desk.results()
        assert line["cause"] in {"rejected", "connection"}
        assert (line["attempts"], provider.sent) == (1, 1)


async def test_x4_a_redirect_into_the_users_own_network_is_not_followed(desk, provider):
    async with serve(Knobs(latency_s=0, record=True)) as inside:
        linked(desk, provider, f"{provider.url}/files/fox.png")
        answers, target = provider.script, refused(302, location=f"{inside.url}/files/fox.png")
        provider.script = lambda seen: answers(seen) if seen.method == "POST" else target
        assert (await desk.run("run", "jobs.yaml")).status == 1
        assert inside.requests == []


async def test_x4_a_download_takes_three_redirects_at_most(desk, provider):
    linked(desk, provider, f"{provider.url}/files/fox.png")
    answers, round_and_round = provider.script, refused(302, location="/files/fox.png")
    provider.script = lambda seen: answers(seen) if seen.method == "POST" else round_and_round
    done = await desk.run("run", "jobs.yaml")
    assert (done.status, desk.results()[0]["cause"]) == (1, "rejected")
    assert len([each for each in provider.requests if each.method == "GET"]) == 4


POLLED = {
    "dialect": "json-http",
    "path": "/predictions",
    "image_urls": "output",
    "poll": {"path": "{{ urls.get }}", "until": "status == 'succeeded'", "every": 0.01},
}


def polling(desk, provider, place, **endpoint):
    """An endpoint that says to ask for its jobs at another place."""

    def act(seen):
        return said({"urls": {"get": f"{place}/predictions/p1"}}) if seen.method == "POST" else None

    provider.script = act
    manifest = keyed(desk, provider.url, "a fox", auth={"header": "x-api-key"}, **POLLED, **endpoint)
    desk.write({**manifest, "retry": {"first": 0.01, "attempts": 2}})


async def test_x4_a_poll_into_the_users_own_network_is_not_sent_and_its_job_not_paid_again(desk, provider):
    async with serve(Knobs(latency_s=0, record=True)) as inside:
        polling(desk, provider, inside.url)
        assert (await desk.run("run", "jobs.yaml")).status == 1
        [line] = desk.results()
        assert (line["cause"], line["attempts"], inside.requests) == ("rejected", 1, [])
        place = inside.url.removeprefix("http://")
        assert f"{place} is not a public address" in line["message"]

        inside.script = lambda _: said({"status": "succeeded", "output": [f"{provider.url}/files/1.png"]})
        polling(desk, provider, inside.url, downloads=[place])
        taken, picture = provider.script, Answer(body=PICTURE, type="image/png")
        provider.script = lambda seen: taken(seen) or picture
        await desk.run("submit", "jobs.yaml")
        assert (await desk.run("retry")).status == 0
        assert (await desk.run("resume")).status == 0
        assert provider.sent == 1


async def test_x3_a_poll_at_another_host_carries_no_credentials(desk, provider):
    async with serve(Knobs(latency_s=0, record=True)) as other:
        polling(desk, provider, other.url, downloads=[other.url.removeprefix("http://")])
        other.script = lambda _: refused(302, location=f"{provider.url}/predictions/p1")
        assert (await desk.run("run", "jobs.yaml")).status == 1
        assert len(other.requests) == 1
        assert desk.results()[0]["cause"] == "rejected"
        for each in other.requests:
            assert {"authorization", "x-api-key", "x-team", "cookie"} & each.headers.keys() == set()
            assert b"fox" not in each.body
        assert provider.sent == len(provider.requests) == 1


@pytest.mark.parametrize(
    "target", ["http://[bad", "ftp://example.com/fox.png", "http://", "//", "http://a b/"]
)
async def test_x4_a_redirect_to_nowhere_is_the_providers_fault(desk, provider, target):
    linked(desk, provider, f"{provider.url}/files/fox.png")
    answers, nowhere = provider.script, refused(302, location=target)
    provider.script = lambda seen: answers(seen) if seen.method == "POST" else nowhere
    done = await desk.run("run", "jobs.yaml")
    assert done.status == 1
    assert desk.results()[0]["cause"] != "bug"
    assert provider.sent == 1


@pytest.mark.parametrize(
    "prompt", ["{{ ''.__class__.__mro__ }}", "{{ self.__init__.__globals__ }}", "{{ cycler.__init__ }}"]
)
async def test_x6_a_template_cannot_reach_into_the_program(desk, provider, prompt):
    desk.write(animals(provider.url, prompt))
    done = await desk.run("run", "jobs.yaml")
    assert (done.status, provider.sent) == (2, 0)
    assert "Traceback" not in done.err
    assert "jobs.yaml" in done.err


async def test_x6_code_in_yaml_is_not_run(desk, provider):
    text = "name: !!python/object/apply:os.mkdir [evil]\nendpoints: {}\njobs: []\n"
    (desk.folder / "jobs.yaml").write_text(text)
    done = await desk.run("run", "jobs.yaml")
    assert done.status == 2
    assert "jobs.yaml:1:7" in done.err
    assert not (desk.folder / "evil").exists()


def open_to_others(folder, but=()):
    """Everything below that somebody else could look into."""
    others = (path for path in folder.rglob("*") if path.name not in but)
    return [path for path in others if stat.S_IMODE(path.stat().st_mode) & 0o077]


async def test_x7_nobody_else_can_read_the_queue_or_the_outputs(desk, provider):
    provider.play(None, page(), Cut(), Hang())
    manifest = animals(provider.url, *herd(6), concurrency=1)
    desk.write(manifest)
    (desk.folder / "jobs.yaml").chmod(0o600)
    started = await desk.start("run", "jobs.yaml", before=lambda: os.umask(0))
    await provider.until(lambda seen: seen.sent == 4)
    names = {path.name for path in desk.folder.iterdir()}
    assert {"runner.db", "runner.db-wal", "runner.db-shm", "runner.db.lock", "outputs"} <= names
    assert open_to_others(desk.folder) == []
    started.process.kill()
    await started.ends()
    assert (await desk.run("run", "jobs.yaml", before=lambda: os.umask(0))).status == 0
    assert (await desk.run("export", before=lambda: os.umask(0))).status == 0
    assert open_to_others(desk.folder) == []
