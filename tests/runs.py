"""Runs as a user starts them: a manifest in a folder, the program as a process, a queue in a file."""

import asyncio
import json
import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
ENVIRONMENT["PYTHONPATH"] = str(Path(__file__).parents[1])
SMALL = {"width": 64, "height": 64}
LONGEST_S = 60


@dataclass(frozen=True)
class Done:
    """A process that has ended; `out` and `err` as text."""

    status: int
    out: str
    err: str

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def said(self):
        """The status object, which is the last line of `run --json`."""
        return self.objects[-1]


@dataclass(frozen=True)
class Room:
    """A folder with a manifest, a queue and outputs, and the program at work in it."""

    folder: Path

    def write(self, manifest, name="jobs.yaml"):
        (self.folder / name).write_text(yaml.safe_dump(manifest, sort_keys=False))

    async def start(self, *arguments, **environment):
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "runner",
            *arguments,
            cwd=self.folder,
            env={**ENVIRONMENT, **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments, **environment):
        return await ended(await self.start(*arguments, **environment))

    def results(self, batch="animals"):
        """The lines of the batch's results.jsonl."""
        text = (self.folder / "outputs" / batch / "results.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def rows(self, statement):
        """What the queue says, asked in SQL."""
        with closing(sqlite3.connect(f"file:{self.folder / 'runner.db'}?mode=ro", uri=True)) as queue:
            return queue.execute(statement).fetchall()


async def ended(process):
    out, err = await asyncio.wait_for(process.communicate(), LONGEST_S)
    return Done(process.returncode, out.decode(), err.decode())


def pictures(url, *prompts, name="animals", retry=(), **endpoint):
    """A manifest of small pictures with quick retries."""
    return {
        "name": name,
        "endpoints": {"nebula": {"dialect": "nebula-images", "url": url, **endpoint}},
        "jobs": [{"model": "sdxl", "prompts": list(prompts), "params": SMALL}],
        "retry": {"first": 0.01, **dict(retry)},
    }
