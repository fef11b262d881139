"""Harm done to one batch for as long as one likes, and what must hold of it after each blow.

`python tests/soaking.py --minutes 5`: runs are killed, told to end, stopped and left without room, at a
provider that fails in a dozen ways and counts from outside what it was paid for. The same seed makes the same
plan; its times are counted in requests that the provider saw.
"""

import argparse
import asyncio
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGINT, SIGKILL, SIGSTOP, SIGTERM, Signals

from runs import Desk
from small_disk import mounted

from runner import journal
from runner.demo import Knobs, Mix, parse_faults, serve
from runner.sinks import Waiting

FAULTS = (
    "429:0.004,500:0.01,503:0.004,reset:0.02,close:0.02,unread:0.02,cut:0.02,cut-chunked:0.01,"
    "html:0.01,empty:0.01,none:0.01,torn:0.02,error:0.01,hang:0.001,broken:0.01"
)
KNOBS = Knobs(latency_s=0.03, jitter=0.9, record=True, faults=parse_faults(FAULTS))
CONCURRENCY = 8
SIGNALS = {"kill": SIGKILL, "end": SIGTERM, "interrupt": SIGINT}
POINTS = ("claimed", "sent", "answered", "writing", "renamed", "committed")
KINDS = (*["kill"] * 6, *["point"] * 4, "end", "interrupt", "cut", "freeze", "full", "full")
ENDS = {
    "kill": -9,
    "point": -9,
    "end": 143,
    "interrupt": 130,
    "cut": 130,
    "freeze": -9,
    "full": 143,
}
"""How a run ends by each blow, unless it had ended by itself."""
BY_ITSELF = (0, 1, 75)
OTHER_FILES = {"results.jsonl", "results.jsonl.part", journal.NAME}
"""What stands beside the pictures of a batch."""
DISK_MB = 256
FULL_S = 3.0
"""How long a disk stays full; a run that finds it so ends before."""
JOBS_A_MINUTE = 700
ROOM = 64 << 10
"""What a file may grow by where no small disk can be mounted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """One run, and what is done to it."""

    kind: str
    after: int
    """Requests that the provider sees first."""
    point: str
    nth: int
    anew: bool
    """Whether the run begins with the manifest, rather than going on from the queue."""

    @property
    def crash_at(self):
        return f"{self.point}:{self.nth}" if self.kind == "point" else ""


def blows(seed: int) -> Iterator[Blow]:
    chance = Random(seed)
    while True:
        yield Blow(
            kind=chance.choice(KINDS),
            after=chance.randint(1, 40),
            point=chance.choice(POINTS),
            nth=chance.randint(1, 30),
            anew=chance.random() < 0.3,
        )


def manifest(url: str, number: int) -> dict:
    """So many jobs: two thirds pictures, the rest texts."""
    served = {"url": url, "concurrency": CONCURRENCY, "timeout": 2}
    pictures = [f"animal {index}" for index in range(number * 2 // 3)]
    texts = [f"story {index}" for index in range(number - len(pictures))]
    return {
        "name": "soak",
        "endpoints": {
            "painter": {"dialect": "nebula-images", **served},
            "writer": {"dialect": "openai-chat", **served},
        },
        "jobs": [
            {"endpoint": "painter", "model": "p", "prompts": pictures, "params": {"width": 64, "height": 64}},
            {"endpoint": "writer", "model": "w", "prompts": texts},
        ],
        "retry": {"attempts": 20, "maybe_billed": 20, "first": 0.01, "longest": 0.1},
    }


def prompt_of(body: str) -> str:
    """What tells a request from all others of the batch."""
    tree = json.loads(body)
    return tree["prompt"] if "prompt" in tree else tree["messages"][-1]["content"]


@contextmanager
def own_disk(folder: Path):
    """A disk for the folder, where we may mount one; yields whether."""
    if os.geteuid() or not mounted(folder, f"size={DISK_MB}m"):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(folder: Path):
    """Not a byte is free on the folder's disk."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))
        yield
    finally:
        filler.unlink()


