"""The output and the error file of OpenAI's batch API, a line for each job that has ended."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from runner.batchlines import line
from runner.exports.form import ENDED, Format, Part, Work, whole, with_outputs
from runner.exports.placing import fresh
from runner.exports.sample import Sample
from runner.outcome import Kept

OUTPUT, ERRORS = "output.jsonl", "errors.jsonl"


def files(_: Part) -> tuple[str, ...]:
    return (OUTPUT, ERRORS)


def glob(_: Part) -> str:
    return OUTPUT


def write(paths: Sequence[Path], samples: Iterable[Sample], work: Work) -> None:
    """A lone file has the errors too, as vLLM writes them."""
    with fresh(paths[0]) as output, fresh(paths[-1]) if len(paths) > 1 else output as errors:
        for sample in samples:
            told = line(sample.job, sample.sending, partial(read, work, sample))
            (errors if told.is_error else output).write(told.data)


def read(work: Work, sample: Sample, kept: Kept) -> bytes:
    return work.pictures.read(with_outputs(sample, kept))


FORMAT = Format(
    write=write,
    cut=whole,
    files=files,
    glob=glob,
    suffixes=(".jsonl",),
    states=ENDED,
    carries=True,
    is_single=True,
    needs_bodies=True,
    traces="Every line is what the API answered, and no more; `results.jsonl` tells where it comes from",
)
