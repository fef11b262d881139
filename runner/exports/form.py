"""What a format is: how jobs are cut into samples, how these are written, and under which names."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from runner.exports.columns import Columns
from runner.exports.condition import Condition
from runner.exports.sample import Sample
from runner.exports.size import WHOLE, Size
from runner.job import State
from runner.outcome import Kept
from runner.value import value

ENDED = tuple(state for state in State if state is not State.PENDING)
MADE = (State.SUCCEEDED,)


class Pictures(Protocol):
    """Where the files of outputs are."""

    @property
    def are_far(self) -> bool:
        """Whether they are no files of this machine."""

    def path(self, sample: Sample) -> Path:
        """The file; raises `Refusal` where there is none, or of another size."""

    def read(self, sample: Sample) -> bytes:
        """Its content, if it is what was kept; raises `Refusal`."""


@value
class Part:
    """One of the shards that a split is written in."""

    split: str
    index: int
    of: int
    is_all: bool
    """Whether there is no other split."""


@value
class Work:
    """What a writer needs beside the samples."""

    part: Part
    columns: Columns
    pictures: Pictures
    suffix: str
    """Of pictures, where all have to be called alike."""
    prefix: str
    """Leads from where the files will stand to the batch's folder."""


Write = Callable[[Sequence[Path], Iterable[Sample], Work], None]
"""Writes a part: each of its files, or the one that is all there is."""
Cut = Callable[[Sample], Iterable[Sample]]
Gather = Callable[[Iterable[Sample], Condition | None], Iterable[Sample]]
Files = Callable[[Part], tuple[str, ...]]


def as_they_are(samples: Iterable[Sample], _: Condition | None) -> Iterable[Sample]:
    return samples


def in_data(part: Part) -> str:
    return f"data/{part.split}-*"


@value
class Format:
    """One shape that a batch can be had in."""

    write: Write
    cut: Cut
    """A job with all its outputs, as the samples that it makes."""
    gather: Gather = as_they_are
    """The samples that are wanted, as what is written."""
    files: Files
    """The names of a part's files, in the folder of an export."""
    glob: Callable[[Part], str] = in_data
    """Where the files of a part's split are, for `datasets`."""
    suffixes: tuple[str, ...] = ()
    """What the path of a lone file ends in; none: it is always a folder."""
    states: tuple[State, ...] = MADE
    """The jobs that are taken where nothing else is said."""
    size: Size = WHOLE
    """How much a shard takes where nothing else is said."""
    most: int | None = None
    """Samples that a shard takes at most."""
    carries: bool = False
    """Whether its files hold the pictures."""
    features: Callable[[Columns], dict[str, Any]] | None = None
    """Its columns as `datasets` knows them; None: it finds out by itself."""
    has_columns: bool = False
    """Whether the names and types of its columns have to be known before."""
    has_bare: bool = True
    """Whether a reader gets samples that have no outputs, too."""
    is_alike: bool = False
    """Whether its samples have to be of one kind."""
    is_single: bool = False
    """Whether it is one file, whatever its size."""
    is_file: bool = False
    """Whether it is a file, no folder, where no path is given."""
    needs_bodies: bool = False
    """Whether it tells what was answered, word for word."""
    traces: str = "Every sample carries where it comes from"
    """Where a card says that the provenance of a sample is."""


def numbered(suffix: str, *folders: str) -> Files:
    """`data/train-00000-of-00002.csv`: names that `datasets` knows splits by."""

    def files(part: Part) -> tuple[str, ...]:
        name = f"{part.split}-{part.index:05}-of-{part.of:05}{suffix}"
        return tuple(f"{folder}/{name}" for folder in folders or ("data",))

    return files


def whole(sample: Sample) -> Iterable[Sample]:
    return (sample,)


def outputs(sample: Sample) -> Iterable[Sample]:
    """One for each output; a job that has none makes one all the same."""
    return [with_outputs(sample, kept) for kept in sample.outputs] or (sample,)


def pictures(sample: Sample) -> Iterable[Sample]:
    return [with_outputs(sample, kept) for kept in sample.outputs if kept.kind == "image"]


def texts(sample: Sample) -> Iterable[Sample]:
    return [with_outputs(sample, kept) for kept in sample.outputs if kept.kind == "text"]


def pictures_or_texts(sample: Sample) -> Iterable[Sample]:
    return [*pictures(sample), *texts(sample)]


def with_outputs(sample: Sample, *kept: Kept) -> Sample:
    return replace(sample, outputs=kept)
