"""Runs as a user starts them: a process, a manifest, a provider on loopback, a queue in a file."""

import asyncio
import json
import os
import pty
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from runner.demo import Answer, Hang, refused

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
KEY = "sk-canary-0123456789abcdef"


@dataclass
class Done:
    status: int
    out: str
    err: str

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Shell:
    folder: Path

    def write(self, name, manifest):
        (self.folder / name).write_text(yaml.safe_dump(manifest, sort_keys=False))

    async def start(self, *arguments, **options):
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "runner",
            *arguments,
            cwd=self.folder,
            env={**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=asyncio.subprocess.PIPE,
            **{"stdin": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.PIPE, **options},
        )

    async def run(self, *arguments):
        return await ended(await self.start(*arguments))


async def ended(process):
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return Done(process.returncode, out.decode(), (err or b"").decode())


async def first_request(provider):
    await asyncio.wait_for(provider.until(lambda seen: seen.sent == 1), 30)


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


def pictures(url, *prompts, name="animals", **endpoint):
    return {
        "name": name,
        "endpoints": {"nebula": {"dialect": "nebula-images", "url": url, **endpoint}},
        "jobs": [{"model": "sdxl", "prompts": list(prompts), "params": {"width": 64, "height": 64}}],
        "retry": {"first": 0.01},
    }


