"""The files that the pictures of a batch are kept in: each is the one that was kept, or it is missed."""

import hashlib
import stat
from pathlib import Path

from runner.exports.refusal import Missing
from runner.exports.sample import Sample
from runner.shipped import Shipped
from runner.sinks import Folder
from runner.value import value


@value(kw_only=False)
class Originals:
    """Of one batch."""

    folder: Folder
    batch: str

    @property
    def are_far(self) -> bool:
        """Whether they are in a bucket, but for those that wait to be sent there."""
        return isinstance(self.folder, Shipped)

    def check(self, sample: Sample) -> None:
        """Raises `Missing` where the file is not there, or of another size."""
        if not isinstance(self.folder, Shipped) or self._waiting(sample) is not None:
            self.path(sample)
            return
        kept, bucket = sample.outputs[0], self.folder.bucket
        size = bucket.size(kept.path or "")
        if size != kept.bytes:
            how = "is missing" if size is None else "was changed"
            raise self._missing(f"{bucket.url}/{kept.path}", how)

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
        return self._waiting(sample) or (path if is_file(path) else None)

    def _waiting(self, sample: Sample) -> Path | None:
        return self.folder.unnamed(sample.job.key, sample.job.attempt, sample.outputs[0].index)

    def read(self, sample: Sample) -> bytes:
        """What the file holds; raises `Missing` where that is not what was kept."""
        if isinstance(self.folder, Shipped) and self._waiting(sample) is None:
            return self._fetched(sample, self.folder)
        path = self.path(sample)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sample.outputs[0].sha256:
            raise self._missing(path, "was changed")
        return data

    def _fetched(self, sample: Sample, folder: Shipped) -> bytes:
        path = sample.outputs[0].path or ""
        data = folder.bucket.read(path)
        if data is None:
            raise self._missing(f"{folder.bucket.url}/{path}", "is missing")
        if hashlib.sha256(data).hexdigest() != sample.outputs[0].sha256:
            raise self._missing(f"{folder.bucket.url}/{path}", "was changed")
        return data

    def _missing(self, path: Path | str, how: str) -> Missing:
        return Missing(
            f"{path} {how}: `runner verify {self.batch}` looks at all files, --repair has them made again; "
            f"or leave such out by --skip-missing"
        )


def is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
