"""How much is measured: all of it, or as much as shows that it can be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes of the runs; a job's figure is a large run less a small one, of a tenth."""

    rounds: int
    jobs: int
    concurrency: int
    patient: int
    """Requests in flight where an answer takes half a second."""
    latencies_ms: tuple[int, ...]
    images: int
    queues: tuple[int, ...]
    """Jobs in the queue, from the smallest to the largest."""
    rivals: float
    """The part of its usual jobs that a rival is given; 0 leaves them out."""
    is_whole: bool
    """Whether the figures may stand in the documentation."""


FULL = Scale(
    rounds=5,
    jobs=10_000,
    concurrency=256,
    patient=1_000,
    latencies_ms=(50, 500),
    images=200,
    queues=(1_000, 100_000, 1_000_000),
    rivals=1.0,
    is_whole=True,
)
QUICK = Scale(
    rounds=2,
    jobs=2_000,
    concurrency=64,
    patient=100,
    latencies_ms=(50,),
    images=40,
    queues=(1_000, 10_000, 20_000),
    rivals=0.2,
    is_whole=False,
)
TINY = Scale(
    rounds=1,
    jobs=60,
    concurrency=6,
    patient=6,
    latencies_ms=(),
    images=10,
    queues=(60,),
    rivals=0.0,
    is_whole=False,
)
