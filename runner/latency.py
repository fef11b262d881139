"""How long answers took: a histogram of a size that does not grow, true to one per cent."""

from collections import Counter
from collections.abc import Iterator
from math import exp, floor, log

from runner.value import value

STEP = log(1.02)
"""Each slot reaches two per cent further than the one before."""
SHORTEST_S = 0.001
BARS = 40
"""Of a picture of it, at most."""


@value
class Bar:
    """How many answers took from so long, up to so long."""

    from_s: float
    to_s: float
    answers: int


@value
class Latency:
    """What is told of how long answers took, in seconds; None where there was none."""

    answers: int
    mean_s: float | None
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    longest_s: float | None
    bars: tuple[Bar, ...] = ()
    """By their logarithm: a slow answer is as far from a usual one as that from a quick one."""


class Latencies:
    """Takes them one by one."""

    def __init__(self) -> None:
        self.slots: Counter[int] = Counter()
        self.sum_s = 0.0
        self.longest_s = 0.0

    def add(self, seconds: float) -> None:
        self.slots[slot(seconds)] += 1
        self.sum_s += seconds
        self.longest_s = max(self.longest_s, seconds)

    def take(self, other: "Latencies") -> None:
        """All of another's, too."""
        self.slots.update(other.slots)
        self.sum_s += other.sum_s
        self.longest_s = max(self.longest_s, other.longest_s)

    def told(self) -> Latency:
        answers = self.slots.total()
        quantiles = [self._quantile(share) for share in (0.5, 0.95, 0.99)] if answers else [None] * 3
        return Latency(
            answers=answers,
            mean_s=self.sum_s / answers if answers else None,
            p50_s=quantiles[0],
            p95_s=quantiles[1],
            p99_s=quantiles[2],
            longest_s=self.longest_s if answers else None,
            bars=tuple(bars(self.slots)),
        )

    def _quantile(self, share: float) -> float:
        """The smallest that so large a share of all is not above."""
        wanted, seen = share * self.slots.total(), 0
        for place in sorted(self.slots):
            seen += self.slots[place]
            if seen >= wanted:
                return min(exp(STEP * (place + 0.5)), self.longest_s)
        return self.longest_s


def slot(seconds: float) -> int:
    return floor(log(max(seconds, SHORTEST_S)) / STEP)


def bars(slots: Counter[int]) -> Iterator[Bar]:
    """Slots that follow one another taken together, so that they are few."""
    if not slots:
        return
    first, last = min(slots), max(slots)
    step = (last - first) // BARS + 1
    for low in range(first, last + 1, step):
        answers = sum(number for place, number in slots.items() if low <= place < low + step)
        yield Bar(from_s=exp(STEP * low), to_s=exp(STEP * (low + step)), answers=answers)
