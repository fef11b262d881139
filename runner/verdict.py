"""What was found of a batch's files and of its queue, and whether all is well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from runner.value import value


class Standing(StrEnum):
    """How a file stands."""

    SOUND = "sound"
    MISSING = "missing"
    CHANGED = "changed"
    UNNAMED = "unnamed"
    """Whole, under the name that it was written by: the next start gives it its own."""
    UNKNOWN = "unknown"
    """No row of the queue knows it."""


WRONG = frozenset({Standing.MISSING, Standing.CHANGED, Standing.UNKNOWN})
MOST_NAMED = 1000
"""Files that are named; all are counted."""


@value
class Odd:
    """A file that is not as it should be."""

    path: str
    """Relative to the batch's folder."""
    job: str | None
    """The id of its job; None where no job has it."""
    standing: Standing


@value
class Drift:
    """A counter of the batch that is not what its rows add up to."""

    counted: int
    rows: int


@dataclass(slots=True, kw_only=True)
class Verdict:
    """Everything about one batch."""

    batch: str
    counts: dict[Standing, int] = field(default_factory=lambda: dict.fromkeys(Standing, 0))
    bytes: int = 0
    """That were hashed."""
    odd: list[Odd] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What the database finds wrong with itself."""
    drifts: Mapping[str, Drift] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    """Rows of the jobs whose outputs are missing or changed, and that the manifest has."""
    forsaken: int = 0
    """Such jobs that it no longer has: they are not sent again."""
    lost_nusd: int | None = 0
    """What sending these again is likely to cost at most; None where a price is not known."""

    def note(self, standing: Standing, path: str, job: str | None) -> None:
        self.counts[standing] += 1
        if standing is not Standing.SOUND and len(self.odd) < MOST_NAMED:
            self.odd.append(Odd(path=path, job=job, standing=standing))

    @property
    def files(self) -> int:
        """That the queue knows."""
        return sum(self.counts.values()) - self.counts[Standing.UNKNOWN]

    @property
    def is_well(self) -> bool:
        return not (self.faults or self.drifts or any(self.counts[standing] for standing in WRONG))


def drifts(counters: Mapping[str, int], rows: Mapping[str, int]) -> dict[str, Drift]:
    """Those that differ, by name."""
    return {
        name: Drift(counted=counters[name], rows=number)
        for name, number in rows.items()
        if counters[name] != number
    }
