"""What an export has written, for people and for programs."""

from collections.abc import Iterator
from typing import Any

from runner.compose.shaping import Exported


def words(done: Exported) -> str:
    return "; ".join(clauses(done))


def clauses(done: Exported) -> Iterator[str]:
    shares = ", ".join(f"{name} {number:,}" for name, number in done.splits.items())
    yield f"{done.format}: {sum(done.splits.values()):,} samples ({shares}) in {done.shards:,} shards"
    if done.resumed:
        yield f"{done.resumed:,} of them were finished before"
    if done.left_out:
        yield f"{done.left_out:,} samples are in no split"
    if done.missing:
        yield f"{done.missing:,} left out, for their files are gone or changed"


def shown(done: Exported) -> dict[str, Any]:
    return {
        "path": str(done.path),
        "format": done.format,
        "samples": sum(done.splits.values()),
        "splits": dict(done.splits),
        "shards": done.shards,
        "resumed": done.resumed,
        "missing": done.missing,
        "left_out": done.left_out,
    }
