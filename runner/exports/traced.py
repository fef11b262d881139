"""Lines that may hold nothing but what a trainer reads: where each comes from stands in a file of its own."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from runner.exports.form import Work, Write, numbered
from runner.exports.placing import fresh
from runner.exports.sample import Sample, row

SUFFIX = ".jsonl"
FILES = numbered(SUFFIX, "data", "provenance")
TRACES = "Line n of a file in `provenance/` tells where line n of its namesake in `data/` comes from"


def writer(line: Callable[[Sample], Any]) -> Write:
    """One that writes such lines, and beside them, in a folder, where they come from."""

    def write(paths: Sequence[Path], samples: Iterable[Sample], _: Work) -> None:
        with ExitStack() as stack:
            file, *beside = [stack.enter_context(fresh(path)) for path in paths]
            for sample in samples:
                file.write(dumped(line(sample)))
                for traces in beside:
                    traces.write(dumped(trace(sample)))

    return write


def trace(sample: Sample) -> Any:
    """What is known of a sample; of a pair, of both."""
    if sample.rejected is None:
        return row(sample)
    return {"chosen": row(sample), "rejected": row(sample.rejected)}


def dumped(tree: Any) -> bytes:
    return orjson.dumps(tree, option=orjson.OPT_APPEND_NEWLINE)
