"""How long a number of places takes for as many answers: it tells throughput, however noisy latency is.

Latencies of a trial's first answers are those of the short ones; the time from round to round has no such
bias, and where all answers take equally long it is exact.
"""

from dataclasses import dataclass

FULL = 0.75
"""The part of the places that must have been taken, or the time says nothing of them."""
ROUNDS, ANSWERS = 6, 48
"""Rounds, and answers, that are enough although nothing is plain."""
FEWEST = 6
"""Answers that anything is told by."""


@dataclass(slots=True)
class Rounds:
    """Answers at one number of places, as they come in."""

    places: int
    settling: int
    """Answers that are let pass: of what was sent before."""
    begun: float = 0.0
    answers: int = 0
    """Those of whole rounds."""
    took_s: float = 0.0
    peak: int = 0
    """Most places taken in this round."""
    _counted: int = 0

    def answered(self, now: float, in_flight: int) -> bool:
        """An answer, just now; returns whether a round is over that tells something."""
        if self.settling > 0:
            self.settling -= 1
            self.begun, self.peak = now, in_flight
            return False
        self._counted += 1
        if self._counted % self.places:
            return False
        is_full = self.peak >= FULL * self.places
        self.peak = in_flight
        if is_full:
            self.answers, self.took_s = self._counted, now - self.begun
            return self.answers >= FEWEST
        self.begun, self._counted, self.answers, self.took_s = now, 0, 0, 0.0
        return False

    @property
    def round_s(self) -> float:
        """Seconds that a round takes."""
        return self.took_s * self.places / self.answers

    @property
    def is_enough(self) -> bool:
        return self.answers >= max(ROUNDS * self.places, ANSWERS)
