"""A batch exported in a format: read twice in one view of the queue, first to survey it, then to write."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

import orjson

from runner.compose.keeping import leading, outputs
from runner.compose.opening import batch_of, reading
from runner.exports import card, formats, placing
from runner.exports.card import Origin
from runner.exports.condition import Condition
from runner.exports.form import Format, Part, Work, Write, as_they_are, with_outputs
from runner.exports.originals import Originals
from runner.exports.refusal import Missing, Refusal
from runner.exports.sample import Sample
from runner.exports.size import Size
from runner.exports.splits import ALL, Splits, shared_key
from runner.exports.survey import Share, Survey, bounded
from runner.files import blamed
from runner.job import State
from runner.store import BatchRow, Store
from runner.value import value

CHUNK = 500
"""Jobs whose sendings are read at once."""
MADE_BY = "runner"


@value
class Wanted:
    """What was asked for."""

    format: str
    target: Path | None = None
    """None: in the current folder, by the names of batch and format."""
    states: tuple[State, ...] = ()
    """None: those that the format takes."""
    where: Condition | None = None
    prefer: Condition | None = None
    splits: Splits = ALL
    size: Size | None = None
    """None: the format's own."""
    licence: str = card.UNKNOWN
    skip_missing: bool = False
    overwrite: bool = False


@value
class Exported:
    """What was written."""

    path: Path
    format: str
    splits: Mapping[str, int]
    """Samples by split."""
    shards: int
    resumed: int
    """Shards that an interrupted export had finished."""
    missing: int
    """Samples without their pictures, which were skipped."""
    left_out: int
    """Samples that belong to no split."""


def export(db: str, batch: str, wanted: Wanted) -> Exported:
    """Write the batch in a format; raises `QueueError`, `Refusal`, and `Unwritable`.

    Memory does not grow with the batch. What is killed leaves nothing at the target, and goes on when it is
    done again.
    """
    form = formats.named(wanted.format)
    with reading(db) as store:
        row = batch_of(store, batch, db)
        target = place(row, form, wanted)
        check(form, target, wanted)
        with blamed(target):
            placing.require_room(target, overwrite=wanted.overwrite)
            source = Source(store=store, row=row, form=form, wanted=wanted)
            survey = surveyed(source)
            if is_lone(form, target):
                resumed = write_file(source, survey, target)
            else:
                resumed = write_folder(source, survey, target)
    return Exported(
        path=target,
        format=wanted.format,
        splits={name: share.samples for name, share in survey.shares.items()},
        shards=sum(len(share.shards) for share in survey.shares.values()),
        resumed=resumed,
        missing=survey.missing,
        left_out=survey.left_out,
    )


def place(row: BatchRow, form: Format, wanted: Wanted) -> Path:
    """Where it goes: by default it is called by the batch and the format."""
    name = Path(row.folder).name
    usual = f"{name}{form.suffixes[0]}" if form.is_file else f"{name}-{wanted.format}"
    return (wanted.target or Path(usual)).absolute()


def is_lone(form: Format, target: Path) -> bool:
    """Whether the path means a file: it has the format's suffix."""
    return target.suffix in form.suffixes


def check(form: Format, target: Path, wanted: Wanted) -> None:
    """Raises `Refusal` for what cannot be had together."""
    is_parted = len(wanted.splits.ends) > 1 or wanted.size is not None
    if is_parted and form.is_single:
        raise Refusal(f"{wanted.format} is one file: it takes neither --split nor --shard-size")
    if is_parted and is_lone(form, target):
        raise Refusal(f"{target} is one file: for --split or --shard-size name a folder, without a suffix")
    if wanted.prefer is not None and form.gather is as_they_are:
        raise Refusal(f"--prefer is for preference pairs alone, not for {wanted.format}")


@dataclass(slots=True, kw_only=True, eq=False)
class Source:
    """The samples of an export, again and again in one view of the queue."""

    store: Store
    row: BatchRow
    form: Format
    wanted: Wanted
    originals: Originals = field(init=False)
    dialects: Mapping[str, str] = field(init=False)
    """Of the batch's endpoints."""
    missing: int = 0
    """Samples skipped in the last pass."""

    def __post_init__(self) -> None:
        self.originals = Originals(outputs(self.row), self.row.name)
        endpoints = orjson.loads(self.row.settings).get("endpoints", {})
        self.dialects = {name: each.get("dialect") for name, each in endpoints.items()}

    def samples(self, split: str | None = None) -> Iterable[Sample]:
        """All of them, or those of one split."""
        self.missing = 0
        return self.form.gather(self._chosen(split), self.wanted.prefer)

    def _chosen(self, split: str | None) -> Iterator[Sample]:
        where = self.wanted.where
        for job in self._jobs(split):
            for sample in self.form.cut(job):
                if (where is None or where.holds(sample)) and self._is_there(sample):
                    yield sample

    def _jobs(self, split: str | None) -> Iterator[Sample]:
        """Every job with its outputs, in the order of the manifest."""
        jobs = self.store.jobs(self.row.id, states=self.wanted.states or self.form.states)
        keyed = ((job, shared_key(job, self.dialects)) for job in jobs)
        wanted = (each for each in keyed if split is None or self.wanted.splits.of(each[1]) == split)
        while chunk := list(islice(wanted, CHUNK)):
            rows = [job.row for job, _ in chunk]
            sendings = self.store.last_sendings(rows, bodies=self.form.needs_bodies)
            for job, group in chunk:
                yield Sample(
                    batch=self.row.name,
                    job=job,
                    sending=sendings.get(job.row),
                    group=group,
                    outputs=job.outputs,
                )

    def _is_there(self, sample: Sample) -> bool:
        """Whether pictures that are to be carried can be; raises `Missing` unless such are skipped."""
        try:
            for kept in sample.outputs if self.form.carries else ():
                if kept.path is not None:
                    self.originals.check(with_outputs(sample, kept))
        except Missing:
            if not self.wanted.skip_missing:
                raise
            self.missing += 1
            return False
        return True