@dataclass(slots=True, kw_only=True)
class Soak:
    """A batch, its provider, and what was done to it so far."""

    desk: Desk
    provider: object
    jobs: int
    has_disk: bool
    ends: Counter = field(default_factory=Counter)
    """Runs by their blow and how they ended."""
    crashes: int = 0
    done: dict = field(default_factory=dict)
    """What has succeeded, by key, with its hash: it stays so."""

    async def begin(self):
        self.desk.write(manifest(self.provider.url, self.jobs))
        assert (await self.desk.run("submit", "jobs.yaml")).status == 0

    @property
    def is_done(self):
        return not {"pending", "running"} & self.desk.states().keys()

    async def strike(self, blow: Blow):
        """One run with its blow, and a look at what it left."""
        command = ("run", "jobs.yaml") if blow.anew else ("resume", "soak")
        bounds = self.bounded if blow.kind == "full" and not self.has_disk else None
        run = await self.desk.start(*command, crash_at=blow.crash_at, before=bounds)
        await self.first(run, self.provider.sent + blow.after)
        ended = await self.dealt(blow, run)
        self.ends[blow.kind, ended.status] += 1
        self.crashes += ended.status < 0
        assert ended.status in {ENDS[blow.kind], *BY_ITSELF}, f"{blow} ended with {ended}"
        assert "Traceback" not in ended.err, ended.err
        again = re.search(r"recovered (\d+) interrupted request", ended.err)
        assert again is None or int(again[1]) <= 2 * CONCURRENCY, f"more than were in flight: {ended.err}"
        self.look()

    def bounded(self):
        """In the new process: no file grows by more than so much."""
        most = (self.desk.folder / "runner.db").stat().st_size + ROOM
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    async def first(self, run, mark):
        """Returns when the provider has seen so many requests, or the run has ended."""
        seen = asyncio.create_task(self.provider.until(lambda provider: provider.sent >= mark))
        over = asyncio.create_task(run.process.wait())
        await asyncio.wait({seen, over}, return_when=asyncio.FIRST_COMPLETED)
        seen.cancel()
        over.cancel()

    async def dealt(self, blow, run):
        """Do it; returns how the run ended."""
        if run.process.returncode is not None:
            return await run.ends()
        match blow.kind:
            case "cut":
                run.signal(SIGINT)
                run.signal(SIGINT)
            case "freeze":
                await self.frozen(run)
            case "full":
                await self.without_room(run)
            case "point":
                await self.first(run, self.provider.sent + 60)
                with suppress(ProcessLookupError):
                    run.signal(SIGKILL)
            case kind:
                run.signal(SIGNALS[kind])
        return await run.ends()

    async def without_room(self, run):
        """For a few seconds nothing more fits on the disk; then there is room again, and the run is ended."""
        with filled(self.desk.folder) if self.has_disk else nullcontext(), suppress(TimeoutError):
            await asyncio.wait_for(run.process.wait(), FULL_S)
        with suppress(ProcessLookupError):
            run.signal(SIGTERM)

    async def frozen(self, run):
        """While it stands still, nobody else works on its queue; it goes on as if nothing had been."""
        run.signal(SIGSTOP)
        assert (await self.desk.run("resume", "soak")).status == 75
        run.signal(SIGCONT)
        await self.first(run, self.provider.sent + 10)
        with suppress(ProcessLookupError):
            run.signal(SIGKILL)

    def look(self):
        """What must hold whenever no run lives."""
        assert self.desk.rows("PRAGMA integrity_check") == [("ok",)]
        states = self.desk.states()
        assert sum(states.values()) == self.jobs
        self.counters(states)
        self.sendings(states.get("running", 0))
        self.successes()
        self.files()

    def counters(self, states):
        """They are what the rows add up to."""
        names = ("pending", "running", "succeeded", "failed", "unknown", "cancelled")
        [found] = self.desk.rows(
            f"SELECT total, {', '.join(names)}, attempts, outputs, maybe_billed_twice FROM batches"
        )
        sums = [
            self.desk.rows("SELECT count(*) FROM attempts WHERE counted"),
            self.desk.rows("SELECT count(*) FROM outputs"),
            self.desk.rows("SELECT count(*) FROM attempts WHERE counted AND again"),
        ]
        assert found == (
            self.jobs,
            *(states.get(name, 0) for name in names),
            *(number for [(number,)] in sums),
        )
        assert self.desk.rows("SELECT sum(attempts) FROM jobs") == sums[0]

    def sendings(self, in_doubt):
        """Each that was seen is on record or in doubt, and no job was paid for more often than is said."""
        recorded = dict(
            self.desk.rows(
                "SELECT j.prompt, count(a.id) + (j.state = 'running') FROM jobs j"
                " LEFT JOIN attempts a ON a.job = j.row AND a.counted GROUP BY j.row"
            )
        )
        again = dict(
            self.desk.rows(
                "SELECT j.prompt, count(a.id) + (j.state = 'running' AND j.billed_before) FROM jobs j"
                " LEFT JOIN attempts a ON a.job = j.row AND a.counted AND a.again GROUP BY j.row"
            )
        )
        seen = Counter(prompt_of(each.body) for each in self.provider.requests if each.method == "POST")
        unrecorded = {prompt: number for prompt, number in seen.items() if number > recorded[prompt]}
        assert not unrecorded, f"sent, and not on record: {unrecorded}"
        never_came = sum(recorded.values()) - in_doubt - seen.total()
        assert never_came <= CONCURRENCY * 2 * (self.crashes + 1), f"{never_came} sendings that nobody saw"
        paid = {prompt_of(body): number for body, number in self.provider.paid.items()}
        silent = {prompt: number for prompt, number in paid.items() if number - 1 > again[prompt]}
        assert not silent, f"paid for more often than is said: {silent}, {self.histories(silent)}"

    def histories(self, prompts):
        """What is on record of the jobs of these prompts."""
        columns = "j.prompt, j.state, a.number, a.counted, a.billed, a.again, a.cause, a.message"
        every = self.desk.rows(f"SELECT {columns} FROM jobs j LEFT JOIN attempts a ON a.job = j.row")
        return [row for row in every if row[0] in prompts]

    def successes(self):
        """Recorded once, with one output, and for ever."""
        assert (
            self.desk.rows(
                "SELECT job FROM attempts WHERE counted AND cause IS NULL GROUP BY job HAVING count(*) > 1"
            )
            == []
        )
        now = dict(
            self.desk.rows(
                "SELECT j.key, group_concat(o.sha256) FROM jobs j LEFT JOIN outputs o ON o.job = j.row"
                " WHERE j.state = 'succeeded' GROUP BY j.row"
            )
        )
        assert all(hashes and len(hashes) == 64 for hashes in now.values())
        assert self.done.items() <= now.items(), "what had succeeded is another"
        self.done = now

    def files(self):
        """Every picture is there and whole, under its name or the one it waits under; no other file is."""
        root = self.desk.outputs("soak")
        rows = self.desk.rows(
            "SELECT o.path, o.sha256, j.key, j.attempt FROM outputs o JOIN jobs j ON j.row = o.job"
            " WHERE o.path IS NOT NULL"
        )
        waiting = {}
        for path in (root / ".pending").glob("*") if root.exists() else ():
            name = Waiting.parse(path.name)
            assert name is not None or path.suffix == ".part", f"foreign: {path}"
            if name is not None:
                waiting[name.key, name.attempt] = path
        for path, sha256, key, attempt in rows:
            places = (root / path, waiting.get((key, attempt)))
            there = [place for place in places if place is not None and place.exists()]
            assert there, f"{path} is gone"
            assert all(hashlib.sha256(place.read_bytes()).hexdigest() == sha256 for place in there), path
        named = {path.name for path in root.iterdir() if path.is_file()} if root.exists() else set()
        foreign = named - {path for path, *_ in rows} - OTHER_FILES
        assert not foreign, f"files that no row knows of: {sorted(foreign)[:5]}"

    async def finish(self):
        """Let the provider be well: then everything succeeds, and all that is told agrees."""
        self.provider.knobs = replace(self.provider.knobs, faults=Mix())
        for _ in range(20):
            if "failed" in self.desk.states():
                await self.desk.run("retry", "soak")
            last = await self.desk.run("run", "jobs.yaml", "--json")
            self.look()
            if last.status == 0:
                break
        assert (last.status, last.last["jobs"]["succeeded"]) == (0, self.jobs), last
        status = await self.desk.run("status", "soak", "--json")
        assert status.last == last.last
        lines = self.desk.results("soak")
        assert [line["state"] for line in lines] == ["succeeded"] * self.jobs
        assert len({line["key"] for line in lines}) == self.jobs
        assert not list((self.desk.outputs("soak") / ".pending").iterdir())
        return status.last


