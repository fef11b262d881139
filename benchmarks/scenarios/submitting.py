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
    size = bench.scale.queues[-1]
    stock = Stock.kept_of(size, concurrency=bench.scale.concurrency)
    first, again = [], []
    for number in range(bench.scale.rounds):
        bench.say(f"round {number + 1} of {bench.scale.rounds}")
        stock.forget()
        first.append(stock.submit())
        again.append(stock.submit())
    small = [smaller(bench) for _ in range(bench.scale.rounds)]
    stock.forget()
    most_s = size / FASTER
    rows = [
        (f"submit {size:,} prompts of a file", *told(first, Goal(f"≥ {FASTER:,} jobs/s", most=most_s))),
        ("submit them again, unchanged", *told(again, AGAIN)),
        (f"submit {bench.scale.queues[0]:,}", *told(small, None)),
    ]
    return Report(content=table(("command", "time", "CPU", "peak memory", "goal"), rows))


def smaller(bench: Bench) -> Figure:
    stock = Stock.kept_of(bench.scale.queues[0], concurrency=bench.scale.concurrency)
    stock.forget()
    return stock.submit()


def told(figures: list[Figure], goal: Goal | None) -> tuple[str, str, str, str]:
    wall_s = statistics.median(each.wall_s for each in figures)
    cpu_s = statistics.median(each.cpu_s for each in figures)
    reached = "" if goal is None else goal.reached_in(wall_s, cpu_s)
    return seconds(wall_s), seconds(cpu_s), megabytes(peak_mb(figures)), reached
