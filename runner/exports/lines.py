"""JSON Lines: the lines of `results.jsonl`, of those jobs alone that are wanted."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from runner import results
from runner.exports.form import ENDED, Format, Work, numbered, whole
from runner.exports.placing import fresh
from runner.exports.sample import Sample

SUFFIX = ".jsonl"


def write(paths: Sequence[Path], samples: Iterable[Sample], work: Work) -> None:
    with fresh(paths[0]) as file:
        for sample in samples:
            file.writelines(results.lines(sample.batch, (sample.job,), prefix=work.prefix))


FORMAT = Format(write=write, cut=whole, files=numbered(SUFFIX), suffixes=(SUFFIX,), states=ENDED)
