"""The first pass over the samples of an export: what there is, and which shard takes what."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from runner.exports.columns import Columns, Noted
from runner.exports.form import Format, Part
from runner.exports.sample import Sample
from runner.exports.size import Size
from runner.picture import SUFFIXES


@dataclass(slots=True)
class Share:
    """What one split gets."""

    name: str
    shards: list[int] = field(default_factory=list)
    """Samples in each."""
    bare: int = 0
    """Samples that have no outputs."""
    weight: int = 0
    """Of the last shard, about, in bytes."""

    @property
    def samples(self) -> int:
        return sum(self.shards)

    def add(self, weight: int, size: Size, *, is_bare: bool) -> None:
        """One more sample, in the last shard or a new one."""
        self.bare += is_bare
        if not self.shards or size.is_full(self.shards[-1], self.weight + weight):
            self.shards.append(0)
            self.weight = 0
        self.shards[-1] += 1
        self.weight += weight


@dataclass(slots=True)
class Survey:
    """What was found."""

    format: Format
    size: Size
    shares: dict[str, Share]
    noted: Noted = field(default_factory=Noted)
    seal: Any = field(default_factory=hashlib.sha256)
    """Over all that is on record of every sample."""
    left_out: int = 0
    """Samples that belong to no split."""
    missing: int = 0
    """Samples whose pictures are not there."""
    models: Counter[str] = field(default_factory=Counter)
    servers: Counter[str] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    cost_nusd: int | None = 0
    """Of all jobs that are in it; None where one has no known cost."""
    began_at: float | None = None
    ended_at: float | None = None
    row: int = 0
    """The job that was counted last."""

    @property
    def samples(self) -> int:
        return sum(share.samples for share in self.shares.values())

    @property
    def columns(self) -> Columns:
        return self.noted.columns()

    @property
    def suffix(self) -> str:
        """Of its pictures; the first of `SUFFIXES` where they are of several kinds."""
        return next((suffix for suffix in SUFFIXES if suffix in self.suffixes), "")

    def note(self, sample: Sample, split: str) -> None:
        """Take one more sample."""
        weight = sample.weight(carries=self.format.carries)
        self.shares[split].add(weight, self.size, is_bare=not sample.outputs)
        self.seal.update(sample.line())
        if self.format.has_columns:
            self.noted.note(sample)
        self.kinds.update(kept.kind for kept in sample.outputs[:1])
        self.suffixes.update(kept.path.rpartition(".")[2] for kept in sample.outputs if kept.path is not None)
        if sample.job.row != self.row:
            self._note_job(sample)

    def _note_job(self, sample: Sample) -> None:
        """The samples of one job follow one another."""
        job = sample.job
        self.row = job.row
        self.models[job.model] += 1
        self.servers[job.served_by or job.endpoint] += 1
        known = self.cost_nusd is not None and job.cost_nusd is not None
        self.cost_nusd = (self.cost_nusd or 0) + (job.cost_nusd or 0) if known else None
        self.began_at = least(self.began_at, job.started_at)
        self.ended_at = most(self.ended_at, job.finished_at)

    def examples(self, name: str) -> int:
        """What a reader gets of a split."""
        share = self.shares[name]
        return share.samples if self.format.has_bare else share.samples - share.bare

    def parts(self, name: str) -> list[Part]:
        """The shards of a split."""
        is_all = sum(bool(share.shards) for share in self.shares.values()) == 1
        count = len(self.shares[name].shards)
        return [Part(split=name, index=index, of=count, is_all=is_all) for index in range(count)]


def bounded(size: Size, most: int | None) -> Size:
    """A size that a format can take."""
    if most is None:
        return size
    return replace(size, samples=most if size.samples is None else min(size.samples, most))


def least(one: float | None, other: float | None) -> float | None:
    return min((each for each in (one, other) if each is not None), default=None)


def most(one: float | None, other: float | None) -> float | None:
    return max((each for each in (one, other) if each is not None), default=None)
