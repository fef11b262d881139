"""Batches to measure with: submitted once, kept as they were, and copied for each run."""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measuring import Figure, measured
from benchmarks.serving import ROOT

BENCH = ROOT / ".bench"
RUNNER = (sys.executable, "-m", "runner")
QUEUE = "runner.db"
LATER = 75
"""The exit status of a run that its limit has stopped."""
MANIFEST = """\
name: bench
endpoints:
  mock:
    dialect: {dialect}
    url: ${{BENCH_URL}}
    key: ${{BENCH_KEY}}
    concurrency: {concurrency}
jobs:
  - model: bench
    {rows}
"""
MANIFEST_NAME = "jobs.yaml"
PROMPTS = "prompts.txt"
FROM_FILE, INLINE = f"file: {PROMPTS}", "prompts:"
"""Where a manifest has its prompts: in a file, or in itself."""


@dataclass(frozen=True, slots=True)
class Stock:
    """A folder with a batch's manifest, and with its queue as it stood at certain times."""

    folder: Path

    @classmethod
    def written(
        cls, folder: Path, jobs: int, *, concurrency: int, dialect: str = "openai-chat", rows: str = FROM_FILE
    ) -> "Stock":
        """The manifest of so many jobs, and its prompts where they have a file; nothing is submitted."""
        folder.mkdir(parents=True, exist_ok=True)
        prompts = (f"scene {number}: {'x' * 180}" for number in range(jobs))
        with (folder / MANIFEST_NAME).open("w") as manifest:
            manifest.write(MANIFEST.format(dialect=dialect, concurrency=concurrency, rows=rows))
            if rows == INLINE:
                manifest.writelines(f"      - '{prompt}'\n" for prompt in prompts)
                return cls(folder)
        with (folder / PROMPTS).open("w") as file:
            file.writelines(f"{prompt}\n" for prompt in prompts)
        return cls(folder)

    @classmethod
    def submitted(
        cls, folder: Path, jobs: int, *, concurrency: int, dialect: str = "openai-chat", rows: str = FROM_FILE
    ) -> "Stock":
        stock = cls.written(folder, jobs, concurrency=concurrency, dialect=dialect, rows=rows)
        stock.submit()
        stock.keep("submitted")
        return stock

    @classmethod
    def kept_of(cls, jobs: int, *, concurrency: int, rows: str = FROM_FILE) -> "Stock":
        """A submitted batch that outlives the measurement: a large one takes a while to make."""
        kind = f"{jobs}-{concurrency}-{rows.partition(':')[0]}"
        folder = BENCH / "queues" / f"{kind}-{tables()}"
        if (stock := cls(folder)).has("submitted"):
            return stock
        for older in folder.parent.glob(f"{kind}-*"):
            shutil.rmtree(older, ignore_errors=True)
        return cls.submitted(folder, jobs, concurrency=concurrency, rows=rows)

    def has(self, name: str) -> bool:
        return self._kept(name).exists()

    def keep(self, name: str) -> None:
        """The queue as it stands now, under a name: whole, or not at all."""
        aside = self._kept(f"{name}.part")
        shutil.copyfile(self.folder / QUEUE, aside)
        aside.rename(self._kept(name))

    def restore(self, name: str) -> None:
        """The queue as it stood then, without its outputs, and on the disk: no run has to sync it."""
        self.forget()
        shutil.copyfile(self._kept(name), self.folder / QUEUE)
        with (self.folder / QUEUE).open("rb") as file:
            os.fsync(file)

    def forget(self) -> None:
        """Neither queue nor outputs, as before the first submission."""
        for path in self.folder.glob(f"{QUEUE}*"):
            path.unlink()
        shutil.rmtree(self.folder / "outputs", ignore_errors=True)

    def put_aside(self) -> None:
        """Put the outputs aside, emptied.

        While many files were just deleted, ext4 looks for an inode that was not for each new one, which takes
        half a millisecond.
        """
        outputs = self.folder / "outputs"
        for path in filter(Path.is_file, outputs.rglob("*")):
            os.truncate(path, 0)
        if outputs.exists():
            outputs.rename(self.folder / f"outputs-{time.monotonic_ns()}")

    def reach(self, name: str, *, after: str, limit: int, url: str, say: Callable[[str], None]) -> None:
        """Keep the queue as it stands when so many more jobs are done, unless that is kept already."""
        if not self.has(name):
            say(f"{limit:,} jobs are done once, and kept in {self.folder.relative_to(ROOT)}")
            self.restore(after)
            figure = self.run("resume", "--limit", str(limit), url=url, ends=(0, LATER))
            self._took(name).write_text(json.dumps(asdict(figure)))
            self.keep(name)

    def took(self, name: str) -> Figure:
        """What the run took that brought the queue there."""
        return Figure(**json.loads(self._took(name).read_text()))

    def submit(self) -> Figure:
        return self.run("submit", MANIFEST_NAME, "--yes")

    def run(self, *arguments: str, url: str = "", ends: Sequence[int] = (0,)) -> Figure:
        """One command of runner over the queue of this folder."""
        return measured([*RUNNER, *arguments], self.folder, variables(url), ends=ends)

    def _took(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _kept(self, name: str) -> Path:
        return self.folder / f"{name}.db"


def variables(url: str) -> dict[str, str]:
    """What the manifests refer to; the runner is the one of this repository."""
    return {"BENCH_URL": url or "http://127.0.0.1:9/v1", "BENCH_KEY": "bench", "PYTHONPATH": str(ROOT)}


def tables() -> str:
    """Names what a kept queue is made by: another schema needs another queue."""
    made_by = (ROOT / "runner" / "schema.py").read_bytes() + MANIFEST.encode()
    return hashlib.sha256(made_by).hexdigest()[:8]
