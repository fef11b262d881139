"""Runs as a user starts them: a manifest, a process, a queue in a file; and what these leave behind."""

import asyncio
import json
import os
import sqlite3
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from nursery import nursery

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
PATIENCE_S = 30
"""How long a process may take before the test gives it up."""


BEAT_S = 0.02
"""How long a quiet machine takes for a beat."""


def slowness():
    """How many times slower than a quiet machine this one is just now; 1 at least."""
    began = time.perf_counter()
    sum(number * number for number in range(300_000))
    return max(1.0, (time.perf_counter() - began) / BEAT_S)


@dataclass(frozen=True)
class Done:
    """A process that has ended."""

    status: int
    out: str
    err: str

    @property
    def last(self):
        """The last line of stdout, a JSON object."""
        return json.loads(self.out.splitlines()[-1])


@dataclass
class Started:
    """A process that runs; it is killed at the end of the test if it still does."""

    process: asyncio.subprocess.Process
    said: str = ""
    """What `says` has read of stderr."""

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    async def says(self, words):
        """Returns as soon as it has said so on stderr."""
        while words not in self.said:
            line = await asyncio.wait_for(self.process.stderr.readline(), PATIENCE_S)
            assert line, f"it ended without saying {words!r}, but {self.said!r}"
            self.said += line.decode()

    @staticmethod
    async def until(holds):
        """Returns as soon as it is so; for what nobody tells of."""
        for _ in range(PATIENCE_S * 100):
            if holds():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never came to that")

    def deafen(self):
        """Nobody reads what it says any more."""
        self.process.deafen()

    async def ends(self):
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE_S)
        return Done(self.process.returncode, out.decode(), self.said + (err or b"").decode())

    async def ends_within(self, seconds):
        """How it ended, and that it took no longer from now, as a quiet machine counts."""
        began = time.monotonic()
        done = await self.ends()
        assert time.monotonic() - began <= seconds * slowness()
        return done


@dataclass
class Desk:
    """A folder to work in."""

    folder: Path
    started: list = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def at(cls, folder):
        """What was started there and still runs ends with it."""
        desk = cls(folder)
        yield desk
        for process in desk.started:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    def write(self, manifest, name="jobs.yaml"):
        (self.folder / name).write_text(yaml.safe_dump(manifest, sort_keys=False))

    async def start(self, *arguments, crash_at="", stderr=PIPE, before=None, through=(), afresh=False):
        """Start the program, `through` a command that starts it, if need be.

        `before` is called in the new process, `crash_at` names a point of `crash`. Where none of these asks
        for a program that is started `afresh`, it is forked from one that has loaded all it needs.
        """
        env = {**ENVIRONMENT, "RUNNER_CRASH_AT": crash_at, "PYTHONPATH": str(ROOT)}
        if afresh or through or before or stderr != PIPE:
            process = await asyncio.create_subprocess_exec(
                *(*through, sys.executable, "-m", "runner", *arguments),
                cwd=self.folder,
                env=env,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=stderr,
                preexec_fn=before,
            )
        else:
            process = await nursery().bear(*arguments, cwd=self.folder, env=env)
        self.started.append(process)
        return Started(process)

    async def run(self, *arguments, **options):
        return await (await self.start(*arguments, **options)).ends()

    def outputs(self, batch="animals"):
        return self.folder / "outputs" / batch

    def results(self, batch="animals"):
        """The lines of `results.jsonl`."""
        return [json.loads(line) for line in (self.outputs(batch) / "results.jsonl").read_text().splitlines()]

    def pictures(self, batch="animals"):
        """All files of a batch but its results and its journal: hidden folders included."""
        return sorted(
            str(path.relative_to(self.outputs(batch)))
            for path in self.outputs(batch).rglob("*")
            if path.is_file() and path.name not in {"results.jsonl", ".journal"}
        )

    def rows(self, statement, *values):
        """What the queue says, read beside whoever works on it."""
        with closing(sqlite3.connect(f"file:{self.folder / 'runner.db'}?mode=ro", uri=True)) as queue:
            return queue.execute(statement, values).fetchall()

    @contextmanager
    def locked(self):
        """Nobody else can write to the queue."""
        with closing(sqlite3.connect(self.folder / "runner.db")) as queue:
            queue.execute("BEGIN IMMEDIATE")
            yield

    def states(self):
        """Jobs by their state; none where there is no queue yet."""
        if not (self.folder / "runner.db").exists():
            return {}
        return dict(self.rows("SELECT state, count(*) FROM jobs GROUP BY state"))


def animals(url, *prompts, name="animals", jobs=(), retry=(), params=(), **endpoint):
    """A manifest of small pictures."""
    return {
        "name": name,
        "endpoints": {"nebula": {"dialect": "nebula-images", "url": url, **endpoint}},
        "jobs": [
            {
                "model": "sdxl",
                "prompts": list(prompts),
                "params": {"width": 64, "height": 64, **dict(params)},
            },
            *jobs,
        ],
        "retry": {"first": 0.01, **dict(retry)},
    }


def herd(number):
    """So many prompts."""
    return [f"animal {index}" for index in range(number)]


def accounts_balance(desk, provider):
    """What must hold of a finished batch whatever happened on its way: promise 1.

    Every sending that the provider saw is on record, no job was paid for more often than it is said, and
    every counter of the batch is what its rows add up to.
    """
    [[total, attempts, outputs, twice]] = desk.rows(
        "SELECT total, attempts, outputs, maybe_billed_twice FROM batches"
    )
    recorded = Counter(dict(desk.rows("SELECT job, count(*) FROM attempts WHERE counted GROUP BY job")))
    assert attempts == recorded.total() == sum(each for (each,) in desk.rows("SELECT attempts FROM jobs"))
    assert outputs == desk.rows("SELECT count(*) FROM outputs")[0][0]
    assert twice == desk.rows("SELECT count(*) FROM attempts WHERE counted AND again")[0][0]
    assert desk.rows("SELECT count(*) FROM jobs")[0][0] == total
    assert sum(count - 1 for count in provider.paid.values()) <= twice
    assert provider.sent <= attempts
