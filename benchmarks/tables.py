"""Figures as tables of Markdown, and their places in `docs/performance.md`."""

import os
import platform
import re
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import ROOT

PAGE = ROOT / "docs" / "performance.md"
TIMES = "\N{MULTIPLICATION SIGN}"
MANY = 10
"""From here on hundredths are noise."""


@dataclass(frozen=True, slots=True)
class Goal:
    """How large a figure may be, or how small: what is measured either reaches it or does not."""

    words: str
    most: float | None = None
    least: float | None = None

    def is_met(self, figure: float) -> bool:
        return (self.most is None or figure <= self.most) and (self.least is None or figure >= self.least)

    def reached(self, figure: float) -> str:
        return f"{self.words}: {'reached' if self.is_met(figure) else '**not reached**'}"

    def reached_in(self, wall_s: float, cpu_s: float) -> str:
        """Of seconds: what else the machine does makes them more, its own CPU tells what of them it is."""
        if self.is_met(cpu_s) and not self.is_met(wall_s):
            return f"{self.words}: **not reached** while others worked, its own CPU is within"
        return self.reached(wall_s)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def microseconds(value: float) -> str:
    return f"{value:,.0f} µs"


def times(value: float) -> str:
    return f"{value:.2f} {TIMES}" if value < MANY else f"{value:.0f} {TIMES}"


def megabytes(value: float) -> str:
    return f"{value:,.0f} MB"


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value < MANY else f"{value:.1f} s"


def milliseconds(value: float) -> str:
    return f"{value:.1f} ms"


def machine() -> str:
    """What it was measured on, as far as it says."""
    name = platform.processor() or platform.machine()
    with suppress(OSError, AttributeError):
        said = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        name = said[1] if said else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def when(rounds: int) -> str:
    """The sentence above a table: when, where, how often, and what else the machine had to do."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {machine()}; medians of {rounds}; "
        f"load average {load:.1f} at the end, of which 1 to 2 are ours."
    )


def placed(page: str, name: str, content: str) -> str:
    """The page with the content between the markers of that name; raises where it has none."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no place for {name}: {begin} … {end}")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"
