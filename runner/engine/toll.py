"""What becomes of the answers that come: as long as there is a disk to keep them, and once it fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from runner.engine.record import Errand
from runner.outcome import Cause
from runner.store import Settled


class Tell(Protocol):
    """Hears what has become rows, and how many results came too late for that."""

    def __call__(self, settled: Sequence[Settled], late: int) -> None: ...


@dataclass(slots=True, kw_only=True)
class Toll:
    """Hears of all answers, and counts them once the disk has failed."""

    tell: Tell
    saw: Callable[[int], None]
    """Hears of each answer's bytes."""
    has_failed: Callable[[], bool]
    failed: Callable[[str], None]
    """Hears why the disk fails."""
    saved: int = 0
    """Answers that have become rows since it did."""
    lost: int = 0
    """Answers that may be paid for and are nowhere."""

    def recorded(self, settled: Sequence[Settled], late: int) -> None:
        """They are rows now."""
        if self.has_failed():
            self.saved += sum(each.settlement.cause is not Cause.INTERRUPTED for each in settled)
        self.tell(settled, late)

    def unkept(self, errand: Errand, error: Exception) -> None:
        """An answer could not be kept."""
        self.failed(str(error))
        self.lost += errand.called

    def unwritten(self, settled: Sequence[Settled], error: Exception) -> None:
        """Answers did not become rows; those whose files are whole are adopted at the next start."""
        self.failed(str(error))
        self.lost += sum(is_only_in_memory(each) for each in settled)


def is_only_in_memory(settled: Settled) -> bool:
    answered = settled.attempt is not None and settled.settlement.cause is not Cause.INTERRUPTED
    return answered and not any(each.path is not None for each in settled.kept)
