"""What every scenario is given, and what it gives back."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scale import Scale
from benchmarks.serving import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where to measure, against which provider, and how much."""

    served: Served
    folder: Path
    """Emptied afterwards."""
    scale: Scale

    def say(self, words: str) -> None:
        sys.stderr.write(f"  {words}\n")
        sys.stderr.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a scenario found."""

    content: str
    """Markdown."""
    bars: Mapping[str, float] = field(default_factory=dict)
    """For the plot: microseconds of CPU by what is measured."""
