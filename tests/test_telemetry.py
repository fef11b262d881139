import json
import signal
import socket
import subprocess
import urllib.request
import xml.etree.ElementTree as ET
from shutil import which

import pytest
from runs import ENVIRONMENT

from runner.demo import Hang, refused

KEY = "sk-canary-0123456789abcdef"


def batch(url, **endpoint):
    return {
        "name": "animals",
        "endpoints": {
            "api": {
                "dialect": "openai-chat",
                "url": f"{url}/v1",
                "key": "${API_KEY}",
                "price": {"input": 1, "output": 2},
                **endpoint,
            }
        },
        "jobs": [
            {"model": "m", "prompts": [{"id": "fox", "prompt": "a fox"}, {"id": "owl", "prompt": "an owl"}]}
        ],
        "retry": {"first": 0.01},
    }


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "API_KEY", KEY)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def page(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read().decode()


def lint(metrics):
    """What Prometheus' own checker says."""
    check = ["promtool", "check", "metrics"]
    done = subprocess.run(check, input=metrics, text=True, capture_output=True, check=False)
    return done.returncode, done.stderr


async def test_a_log_is_an_object_a_line_and_a_line_an_attempt(desk, provider):
    provider.play(refused(400, f"bad request for {KEY}"))
    desk.write(batch(provider.url, concurrency=1))
    done = await desk.run("run", "jobs.yaml", "--log-format", "json", "--junit", "out/junit.xml")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert all(line.keys() >= {"time", "level", "event"} for line in lines)
    attempts = {line["job"]: line for line in lines if line["event"] == "attempt"}
    assert (attempts["fox"]["level"], attempts["fox"]["cause"]) == ("error", "rejected")
    assert (attempts["owl"]["level"], attempts["owl"]["state"]) == ("info", "succeeded")
    assert attempts["owl"].keys() >= {
        "batch",
        "job",
        "attempt",
        "cause",
        "http_status",
        "latency_s",
        "cost_usd",
    }
    assert KEY not in done.err
    cases = ET.parse(desk.folder / "out" / "junit.xml").findall(".//testcase")
    assert {case.attrib["name"]: [each.tag for each in case] for case in cases} == {
        "fox": ["failure"],
        "owl": [],
    }


async def test_an_error_is_a_line_too(desk):
    done = await desk.run("run", "none.yaml", "--log-format", "json")
    assert done.status == 2
    assert json.loads(done.err.splitlines()[-1])["level"] == "error"


async def test_metrics_are_served_on_loopback_while_it_runs(desk, provider):
    port = free_port()
    provider.play(Hang(), Hang())
    desk.write(batch(provider.url))
    process = await desk.start("run", "jobs.yaml", "--metrics-port", str(port))
    await provider.until(lambda seen: seen.sent == 2)
    served = page(f"http://127.0.0.1:{port}/metrics")
    assert 'runner_jobs{batch="animals",state="succeeded"} 0.0' in served
    process.signal(signal.SIGINT)
    await process.says("stopping")
    process.signal(signal.SIGINT)
    assert (await process.ends()).status == 130


async def test_metrics_are_written_for_a_collector_of_text_files(desk, provider):
    desk.write(batch(provider.url))
    done = await desk.run("run", "jobs.yaml", "--metrics-file", "m.prom")
    written = (desk.folder / "m.prom").read_text()
    assert done.status == 0
    assert 'runner_jobs{batch="animals",state="succeeded"} 2.0' in written
    assert 'runner_attempts_total{batch="animals",cause="",endpoint="api"} 2.0' in written
    assert (
        'gen_ai_client_operation_duration_seconds_count{error_type="",gen_ai_operation_name="chat"' in written
    )
    assert 'gen_ai_token_type="output"} ' in written
    assert 'runner_exit_status{batch="animals"} 0.0' in written
    if which("promtool"):
        assert lint(written) == (0, "")


@pytest.mark.parametrize("taken", [["--metrics-file", "/nowhere/m.prom"], ["--metrics-port"]])
async def test_metrics_that_cannot_be_had_are_refused_before_anything_is_sent(desk, provider, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = taken if len(taken) == 2 else [*taken, str(other.getsockname()[1])]
        desk.write(batch(provider.url))
        done = await desk.run("run", "jobs.yaml", *taken)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("metrics: ")
    assert provider.sent == 0
