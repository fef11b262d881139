"""Named points where a process kills itself, so that a test can see what is left then."""

import os
import signal
from itertools import count

NAME, _, NTH = os.environ.get("RUNNER_CRASH_AT", "").partition(":")
"""`RUNNER_CRASH_AT=renamed:3` ends the process the third time that it passes the point `renamed`."""
LAST = int(NTH or 1)
PASSES = count(1)


def armed(name: str) -> bool:
    """Whether the process is to end at this point, now or at a later passing."""
    return name == NAME


def point(name: str) -> None:
    if armed(name) and next(PASSES) == LAST:
        os.kill(os.getpid(), signal.SIGKILL)
