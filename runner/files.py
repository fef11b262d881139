"""Files that are whole or not there: written aside, never through a link, never over another file."""

import errno
import hashlib
import os
import pwd
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from runner.crash import point
from runner.value import value

T = TypeVar("T")

PART = ".part"
"""The suffix of a file that is being written."""
PROBE = ".probe"

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
"""A pipe of that name is opened without waiting for its writer."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
LINKED = frozenset({errno.ELOOP, errno.ENOTDIR})
"""How a system refuses to go through a symbolic link."""
UNLINKABLE = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""How a file system says that it gives no file a second name."""
FOREIGN = UNLINKABLE | {errno.EXDEV}
"""The same, or that the name would be on another one."""


Room = Callable[[], bool]
"""Called, in the writing thread, where the disk is full: makes room, or awaits it; False: in vain."""


class Unwritable(Exception):
    """What could not be written, and why: for the person who can mend it."""


def no_room() -> bool:
    return False


def roomy(act: Callable[[], T], room: Room) -> T:
    """What `act` returns, which is done again for as long as the disk is full and there is hope."""
    while True:
        try:
            return act()
        except OSError as error:
            if error.errno not in FULL or not room():
                raise


@contextmanager
def blamed(path: Path) -> Iterator[None]:
    """Raises `Unwritable` in place of an `OSError`."""
    try:
        yield
    except OSError as error:
        raise Unwritable(blame(path, error)) from error


def blame(path: Path, error: OSError) -> str:
    """Names the path, and owner and mode of what there is of it."""
    if error.errno in FULL:
        return f"disk full: {path}"
    if error.errno in LINKED and path.is_symlink():
        return f"{path} is a symbolic link: outputs are never written through one"
    there = next(step for step in (path, *path.parents) if os.path.lexists(step))
    return f"cannot write {path}: {error.strerror} ({there} is {owner(there)})"


def owner(path: Path) -> str:
    """`owner root, mode drwxr-xr-x`."""
    status = path.lstat()
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        name = str(status.st_uid)
    return f"owner {name}, mode {stat.filemode(status.st_mode)}"


