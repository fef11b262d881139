"""What the interpreter has to say when a fatal error ends it, kept beside the queue for the next start."""

import faulthandler
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 64 * 1024
"""Bytes of a trace that are looked at."""
OPENING = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW


def live(queue: Path) -> Path:
    """Where the trace of a runner that lives would go."""
    return queue.with_name(f"{queue.name}.trace")


def kept(queue: Path) -> Path:
    """Where the trace of the last runner that broke is."""
    return queue.with_name(f"{queue.name}.crash")


def last(queue: Path | None) -> str | None:
    """How the last runner broke, in the interpreter's words; None where it did not, or was killed.

    Its trace is kept under another name. A server's queue has no place for one.
    """
    if queue is None:
        return None
    with suppress(OSError):
        with live(queue).open(errors="replace") as file:
            words = file.readline(LONGEST).strip()
        if words:
            live(queue).replace(kept(queue))
            return words
    return None


@contextmanager
def traced(queue: Path | None) -> Iterator[None]:
    """Have a fatal error leave its trace, unless the program around us has a place for it."""
    if queue is None or faulthandler.is_enabled():
        yield
        return
    with os.fdopen(os.open(live(queue), OPENING, 0o600), "w") as file:
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
    live(queue).unlink(missing_ok=True)
