"""One runner at a time on a queue in a file: an advisory lock that the system drops when its holder dies."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import orjson

from runner.database.errors import Busy, QueueError
from runner.value import value

TRIES = 10
PAUSE_S = 0.03
"""Someone who only asks for the holder has the lock for a moment."""
LONGEST = 4096
OPENING = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@value
class Holder:
    """The runner that has a queue."""

    pid: int
    host: str
    since: float
    """Seconds since the epoch."""

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return f"pid {self.pid} on {self.host} since {since}"


@value(kw_only=False)
class Lock:
    """The lock of one queue, in a file beside it."""

    path: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the queue to oneself; raises `Busy`, naming who has it."""
        with self._opened() as file:
            if not acquired(file):
                raise Busy(f"another runner works on this queue: {read(file) or self.path}")
            me = Holder(pid=os.getpid(), host=socket.gethostname(), since=time.time())
            os.ftruncate(file, 0)
            os.pwrite(file, orjson.dumps(asdict(me)), 0)
            yield

    def holder(self) -> Holder | None:
        """The living runner that has the queue."""
        with self._opened() as file:
            return None if taken(file) else read(file)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            file = os.open(self.path, OPENING, 0o600)
        except OSError as error:
            raise QueueError(f"cannot lock {self.path}: {error.strerror}") from error
        try:
            yield file
        finally:
            os.close(file)


def acquired(file: int) -> bool:
    for _ in range(TRIES):
        if taken(file):
            return True
        time.sleep(PAUSE_S)
    return False


def taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read(file: int) -> Holder | None:
    """None while its holder has yet to write it."""
    with suppress(orjson.JSONDecodeError, TypeError):
        return Holder(**orjson.loads(os.pread(file, LONGEST, 0)))
    return None
