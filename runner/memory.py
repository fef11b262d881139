"""The memory of this program: the most that it has had, and giving back what it needs no more."""

import resource
import sys
from contextlib import suppress
from pathlib import Path


def peak() -> int:
    """The most that this program has had so far, in bytes.

    By Linux's `VmHWM` where there is one: `ru_maxrss` counts what the program was started by, too.
    """
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def give_back() -> None:
    """Let the system have what is free: threads that come later have heaps of their own, and do not use it.

    Only glibc keeps so much that it has a function for this.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
