"""What a batch did when: counts in steps of time, which widen as it goes on, and know of no idle time."""

from collections.abc import Iterator
from itertools import pairwise

from runner.value import value

WIDTHS = (1, 5, 10, 50, 100, 300, 600, 3_000, 6_000, 18_000, 36_000, 216_000, 864_000, 6_048_000)
"""Of a step, in tenths of a second: each is a multiple of the one before."""
TENTHS = 10
MOST_KEPT = 2_000
"""Steps in memory."""
MOST_TOLD = 120
IDLE_S = 900.0
"""Seconds in which nothing ended, after which time is left out: a batch may go on the next night."""
IDLE_STEPS = 4
"""Steps that are left out at least: a gap in a picture is told from a break by it."""
ANSWERED, REFUSED, FAILED = range(3)
"""What a sending ended in: places in the counts of a step."""


@value
class Step:
    """What ended in a stretch of time."""

    at: float
    """When it begins, in seconds since the epoch."""
    answered: int
    refused: int
    """For pace: 429."""
    failed: int
    """For any other cause."""


@value
class Timeline:
    """Steps in which anything ended, in order."""

    step_s: float
    steps: tuple[Step, ...] = ()

    def stretches(self) -> list[list[Step]]:
        """The steps between which nothing is left out."""
        found: list[list[Step]] = [[self.steps[0]]] if self.steps else []
        for before, step in pairwise(self.steps):
            if step.at - before.at > idle_s(self.step_s):
                found.append([])
            found[-1].append(step)
        return found

    @property
    def worked_s(self) -> float:
        """Seconds of the steps and of what little lies between them."""
        return sum(some[-1].at - some[0].at + self.step_s for some in self.stretches())


class Times:
    """Takes what ends, one by one, in any order."""

    def __init__(self) -> None:
        self._level = 0
        self._steps: dict[int, list[int]] = {}

    def add(self, at: float, ending: int) -> None:
        place = int(at * TENTHS) // WIDTHS[self._level]
        counts = self._steps.get(place)
        if counts is None:
            counts = self._steps[place] = [0, 0, 0]
            if len(self._steps) > MOST_KEPT:
                self._widen()
                counts = self._steps[int(at * TENTHS) // WIDTHS[self._level]]
        counts[ending] += 1

    def _widen(self) -> None:
        """Take steps together until they are few again; the widest are a week, and stay."""
        while len(self._steps) > MOST_KEPT and self._level < len(WIDTHS) - 1:
            self._steps = widened(self._steps, WIDTHS[self._level + 1] // WIDTHS[self._level])
            self._level += 1

    def told(self) -> Timeline:
        """No more steps than a picture has room for."""
        level, steps = self._level, self._steps
        while drawn(made(steps, level)) > MOST_TOLD and level < len(WIDTHS) - 1:
            steps = widened(steps, WIDTHS[level + 1] // WIDTHS[level])
            level += 1
        return made(steps, level)


def widened(steps: dict[int, list[int]], by: int) -> dict[int, list[int]]:
    wide: dict[int, list[int]] = {}
    for place, counts in steps.items():
        into = wide.setdefault(place // by, [0, 0, 0])
        for ending, count in enumerate(counts):
            into[ending] += count
    return wide


def made(steps: dict[int, list[int]], level: int) -> Timeline:
    width = WIDTHS[level] / TENTHS
    return Timeline(
        step_s=width,
        steps=tuple(
            Step(at=place * width, answered=counts[ANSWERED], refused=counts[REFUSED], failed=counts[FAILED])
            for place, counts in sorted(steps.items())
        ),
    )


def drawn(timeline: Timeline) -> int:
    """Steps of a picture of it."""
    return round(timeline.worked_s / timeline.step_s)


def idle_s(step_s: float) -> float:
    """How far apart steps lie between which time is left out."""
    return max(IDLE_S, IDLE_STEPS * step_s)


def places(timeline: Timeline) -> Iterator[tuple[float, Step]]:
    """Each step with the steps that a picture has before it, a break taken for one."""
    begins = 0.0
    for some in timeline.stretches():
        yield from ((begins + (step.at - some[0].at) / timeline.step_s, step) for step in some)
        begins += (some[-1].at - some[0].at) / timeline.step_s + 2


def breaks(timeline: Timeline) -> list[tuple[float, float]]:
    """Where time is left out: the place of it in a picture, and how many seconds."""
    found, begins = [], 0.0
    for some, after in pairwise(timeline.stretches()):
        begins += (some[-1].at - some[0].at) / timeline.step_s + 1
        found.append((begins + 0.5, after[0].at - some[-1].at - timeline.step_s))
        begins += 1
    return found
