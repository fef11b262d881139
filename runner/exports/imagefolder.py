"""Folders of pictures with a `metadata.jsonl` beside them, as `datasets` and trainers read them."""

import errno
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import orjson

from runner.exports.form import Format, Part, Pictures, Work, pictures
from runner.exports.placing import fresh
from runner.exports.sample import Sample
from runner.exports.size import Size
from runner.files import UNLINKABLE

METADATA = "metadata.jsonl"
NAME = "file_name"
UNLINKED = UNLINKABLE | {errno.EXDEV}


def files(part: Part) -> tuple[str, ...]:
    """A folder for each split, and folders in it where it takes several."""
    return (part.split if part.of == 1 else f"{part.split}/{part.index:05}",)


def glob(part: Part) -> str:
    return f"{part.split}/**"


def write(paths: Sequence[Path], samples: Iterable[Sample], work: Work) -> None:
    folder = paths[0]
    folder.mkdir(mode=0o700)
    with fresh(folder / METADATA) as file:
        for sample in samples:
            name = sample.outputs[0].path or ""
            put(work.pictures, sample, folder / PurePosixPath(name))
            line = {NAME: name, **work.columns.even(sample)}
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def put(pictures: Pictures, sample: Sample, place: Path) -> None:
    """A further name of the file where the file system knows such, else a copy."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if pictures.are_far:
        with fresh(place) as target:
            target.write(pictures.read(sample))
    else:
        link(pictures.path(sample), place)


def link(picture: Path, place: Path) -> None:
    try:
        os.link(picture, place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in UNLINKED:
            raise
        with picture.open("rb") as source, fresh(place) as target:
            shutil.copyfileobj(source, target)


FORMAT = Format(
    write=write,
    cut=pictures,
    files=files,
    glob=glob,
    size=Size(samples=10_000),
    carries=True,
    has_columns=True,
)
