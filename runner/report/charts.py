"""Numbers as shapes: where each bar of a picture stands, and what it means in words."""

from collections.abc import Iterator, Sequence
from math import log

from runner.latency import Bar, Latency
from runner.report.progress import STYLES
from runner.report.words import duration, many
from runner.store.rows import Tally
from runner.timeline import Step, Timeline, breaks, places
from runner.value import value

HIGH = 100.0
"""Units of a chart's height."""
THIN = 24.0
"""Bars that a chart has room for at least: a few are no walls."""
GAP = 0.16
"""Of a bar's width, between two."""
LEAST = 0.8
"""Units that a bar is high at least: what there is shows."""


@value
class Shape:
    """A bar, or a part of one. `kind` says what of."""

    kind: str
    x: float
    y: float
    wide: float
    high: float


@value
class Line:
    """Something that stands at a place of the width."""

    kind: str
    x: float
    words: str


@value
class Chart:
    """Shapes in a box as wide as it has bars, and 100 high."""

    wide: float
    shapes: tuple[Shape, ...]
    lines: tuple[Line, ...] = ()
    peak: float = 0.0
    """What the whole height stands for."""


def over_time(timeline: Timeline) -> Chart:
    """A bar a step, what ended in it piled up: answered, refused for pace, failed."""
    placed = list(places(timeline))
    peak = max((total(step) for _, step in placed), default=0)
    wide = max((place + 1 for place, _ in placed), default=1.0)
    return Chart(
        wide=max(wide, THIN),
        shapes=tuple(shape for place, step in placed for shape in pile(place, step, peak)),
        lines=tuple(
            Line(kind="break", x=place, words=f"{duration(idle_s)} of nothing left out")
            for place, idle_s in breaks(timeline)
        ),
        peak=peak / timeline.step_s,
    )


def total(step: Step) -> int:
    return step.answered + step.refused + step.failed


def pile(place: float, step: Step, peak: int) -> Iterator[Shape]:
    below = HIGH
    for kind in ("answered", "refused", "failed"):
        count = getattr(step, kind)
        if count:
            high = max(HIGH * count / peak, LEAST)
            below -= high
            yield Shape(kind=kind, x=place + GAP / 2, y=max(below, 0.0), wide=1 - GAP, high=high)


def how_long(latency: Latency) -> Chart:
    """A bar for each stretch of latencies, by their logarithm, and where the quantiles are."""
    peak = max((bar.answers for bar in latency.bars), default=0)
    quantiles = (("p50", latency.p50_s), ("p95", latency.p95_s), ("p99", latency.p99_s))
    return Chart(
        wide=float(max(len(latency.bars), 1)),
        shapes=tuple(standing(number, bar, peak) for number, bar in enumerate(latency.bars) if bar.answers),
        lines=tuple(
            Line(kind=name, x=along(latency.bars, at_s), words=f"{name} {duration(at_s)}")
            for name, at_s in quantiles
            if at_s is not None
        ),
        peak=float(peak),
    )


def standing(number: int, bar: Bar, peak: int) -> Shape:
    high = max(HIGH * bar.answers / peak, LEAST)
    return Shape(kind="answered", x=number + GAP / 2, y=HIGH - high, wide=1 - GAP, high=high)


def along(bars: Sequence[Bar], at_s: float) -> float:
    """The place of a latency among the bars."""
    first, last = bars[0].from_s, bars[-1].to_s
    return len(bars) * log(max(at_s, first) / first) / log(last / first)


def states(tally: Tally) -> Chart:
    """One bar of all jobs, a part for each state."""
    x, shapes = 0.0, []
    for state, _ in (*STYLES, ("pending", "")):
        count = getattr(tally, state)
        if count:
            wide = HIGH * count / tally.total
            shapes.append(Shape(kind=state, x=x, y=0.0, wide=wide, high=HIGH))
            x += wide
    return Chart(wide=HIGH, shapes=tuple(shapes))


def told_over_time(timeline: Timeline) -> str:
    """The picture in a sentence, for those who do not see it."""
    sums = [sum(getattr(step, kind) for step in timeline.steps) for kind in ("answered", "refused", "failed")]
    answered, refused, failed = sums
    return (
        f"{many(answered, 'answer')}, {many(refused, 'refusal')} and {many(failed, 'failure')} "
        f"in {duration(timeline.worked_s)} of work, in steps of {duration(timeline.step_s)}"
    )


def told_how_long(latency: Latency) -> str:
    p50, p95, p99, longest = map(duration, (latency.p50_s, latency.p95_s, latency.p99_s, latency.longest_s))
    shares = f"half within {p50}, 95 of 100 within {p95}, 99 of 100 within {p99}"
    return f"{many(latency.answers, 'answer')}: {shares}, the slowest {longest}"
