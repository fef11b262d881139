"""A manifest into the queue; and the same again, when nothing has changed."""

import statistics

from benchmarks.bench import Bench, Report
from benchmarks.measuring import Figure, peak_mb
from benchmarks.stock import Stock
from benchmarks.tables import Goal, megabytes, seconds, table

FASTER = 40_000
"""Jobs a second."""
AGAIN = Goal("nothing expanded, ≤ 2 s", most=2.0)


def report(bench: Bench) -> Report:
    rows = [row for size in bench.scale.queues for row in rows_of(bench, size)]
    return Report(content=table(("command", "time", "CPU", "peak memory", "goal"), rows))


def rows_of(bench: Bench, size: int) -> list[tuple[str, ...]]:
    stock = Stock.kept_of(size, concurrency=bench.scale.concurrency)
    first, again = [], []
    for number in range(bench.scale.rounds):
        bench.say(f"{size:,} jobs: round {number + 1} of {bench.scale.rounds}")
        stock.forget()
        first.append(stock.submit())
        again.append(stock.submit())
    stock.forget()
    rate = Goal(f"≥ {FASTER:,} jobs/s", most=size / FASTER)
    is_large = size == bench.scale.queues[-1]
    return [
        (f"submit {size:,} prompts of a file", *told(first, rate if is_large else None)),
        ("the same again, unchanged", *told(again, AGAIN if is_large else None)),
    ]


def told(figures: list[Figure], goal: Goal | None) -> tuple[str, str, str, str]:
    wall_s = statistics.median(each.wall_s for each in figures)
    cpu_s = statistics.median(each.cpu_s for each in figures)
    reached = "" if goal is None else goal.reached_in(wall_s, cpu_s)
    return seconds(wall_s), seconds(cpu_s), megabytes(peak_mb(figures)), reached
