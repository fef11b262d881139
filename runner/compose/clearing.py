"""The files of a batch deleted, and nothing that is not its own."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from runner import journal
from runner.compose.verifying import OWN
from runner.files import Directory, blamed, directory
from runner.reserve import SUFFIX
from runner.sinks import EVIDENCE, PENDING, place
from runner.store import FileRow

HIDDEN = (PENDING, EVIDENCE)
"""Folders that only runner puts anything into."""
UNSEEN = (journal.NAME, SUFFIX, *(f".{name}" for name in OWN))
"""How names of files begin that are ours, too."""


def delete(folder: Path, files: Sequence[FileRow]) -> int:
    """Outputs that are there as they were kept, by their size; how many bytes the disk has back.

    A file that another batch has too stays that one's. Raises `Unwritable`.
    """
    there = [(file, status) for file in files if (status := status_of(folder / file.path, file.bytes))]
    if not there:
        return 0
    with directory(folder) as root:
        for file, _ in there:
            with place(root, file.path) as (within, name):
                within.remove(name)
    return sum(room(status) for _, status in there)


def status_of(path: Path, size: int) -> os.stat_result | None:
    """Of a regular file of that size."""
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size == size:
            return status
    return None


def room(status: os.stat_result) -> int:
    """Bytes that deleting a name of a file gives back."""
    return status.st_size if status.st_nlink == 1 else 0


def clear(folder: Path) -> tuple[int, int]:
    """All that is written beside outputs, then the folder: bytes given back, and the files that keep it.

    Raises `Unwritable`.
    """
    if not os.path.lexists(folder):
        return 0, 0
    with directory(folder) as root, blamed(folder):
        freed = sum(emptied(root, name) for name in HIDDEN)
        freed += removed(root, [name for name in root.names() if name.startswith((*OWN, *UNSEEN))])
    left = remove_folders(folder)
    return freed, left


def emptied(root: Directory, name: str) -> int:
    if not os.path.lexists(root.path / name):
        return 0
    with root.inside(name) as hidden:
        return removed(hidden, hidden.names())


def removed(folder: Directory, names: Sequence[str]) -> int:
    freed = 0
    for name in names:
        freed += room(os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False))
        folder.remove(name)
    return freed


def remove_folders(folder: Path) -> int:
    """The folder and those in it, as far as nothing is in them; how many things are."""
    left = 0
    for path in below(folder):
        with suppress(OSError):
            path.rmdir()
            continue
        left += sum(not entry.is_dir(follow_symlinks=False) for entry in os.scandir(path))
    return left


def below(folder: Path) -> Iterator[Path]:
    """The folder and every one in it, what is within first; links are not followed."""
    for path, _, _ in os.walk(folder, topdown=False):
        yield Path(path)
