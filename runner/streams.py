"""Bytes from anywhere, unpacked where they are packed: whatever a library raises over them is an OSError."""

import gzip
import io
import sys
from collections.abc import Callable, Mapping
from io import BufferedReader
from typing import IO, Any

from runner.extras import library

BLOCK = 1 << 17
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
"""Python's own module, or the same for earlier versions."""


class Guarded(io.RawIOBase):
    """A foreign file whose errors, of any type, become an OSError with their words."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except OSError:
            raise
        except Exception as error:
            raise OSError(words(error)) from error
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def words(error: BaseException) -> str:
    """What an error says, in one line."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).strip().splitlines()[0]


def guarded(file: Any) -> BufferedReader:
    return BufferedReader(Guarded(file), BLOCK)


def ungzipped(file: BufferedReader) -> Any:
    return gzip.GzipFile(fileobj=file)


def unzstandard(file: BufferedReader) -> Any:
    return library(ZSTD, "zstd", why="Zstandard").ZstdFile(file)


def gzipped(file: IO[bytes]) -> Any:
    """Quickly: most of what there is to pack are pictures, which get no smaller."""
    return gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0)


def zstandard(file: IO[bytes]) -> Any:
    module = library(ZSTD, "zstd", why="Zstandard")
    return module.ZstdFile(file, "wb", options={module.CompressionParameter.checksum_flag: 1})


PACKINGS: Mapping[str, Callable[[BufferedReader], Any]] = {".gz": ungzipped, ".zst": unzstandard}
"""By the end of a file's name, how it is unpacked; raises `extras.Missing`."""
PACKERS: Mapping[str, Callable[[IO[bytes]], Any]] = {".gz": gzipped, ".zst": zstandard}
"""The same for packing."""


def unpacked(file: BufferedReader, packing: str) -> BufferedReader:
    """What the file holds; `packing` is the end of its name, or nothing."""
    return guarded(PACKINGS[packing](file)) if packing else file
