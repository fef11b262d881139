"""A tar file whose last member lists the others with their hashes: written and read as a stream."""

import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO

import orjson

from runner.value import value

LIST = "members.jsonl"
"""Names, sizes and hashes of the others, a line each in their order."""
BLOCK = 1 << 20


class Unsound(Exception):
    """What is wrong with an archive."""


@value
class Member:
    """A file in an archive."""

    name: str
    size: int
    """In bytes."""
    sha256: str

    def line(self) -> bytes:
        listed = {"name": self.name, "size": self.size, "sha256": self.sha256}
        return orjson.dumps(listed, option=orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def parse(cls, line: bytes) -> "Member":
        """Raises ValueError."""
        try:
            return cls(**orjson.loads(line))
        except TypeError as error:
            raise ValueError(str(error)) from error


class Packer:
    """Writes an archive member by member, and last their list, gathered in an empty file till then."""

    def __init__(self, file: IO[bytes], listed: IO[bytes]) -> None:
        self._file = file
        self._listed = listed
        self.members = 0
        self.bytes = 0

    def close(self) -> None:
        """Write the list, and the end."""
        size = self._listed.tell()
        self._listed.seek(0)
        self._put(LIST, self._listed, size)
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))

    def add(self, name: str, content: IO[bytes], size: int) -> Member:
        """A member of so many bytes; raises `Unsound` where the content is of another length."""
        member = self._put(name, content, size)
        self._listed.write(member.line())
        self.members += 1
        self.bytes += size
        return member

    def add_bytes(self, name: str, content: bytes) -> Member:
        return self.add(name, BytesIO(content), len(content))

    def _put(self, name: str, content: IO[bytes], size: int) -> Member:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._file.write(info.tobuf(tarfile.PAX_FORMAT))
        sha256, copied = copy(content, self._file)
        if copied != size:
            raise Unsound(f"{name} changed while it was packed")
        self._file.write(bytes(-size % tarfile.BLOCKSIZE))
        return Member(name=name, size=size, sha256=sha256)


def copy(source: IO[bytes], target: IO[bytes]) -> tuple[str, int]:
    """What it copied, by hash and length."""
    digest, size = hashlib.sha256(), 0
    while block := read(source):
        digest.update(block)
        target.write(block)
        size += len(block)
    return digest.hexdigest(), size


def read(source: IO[bytes]) -> bytes:
    """The next of it; raises `Unsound`."""
    with explained():
        return source.read(BLOCK)


class Forgetful(tarfile.TarFile):
    """Reads members without end, if what it keeps of them is taken away."""

    members: list[tarfile.TarInfo]


def contents(file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """Every member by its name, in their order, each to be read before the next; raises `Unsound`.

    The file is read to its end, so that what packed it has found its own checks.
    """
    with explained(), Forgetful.open(fileobj=file, mode="r|") as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()
            content = tar.extractfile(info) if info.isreg() else None
            if content is None or not is_inside(info.name):
                raise Unsound(f"{info.name!r} is nothing that an archive has: a file below it")
            yield info.name, content
        while read(file):
            pass


@contextmanager
def explained() -> Iterator[None]:
    """What the layers below find wrong, as `Unsound`."""
    try:
        yield
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Unsound(str(error)) from error


def is_inside(name: str) -> bool:
    """Whether a name leads to a place below, by its plain steps."""
    path = PurePosixPath(name)
    return bool(path.parts) and str(path) == name and not path.is_absolute() and ".." not in path.parts


def difference(found: Iterator[bytes], listed: Iterator[bytes]) -> str | None:
    """How the members that were found are not those that were packed, by the first such line."""
    for line in listed:
        try:
            wanted = Member.parse(line)
        except ValueError:
            return f"its {LIST} is damaged"
        here = next(found, None)
        if here != line:
            is_there = here is not None and Member.parse(here).name == wanted.name
            return f"{wanted.name} is {'not what was packed' if is_there else 'missing'}"
    more = next(found, None)
    return None if more is None else f"{Member.parse(more).name} was not packed with it"
