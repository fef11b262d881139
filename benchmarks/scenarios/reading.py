"""What is read of a large batch that is finished (results, status) and how soon the program is there."""

import statistics
import subprocess
import sys
from collections.abc import Callable

from benchmarks.bench import Bench, Report
from benchmarks.measuring import Figure, measured, peak_mb
from benchmarks.scenarios.resuming import DONE, nine_tenths_done
from benchmarks.serving import ROOT
from benchmarks.stock import QUEUE, RUNNER, Stock
from benchmarks.tables import Goal, megabytes, milliseconds, seconds, table

FINISHED = "finished"
MILLION = 1_000_000


def report(bench: Bench) -> Report:
    size = bench.scale.queues[-1]
    stock = nine_tenths_done(bench, size)
    stock.reach(FINISHED, after=DONE, limit=size, url=bench.served.url(), say=bench.say)
    bench.say("copying the queue")
    stock.restore(FINISHED)
    try:
        rows = list(read(bench, stock, size))
    finally:
        stock.forget()
    return Report(content=table((f"{size:,} jobs, all done", "time", "CPU", "peak memory", "goal"), rows))


def read(bench: Bench, stock: Stock, size: int) -> list[tuple[str, ...]]:
    rounds = bench.scale.rounds
    bench.say("results.jsonl")
    return [
        row(
            "`results.jsonl`", rounds, lambda: stock.run("export"), Goal("< 30 s", most=30.0 * size / MILLION)
        ),
        row("`runner status`", rounds, lambda: stock.run("status"), Goal("< 0.5 s", most=0.5)),
        asked(stock),
        row(
            "`runner --help`",
            max(rounds, 5),
            lambda: measured([*RUNNER, "--help"], bench.folder, {"PYTHONPATH": str(ROOT)}),
            Goal("< 0.25 s", most=0.25),
        ),
    ]


def row(words: str, rounds: int, do: Callable[[], Figure], goal: Goal) -> tuple[str, ...]:
    figures = [do() for _ in range(rounds)]
    wall_s = statistics.median(each.wall_s for each in figures)
    cpu_s = statistics.median(each.cpu_s for each in figures)
    return words, seconds(wall_s), seconds(cpu_s), megabytes(peak_mb(figures)), goal.reached_in(wall_s, cpu_s)


def asked(stock: Stock) -> tuple[str, ...]:
    """What status asks the queue, without the program around it."""
    command = [sys.executable, "-m", "benchmarks.asking", str(stock.folder / QUEUE)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    took_ms = float(done.stdout)
    return "its queries", milliseconds(took_ms), "", "", Goal("< 50 ms", most=50.0).reached(took_ms)
