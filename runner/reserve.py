"""Room kept free for answers that are on their way when the disk is full."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from runner.files import blamed
from runner.value import value

LEAST = 1 << 20
"""Bytes: a commit, its log and the last word of a run take so much, however small the answers are."""
TIMES = 2
"""Every answer in flight may come, be kept as a file, and once more as rows."""
STEP = 32 << 20
"""Bytes that a ballast grows by at once: a run that ends in the meantime waits for no more."""
PATIENCE_S = 60.0
"""How long answers are kept in memory for somebody to make room, once there is no reserve left."""
BREATH_S = 0.25
BLOCK = 1 << 16
SUFFIX = ".ballast"
OPENING = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@value(kw_only=False)
class Ballast:
    """A file of no use but its size."""

    path: Path

    def hold(self, size: int) -> None:
        """Make it at least so many bytes; raises `Unwritable`, it being as large as before."""
        with blamed(self.path):
            file = os.open(self.path, OPENING, 0o600)
            try:
                fill(file, size)
            finally:
                os.close(file)

    def release(self) -> bool:
        """Give its blocks back to the disk; whether there were any."""
        if not os.path.lexists(self.path):
            return False
        with suppress(OSError):
            os.truncate(self.path, 0)
        with suppress(OSError):
            self.path.unlink()
        return True


def fill(file: int, size: int) -> None:
    """With what no file system can squeeze, and down to the disk: a hole, or zeros, would keep no room."""
    there = os.fstat(file).st_size
    block = os.urandom(BLOCK)
    try:
        for offset in range(there, size, BLOCK):
            os.pwrite(file, block, offset)
        os.fsync(file)
    except OSError:
        os.ftruncate(file, there)
        raise


class Reserve:
    """A ballast on every disk that answers are written to. Once one of them is full, all are given up.

    `make_room` may be called in any thread, and calls `tell` there the first time.
    """

    def __init__(
        self,
        *,
        tell: Callable[[], None],
        is_cut: Callable[[], bool] = lambda: False,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._ballasts: list[Ballast] = []
        self._tell = tell
        self._is_cut = is_cut
        self._patience_s = patience_s
        self._lock = Lock()
        self._largest = 0
        self._held = 0
        self.full_since: float | None = None
        """When the disk was first found full, on the monotonic clock."""

    def stand(self, places: Sequence[Path]) -> None:
        """Where the ballasts are to be: beside what is written, in folders that are there."""
        self._ballasts = [Ballast(path) for path in one_a_disk(places)]

    def saw(self, size: int) -> None:
        """An answer has come, of so many bytes."""
        self._largest = max(self._largest, size)

    def size(self, concurrency: int = 0) -> int:
        """Bytes to hold for so many requests in flight; never less than it was."""
        return max(LEAST, self._held, TIMES * concurrency * self._largest)

    def is_short(self, concurrency: int) -> bool:
        return self.full_since is None and self._held < self.size(concurrency)

    def hold(self, concurrency: int = 0) -> None:
        """Keep room for so many requests in flight, step by step; raises `Unwritable` if there is none."""
        with self._lock:
            if self.full_since is not None:
                return
            size = min(self.size(concurrency), self._held + STEP)
            for ballast in self._ballasts:
                ballast.hold(size)
            self._held = size

    def give_up(self) -> None:
        """The run is over: nothing is left on the disk."""
        for ballast in self._ballasts:
            ballast.release()

    def make_room(self) -> bool:
        """The disk was found full: free the reserve, or wait a moment for others to free something.

        False where that is in vain: nobody has for as long as one waits, or the run is cut.
        """
        with self._lock:
            if self.full_since is None:
                self.full_since = time.monotonic()
                self.give_up()
                self._tell()
                return True
        if self._is_cut() or time.monotonic() - self.full_since > self._patience_s:
            return False
        time.sleep(BREATH_S)
        return True


def one_a_disk(places: Sequence[Path]) -> list[Path]:
    """The first of those that stand on the same file system, by their folders."""
    found = {place.parent.stat().st_dev: place for place in reversed(places)}
    return list(found.values())
