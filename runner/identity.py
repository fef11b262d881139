"""What tells jobs apart: their keys and sample numbers, their ids, and the names of their files."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import field

import orjson

from runner.digests import BEGINNING, Digests, of_text
from runner.names import file_stem, folded
from runner.problems import Problems
from runner.value import value

DERIVED = BEGINNING // 4
"""Hex digits of its key that a job without an id is called by; more where they are taken."""
LONGER = 4
"""Hex digits that are added to a beginning of a key that is taken."""
ADDED = 8
"""Hex digits that are added to an id that makes several jobs."""
INDEXED = re.compile(r"(.+)-\d{1,3}")
"""A stem that looks like one of several pictures of another job."""

Claims = Callable[[], Iterator[tuple[str, str]]]
"""Users' ids, each once for every row that bears it, and where."""


@value(kw_only=False)
class Claimed:
    """The ids that users gave, before any job is made: so the order of rows makes no difference."""

    stems: Digests = field(default_factory=Digests)
    """By what a file system would take for one."""
    twins: frozenset[int] = frozenset()
    """Digests of stems that several ids lead to."""

    def sharing(self, stem: str) -> bool:
        """Whether another job's files may have this name."""
        if of_text(folded(stem)) in self.twins:
            return True
        match = INDEXED.fullmatch(stem)
        return match is not None and of_text(folded(match[1])) in self.stems


def claimed(claims: Claims, problems: Problems) -> Claimed:
    """All ids, looked at once; and those that meet, once more: the same id twice is a problem."""
    stems = Digests()
    met = {digest for name, _ in claims() if stems.add(digest := stem_digest(name)) > 1}
    return Claimed(stems, twins(claims, met, problems) if met else frozenset())


def twins(claims: Claims, met: set[int], problems: Problems) -> frozenset[int]:
    """Which stems belong to different ids."""
    first: dict[str, str] = {}
    for name, where in claims():
        if stem_digest(name) not in met:
            continue
        if name in first:
            problems.add(where, f"the id {name!r} stands here a second time, first at {first[name]}")
        else:
            first[name] = where
    seen = Digests()
    return frozenset(digest for name in first if seen.add(digest := stem_digest(name)) > 1)


def stem_digest(name: str) -> int:
    return of_text(folded(file_stem(name)))


class Identity:
    """Numbers and names the jobs of one batch, in the order in which they come."""

    def __init__(self, users: Claimed) -> None:
        self._users = users
        self._has_users = len(users.stems) > 0
        self._keys = Digests()
        """Of all jobs, and of each request's first."""
        self._given = Digests()

    def numbered(self, request: bytes, *, least: int = 1) -> tuple[str, int]:
        """Key and sample number, which is `least` at least.

        `request` is the canonical array of what makes a job, up to the sample.
        """
        first = hashlib.sha256(request + b"1]")
        sample = max(least, self._keys.add(int.from_bytes(first.digest()[:8])))
        if sample == 1:
            return first.hexdigest(), 1
        key = key_of(request, sample)
        self._keys.add(int(key[:16], 16))
        return key, sample

    def named(self, key: str, users: str | None, *, several: bool) -> tuple[str, str]:
        """Id and file stem; `several`: whether the user's id makes more jobs than this one."""
        if users is None:
            name = key[:DERIVED]
            if self._is_taken(name):
                name = next(name for name in prefixes(key, DERIVED + LONGER) if self._is_free(name))
            return name, name
        stem = file_stem(users)
        if several:
            added = next(each for each in prefixes(key, ADDED) if self._is_free(f"{stem}-{each}"))
            return f"{users}-{added}", f"{stem}-{added}"
        return users, f"{stem}-{key[:ADDED]}" if self._users.sharing(stem) else stem

    def _is_taken(self, beginning: str) -> bool:
        """Whether another key begins so, or a user has called a job so: no name needs to be kept for it."""
        is_met = bool(self._keys.alike) and int(beginning, 16) in self._keys.alike
        return is_met or self._is_users(of_text(beginning))

    def _is_free(self, stem: str) -> bool:
        digest = of_text(folded(stem))
        return not self._is_users(digest) and self._given.add(digest) == 1

    def _is_users(self, digest: int) -> bool:
        return self._has_users and digest in self._users.stems


def beginning(endpoint: str, dialect: str, model: str) -> bytes:
    """Of the canonical array that a key is the hash of: the body and the sample number follow."""
    return orjson.dumps([endpoint, dialect, model])[:-1] + b","


def key_of(request: bytes, sample: int) -> str:
    """`request` is the canonical array up to the sample."""
    return hashlib.sha256(request + b"%d]" % sample).hexdigest()


def prefixes(key: str, length: int) -> Iterator[str]:
    """The beginning of the key, longer and longer."""
    return (key[:end] for end in range(length, len(key) + 1, LONGER))