def surveyed(source: Source) -> Survey:
    """The first pass; raises `Refusal` where nothing is left to write."""
    wanted, form = source.wanted, source.form
    survey = Survey(
        format=form,
        size=bounded(wanted.size or form.size, form.most),
        shares={name: Share(name) for name in wanted.splits.names},
    )
    for sample in source.samples():
        split = wanted.splits.of(sample.group)
        if split is None:
            survey.left_out += 1
        else:
            survey.note(sample, split)
    survey.missing = source.missing
    if form.is_alike and len(survey.kinds) > 1:
        kinds = " and ".join(sorted(survey.kinds))
        raise Refusal(f"{wanted.format} takes one kind, not {kinds}: choose by --where \"kind == 'image'\"")
    if not survey.samples:
        raise Refusal(f"{source.row.name}: nothing is there to export as {wanted.format}{why(source)}")
    return survey


def why(source: Source) -> str:
    """What was looked for in vain."""
    states = source.wanted.states or source.form.states
    looked = f" among jobs that are {' or '.join(states)}"
    return looked + (f" where {source.wanted.where.text}" if source.wanted.where else "")


def write_file(source: Source, survey: Survey, target: Path) -> int:
    [share] = survey.shares.values()
    [part] = survey.parts(share.name)
    with placing.file(target, overwrite=source.wanted.overwrite) as path:
        source.form.write([path], source.samples(share.name), work(source, survey, part, target.parent))
    return 0


def write_folder(source: Source, survey: Survey, target: Path) -> int:
    """How many shards an interrupted export had finished."""
    with placing.folder(target, mark(source, survey), overwrite=source.wanted.overwrite) as top:
        resumed = sum(write_split(source, survey, name, top, target) for name in survey.shares)
        sizes = {name: size_of(top, survey, name) for name in survey.shares}
        with placing.fresh(top / card.NAME) as file:
            file.write(card.card(origin(source), survey, sizes).encode())
            file.flush()
            os.fsync(file.fileno())
    return resumed


def write_split(source: Source, survey: Survey, name: str, top: Path, target: Path) -> int:
    """How many of its shards were finished before."""
    samples = iter(source.samples(name))
    resumed = 0
    for part, number in zip(survey.parts(name), survey.shares[name].shards, strict=True):
        some = islice(samples, number)
        names = source.form.files(part)
        if placing.is_done(top, names):
            resumed += 1
        else:
            at_work = work(source, survey, part, (target / names[0]).parent)
            placing.shard(top, names, partial(written, source.form.write, some, at_work))
        deque(some, maxlen=0)
    return resumed


def written(write: Write, samples: Iterable[Sample], work: Work, paths: Sequence[Path]) -> None:
    write(paths, samples, work)


def work(source: Source, survey: Survey, part: Part, stands: Path) -> Work:
    """For files that will stand in that folder."""
    return Work(
        part=part,
        columns=survey.columns,
        pictures=source.originals,
        suffix=survey.suffix,
        prefix=leading(source.row, stands),
    )


def mark(source: Source, survey: Survey) -> bytes:
    """What tells an export of this content, in this format and these parts, from any other."""
    wanted = source.wanted
    told = {
        "made_by": MADE_BY,
        "batch": source.row.name,
        "format": wanted.format,
        "sha256": survey.seal.hexdigest(),
        "splits": {name: share.shards for name, share in survey.shares.items()},
        "ends": [[name, str(end)] for name, end in wanted.splits.ends],
    }
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def size_of(top: Path, survey: Survey, name: str) -> int:
    """Of the files of a split, in bytes."""
    paths = (top / each for part in survey.parts(name) for each in survey.format.files(part))
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else (path,)))
    return sum(file.stat().st_size for file in files if file.is_file())


def origin(source: Source) -> Origin:
    return Origin(
        batch=source.row.name,
        format=source.wanted.format,
        source=f"`{Path(source.row.path).name}`" if source.row.path else "a program",
        licence=source.wanted.licence,
        made_by=MADE_BY,
    )
