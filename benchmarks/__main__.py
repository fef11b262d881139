"""`make bench`: CPU and wall time of a job, from queue to committed result, beside bare aiohttp, as ratios.

Runs alternate, so that a machine that slows down slows both; the figure of a pair is their ratio, the row
shows the median. CPU per job is the difference between a large and a small run, so starting up counts for
neither; `whole` has it in.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MANIFEST = """\
name: bench
endpoints:
  mock:
    dialect: openai-chat
    url: http://127.0.0.1:{port}/v1
    key: ${{BENCH_KEY}}
    concurrency: {concurrency}
jobs:
  - model: bench
    file: prompts.txt
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one process took, all of it."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def pinned(core: int, command: list[str]) -> list[str]:
    """On one core where there are two, so that client and provider do not share one."""
    can_pin = hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1
    return ["taskset", "-c", str(core), *command] if can_pin else command


@contextmanager
def provider(latency_s: float) -> Iterator[int]:
    command = pinned(1, [sys.executable, "-m", "benchmarks.provider", str(latency_s)])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate()


def measured(command: list[str], folder: Path) -> Figure:
    """Run a command to its end; raises where it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    subprocess.run(
        pinned(0, command),
        cwd=folder,
        env={**os.environ, "BENCH_KEY": "bench"},
        check=True,
        capture_output=True,
    )
    wall_s = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Figure(cpu_s=cpu_s, wall_s=wall_s, peak_mb=after.ru_maxrss / 1024)


def floor(port: int, jobs: int, concurrency: int) -> Figure:
    """Bare aiohttp, nothing kept."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    command = [sys.executable, "-m", "benchmarks.floor", url, str(jobs), str(concurrency)]
    return measured(command, Path(__file__).parent.parent)


def durable(port: int, jobs: int, concurrency: int) -> Figure:
    """`runner resume` over a queue that was submitted before."""
    with tempfile.TemporaryDirectory(prefix="runner-bench-") as name:
        folder = Path(name)
        prompts = (f"scene {number}: {'x' * 180}\n" for number in range(jobs))
        (folder / "prompts.txt").write_text("".join(prompts))
        (folder / "jobs.yaml").write_text(MANIFEST.format(port=port, concurrency=concurrency))
        runner = [sys.executable, "-m", "runner"]
        subprocess.run([*runner, "submit", "jobs.yaml", "--yes"], cwd=folder, check=True, capture_output=True)
        return measured([*runner, "resume"], folder)


def row(latency_s: float, *, jobs: int, concurrency: int, pairs: int) -> str:
    small = max(jobs // 10, concurrency)
    with provider(latency_s) as port:
        ratios = [pair(port, small, jobs, concurrency) for _ in range(pairs)]
    cpu, floor_us, durable_us, wall, peak_mb = map(statistics.median, zip(*ratios, strict=True))
    return (
        f"{latency_s * 1000:6.0f} ms {floor_us:8.0f} µs {durable_us:8.0f} µs {cpu:8.2f} x "
        f"{wall:10.2f} x {peak_mb:8.0f} MB"
    )


def pair(port: int, small: int, large: int, concurrency: int) -> tuple[float, float, float, float, float]:
    """CPU ratio, both CPU times a job in microseconds, throughput ratio, peak memory of ours."""
    bare = [floor(port, jobs, concurrency) for jobs in (small, large)]
    ours = [durable(port, jobs, concurrency) for jobs in (small, large)]
    cpus = [(two.cpu_s - one.cpu_s) / (large - small) * 1e6 for one, two in (bare, ours)]
    walls = [(two.wall_s - one.wall_s) for one, two in (bare, ours)]
    return cpus[1] / cpus[0], cpus[0], cpus[1], walls[0] / walls[1], ours[1].peak_mb


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--latencies", type=float, nargs="+", default=[0.0, 0.05])
    given = parser.parse_args()
    print("  latency  bare aiohttp      runner   CPU ratio  throughput      peak")
    for latency_s in given.latencies:
        print(row(latency_s, jobs=given.jobs, concurrency=given.concurrency, pairs=given.pairs), flush=True)


if __name__ == "__main__":
    main()
