"""Files that requests carry: `{file: cat.png}` in a manifest stands for a file's content, by its hash."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from runner import templates
from runner.source import Loc

FILE = "file"
SHA256 = "sha256"
PLACEHOLDER = frozenset({FILE, SHA256})


class Unusable(Exception):
    """A file that cannot be read; its text says which and why."""


def is_input(tree: Any) -> bool:
    return isinstance(tree, dict) and len(tree) == 1 and isinstance(tree.get(FILE), str)


def found(tree: Any, loc: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """The path, a template, of every file in a tree."""
    if is_input(tree):
        yield (*loc, FILE), tree[FILE]
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from found(value, (*loc, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from found(value, (*loc, index))


def refusal(path: Path) -> str | None:
    """Why the file cannot be sent, in words."""
    try:
        placeholder(path)
    except Unusable as error:
        return str(error)
    return None


def filled(tree: Any, values: templates.Values, folder: Path) -> Any:
    """The tree with its templates filled in and its files hashed; raises `BadTemplate`, `Unusable`.

    A file is what the manifest says is one: what a variable brings is data, whatever it looks like.
    """
    match tree:
        case str():
            return templates.render(tree, values)
        case dict() if is_input(tree):
            return placeholder(folder / str(templates.render(tree[FILE], values)))
        case dict():
            return {key: filled(value, values, folder) for key, value in tree.items()}
        case list():
            return [filled(value, values, folder) for value in tree]
        case _:
            return tree


def placeholder(path: Path) -> dict[str, str]:
    """What stands for a file in a body that the queue keeps."""
    absolute = path.absolute()
    try:
        status = absolute.stat()
        return {FILE: str(absolute), SHA256: sha256(absolute, status.st_mtime_ns, status.st_size)}
    except (OSError, ValueError) as error:
        raise Unusable(f"{path}: {getattr(error, 'strerror', None) or error}") from error


@lru_cache(maxsize=4096)
def sha256(path: Path, _changed: int, _size: int) -> str:
    """The hash of a file's content, remembered until the file changes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def by_content(tree: Any) -> Any:
    """The tree with files named by hash alone: a moved file makes no new job."""
    match tree:
        case dict() if tree.keys() == PLACEHOLDER:
            return {SHA256: tree[SHA256]}
        case dict():
            return {key: by_content(value) for key, value in tree.items()}
        case list():
            return [by_content(value) for value in tree]
        case _:
            return tree
