"""Tar files of samples: the files of one stand side by side, and are told by what follows its key."""

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from runner.exports.placing import fresh


class Tar:
    """One that is being written."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, key: str, files: Mapping[str, bytes]) -> None:
        """A sample: by suffix, what its files hold. The same again makes the same bytes."""
        for suffix, data in files.items():
            member = tarfile.TarInfo(f"{key}.{suffix}")
            member.size = len(data)
            self._tar.addfile(member, BytesIO(data))


@contextmanager
def tar(path: Path) -> Iterator[Tar]:
    with fresh(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as made:
        yield Tar(made)