async def soak(
    seed: int, *, folder: Path, jobs: int, most: int, until_s: float = float("inf"), tell=lambda _: None
):
    """At most so many blows to a batch; returns what became of the batch, and how its runs ended."""
    with own_disk(folder) as has_disk:
        async with serve(replace(KNOBS, seed=seed)) as provider, Desk.at(folder) as desk:
            batch = Soak(desk=desk, provider=provider, jobs=jobs, has_disk=has_disk)
            await batch.begin()
            for number, blow in enumerate(islice(blows(seed), most), 1):
                if batch.is_done or time.monotonic() > until_s:
                    break
                await batch.strike(blow)
                tell(f"{number}: {blow.kind} after {blow.after}: {desk.states()}")
            return await batch.finish(), batch.ends


def say(words):
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=Random().randrange(10**6))
    parser.add_argument("--jobs", type=int, help="of the batch; by default more than it will come to")
    parser.add_argument("--blows", type=int, default=10**6)
    given = parser.parse_args()
    say(f"seed {given.seed}")
    until_s = time.monotonic() + 60 * given.minutes
    jobs = given.jobs or int(JOBS_A_MINUTE * given.minutes)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        work = soak(given.seed, folder=Path(folder), jobs=jobs, most=given.blows, until_s=until_s, tell=say)
        status, ends = asyncio.run(work)
    for (kind, how), number in sorted(ends.items()):
        say(f"{number:5} {kind}: {Signals(-how).name if how < 0 else f'exit {how}'}")
    say(json.dumps(status))


if __name__ == "__main__":
    main()
