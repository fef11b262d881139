"""Objects behind one URL: each is put whole, by one request, and never over another."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from runner.extras import Missing, library
from runner.files import Unwritable
from runner.streams import words
from runner.value import value

PROBE = ".probe"
WHOLE = 5 << 30
"""Bytes that a store takes by one request; no picture is larger."""
SIDE_BY_SIDE = 32
"""Requests at once."""
TAKEN = "PreconditionFailed"
"""How a store says that something has the name."""


@value(kw_only=False)
class Bucket:
    """What is below a URL. Raises `Unwritable` where the store fails, with its words, which hold no key."""

    url: str
    store: Any

    @classmethod
    def at(cls, url: str) -> "Bucket":
        """Keys and address come from where the library looks: the environment, `~/.aws`, `FSSPEC_S3_…`."""
        try:
            s3fs = library("s3fs", "s3", why=url)
        except Missing as missing:
            raise Unwritable(str(missing)) from missing
        pool = {"max_pool_connections": SIDE_BY_SIDE}
        return cls(url, s3fs.S3FileSystem(use_listings_cache=False, config_kwargs=pool))

    def probe(self) -> None:
        """Do once what keeping takes, so that a key that may not is found before anything is paid for."""
        with self._blamed(PROBE) as path:
            self.store.pipe_file(path, b"")
            self.store.rm_file(path)

    def put(self, name: str, data: bytes) -> bool:
        """A picture, by one request, whole or not at all; False where something has the name."""
        suffix = PurePosixPath(name).suffix[1:]
        mime = f"image/{'jpeg' if suffix == 'jpg' else suffix}"
        with self._blamed(name) as path:
            try:
                self.store.pipe_file(path, data, chunksize=WHOLE, mode="create", ContentType=mime)
            except OSError as error:
                if isinstance(error, FileExistsError) or TAKEN in str(error):
                    return False
                raise
        return True

    def replace(self, name: str, file: Path) -> None:
        """Put a file of any size in place of what has the name; what is there is the old or the new one."""
        with self._blamed(name) as path:
            self.store.put_file(str(file), path)

    def read(self, name: str) -> bytes | None:
        """None where there is nothing."""
        with self._blamed(name) as path:
            try:
                data: bytes = self.store.cat_file(path)
            except FileNotFoundError:
                return None
        return data

    def size(self, name: str) -> int | None:
        """Bytes; None where there is nothing."""
        with self._blamed(name) as path:
            try:
                return int(self.store.info(path)["size"])
            except FileNotFoundError:
                return None

    def digest(self, name: str) -> str | None:
        """The SHA-256 of what is there; None where there is nothing."""
        data = self.read(name)
        return None if data is None else hashlib.sha256(data).hexdigest()

    def remove(self, name: str) -> None:
        with self._blamed(name) as path:
            self.store.rm_file(path)

    def names(self, beginning: str = "") -> list[str]:
        """All objects whose names begin so, hidden ones not among them."""
        folder, _, first = beginning.rpartition("/")
        with self._blamed(beginning) as path:
            found = self.store.find(path.removesuffix(first).rstrip("/"), prefix=first)
        below = len(self.url.removeprefix("s3://")) + 1
        shown = (each[below:] for each in found)
        return [each for each in shown if folder or not each.startswith(".")]

    @contextmanager
    def _blamed(self, name: str) -> Iterator[str]:
        """The object's path, as the library calls it. Whatever that raises is the store's failure."""
        url = f"{self.url}/{name}"
        try:
            yield url.removeprefix("s3://")
        except Exception as error:
            raise Unwritable(f"cannot reach {url}: {words(error)}") from error
