"""Exports that are whole or not there: built beside their place, and put there at the end."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from runner.crash import point
from runner.exports.refusal import Refusal
from runner.files import FOLDER, PART, UNLINKABLE

MARK = ".export.json"
"""The file that says what an export is of: by it a later one knows how far an earlier one came."""
OLD = ".old"


def fresh(path: Path) -> BinaryIO:
    """A new file, for its owner alone, that is never opened through a link."""
    path.unlink(missing_ok=True)
    return open(path, "xb", opener=private)


def private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def aside(path: Path) -> Path:
    return path.with_name(f".{path.name}{PART}")


def require_room(target: Path, *, overwrite: bool) -> None:
    """Raises `Refusal` where something stands at the place that may not be replaced."""
    if not os.path.lexists(target) or is_empty(target):
        return
    if not overwrite:
        raise Refusal(f"{target} is there already: --overwrite replaces it, or name another place")
    if target.is_symlink() or (target.is_dir() and not (target / MARK).exists()):
        raise Refusal(f"{target} is no export, so it is not replaced: name another place, or move it away")


def is_empty(target: Path) -> bool:
    return target.is_dir() and not target.is_symlink() and not any(target.iterdir())


@contextmanager
def file(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Where to write a lone file, which gets its place at the end."""
    require_room(target, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = aside(target)
    try:
        yield part
        sync(part)
        give_name(part, target, overwrite=overwrite)
        sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


def give_name(part: Path, target: Path, *, overwrite: bool) -> None:
    """Nothing that came there since is written over."""
    if overwrite:
        part.replace(target)
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise Refusal(f"{target} is there already: --overwrite replaces it") from None
    except OSError as error:
        if error.errno not in UNLINKABLE:
            raise
        part.rename(target)


@contextmanager
def folder(target: Path, mark: bytes, *, overwrite: bool) -> Iterator[Path]:
    """Where to build a folder, which gets its place at the end.

    What an interrupted export of the same content, told by its mark, has finished there is there still.
    """
    part = aside(target)
    part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with held(part):
        try:
            put_back(target)
            require_room(target, overwrite=overwrite)
            prepare(part, mark)
            yield part
        except BaseException:
            drop_if_bare(part)
            raise
        for below in folders(part):
            sync(below)
        swap(part, target)
        sync(target.parent)


@contextmanager
def held(part: Path) -> Iterator[None]:
    """Nobody else builds there at the same time."""
    with suppress(FileExistsError):
        part.mkdir(mode=0o700)
    descriptor = os.open(part, FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refusal(f"another export is being written in {part}: wait for it, or end it") from None
    finally:
        os.close(descriptor)


def prepare(part: Path, mark: bytes) -> None:
    """Empty it, unless what is there was begun for the same content."""
    with suppress(FileNotFoundError):
        if (part / MARK).read_bytes() == mark:
            return
    for each in part.iterdir():
        remove(each)
    with fresh(part / MARK) as file:
        file.write(mark)
        file.flush()
        os.fsync(file.fileno())


def drop_if_bare(part: Path) -> None:
    """What has not one file of the export in it is not worth keeping."""
    if not any(path.is_file() and path.name != MARK for path in part.rglob("*")):
        shutil.rmtree(part, ignore_errors=True)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def folders(top: Path) -> Iterator[Path]:
    yield top
    yield from (path for path in top.rglob("*") if path.is_dir() and not path.is_symlink())


def swap(part: Path, target: Path) -> None:
    """In place of what was there; a kill in between leaves that beside, and `put_back` finds it."""
    old = target.with_name(f".{target.name}{OLD}")
    if os.path.lexists(target) and not is_empty(target):
        target.rename(old)
    part.rename(target)
    remove(old)


def put_back(target: Path) -> None:
    """Finish, or undo, what a kill has cut short."""
    old = target.with_name(f".{target.name}{OLD}")
    if os.path.lexists(old):
        if os.path.lexists(target):
            remove(old)
        else:
            old.rename(target)


def shard(top: Path, names: Sequence[str], write: Callable[[Sequence[Path]], None]) -> None:
    """Write the files of a part aside, then give them their names, unless they have them already."""
    paths = [top / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    parts = [aside(path) for path in paths]
    try:
        for part in parts:
            remove(part)
        write(parts)
        for part, path in zip(parts, paths, strict=True):
            sync_all(part)
            remove(path)
            part.rename(path)
        point("shard")
    finally:
        for part in parts:
            remove(part)


def sync_all(part: Path) -> None:
    """A file, or a folder and all in it that is not a further name of what is durable already."""
    sync(part)
    for path in part.rglob("*"):
        if path.is_dir() or path.lstat().st_nlink == 1:
            sync(path)


def is_done(top: Path, names: Sequence[str]) -> bool:
    return all((top / name).exists() for name in names)


def sync(path: Path) -> None:
    """Durably; of a folder its names."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)
