"""What a process takes: CPU of all its threads, wall time, peak memory. By that, what a job takes."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MICRO = 1e6
OWN_UNITS = 1 << 20 if sys.platform == "darwin" else 1 << 10
"""In a megabyte, of those that the kernel counts peak memory in."""
LAST_WORDS = 800
LOG = "said.log"


class Broken(Exception):
    """A contender did not do its work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What one process took, from its start to its end."""

    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Each:
    """What a job takes: what a large run takes more than a small one, for each job that it has more."""

    cpu_us: float
    wall_us: float
    peak_mb: float
    """Of the large run, all of it."""


Contender = Callable[[int], Figure]
"""Does so many jobs in a process of its own."""


def cores() -> tuple[int, int]:
    """One for the client and one for the provider; the same where there is no other."""
    if not hasattr(os, "sched_getaffinity"):
        return 0, 0
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[-1]


def pin(core: int) -> None:
    """Stay on one core, with every process begun from here."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def measured(
    command: Sequence[str | Path],
    folder: Path,
    variables: Mapping[str, str] | None = None,
    *,
    ends: Collection[int] = (0,),
) -> Figure:
    """Run a command to its end, by the kernel's account; raises `Broken` where that is none of `ends`."""
    with (folder / LOG).open("wb") as log:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        figure = ended(process, begun)
    if process.returncode not in ends:
        words = (folder / LOG).read_text(errors="replace")[-LAST_WORDS:]
        raise Broken(f"{' '.join(map(str, command))} ended with {process.returncode}: {words}")
    return figure


def ended(process: subprocess.Popen[bytes], begun: float) -> Figure:
    """Wait for a process that was begun at that time."""
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    return Figure(cpu_s=used.ru_utime + used.ru_stime, wall_s=wall_s, peak_mb=used.ru_maxrss / OWN_UNITS)


def each(small: Figure, large: Figure, jobs: int) -> Each:
    return Each(
        cpu_us=(large.cpu_s - small.cpu_s) / jobs * MICRO,
        wall_us=(large.wall_s - small.wall_s) / jobs * MICRO,
        peak_mb=large.peak_mb,
    )


def marginal(contender: Contender, small: int, large: int, *, again: int = 1) -> Each:
    """By so many runs of each size: where few jobs can be done in one, one says little."""
    pairs = [(contender(small), contender(large)) for _ in range(again)]
    return mean([each(*pair, large - small) for pair in pairs])


def mean(several: Sequence[Each]) -> Each:
    return Each(
        cpu_us=statistics.mean(one.cpu_us for one in several),
        wall_us=statistics.mean(one.wall_us for one in several),
        peak_mb=statistics.mean(one.peak_mb for one in several),
    )


def in_turns(
    contenders: Mapping[str, Callable[[], Each]],
    rounds: int,
    heard: Callable[[str], None],
    *,
    may_break: Collection[str] = (),
) -> dict[str, list[Each]]:
    """All of them in every round, there and back, so that a machine that slows down slows all.

    Those that may break, and do, are left out from then on, and of what is found.
    """
    found: dict[str, list[Each]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(found)[:: -1 if number % 2 else 1]:
            heard(f"round {number + 1} of {rounds}: {name}")
            try:
                found[name].append(contenders[name]())
            except Broken as error:
                if name not in may_break:
                    raise
                heard(f"{name} is left out: {error}")
                del found[name]
    return found


def cpu_us(measured_each: Iterable[Each]) -> float:
    return statistics.median(one.cpu_us for one in measured_each)


def wall_us(measured_each: Iterable[Each]) -> float:
    return statistics.median(one.wall_us for one in measured_each)


def peak_mb(figures: Iterable[Each | Figure]) -> float:
    return statistics.median(one.peak_mb for one in figures)


def cpu_ratio(ours: Sequence[Each], others: Sequence[Each]) -> float:
    """The median of the rounds' ratios: what slowed a round slowed both."""
    pairs = zip(ours, others, strict=True)
    return statistics.median(one.cpu_us / other.cpu_us for one, other in pairs)


def speed_ratio(ours: Sequence[Each], others: Sequence[Each]) -> float:
    """Of throughput, likewise."""
    pairs = zip(ours, others, strict=True)
    return statistics.median(other.wall_us / one.wall_us for one, other in pairs)


def less(whole: Sequence[Each], part: Sequence[Each]) -> list[Each]:
    """What is left of each round's figure without that part."""
    return [
        Each(cpu_us=one.cpu_us - other.cpu_us, wall_us=one.wall_us - other.wall_us, peak_mb=one.peak_mb)
        for one, other in zip(whole, part, strict=True)
    ]
