"""The layout of img2dataset: tar shards of ten thousand, each with a table and its counts beside it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from runner.exports import parquet
from runner.exports.columns import Columns
from runner.exports.form import Format, Part, Work, pictures, with_outputs
from runner.exports.placing import fresh
from runner.exports.sample import Row, Sample
from runner.exports.size import Size
from runner.exports.survey import least, most
from runner.exports.tars import Tar, tar
from runner.job import State

SHARD = 10_000
"""Samples that the four digits of a key tell apart."""
SUCCESS, FAILED = "success", "failed_to_download"
OWN = (
    *("url", "caption", "key", "status", "error_message"),
    *("width", "height", "original_width", "original_height"),
    *("exif", "sha256", "job_key"),
)
NUMBERS = frozenset({"width", "height", "original_width", "original_height"})


def cut(sample: Sample) -> Iterable[Sample]:
    """Its pictures; a job that has failed is told of in the table alone."""
    return pictures(sample) if sample.job.state is State.SUCCEEDED else (with_outputs(sample),)


def files(part: Part) -> tuple[str, ...]:
    stem = f"{part.index:05}" if part.is_all else f"{part.split}/{part.index:05}"
    return (f"{stem}.tar", f"{stem}.parquet", f"{stem}_stats.json")


def glob(part: Part) -> str:
    return "*.tar" if part.is_all else f"{part.split}/*.tar"


@dataclass(slots=True)
class Stats:
    """What is counted of a shard."""

    statuses: Counter[str] = field(default_factory=Counter)
    began_at: float | None = None
    ended_at: float | None = None

    def note(self, sample: Sample) -> None:
        job = sample.job
        self.statuses[SUCCESS if sample.outputs else str(job.cause or job.state)] += 1
        self.began_at = least(self.began_at, job.started_at)
        self.ended_at = most(self.ended_at, job.finished_at)

    def told(self) -> dict[str, Any]:
        began, ended = self.began_at or 0.0, self.ended_at or 0.0
        count, successes = self.statuses.total(), self.statuses[SUCCESS]
        return {
            "count": count,
            "successes": successes,
            "failed_to_download": count - successes,
            "failed_to_resize": 0,
            "duration": ended - began,
            "start_time": began,
            "end_time": ended,
            "status_dict": dict(self.statuses),
        }


def write(paths: Sequence[Path], samples: Iterable[Sample], work: Work) -> None:
    shard, table, counts = paths
    stats = Stats()
    work = replace(work, columns=others(work.columns))
    with tar(shard) as made:
        parquet.write_table(table, rows(made, samples, work, stats), schema(work.columns))
    with fresh(counts) as file:
        file.write(orjson.dumps(stats.told(), option=orjson.OPT_INDENT_2))


def rows(made: Tar, samples: Iterable[Sample], work: Work, stats: Stats) -> Iterator[tuple[Row, int]]:
    """Of the table, each with its weight; the pictures go into the tar on the way."""
    for index, sample in enumerate(samples):
        stats.note(sample)
        told = own(sample, f"{work.part.index:05}{index:04}")
        if sample.outputs:
            made.add(told["key"], contents(sample, told, work))
        yield {**told, **parquet.row(sample, work)}, sample.weight(carries=False)


def own(sample: Sample, key: str) -> Row:
    """What img2dataset itself would know; nothing was downloaded, so there is no url."""
    job, kept = sample.job, sample.output
    width, height = (None, None) if kept is None else (kept.width, kept.height)
    return {
        "url": None,
        "caption": job.prompt,
        "key": key,
        "status": FAILED if kept is None else SUCCESS,
        "error_message": None if kept is not None else f"{job.cause or job.state}: {job.message or ''}",
        "width": width,
        "height": height,
        "original_width": width,
        "original_height": height,
        "exif": None,
        "sha256": None if kept is None else kept.sha256,
        "job_key": job.key,
    }


def contents(sample: Sample, told: Row, work: Work) -> dict[str, bytes]:
    return {
        work.suffix: work.pictures.read(sample),
        "txt": (sample.job.prompt or "").encode(),
        "json": orjson.dumps({**told, **work.columns.even(sample)}),
    }


def others(columns: Columns) -> Columns:
    """Those that img2dataset has no name for; pictures are in the tar."""
    told = tuple(each for each in columns.told if each[0] not in {(name,) for name in OWN})
    return replace(columns, told=told, made=())


def schema(columns: Columns) -> Any:
    arrow, _ = parquet.libraries()
    first = [arrow.field(name, arrow.int64() if name in NUMBERS else arrow.string()) for name in OWN]
    return arrow.schema([*first, *parquet.schema_of(columns)])


FORMAT = Format(
    write=write,
    cut=cut,
    files=files,
    glob=glob,
    size=Size(samples=SHARD),
    most=SHARD,
    carries=True,
    has_bare=False,
    has_columns=True,
)