@value
class Directory:
    """An open folder. What is done in it goes through its descriptor, wherever its path may lead by now."""

    path: Path
    descriptor: int
    room: Room = no_room

    @contextmanager
    def inside(self, name: str) -> Iterator["Directory"]:
        """A folder in this one, made where it is missing."""
        with blamed(self.path / name):
            try:
                descriptor = os.open(name, FOLDER, dir_fd=self.descriptor)
            except FileNotFoundError:
                roomy(lambda: self.make(name), self.room)
                descriptor = os.open(name, FOLDER, dir_fd=self.descriptor)
        with closing(self.path / name, descriptor, self.room) as directory:
            yield directory

    def make(self, name: str) -> None:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=self.descriptor)
            os.fsync(self.descriptor)

    def write(self, name: str, *pieces: bytes | memoryview) -> None:
        """Make the file, durably and in one step, in place of what had its name, for its owner alone."""
        with blamed(self.path / name):
            roomy(lambda: self.put(name, pieces), self.room)

    def put(self, name: str, pieces: Sequence[bytes | memoryview]) -> None:
        self.put_aside(name + PART, pieces)
        os.rename(name + PART, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        os.fsync(self.descriptor)

    def put_aside(self, part: str, pieces: Sequence[bytes | memoryview]) -> None:
        try:
            with os.fdopen(self.begun(part), "wb") as file:
                file.writelines(pieces)
                file.flush()
                point("writing")
                os.fsync(file.fileno())
        except OSError:
            self.remove(part)
            raise

    def begun(self, part: str) -> int:
        """A new file, in place of one that was begun and not finished."""
        try:
            return os.open(part, NEW, 0o600, dir_fd=self.descriptor)
        except FileExistsError:
            self.remove(part)
            return os.open(part, NEW, 0o600, dir_fd=self.descriptor)

    def probe(self) -> None:
        """Do once what writing takes: create, sync, rename, remove."""
        with blamed(self.path):
            descriptor = self.begun(PROBE)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(PROBE, PROBE + PART, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
            os.fsync(self.descriptor)
            self.remove(PROBE + PART)

    def read(self, name: str) -> bytes:
        with blamed(self.path / name), os.fdopen(self.opened(name), "rb") as file:
            return file.read()

    def holds(self, name: str, sha256: str) -> bool:
        """Whether the name stands for a regular file with this content."""
        try:
            with os.fdopen(self.opened(name), "rb") as file:
                regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
                return regular and hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except OSError:
            return False

    def opened(self, name: str) -> int:
        return os.open(name, OLD, dir_fd=self.descriptor)

    def link(self, name: str, folder: "Directory", wanted: str) -> bool:
        """Give the file a further name, unless something else has it: then False.

        Where the file system knows no links the file loses its first name.
        """
        with blamed(folder.path / wanted):
            try:
                roomy(lambda: self.name_too(name, folder, wanted), self.room)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in UNLINKABLE:
                    raise
                return self.move(name, folder, wanted)
        return True

    def name_too(self, name: str, folder: "Directory", wanted: str) -> None:
        os.link(name, wanted, src_dir_fd=self.descriptor, dst_dir_fd=folder.descriptor, follow_symlinks=False)

    def lend(self, name: str, folder: "Directory", wanted: str) -> None:
        """Let another folder have the file too, in place of what is called so there: by a link, or a copy."""
        with blamed(folder.path / wanted):
            folder.remove(wanted)
            try:
                roomy(lambda: self.name_too(name, folder, wanted), self.room)
            except OSError as error:
                if error.errno not in FOREIGN:
                    raise
                folder.write(wanted, self.read(name))

    def move(self, name: str, folder: "Directory", wanted: str) -> bool:
        """Give the file another name, unless something else has it: an empty file takes it first."""
        with blamed(folder.path / wanted):
            try:
                os.close(os.open(wanted, NEW, 0o600, dir_fd=folder.descriptor))
            except FileExistsError:
                return False
            os.rename(name, wanted, src_dir_fd=self.descriptor, dst_dir_fd=folder.descriptor)
        return True

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def names(self) -> list[str]:
        """Its regular files, links not among them."""
        with os.scandir(self.descriptor) as entries:
            return sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))


def digest(path: Path) -> str | None:
    """The SHA-256 of a regular file; empty for what is none, a link not followed, or cannot be read.

    None: there is nothing.
    """
    try:
        descriptor = os.open(path, OLD)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            with os.fdopen(descriptor, "rb", closefd=False) if regular else nullcontext() as file:
                return "" if file is None else hashlib.file_digest(file, "sha256").hexdigest()
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def is_file(path: Path, size: int) -> bool:
    """Whether a regular file of that size is there, no link to one."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def walk(folder: Path) -> Iterator[str]:
    """Every file below, relative to the folder, but what is hidden; links are not followed."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with suppress(FileNotFoundError), os.scandir(folder / below) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{below}{entry.name}/")
                else:
                    yield f"{below}{entry.name}"


@contextmanager
def directory(path: Path, room: Room = no_room) -> Iterator[Directory]:
    """Open a folder that is no link itself, made where it is missing, its parents too."""
    with blamed(path):
        if not os.path.lexists(path):
            roomy(lambda: make(path), room)
        descriptor = os.open(path, FOLDER)
    with closing(path, descriptor, room) as opened:
        yield opened


def make(path: Path) -> None:
    """Make a folder and its parents, durably."""
    for step in (*reversed(path.parents), path):
        if not step.exists():
            step.mkdir(mode=0o700, exist_ok=True)
            with closing(step.parent, os.open(step.parent, os.O_RDONLY)) as parent:
                os.fsync(parent.descriptor)


@contextmanager
def closing(path: Path, descriptor: int, room: Room = no_room) -> Iterator[Directory]:
    try:
        yield Directory(path=path, descriptor=descriptor, room=room)
    finally:
        os.close(descriptor)
