"""A chat request: bare clients, runner, and what else a user would pick; then with latency."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from benchmarks.bench import Bench, Report
from benchmarks.measuring import (
    MICRO,
    Each,
    Figure,
    cpu_ratio,
    cpu_us,
    in_turns,
    less,
    marginal,
    measured,
    peak_mb,
    speed_ratio,
    wall_us,
)
from benchmarks.rivals import RIVALS, Rival, usable
from benchmarks.serving import ROOT
from benchmarks.stock import MANIFEST_NAME, Stock
from benchmarks.tables import TIMES, Goal, megabytes, microseconds, table, times

RAW, BASE = "raw sockets on uvloop", "aiohttp + orjson + uvloop"
FLOORS = {RAW: "raw", BASE: "tuned", "aiohttp, stdlib": "stdlib"}
COMMITTED = "**runner**: queue → committed result"
RESUME = "**runner**: queue → `results.jsonl` (`resume`)"
WHOLE = "**runner**: manifest → `results.jsonl` (`run`)"
EXPORT = "`results.jsonl` alone"
CPU = Goal(f"≤ 1.25 {TIMES}", most=1.25)
SPEED = {0: 0.85, 50: 0.95, 500: 0.98}
"""The part of bare aiohttp's throughput that is asked for, by milliseconds of latency."""
PATIENT_MS = 500
OFTEN = 10
"""Times as many requests of raw sockets as of others: a thousand take less than two starts differ by."""
NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class Chat:
    """The contenders at one latency, with so many requests in flight."""

    bench: Bench
    latency_ms: int
    concurrency: int

    @property
    def url(self) -> str:
        return self.bench.served.url(self.latency_ms)

    def floor(self, kind: str, jobs: int) -> Figure:
        command = [sys.executable, "-m", "benchmarks.floor", kind, self.url, str(jobs), str(self.concurrency)]
        return measured(command, self.bench.folder, {"PYTHONPATH": str(ROOT)})

    def resume(self, jobs: int) -> Figure:
        stock = self.submitted(jobs)
        stock.restore("submitted")
        return stock.run("resume", url=self.url)

    def export(self, jobs: int) -> Figure:
        """Of the queue that the last `resume` of this size has finished."""
        return self.submitted(jobs).run("export")

    def whole(self, jobs: int) -> Figure:
        stock = Stock.written(self.bench.folder / f"whole-{jobs}", jobs, concurrency=self.concurrency)
        stock.forget()
        return stock.run("run", MANIFEST_NAME, "--yes", url=self.url)

    def submitted(self, jobs: int) -> Stock:
        """The same batch for every run of its size."""
        folder = self.bench.folder / f"chat-{jobs}-{self.concurrency}"
        stock = Stock(folder)
        return (
            stock if stock.has("submitted") else Stock.submitted(folder, jobs, concurrency=self.concurrency)
        )

    def turn(self, do: Callable[[int], Figure], jobs: int) -> Callable[[], Each]:
        return partial(marginal, do, max(jobs // 10, min(jobs // 2, self.concurrency)), jobs)


def report(bench: Bench) -> Report:
    chat = Chat(bench, 0, bench.scale.concurrency)
    missing = dict(usable()) if bench.scale.rivals else dict.fromkeys(RIVALS, "")
    theirs = [rival.words for rival in RIVALS]
    found = in_turns(turns(chat, missing), bench.scale.rounds, bench.say, may_break=theirs)
    found = {**found, COMMITTED: less(found[RESUME], found[EXPORT])}
    parts = [
        clients(found),
        *(f"{rival.words} is not here: {why}" for rival, why in missing.items() if why),
        ceiling(chat, found),
        *latencies(bench),
    ]
    bars = {name: cpu_us(each) for name, each in found.items() if name != EXPORT}
    return Report(content="\n\n".join(parts), bars=bars)


def turns(chat: Chat, missing: Mapping[Rival, str | None]) -> dict[str, Callable[[], Each]]:
    scale = chat.bench.scale
    ours = {
        **{name: partial(chat.floor, kind) for name, kind in FLOORS.items()},
        RESUME: chat.resume,
        EXPORT: chat.export,
        WHOLE: chat.whole,
    }
    jobs = {RAW: OFTEN * scale.jobs}
    theirs = {
        rival.words: chat.turn(sender(rival, chat), int(rival.jobs * scale.rivals))
        for rival, why in missing.items()
        if why is None
    }
    return {**{name: chat.turn(do, jobs.get(name, scale.jobs)) for name, do in ours.items()}, **theirs}


def sender(rival: Rival, chat: Chat) -> Callable[[int], Figure]:
    """Each run in a folder of its own: what it kept of the last would be done already."""
    folders = (chat.bench.folder / f"{rival.name}-{number}" for number in count())

    def send(jobs: int) -> Figure:
        return rival.do(chat.url, jobs, chat.concurrency, next(folders))

    return send


def clients(found: Mapping[str, Sequence[Each]]) -> str:
    keeps = {**dict.fromkeys(FLOORS, "nothing"), **{rival.words: rival.keeps for rival in RIVALS}}
    order = sorted(found, key=lambda name: cpu_us(found[name]))
    rows = (
        (
            name,
            microseconds(cpu_us(each)),
            times(cpu_ratio(each, found[BASE])),
            *speeds(each, found[BASE]),
            megabytes(peak_mb(each)),
            keeps.get(name, "everything"),
        )
        for name in order
        if name != EXPORT
        for each in (found[name],)
    )
    head = ("client", "CPU a job", "of bare aiohttp", "jobs/s", "of bare aiohttp", "peak memory", "kept")
    reached = CPU.reached(cpu_ratio(found[RESUME], found[BASE]))
    return f"{table(head, rows)}\n\nCPU of `resume`, {reached}."


def speeds(each: Sequence[Each], bare: Sequence[Each]) -> tuple[str, str]:
    """Jobs a second, and of those of bare aiohttp; nothing where others' work has hidden them."""
    if wall_us(each) <= 0 or speed_ratio(each, bare) <= 0:
        return NOTHING, NOTHING
    return f"{MICRO / wall_us(each):,.0f}", times(speed_ratio(each, bare))


def ceiling(chat: Chat, found: Mapping[str, Sequence[Each]]) -> str:
    """What the provider can do: it takes no longer for an answer than the raw client, which waits for it."""
    before = chat.bench.served.told()
    chat.floor(FLOORS[RAW], OFTEN * chat.bench.scale.jobs)
    after = chat.bench.served.told()
    takes_us = (after.cpu_s - before.cpu_s) / after.requests * MICRO
    each_us = min(us for us in (takes_us, wall_us(found[RAW])) if us > 0)
    return (
        f"The provider takes {each_us:.1f} µs of its own core for an answer, so it can give "
        f"{MICRO / each_us:,.0f} a second; bare aiohttp had {MICRO / wall_us(found[BASE]):,.0f} of it."
    )


def latencies(bench: Bench) -> Iterator[str]:
    if not bench.scale.latencies_ms:
        return
    head = ("latency", "in flight", "bare aiohttp", "runner", "CPU", "throughput", "peak memory", "goal")
    rows = [at(bench, latency_ms) for latency_ms in bench.scale.latencies_ms]
    yield table(head, rows)


def at(bench: Bench, latency_ms: int) -> tuple[str, ...]:
    scale = bench.scale
    chat = Chat(bench, latency_ms, scale.patient if latency_ms >= PATIENT_MS else scale.concurrency)
    turns = {
        BASE: chat.turn(partial(chat.floor, FLOORS[BASE]), scale.jobs),
        RESUME: chat.turn(chat.resume, scale.jobs),
    }
    found = in_turns(turns, scale.rounds, lambda words: bench.say(f"{latency_ms} ms: {words}"))
    bare, ours = found[BASE], found[RESUME]
    speed = speed_ratio(ours, bare)
    least = SPEED.get(latency_ms, 0.0)
    return (
        f"{latency_ms} ms",
        f"{chat.concurrency:,}",
        microseconds(cpu_us(bare)),
        microseconds(cpu_us(ours)),
        times(cpu_ratio(ours, bare)),
        times(speed),
        megabytes(peak_mb(ours)),
        Goal(f"throughput ≥ {least} {TIMES}", least=least).reached(speed),
    )