async def test_a_run_makes_pictures_and_results_and_says_so(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox", "an owl", price={"image": 0.0038}))
    done = await shell.run("run", "animals.yaml")
    outputs = shell.folder / "outputs" / "animals"
    lines = [json.loads(line) for line in (outputs / "results.jsonl").read_text().splitlines()]
    assert (done.status, done.out) == (0, "")
    assert [line["prompt"] for line in lines] == ["a fox", "an owl"]
    assert all((outputs / output["path"]).is_file() for line in lines for output in line["outputs"])
    for said in (
        "animals: 2 new, 0 kept, 0 withdrawn",
        "2 jobs, 2 to do",
        "animals: finished after",
        "2 jobs: 2 succeeded",
        "2 requests, $0.0076 spent",
        f"2 outputs in {outputs}",
        f"results in {outputs / 'results.jsonl'}",
    ):
        assert said in done.err
    assert "\x1b" not in done.err


async def test_running_it_again_sends_nothing(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    await shell.run("run", "animals.yaml")
    again = await shell.run("run", "animals.yaml")
    assert again.status == 0
    assert "animals: unchanged, 1 kept" in again.err
    assert provider.sent == 1


async def test_the_last_line_of_a_run_with_json_is_its_status(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    done = await shell.run("run", "animals.yaml", "--json")
    status = await shell.run("status", "--json")
    assert done.objects[-1] == status.objects[0]
    assert done.objects[-1]["state"] == "finished"
    assert done.objects[-1]["spent_usd"] is None


async def test_several_manifests_are_an_object_a_line_and_the_worst_status(shell, provider):
    shell.write("one.yaml", pictures(provider.url, "a fox", name="one"))
    shell.write("two.yaml", pictures(provider.url, "an owl", name="two"))
    provider.play(refused(400))
    done = await shell.run("run", "one.yaml", "two.yaml", "--json")
    assert done.status == 1
    assert [each["batch"] for each in done.objects] == ["one", "two"]
    assert [each["jobs"]["failed"] for each in done.objects] == [1, 0]


async def test_a_bad_manifest_among_several_sends_nothing(shell, provider):
    shell.write("one.yaml", pictures(provider.url, "a fox", name="one"))
    shell.write("two.yaml", {**pictures(provider.url, "an owl"), "sample": 2})
    done = await shell.run("run", "one.yaml", "two.yaml", "--json")
    assert (done.status, done.out) == (2, "")
    assert "two.yaml:" in done.err
    assert "unknown key 'sample'" in done.err
    assert provider.requests == []
    assert not (shell.folder / "runner.db").exists()


@pytest.mark.parametrize("name", ["nowhere.yaml", "."])
async def test_a_manifest_that_is_not_there_is_bad_usage(shell, name):
    done = await shell.run("run", name)
    assert (done.status, done.out) == (2, "")
    assert "Traceback" not in done.err


async def test_failures_end_a_run_with_status_1_and_what_to_do(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox", "an owl"))
    provider.play(refused(400), None)
    done = await shell.run("run", "animals.yaml")
    assert done.status == 1
    assert "1 \u00d7 rejected (failed)" in done.err
    assert "correct its parameters" in done.err


async def test_retry_and_resume_finish_what_failed(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    provider.play(refused(400))
    assert (await shell.run("run", "animals.yaml")).status == 1
    assert (await shell.run("retry", "--json")).objects == [{"batch": "animals", "retried": 1}]
    done = await shell.run("resume", "--json")
    assert (done.status, done.objects[-1]["jobs"]["succeeded"]) == (0, 1)
    assert (await shell.run("resume")).status == 0
    assert provider.sent == 2


async def test_submit_sends_nothing_and_resume_needs_no_manifest(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    submitted = await shell.run("submit", "animals.yaml", "--json")
    assert submitted.objects == [{"batch": "animals", "new": 1, "kept": 0, "withdrawn": 0}]
    assert provider.requests == []
    (shell.folder / "animals.yaml").unlink()
    assert (await shell.run("resume")).status == 0
    assert provider.sent == 1


async def test_a_limit_leaves_the_rest_for_the_next_run(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox", "an owl", "a hare"))
    done = await shell.run("run", "animals.yaml", "--limit", "2", "--json")
    assert (done.status, done.objects[-1]["state"], done.objects[-1]["reason"]) == (75, "stopped", "limit")
    assert provider.sent == 2
    assert "runner resume animals" in done.err
    assert (await shell.run("run", "animals.yaml")).status == 0
    assert provider.sent == 3


async def test_a_time_that_is_over_sends_nothing(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    done = await shell.run("run", "animals.yaml", "--until", "2020-01-01T00:00:00Z", "--json")
    assert (done.status, done.objects[-1]["reason"]) == (75, "deadline")
    assert provider.requests == []


async def test_plan_shows_what_would_be_sent_and_writes_nothing(shell, provider):
    manifest = pictures(provider.url, "a fox", "an owl", key="${NEBULA_API_KEY}", price={"image": 0.5})
    shell.write("animals.yaml", manifest)
    done = await shell.run("plan", "animals.yaml", "--json")
    [plan] = done.objects
    assert done.status == 0
    assert plan["jobs"] == {"total": 2, "new": 2, "kept": 0, "withdrawn": 0}
    assert (plan["batch"], plan["requests"], plan["cost_usd"]) == ("animals", 2, 1.0)
    assert any("NEBULA_API_KEY" in warning for warning in plan["warnings"])
    assert provider.requests == []
    assert sorted(each.name for each in shell.folder.iterdir()) == ["animals.yaml"]
    words = await shell.run("plan", "animals.yaml")
    assert "would send 2 requests, cost $1.00" in words.out


async def test_m4_a_missing_variable_of_the_environment_is_named_and_nothing_sent(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox", key="${NEBULA_API_KEY}"))
    done = await shell.run("run", "animals.yaml")
    assert (done.status, done.out) == (2, "")
    assert "animals.yaml:6:" in done.err
    assert "NEBULA_API_KEY" in done.err
    assert provider.requests == []
    assert not (shell.folder / "runner.db").exists()


async def test_x1_a_key_is_sent_and_shown_nowhere(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox", key="${NEBULA_API_KEY}"))
    (shell.folder / ".env").write_text(f"NEBULA_API_KEY={KEY}\n")
    provider.play(Answer(status=400, body=json.dumps({"error": f"bad key {KEY}"}).encode()))
    done = [
        await shell.run(*command.split())
        for command in ("plan animals.yaml", "run animals.yaml --json", "failures", "jobs --json", "export")
    ]
    assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert all(KEY not in each.out + each.err for each in done)
    files = [each for each in shell.folder.rglob("*") if each.is_file() and each.name != ".env"]
    assert [each for each in files if KEY.encode() in each.read_bytes()] == []


async def test_m6_very_many_jobs_are_not_begun_without_a_word(shell, provider):
    manifest = pictures(provider.url, "a fox")
    manifest["jobs"][0]["matrix"] = {"seed": list(range(1000)), "steps": list(range(1000))}
    shell.write("animals.yaml", manifest)
    done = await shell.run("run", "animals.yaml")
    assert (done.status, done.out) == (2, "")
    assert "1,000,000" in done.err
    assert "--yes" in done.err
    assert provider.requests == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_a_run_in_good_order(shell, provider, number, status):
    manifest = pictures(provider.url, "a fox", "an owl", concurrency=1)
    shell.write("animals.yaml", manifest)
    provider.play(Hang())
    process = await shell.start("run", "animals.yaml", "--json")
    await first_request(provider)
    process.send_signal(number)
    await asyncio.sleep(0.3)
    process.send_signal(number)
    done = await ended(process)
    assert done.status == status
    assert (done.objects[-1]["state"], done.objects[-1]["reason"]) == ("stopped", "interrupted")
    assert provider.sent == 1
    assert "runner resume animals" in done.err


async def test_s10_a_second_runner_leaves_at_once_and_says_who_has_the_queue(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    provider.play(Hang())
    first = await shell.start("run", "animals.yaml")
    await first_request(provider)
    second = await shell.run("resume")
    readers = [await shell.run(command) for command in ("status", "jobs", "failures", "batches")]
    first.kill()
    await ended(first)
    assert second.status == 75
    assert f"pid {first.pid}" in second.err
    assert [each.status for each in readers] == [0, 0, 0, 0]


async def test_on_a_terminal_a_run_is_a_live_picture(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    status, seen = await on_a_terminal(shell, "run", "animals.yaml")
    assert status == 0
    assert "\u2501" in seen
    assert "animals: finished after" in seen


async def on_a_terminal(shell, *arguments, typed=b""):
    """The exit status of a command at a terminal, and what was seen there."""
    ours, theirs = pty.openpty()
    process = await shell.start(*arguments, stdin=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, typed)
    reading = asyncio.create_task(asyncio.to_thread(everything, ours))
    try:
        await asyncio.wait_for(process.wait(), 60)
    except TimeoutError:
        process.kill()
    return await process.wait(), await reading


def everything(terminal):
    """What was written to a terminal, until its other end is closed."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(parts).decode()
        parts.append(part)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_demo_serves_until_it_is_told_to_end(shell, number, status):
    serving = await shell.start("demo", "--latency", "0", "--fault", "400:1")
    url = (await serving.stdout.readline()).decode().strip()
    shell.write("animals.yaml", pictures(url, "a fox"))
    done = await shell.run("run", "animals.yaml")
    serving.send_signal(number)
    ends = await ended(serving)
    assert done.status == 1
    assert (ends.status, ends.out) == (status, "")
    assert "requests: 1, of them paid for: 0" in ends.err
    assert "answers by status (499: none): 400: 1" in ends.err
    assert "faults: 400: 1" in ends.err


async def test_watching_tells_every_second_until_it_is_interrupted(shell, provider):
    shell.write("animals.yaml", pictures(provider.url, "a fox"))
    provider.play(Hang())
    runs = await shell.start("run", "animals.yaml")
    await first_request(provider)
    watches = await shell.start("status", "--watch", "--json")
    lines = [json.loads(await watches.stdout.readline()) for _ in range(2)]
    watches.send_signal(signal.SIGINT)
    watched = await ended(watches)
    runs.kill()
    await ended(runs)
    assert [(each["state"], each["jobs"]["running"]) for each in lines] == [("running", 1)] * 2
    assert watched.status == 130
    assert "Traceback" not in watched.err


async def test_m6_at_a_terminal_very_many_jobs_are_asked_for(shell):
    manifest = pictures("demo", "a fox")
    manifest["jobs"][0]["matrix"] = {"seed": list(range(1000)), "steps": list(range(101))}
    shell.write("animals.yaml", manifest)
    status, seen = await on_a_terminal(shell, "submit", "animals.yaml", typed=b"n\n")
    assert status == 2
    assert "101,000 jobs" in seen
    assert "Take them all?" in seen
