"""Whether what an answer brought is what its job expects: decided of what is decoded already."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from runner import validity
from runner.expectation import ASKED, SIZE, Expect
from runner.job import Claim
from runner.outcome import Artifact, Cause
from runner.picture import Look, Picture
from runner.validity import Rule
from runner.value import value

CUT = frozenset({"length", "max_tokens", "max_output_tokens", "MAX_TOKENS"})
"""Reasons to finish that mean the limit of a text's length."""
SEEDS = 2**31
"""Seeds are drawn below it: every provider takes these."""
SEED = "seed"

NEEDED: Mapping[str, Sequence[str]] = {
    "image": ("size", "flat", "duplicate"),
    "text": ("pattern", "document"),
    "embedding": ("dimensions",),
}
"""What has to be there for what is expected of it."""

Size = tuple[int | None, int | None]
"""Width and height; None: any."""


@value
class Brought:
    """One thing that an answer brought; a picture is decoded."""

    artifact: Artifact
    picture: Picture | None = None


@value
class Complaint:
    """Why a thing does not count."""

    cause: Cause
    message: str


@dataclass(frozen=True)
class Terms:
    """What a group of jobs expects, made ready once."""

    expect: Expect

    @cached_property
    def look(self) -> Look:
        """What has to be found out of pictures."""
        return Look(colours=self.expect.flat is False, pixels=self.is_unique)

    @property
    def is_unique(self) -> bool:
        """Whether no picture may be one that the batch has."""
        return self.expect.duplicate is False

    @cached_property
    def pattern(self) -> Rule | None:
        return None if self.expect.pattern is None else validity.pattern(self.expect.pattern)

    @cached_property
    def schema(self) -> Rule | None:
        return None if self.expect.document is None else validity.rule(self.expect.document)

    def complaints(self, body: bytes, brought: Sequence[Brought]) -> list[Complaint | None]:
        """Of each thing, why it does not count; None where it does. `body` is the request's."""
        size = self._size(body)
        if lacks := self._lacks(brought):
            return [Complaint(cause=Cause.INVALID, message=lacks)] * len(brought)
        return [self._complaint(each, size) for each in brought]

    def _size(self, body: bytes) -> Size:
        if self.expect.size is None:
            return None, None
        return asked(orjson.loads(body)) if self.expect.size == ASKED else written(self.expect.size)

    def _lacks(self, brought: Sequence[Brought]) -> str | None:
        """What ought to be there to be looked at, and is not."""
        came = {each.artifact.kind for each in brought}
        needed = (kind for kind, names in NEEDED.items() if any(self._asks(name) for name in names))
        missing = next((kind for kind in needed if kind not in came), None)
        return None if missing is None else f"no {missing} came, but {' and '.join(sorted(came))}"

    def _asks(self, name: str) -> bool:
        return getattr(self.expect, name) is not None

    def _complaint(self, brought: Brought, size: Size) -> Complaint | None:
        if brought.picture is not None:
            return self._of_picture(brought.picture, size)
        reason = next(self._of_words(brought.artifact), None)
        return None if reason is None else Complaint(cause=Cause.INVALID, message=reason)

    def _of_picture(self, picture: Picture, size: Size) -> Complaint | None:
        wrong = list(self._wrong(picture, size))
        cause = Cause.BLOCKED if self.expect.flat is False and picture.is_black else Cause.INVALID
        return Complaint(cause=cause, message="; ".join(wrong)) if wrong else None

    def _wrong(self, picture: Picture, size: Size) -> Iterator[str]:
        if self.expect.flat is False and picture.is_flat:
            yield "one flat colour" + (", black: what a safety filter paints" if picture.is_black else "")
        found = picture.width, picture.height
        if any(want not in {None, got} for want, got in zip(size, found, strict=True)):
            yield f"expected {sized(size)}, got {sized(found)}"

    def _of_words(self, artifact: Artifact) -> Iterator[str]:
        """Of a text, of tool calls or of a vector."""
        if self.expect.cut is False and artifact.finish_reason in CUT:
            yield f"cut off at the limit of its length (finish_reason {artifact.finish_reason})"
        if artifact.text is not None:
            yield from self._of_text(artifact.text)
        numbers = artifact.vector
        if (
            self.expect.dimensions is not None
            and numbers is not None
            and len(numbers) != self.expect.dimensions
        ):
            yield f"expected {self.expect.dimensions} dimensions, got {len(numbers)}"

    def _of_text(self, text: str) -> Iterator[str]:
        if self.expect.empty is False and not text.strip():
            yield "empty text"
        if self.pattern is not None and self.pattern.broken(text):
            yield f"the pattern {self.expect.pattern} is not found in the text"
        if self.schema is not None:
            try:
                if broken := self.schema.broken(orjson.loads(text)):
                    yield f"not by the schema: {broken}"
            except orjson.JSONDecodeError as error:
                yield f"not JSON: {error}"


def written(size: str) -> Size:
    found = SIZE.fullmatch(size)
    return (int(found[1]), int(found[2])) if found else (None, None)


def asked(body: Any) -> Size:
    """The size that a request asks for, wherever its body says so, outermost first."""
    for tree in mappings(body):
        size = tree.get("size")
        if isinstance(size, str) and SIZE.fullmatch(size):
            return written(size)
        sides = tree.get("width"), tree.get("height")
        if any(isinstance(side, int) for side in sides):
            width, height = (side if isinstance(side, int) else None for side in sides)
            return width, height
    return None, None


def mappings(tree: Any) -> Iterator[Mapping[str, Any]]:
    """All mappings of a JSON document, from the outside in."""
    level = [tree]
    while level:
        yield from (each for each in level if isinstance(each, dict))
        inner = (list(each.values()) if isinstance(each, dict) else each for each in level)
        level = [item for each in inner if isinstance(each, list) for item in each]


def sized(size: Size) -> str:
    width, height = size
    return f"{width or 'any'}x{height or 'any'}"


def varied(body: bytes, key: str, variant: int) -> tuple[bytes, int | None]:
    """The request for another answer, and its fresh seed: the same for the same job and number of it.

    A request without a seed, or with one that already means chance (null, -1), stays as it is.
    """
    if b'"seed":' not in body:
        return body, None
    tree = orjson.loads(body)
    holder = seeding(tree)
    if holder is None:
        return body, None
    drawn = hashlib.sha256(f"{key}-{variant}".encode()).digest()
    seed = holder[SEED] = int.from_bytes(drawn[:8]) % SEEDS
    return orjson.dumps(tree), seed


def seeding(tree: Any) -> dict[str, Any] | None:
    """The part of a request that has its seed."""
    holders = (each for each in mappings(tree) if isinstance(each, dict) and is_seed(each.get(SEED)))
    return next(holders, None)


def fresh_seed(claim: Claim) -> int | None:
    """The seed that the claim is sent with, where that is not its request's own."""
    return varied(claim.body, claim.key, claim.variant)[1] if claim.variant else None


def seeded(seed: int | None, message: str | None) -> str | None:
    """What is to be known of an output whose request is not quite its job's, before `message`."""
    return message if seed is None else "; ".join(filter(None, (f"made with the seed {seed}", message)))


def is_seed(seed: Any) -> bool:
    return isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0
