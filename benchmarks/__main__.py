"""`make bench`: what a job costs, from queue to committed result, beside what else could send it.

Contenders take turns in every round, so that a machine that slows down slows all; ratios are those of a
round, and a table shows their medians. A job's CPU is what a large run takes more than a small one, so
starting up counts for nobody. Everything is pinned: clients to one core, the provider to another.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import measuring, tables
from benchmarks.bench import Bench, Report
from benchmarks.plotting import plot
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.scenarios import chat, images, queues, reading, resuming, submitting
from benchmarks.serving import serving
from benchmarks.stock import BENCH

SCENARIOS: Mapping[str, Callable[[Bench], Report]] = {
    "chat": chat.report,
    "images": images.report,
    "submitting": submitting.report,
    "queues": queues.report,
    "resuming": resuming.report,
    "reading": reading.report,
}


def main() -> None:
    given = arguments()
    scale = QUICK if given.quick else FULL
    client, provider = measuring.cores()
    measuring.pin(client)
    for name in given.only or SCENARIOS:
        publish(name, measured(name, scale, provider), scale)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, help="these scenarios alone")
    parser.add_argument("--quick", action="store_true", help="small sizes, and nothing is written down")
    return parser.parse_args()


def measured(name: str, scale: Scale, provider: int) -> Report:
    sys.stderr.write(f"{name}\n")
    begun = time.monotonic()
    BENCH.mkdir(exist_ok=True)
    with (
        serving(provider) as served,
        tempfile.TemporaryDirectory(prefix=f"{name}-", dir=BENCH, ignore_cleanup_errors=True) as folder,
    ):
        report = SCENARIOS[name](Bench(served=served, folder=Path(folder), scale=scale))
    sys.stderr.write(f"  took {(time.monotonic() - begun) / 60:.1f} minutes\n")
    return report


def publish(name: str, report: Report, scale: Scale) -> None:
    """On the terminal; and in the documentation, if all was measured."""
    content = f"{tables.when(scale.rounds)}\n\n{report.content}"
    sys.stdout.write(f"\n{content}\n\n")
    sys.stdout.flush()
    if scale.is_whole:
        tables.PAGE.write_text(tables.placed(tables.PAGE.read_text(), name, content))
        plot(report.bars)


if __name__ == "__main__":
    main()
