"""How a run goes: tallies over time as a rate and an end in sight, and as a line."""

from collections import deque

from runner.report.words import clock, duration, many, money
from runner.store.rows import Tally
from runner.value import value

WINDOW_S = 30.0
"""Seconds that a rate is taken over."""
STYLES = (
    ("succeeded", "green"),
    ("failed", "red"),
    ("unknown", "magenta"),
    ("cancelled", "bright_black"),
    ("running", "cyan"),
)
"""The parts of a bar, from its left."""


@value
class Progress:
    """A batch at one moment of its run."""

    batch: str
    tally: Tally
    priced: bool
    at: float
    """Seconds since the epoch."""
    elapsed_s: float
    rate: float | None
    """Jobs that ended a second, of late; None: not known yet."""
    why: str | None
    """What it waits for, in words."""

    @property
    def eta_s(self) -> float | None:
        left = self.tally.pending + self.tally.running
        return left / self.rate if self.rate else None


class Meter:
    """Takes the rate of a run from its tallies. `now` is in seconds since the epoch."""

    def __init__(self, batch: str, *, priced: bool) -> None:
        self._batch = batch
        self._priced = priced
        self._began_at: float | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def read(self, tally: Tally, why: str | None, now: float) -> Progress:
        self._began_at = now if self._began_at is None else self._began_at
        self._seen.append((now, ended(tally)))
        while self._seen[0][0] < now - WINDOW_S and self._seen[1][0] <= now - WINDOW_S:
            self._seen.popleft()
        return Progress(
            batch=self._batch,
            tally=tally,
            priced=self._priced,
            at=now,
            elapsed_s=max(0.0, now - self._began_at),
            rate=self._rate(),
            why=why,
        )

    def _rate(self) -> float | None:
        (then, before), (now, after) = self._seen[0], self._seen[-1]
        return (after - before) / (now - then) if now > then else None


def ended(tally: Tally) -> int:
    return tally.succeeded + tally.failed + tally.unknown


def done(tally: Tally) -> int:
    """Jobs that nothing more will be done for."""
    return ended(tally) + tally.cancelled


def retries(tally: Tally) -> int:
    """Sendings beyond the first of a job, as far as counters tell: not all ended jobs were sent."""
    return max(0, tally.attempts - ended(tally))


def spent(progress: Progress) -> str:
    return money(progress.tally.spent_nusd if progress.priced else None)


def share(tally: Tally) -> float:
    return done(tally) / tally.total if tally.total else 1.0


def per_second(rate: float | None) -> str:
    return "?/s" if rate is None else f"{rate:.1f}/s"


def beginning(tally: Tally) -> str:
    return f"{many(tally.total, 'job')}, {tally.pending + tally.running:,} to do"


def line(progress: Progress) -> str:
    """For a log: one line, designed as columns."""
    tally = progress.tally
    cells = [
        clock(progress.at),
        f"{done(tally):>{len(str(tally.total))}}/{tally.total}",
        f"{share(tally):>4.0%}",
        f"{per_second(progress.rate):>8}",
        f"{tally.running:>4} in flight",
        f"{tally.failed + tally.unknown:>4} failed",
        f"{retries(tally):>4} retries",
        f"{spent(progress):>9}",
        f"left {duration(progress.eta_s):>7}",
        progress.why or "",
    ]
    return "  ".join(cells).rstrip()
