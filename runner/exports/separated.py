"""CSV (RFC 4180, UTF-8, a head line): a row for each output, `params` and `vars` a column for each name."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from runner.exports.features import flat
from runner.exports.form import Format, Work, numbered, outputs
from runner.exports.placing import fresh
from runner.exports.sample import Sample

SUFFIX = ".csv"


def write(paths: Sequence[Path], samples: Iterable[Sample], work: Work) -> None:
    with fresh(paths[0]) as file, TextIOWrapper(file, encoding="utf-8", newline="") as text:
        table = csv.writer(text, lineterminator="\r\n")
        table.writerow(flat(work.columns))
        table.writerows(list(cells(sample, work)) for sample in samples)


def cells(sample: Sample, work: Work) -> Iterator[Any]:
    kept = sample.output
    for name, _ in work.columns.made:
        if kept is None or kept.kind != name:
            yield None
        else:
            yield kept.value if kept.path is None else work.prefix + kept.path
    yield from (value for _, value in work.columns.cells(sample))


FORMAT = Format(
    write=write,
    cut=outputs,
    files=numbered(SUFFIX),
    suffixes=(SUFFIX,),
    features=flat,
    has_columns=True,
)
