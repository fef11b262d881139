"""An answer looked at before it counts, where its job expects something of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from anyio import to_thread

from runner.engine.parts import Queue, Sink
from runner.expect import Brought, Complaint, Terms
from runner.expectation import Expect
from runner.job import Claim
from runner.outcome import Cause, Done, Output, Unmet

LARGE_TEXT = 256 * 1024
"""Characters of an answer's texts from which they are looked at in a thread."""


class Examiner:
    """Keeps what is as expected; what is not becomes evidence, whose place is told."""

    def __init__(self, *, queue: Queue, sink: Sink, expect: Mapping[str, Expect]) -> None:
        self._queue = queue
        self._sink = sink
        self._terms = {digest: Terms(expect=each) for digest, each in expect.items()}

    async def keep(self, claim: Claim, output: Output) -> Done | Unmet:
        """Where some of an answer is as expected that is kept, and the rest is said to be lacking."""
        terms = await self._terms_of(claim)
        brought = await self._sink.look(claim, output, terms.look)
        complaints = await complaints_of(terms, claim, brought)
        if terms.is_unique:
            complaints = [await self._if_new(claim, *each) for each in seen_once(brought, complaints)]
        bad = [(each, why) for each, why in zip(brought, complaints, strict=True) if why is not None]
        good = [each for each, why in zip(brought, complaints, strict=True) if why is None]
        message = await self._refused(claim, bad, len(brought))
        if not good:
            return unmet(output, [why for _, why in bad], message, retries=terms.expect.retries)
        kept = await self._sink.store(claim, good)
        whole = fewer(output, len(brought))
        said = "; ".join(filter(None, (whole.message, message)))
        return Done(kept=kept, output=replace(output, message=said or None))

    async def _terms_of(self, claim: Claim) -> Terms:
        """Known from the beginning, unless the manifest was submitted anew while the run lasts.

        Of a job that has left the manifest, and goes on because it is paid for, nothing is expected.
        """
        digest = claim.expect or ""
        if digest not in self._terms:
            self._terms[digest] = Terms(expect=await self._queue.expectation(digest) or Expect())
        return self._terms[digest]

    async def _if_new(self, claim: Claim, brought: Brought, why: Complaint | None) -> Complaint | None:
        """The complaint there is, or that another job has the picture."""
        if why is not None or brought.picture is None:
            return why
        owner = await self._queue.owner(brought.picture.pixels, claim)
        return (
            None if owner is None else Complaint(cause=Cause.INVALID, message=f"the same picture as {owner}")
        )

    async def _refused(self, claim: Claim, bad: Sequence[tuple[Brought, Complaint]], count: int) -> str:
        """What is not as expected, in words, and where it is kept."""
        if not bad:
            return ""
        paths = await self._sink.refuse(claim, [each for each, _ in bad])
        said = dict.fromkeys(worded(*each, count=count) for each in bad)
        return "; ".join([*said, *(f"kept as {path}" for path in paths)])


def unmet(output: Output, complaints: Sequence[Complaint], message: str, *, retries: int) -> Unmet:
    """Nothing of the answer counts; a refusal of its content is the cause that tells most."""
    is_blocked = any(why.cause is Cause.BLOCKED for why in complaints)
    cause = Cause.BLOCKED if is_blocked else Cause.INVALID
    return Unmet(done=Done(kept=(), output=output), cause=cause, message=message, retries=retries)


def fewer(output: Output, count: int) -> Output:
    """The output, saying so where not all of its pictures could be decoded."""
    if count == len(output.artifacts):
        return output
    words = f"{count} of {len(output.artifacts)} images can be decoded, the rest is kept as evidence"
    return replace(output, message="; ".join(filter(None, (output.message, words))))


async def complaints_of(terms: Terms, claim: Claim, brought: Sequence[Brought]) -> list[Complaint | None]:
    """Texts are looked at here, long ones in a thread; pictures have been."""
    length = sum(len(each.artifact.text or "") for each in brought)
    if length < LARGE_TEXT:
        return terms.complaints(claim.body, brought)
    return await to_thread.run_sync(terms.complaints, claim.body, brought)


def seen_once(
    brought: Sequence[Brought], complaints: Sequence[Complaint | None]
) -> list[tuple[Brought, Complaint | None]]:
    """The same, but that a picture which an answer has twice is complained of the second time."""
    seen: set[str] = set()
    found: list[tuple[Brought, Complaint | None]] = []
    for each, why in zip(brought, complaints, strict=True):
        pixels = each.picture.pixels if each.picture else ""
        twice = Complaint(cause=Cause.INVALID, message="the same picture twice") if pixels in seen else None
        seen.update({pixels} - {""})
        found.append((each, why or twice))
    return found


def worded(brought: Brought, why: Complaint, *, count: int) -> str:
    return why.message if count == 1 else f"{brought.artifact.kind} {brought.artifact.index}: {why.message}"
