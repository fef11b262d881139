"""The same jobs out of queues of all sizes: neither time nor memory grows with what is not done."""

import statistics
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.bench import Bench, Report
from benchmarks.measuring import Each, Figure, cpu_ratio, cpu_us, in_turns, marginal, peak_mb
from benchmarks.stock import FROM_FILE, INLINE, LATER, Stock
from benchmarks.tables import TIMES, Goal, megabytes, microseconds, table, times

FLAT = Goal(f"≤ 1.05 {TIMES}", most=1.05)
MEMORY = Goal("≤ 100 MB", most=100)
FEW = 5_000
"""Jobs that say enough in one run."""


def report(bench: Bench) -> Report:
    sizes = bench.scale.queues
    inline = sizes[len(sizes) // 2]
    turns = {
        **{f"{size:,}": turn(bench, size) for size in sizes},
        f"{inline:,}, the prompts in the manifest": turn(bench, inline, rows=INLINE),
    }
    found = in_turns(turns, bench.scale.rounds, lambda words: bench.say(f"{words} jobs in the queue"))
    rows = [row(name, each, next(iter(found.values()))) for name, each in found.items()]
    head = ("jobs in the queue", "CPU a job", "of the smallest", "peak memory", "goals")
    return Report(content=table(head, rows))


def turn(bench: Bench, size: int, *, rows: str = FROM_FILE) -> Callable[[], Each]:
    """As many jobs as the others, or as there are; then several times."""
    jobs = min(bench.scale.jobs, size)
    small = min(max(jobs // 10, bench.scale.concurrency + 1), jobs // 2)
    again = max(1, min(5, FEW // jobs))
    return partial(marginal, partial(some, bench, size, rows=rows), small, jobs, again=again)


def some(bench: Bench, size: int, jobs: int, *, rows: str) -> Figure:
    stock = Stock.kept_of(size, concurrency=bench.scale.concurrency, rows=rows)
    stock.restore("submitted")
    try:
        return stock.run("resume", "--limit", str(jobs), url=bench.served.url(), ends=(0, LATER))
    finally:
        stock.forget()


def row(name: str, each: Sequence[Each], smallest: Sequence[Each]) -> tuple[str, ...]:
    ratio = cpu_ratio(each, smallest)
    memory = peak_mb(each)
    spread = statistics.stdev(one.cpu_us for one in each) if len(each) > 1 else 0.0
    return (
        name,
        f"{microseconds(cpu_us(each))} (± {spread:,.0f})",
        times(ratio),
        megabytes(memory),
        f"{FLAT.reached(ratio)}; {MEMORY.reached(memory)}",
    )
