"""Whose picture is whose, beside the pictures: what is believed on the day that the queue is lost.

A line is added before a picture gets its name, and never read but by a start that has work left. It is not
synced: what the disk may lose by a power cut is the last of it, and of a queue that is whole nothing is read
here.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby

from runner.files import Directory, blamed, roomy
from runner.value import value

NAME = ".journal"
ADDING = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
LINE = re.compile(rb"([0-9a-f]{64}) (\d+) (\d+)of(\d+) ([0-9a-f]{64}) (.+)\n")


@value
class Entry:
    """One picture of an attempt, as it was given its name."""

    key: str
    """The job's."""
    attempt: int
    index: int
    count: int
    """How many pictures the attempt brought."""
    sha256: str
    path: str
    """Relative to the batch's folder."""

    def __bytes__(self) -> bytes:
        return f"{self.key} {self.attempt} {self.index}of{self.count} {self.sha256} {self.path}\n".encode()


def parse(line: bytes) -> Entry | None:
    """None for a line that was cut, or is none of ours."""
    match = LINE.fullmatch(line)
    if match is None:
        return None
    key, attempt, index, count, sha256, path = (
        part.decode(errors="surrogateescape") for part in match.groups()
    )
    return Entry(key=key, attempt=int(attempt), index=int(index), count=int(count), sha256=sha256, path=path)


def add(root: Directory, entries: Iterable[Entry]) -> None:
    """One write for all; it begins a line of its own, whatever a full disk has left of the one before."""
    lines = b"\n" + b"".join(map(bytes, entries))
    with blamed(root.path / NAME):
        roomy(lambda: append(root, lines), root.room)


def append(root: Directory, lines: bytes) -> None:
    descriptor = os.open(NAME, ADDING, 0o600, dir_fd=root.descriptor)
    try:
        os.write(descriptor, lines)
    finally:
        os.close(descriptor)


def attempts(root: Directory) -> Iterator[Sequence[Entry]]:
    """What was added together, in its order; nothing where there is no journal."""
    for _, together in groupby(entries(root), key=lambda entry: (entry.key, entry.attempt)):
        yield list(together)


def entries(root: Directory) -> Iterator[Entry]:
    with suppress(FileNotFoundError), os.fdopen(root.opened(NAME), "rb") as file:
        yield from filter(None, map(parse, file))
