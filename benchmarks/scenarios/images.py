"""A picture of one megabyte, from the socket to its fsynced, hashed file."""

import sys
from dataclasses import dataclass
from functools import partial

from benchmarks.bench import Bench, Report
from benchmarks.measuring import Figure, cpu_us, in_turns, less, marginal, measured, peak_mb, wall_us
from benchmarks.serving import ROOT
from benchmarks.stock import Stock
from benchmarks.tables import Goal, megabytes, milliseconds, table

CONCURRENCY = 16
GOAL = Goal("≤ 3.5 ms", most=3.5)
MILLI = 1e3
WHOLE, DECODING, FILE = "runner, all of it", "its decoding alone", "runner, from the socket to the file"
BARE = "aiohttp + orjson + pybase64, to a file"


@dataclass(frozen=True, slots=True)
class Images:
    """Who fetches pictures, or looks at them."""

    bench: Bench

    def runner(self, images: int) -> Figure:
        folder = self.bench.folder / f"images-{images}"
        stock = Stock(folder)
        if not stock.has("submitted"):
            stock = Stock.submitted(folder, images, concurrency=CONCURRENCY, dialect="openai-images")
        stock.put_aside()
        stock.restore("submitted")
        return stock.run("resume", url=self.bench.served.url())

    def bare(self, images: int) -> Figure:
        command = [
            "-m",
            "benchmarks.floor",
            "pictures",
            self.bench.served.url(),
            str(images),
            str(CONCURRENCY),
        ]
        return self.python(*command)

    def decoding(self, images: int) -> Figure:
        return self.python("-m", "benchmarks.decoding", str(images))

    def python(self, *arguments: str) -> Figure:
        return measured([sys.executable, *arguments], self.bench.folder, {"PYTHONPATH": str(ROOT)})


def report(bench: Bench) -> Report:
    images, large = Images(bench), bench.scale.images
    doers = {WHOLE: images.runner, DECODING: images.decoding, BARE: images.bare}
    turns = {name: partial(marginal, do, large // 5, large) for name, do in doers.items()}
    found = in_turns(turns, bench.scale.rounds, bench.say)
    found[FILE] = less(found[WHOLE], found[DECODING])
    rows = [
        (
            name,
            milliseconds(cpu_us(found[name]) / MILLI),
            "" if name == FILE else milliseconds(wall_us(found[name]) / MILLI),
            megabytes(peak_mb(found[name])),
            GOAL.reached(cpu_us(found[name]) / MILLI) if name == FILE else "",
        )
        for name in (FILE, DECODING, WHOLE, BARE)
    ]
    head = (f"a picture of 1 MB, {CONCURRENCY} in flight", "CPU", "wall", "peak memory", "goal")
    return Report(content=table(head, rows))
