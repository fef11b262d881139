"""Which split a job belongs to: decided by its key alone, so that no other job ever moves it."""

import hashlib
import re
from collections.abc import Mapping
from fractions import Fraction

import orjson

from runner.exports.refusal import Refusal
from runner.inputs import by_content
from runner.store.rows import JobRow
from runner.value import value

TRAIN = "train"
"""The one split where none are asked for."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
DIGITS = 16
"""Hex digits of a key that tell its place."""
BITS = 4 * DIGITS


@value(kw_only=False)
class Splits:
    """Names with the upper ends of their ranges, in the order given, the whole being 1."""

    ends: tuple[tuple[str, Fraction], ...] = ((TRAIN, Fraction(1)),)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.ends)

    def of(self, key: str) -> str | None:
        """The split of a key: of the first range that its place lies under; None: it is left out.

        The place is the number that the first 16 hex digits of the key are, over 2^64.
        """
        place = int(key[:DIGITS], 16)
        return next(
            (name for name, end in self.ends if place * end.denominator < end.numerator << BITS), None
        )


ALL = Splits()


def parsed(text: str) -> Splits:
    """`train=0.9,test=0.1`; what is missing to 1 is left out. Raises `Refusal`."""
    ends: dict[str, Fraction] = {}
    so_far = Fraction(0)
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        so_far += fraction(text, share)
        if not NAME.fullmatch(name) or name in ends:
            raise Refusal(f"--split {text}: {name!r} is no name for a split, or stands twice")
        ends[name] = so_far
    if so_far > 1:
        raise Refusal(f"--split {text}: that is {float(so_far):g}, more than the whole")
    return Splits(tuple(ends.items()))


def fraction(text: str, share: str) -> Fraction:
    try:
        found = Fraction(share)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if found <= 0:
        raise Refusal(f"--split {text}: {share!r} is no share: write train=0.9,test=0.1")
    return found


def shared_key(job: JobRow, dialects: Mapping[str, str]) -> str:
    """The key of the first sample of the same request: all samples of one share it, and so their split.

    Where a key was made in another way than today it is the job's own.
    """
    if job.sample == 1:
        return job.key
    head = orjson.dumps([job.endpoint, dialects.get(job.endpoint), job.model])[:-1]
    plain = orjson.dumps(orjson.loads(job.body), option=orjson.OPT_SORT_KEYS)
    hashed = orjson.dumps(by_content(orjson.loads(job.body)), option=orjson.OPT_SORT_KEYS)
    for body in (job.body, plain, hashed):
        request = b"%b,%b," % (head, body)
        if digest(request, job.sample) == job.key:
            return digest(request, 1)
    return job.key


def digest(request: bytes, sample: int) -> str:
    return hashlib.sha256(b"%b%d]" % (request, sample)).hexdigest()
