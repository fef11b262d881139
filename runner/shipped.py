"""Outputs whose pictures go to a bucket: kept in the batch's folder until each has been put under its name.

The folder keeps what waits (`.pending`), the evidence, the journal and the results. A picture that is
committed is sent, whole; only then it leaves the folder. A start sends what an earlier one could not.
"""

import hashlib
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count as numbers
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from anyio import CapacityLimiter, to_thread

from runner import journal
from runner.bucket import SIDE_BY_SIDE, Bucket
from runner.crash import point
from runner.files import Directory, Unwritable, directory
from runner.job import Claim
from runner.names import file_stems
from runner.outcome import Kept
from runner.picture import SUFFIXES, Unreadable
from runner.sinks import EVIDENCE, PENDING, Folder, choices, entries, waiting


@dataclass(frozen=True, slots=True)
class Shipped(Folder):
    """The outputs of one batch. Raises `Unwritable` where the disk or the bucket fails."""

    bucket: Bucket = field(kw_only=True)
    couriers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(SIDE_BY_SIDE), kw_only=True)

    @property
    def is_far(self) -> bool:
        return True

    def check_writable(self) -> None:
        Folder.check_writable(self)
        self.bucket.probe()

    async def conflict(self, claim: Claim) -> str | None:
        return await to_thread.run_sync(self.taken, claim, limiter=self.couriers)

    def taken(self, claim: Claim) -> str | None:
        """The bucket is asked for the few objects that begin like this job's."""
        folder = f"{claim.key[:2]}/" if self.spread else ""
        for stem in file_stems(claim.stem, claim.body):
            names = {f"{folder}{stem}.{suffix}" for suffix in SUFFIXES}
            if found := names.intersection(self.bucket.names(f"{folder}{stem}.")):
                return f"{self.bucket.url}/{min(found)}"
        return None

    async def name(self, key: str, attempt: int, kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
        if all(each.path is None for each in kept):
            return kept
        return await to_thread.run_sync(self.name_pictures, key, attempt, kept, limiter=self.couriers)

    def name_pictures(self, key: str, attempt: int, kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
        count = sum(each.path is not None for each in kept)
        with directory(self.root, self.room) as root, root.inside(PENDING) as pending:
            journal.add(root, entries(kept, key=key, attempt=attempt, count=count))
            return tuple(
                self.send(pending, each, waiting(each, key=key, attempt=attempt, count=count))
                for each in kept
            )

    def send(self, pending: Directory, kept: Kept, file: str) -> Kept:
        """What does not wait any more has been sent."""
        if kept.path is None or not os.path.lexists(pending.path / file):
            return kept
        point("sending away")
        path = self.put(kept.path, pending.read(file), kept.sha256)
        if path == kept.path:
            point("sent away")
            pending.remove(file)
        return replace(kept, path=path)

    def put(self, wanted: str, data: bytes, sha256: str) -> str:
        """Under the name that is wanted, or one that tells the content; returns which."""
        for choice in choices(wanted, sha256):
            if self.bucket.put(choice, data) or self.bucket.digest(choice) == sha256:
                return choice
        raise Unwritable(f"{self.bucket.url}/{wanted} is taken, and so is every other name for it")

    def rename_picture(self, old: str, new: str) -> str:
        """Put under the new name before the old one goes."""
        data = None if old == new else self.bucket.read(old)
        if data is None:
            return new
        path = self.put(new, data, hashlib.sha256(data).hexdigest())
        self.bucket.remove(old)
        return path

    def withdraw(self, paths: Sequence[str]) -> None:
        """They come back, as evidence, and leave the bucket then."""
        with directory(self.root, self.room) as root, root.inside(EVIDENCE) as evidence:
            for path in paths:
                data = self.bucket.read(path)
                if data is not None:
                    evidence.write(free(evidence, PurePosixPath(path).name), data)
                    self.bucket.remove(path)

    def content(self, path: str, sha256: str) -> bytes | None:
        data = self.bucket.read(path)
        return data if data is not None and hashlib.sha256(data).hexdigest() == sha256 else None

    def source(self, path: str) -> Path | BinaryIO:
        try:
            data = self.bucket.read(path)
        except Unwritable as error:
            raise Unreadable(f"is out of reach: {error}") from error
        if data is None:
            raise Unreadable("is missing")
        return io.BytesIO(data)

    def digest(self, path: str) -> str | None:
        return self.bucket.digest(path)

    def names(self) -> Iterable[str]:
        return self.bucket.names()


def free(evidence: Directory, name: str) -> str:
    """The first of `name`, `name.1`, `name.2` and so on that nothing has."""
    names = (name if number == 0 else f"{name}.{number}" for number in numbers())
    return next(each for each in names if not os.path.lexists(evidence.path / each))
