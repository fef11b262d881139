"""Where files of data are, on this machine or behind URLs: found by name or pattern, opened, told apart."""

import glob
import hashlib
import re
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, Protocol

from runner.extras import Missing, library
from runner.streams import guarded, words
from runner.value import value

URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://")
EXTRAS: Mapping[str, str] = {"s3": "s3", "s3a": "s3", "hf": "hf"}
"""By scheme, which of our extras brings its library; those of others are named by fsspec."""
WEB = frozenset({"http", "https"})
"""Schemes whose addresses may hold `?`, and name no folder that could be listed."""
CONTENT = ("ETag", "etag", "sha256", "md5Hash", "md5", "content_md5", "blob_id", "xet_hash")
"""What stores call a hash of a file's content."""
CHANGED = ("LastModified", "last_modified", "mtime", "updated")
"""What they call the time of its last change."""


class Unusable(Exception):
    """A file that cannot be one of rows; its text says which and why."""


class Origin(Protocol):
    """One file, wherever it is."""

    @property
    def name(self) -> str:
        """As it is called in messages."""

    def opened(self) -> BufferedReader:
        """Its bytes from the beginning; raises OSError."""

    def mark(self) -> str:
        """Another one whenever its content is another; raises OSError."""


@value(kw_only=False)
class Local:
    """A file of this machine."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def opened(self) -> BufferedReader:
        return self.path.open("rb")

    def mark(self) -> str:
        return content_hash(self)


@value(kw_only=False)
class Remote:
    """A file behind a URL, through fsspec."""

    name: str
    store: Any
    path: str
    """As the store calls it."""

    def opened(self) -> BufferedReader:
        try:
            return guarded(self.store.open(self.path, "rb"))
        except Exception as error:
            raise OSError(words(error)) from error

    def mark(self) -> str:
        try:
            info = self.store.info(self.path)
        except Exception as error:
            raise OSError(words(error)) from error
        return mark_of(info) or content_hash(self)


def mark_of(info: Mapping[str, Any]) -> str | None:
    """What a store says of a file that changes with its content, if it says such a thing."""
    for name in CONTENT:
        if info.get(name):
            return f"{name} {info[name]}"
    changed = next((str(info[name]) for name in CHANGED if info.get(name)), None)
    return f"{info['size']} {changed}" if changed and info.get("size") is not None else None


def content_hash(origin: Origin) -> str:
    with origin.opened() as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def origins(written: str, folder: Path) -> tuple[Origin, ...]:
    """The files that a manifest in `folder` means, sorted by name; raises `Unusable`."""
    found = tuple(behind_url(written) if URL.match(written) else on_this_machine(written, folder))
    if not found:
        raise Unusable(f"{written}: no file matches")
    return found


def on_this_machine(written: str, folder: Path) -> Iterator[Origin]:
    """What is there by the very name is meant, whatever characters are in it."""
    path = folder / written
    try:
        if glob.has_magic(written) and not path.exists():
            matches = glob.glob(written, root_dir=folder, recursive=True)
            yield from (Local(each) for each in sorted(folder / match for match in matches) if each.is_file())
        elif reason := local_refusal(path):
            raise Unusable(f"{path}: {reason}")
        else:
            yield Local(path)
    except ValueError as error:
        raise Unusable(f"{path}: {words(error)}") from error


def local_refusal(path: Path) -> str | None:
    """Why the file cannot be read, in words."""
    if not path.is_file():
        return "not a file" if path.exists() else "no such file"
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return words(error)


def behind_url(written: str) -> Iterator[Origin]:
    try:
        found = list(remote(written))
    except ImportError as error:
        raise Unusable(f"{written}: {needed(written, error)}") from error
    except Missing:
        raise
    except Exception as error:
        raise Unusable(f"{written}: {words(error)}") from error
    if not found and not is_pattern(written):
        raise Unusable(f"{written}: no such file")
    return iter(found)


def remote(written: str) -> Iterator[Origin]:
    store, path = library("fsspec.core", "remote", why=written).url_to_fs(written)
    if is_pattern(written):
        matches = (each for each in sorted(store.glob(path)) if store.isfile(each))
        yield from (Remote(store.unstrip_protocol(each), store, each) for each in matches)
    elif store.isfile(path):
        yield Remote(written, store, path)


def is_pattern(url: str) -> bool:
    if url.partition(":")[0].lower() in WEB:
        return "*" in url.partition("?")[0]
    return glob.has_magic(url)


def needed(url: str, error: ImportError) -> str:
    """How to install what opens the URL."""
    extra = EXTRAS.get(url.partition(":")[0].lower())
    return words(error) if extra is None else f"needs a library: pip install 'runner[{extra}]'"
