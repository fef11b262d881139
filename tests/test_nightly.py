"""Nights as they come: the worked example as it is written, and nights that go well, badly and slowly."""

import json
import re
import shlex
import sqlite3
from contextlib import closing
from datetime import date, timedelta

import pytest
from runs import ENVIRONMENT, ROOT

from runner.demo import Knobs, refused, serve

GUIDE = (ROOT / "docs" / "nightly.md").read_text()
FIRST = date(2026, 11, 23)


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


async def test_the_guide_leads_from_an_empty_folder_to_the_first_morning_page(desk):
    (desk.folder / "nightly.yaml").write_text(blocks("yaml")[0])
    for line in (line for block in blocks("sh") for line in block.splitlines()):
        program, *arguments = shlex.split(line, comments=True)
        assert program == "runner"
        done = await desk.run(*arguments)
        assert done.status == 0, (line, done.err)
    pages = sorted((desk.folder / "outputs").glob("nightly-*/report.html"))
    assert len(pages) == 2
    assert f"Beside {pages[0].parent.name}" in pages[1].read_text()
    assert json.loads((desk.folder / "said.json").read_text())["verdict"]["ok"]


def manifest(url):
    return {
        "name": "nightly-{{ date }}",
        "carry_over": True,
        "endpoints": {
            "api": {
                "dialect": "openai-chat",
                "url": f"{url}/v1",
                "key": "${API_KEY}",
                "concurrency": 2,
                "price": {"input": 1, "output": 2},
            }
        },
        "jobs": [{"model": "m", "prompt": "{{ n }} on {{ date }}", "vars": {"n": list(range(6))}}],
        "alert": {"failed": "> 2%"},
        "notify": [{"command": "cat > said.json", "on": ["stopped", "alert", "finished"]}],
        "retry": {"first": 0.01},
    }


class Nights:
    """A manifest, a provider, and a night after the other."""

    def __init__(self, desk, provider):
        self.desk = desk
        self.provider = provider

    async def next(self, number, *options):
        """A night's exit status, what it sent, its last line, and what the command was told."""
        said, sent = self.desk.folder / "said.json", self.provider.sent
        said.unlink(missing_ok=True)
        day = str(FIRST + timedelta(days=number))
        done = await self.desk.run(
            "run", "jobs.yaml", "--preflight", "--json", "--no-wait", "--date", day, *options
        )
        told = json.loads(said.read_text()) if said.exists() else None
        return done, self.provider.sent - sent, told

    def a_day_passes(self):
        """For the queue: what is closed until some time has been so for a day more."""
        with closing(sqlite3.connect(self.desk.folder / "runner.db")) as queue:
            queue.execute("UPDATE accounts SET closed_until = closed_until - 86400")
            queue.execute("UPDATE jobs SET due_at = due_at - 86400 WHERE due_at > 86400")
            queue.commit()

    def page(self, number):
        folder = self.desk.outputs(f"nightly-{FIRST + timedelta(days=number)}")
        return json.loads((folder / "report.json").read_text()), (folder / "report.html").read_text()


@pytest.fixture
async def nights(desk, monkeypatch):
    monkeypatch.setitem(ENVIRONMENT, "API_KEY", "sk-canary-0123456789abcdef")
    async with serve(Knobs(latency_s=0, models=frozenset({"m"}))) as provider:
        desk.write(manifest(provider.url))
        yield Nights(desk, provider)


def gone(seen):
    """A provider that has given its model up: it is neither listed nor served."""
    return refused(404, "The model 'm' does not exist", "model_not_found") if seen.method == "POST" else None


def throttled(to):
    """A provider that serves so many requests and refuses the rest until tomorrow."""
    left = iter(range(to))

    def script(seen):
        if seen.method == "POST" and next(left, None) is None:
            return refused(429, "slow down", **{"retry-after": "40000"})
        return None

    return script


async def test_three_nights_one_well_one_without_its_model_one_throttled_and_what_the_fourth_picks_up(nights):
    done, sent, told = await nights.next(0)
    assert (done.status, sent, told["events"]) == (0, 6, ["always", "finished"])
    assert done.last["jobs"]["succeeded"] == 6

    nights.provider.knobs = Knobs(latency_s=0, models=frozenset({"another"}))
    done, sent, told = await nights.next(1)
    assert (done.status, sent, done.last["reason"], done.last["spent_usd"]) == (75, 0, "not_found", 0.0)
    assert (told["events"], told["reason"]) == (["always", "stopped"], "not_found")
    assert "the provider lists no model 'm'" in done.err
    numbers, page = nights.page(1)
    assert (numbers["compared_with"], numbers["jobs"]["pending"]) == ("nightly-2026-11-23", 6)
    assert "Beside nightly-2026-11-23" in page

    nights.provider.knobs = Knobs(latency_s=0, models=frozenset({"m"}))
    nights.provider.script = throttled(to=8)
    done, _, told = await nights.next(2)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["batch"], line["state"]) for line in lines] == [
        ("nightly-2026-11-24", "finished"),
        ("nightly-2026-11-25", "stopped"),
    ]
    assert (done.status, lines[1]["reason"], lines[1]["jobs"]["succeeded"]) == (75, "quota", 2)
    assert told["jobs"]["pending"] == 4

    nights.provider.script = None
    nights.a_day_passes()
    done, sent, _ = await nights.next(3)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["batch"], line["jobs"]["succeeded"]) for line in lines] == [
        ("nightly-2026-11-25", 6),
        ("nightly-2026-11-26", 6),
    ]
    assert (done.status, sent) == (0, 10)


async def test_a_model_that_no_list_tells_of_costs_one_request_a_group(nights):
    nights.provider.script = gone
    done, sent, told = await nights.next(0)
    assert (done.status, told["events"]) == (75, ["alert", "always", "stopped"])
    assert sent <= 3
    assert done.last["jobs"]["failed"] <= 1


async def test_two_starts_at_the_same_minute_send_everything_once(nights):
    first = await nights.desk.start("run", "jobs.yaml", "--date", str(FIRST), "--json")
    second = await nights.desk.start("run", "jobs.yaml", "--date", str(FIRST), "--json")
    statuses = sorted([(await first.ends()).status, (await second.ends()).status])
    assert nights.provider.sent == 6
    assert statuses in ([0, 0], [0, 75])
