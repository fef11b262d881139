"""A large batch of which nine tenths are done: how long until it goes on, and what that took."""

import os
import statistics
import subprocess
import time

import psutil

from benchmarks.bench import Bench, Report
from benchmarks.measuring import MICRO, Broken, Figure
from benchmarks.stock import RUNNER, Stock, variables
from benchmarks.tables import Goal, megabytes, microseconds, seconds, table

DONE = "nine-tenths-done"
SLOWLY_MS = 500
"""So that little is done after the first request."""
EVERY_S = 0.01
GRACE_S = 0.1
PATIENCE_S = 120
GOAL = Goal("≤ 1 s", most=1.0)
MEMORY = Goal("≤ 100 MB", most=100)
MEGA = 1 << 20


def report(bench: Bench) -> Report:
    size = bench.scale.queues[-1]
    stock = nine_tenths_done(bench, size)
    bench.say("copying the queue")
    stock.restore(DONE)
    found = []
    for number in range(bench.scale.rounds):
        bench.say(f"round {number + 1} of {bench.scale.rounds}")
        found.append(first_request(stock, bench))
    stock.forget()
    wall_s, cpu_s, memory_mb = map(statistics.median, zip(*found, strict=True))
    done = size // 10 * 9
    head = (f"{size:,} jobs, {done:,} of them done", "time", "CPU", "memory", "goal")
    reached = GOAL.reached_in(wall_s, cpu_s)
    rows = [
        ("start to first request", seconds(wall_s), seconds(cpu_s), megabytes(memory_mb), reached),
        once(stock.took(DONE), done),
    ]
    return Report(content=table(head, rows))


def once(took: Figure, jobs: int) -> tuple[str, ...]:
    """The run that did the nine tenths: it is made once, and its figures are no medians."""
    each = f"{seconds(took.cpu_s)}, {microseconds(took.cpu_s / jobs * MICRO)} a job"
    words = f"the one run that did {jobs:,}, `results.jsonl` and all"
    return words, seconds(took.wall_s), each, megabytes(took.peak_mb), MEMORY.reached(took.peak_mb)


def nine_tenths_done(bench: Bench, size: int) -> Stock:
    """By a run of runner itself."""
    stock = Stock.kept_of(size, concurrency=bench.scale.concurrency)
    stock.reach(DONE, after="submitted", limit=size // 10 * 9, url=bench.served.url(), say=bench.say)
    return stock


def first_request(stock: Stock, bench: Bench) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, and megabytes that it took; then it is cut."""
    bench.served.told()
    begun = time.monotonic()
    with subprocess.Popen(
        [*RUNNER, "resume"],
        cwd=stock.folder,
        env={**os.environ, **variables(bench.served.url(SLOWLY_MS))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        seen = psutil.Process(process.pid)
        while not (told := bench.served.told()).requests:
            if process.poll() is not None or time.monotonic() > begun + PATIENCE_S:
                process.kill()
                raise Broken("resume sends nothing")
            time.sleep(EVERY_S)
        used, memory = seen.cpu_times(), seen.memory_info()
        for _ in range(2):
            # A shell's jobs in the background ignore SIGINT, and so does what they begin.
            process.terminate()
            time.sleep(GRACE_S)
    return told.first_s - begun, used.user + used.system, memory.rss / MEGA
