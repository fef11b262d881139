"""What `runner status` asks the queue: `python -m benchmarks.asking DB` prints how many milliseconds."""

import statistics
import sys
import time

from runner import compose

TIMES = 9


def asked_ms(db: str) -> float:
    """The counters and the failures of the newest batch, by a connection that has read nothing yet."""
    with compose.reading(db) as store:
        begun = time.perf_counter()
        row = store.batch(None)
        assert row is not None
        store.failures(row.id)
        return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    sys.stdout.write(f"{statistics.median(asked_ms(sys.argv[1]) for _ in range(TIMES))}\n")
