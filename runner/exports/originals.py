"""The files that the pictures of a batch are kept in: each is the one that was kept, or it is missed."""

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from runner.exports.refusal import Missing
from runner.exports.sample import Sample
from runner.sinks import Folder


@dataclass(frozen=True, slots=True)
class Originals:
    """Of one batch."""

    folder: Folder
    batch: str

    def path(self, sample: Sample) -> Path:
        """The file, a regular one of the size that was kept; raises `Missing`."""
        kept = sample.outputs[0]
        path = self.folder.root / (kept.path or "")
        found = self._found(sample, path)
        if found is None:
            raise self._missing(path, "is missing")
        if found.stat().st_size != kept.bytes:
            raise self._missing(path, "was changed")
        return found

    def _found(self, sample: Sample, path: Path) -> Path | None:
        """A committed picture may not have its name yet."""
        if is_file(path):
            return path
        waiting = self.folder.unnamed(sample.job.key, sample.job.attempt, sample.outputs[0].index)
        return waiting or (path if is_file(path) else None)

    def read(self, sample: Sample) -> bytes:
        """What the file holds; raises `Missing` where that is not what was kept."""
        path = self.path(sample)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sample.outputs[0].sha256:
            raise self._missing(path, "was changed")
        return data

    def _missing(self, path: Path, how: str) -> Missing:
        return Missing(
            f"{path} {how}: `runner verify {self.batch}` looks at all files, --repair has them made again; "
            f"or leave such out by --skip-missing"
        )


def is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
