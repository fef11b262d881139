"""WebDataset: tar shards in which the files of a sample stand side by side, `key.png key.txt key.json`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import orjson

from runner.exports.form import Format, Part, Work, pictures_or_texts
from runner.exports.sample import Sample
from runner.exports.size import Size
from runner.exports.tars import tar

SUFFIX = ".tar"


def files(part: Part) -> tuple[str, ...]:
    return (f"{part.split}-{part.index:06}{SUFFIX}",)


def glob(part: Part) -> str:
    return f"{part.split}-*{SUFFIX}"


def write(paths: Sequence[Path], samples: Iterable[Sample], work: Work) -> None:
    with tar(paths[0]) as made:
        for sample in samples:
            made.add(key(sample), contents(sample, work))


def key(sample: Sample) -> str:
    """The job's, which has no dot; with the number of the output, where it has more than one."""
    several = len(sample.job.outputs) > 1
    return f"{sample.job.key}-{sample.outputs[0].index}" if several else sample.job.key


def contents(sample: Sample, work: Work) -> dict[str, bytes]:
    """Every sample of a batch has the same files, whatever its picture is called."""
    kept = sample.outputs[0]
    told = {"json": orjson.dumps(work.columns.even(sample))}
    if kept.path is None:
        return {"txt": (kept.value or "").encode(), **told}
    return {work.suffix: work.pictures.read(sample), "txt": (sample.job.prompt or "").encode(), **told}


FORMAT = Format(
    write=write,
    cut=pictures_or_texts,
    files=files,
    glob=glob,
    suffixes=(SUFFIX,),
    size=Size(bytes=500_000_000),
    carries=True,
    is_alike=True,
    has_columns=True,
)
