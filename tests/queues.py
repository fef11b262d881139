"""What goes into a queue, for tests that fill one."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from runner.job import Claim, Job, State
from runner.outcome import Attempt, Cause, Kept
from runner.retry import Settlement
from runner.store import NewBatch, Settled, Store

NOW = 1_795_399_200.0


def job(content: str, **fields: Any) -> Job:
    """One whose key and id follow from its content."""
    key = hashlib.sha256(content.encode()).hexdigest()
    made = Job(
        id=key[:12],
        stem=key[:12],
        key=key,
        endpoint="nebula",
        model="sdxl",
        prompt=content,
        params=b"{}",
        vars=b"{}",
        sample=1,
        body=b'{"prompt":"%s"}' % content.encode(),
    )
    return replace(made, **fields)


def named(name: str, content: str) -> Job:
    return job(content, id=name, stem=name)


def jobs(number: int) -> list[Job]:
    return [job(f"picture {index}") for index in range(number)]


def batch(name: str = "animals", **fields: Any) -> NewBatch:
    made = NewBatch(
        name=name,
        path="/home/ann/jobs.yaml",
        text="name: animals",
        sets={"style": "oil"},
        fingerprint="f1",
        settings="{}",
        folder="/home/ann/outputs/animals",
        priced=True,
        pattern=name,
        night="2026-11-23",
        run=1,
    )
    return replace(made, **fields)


def submit(store: Store, content: Iterable[Job], name: str = "animals", *, now: float = NOW) -> int:
    return store.submit(batch(name), content, now=now).batch_id


def claim(store: Store, batch_id: int, number: int = 1, *, now: float = NOW, **fields: Any) -> list[Claim]:
    wants = fields.pop("wants", {"nebula": number})
    return store.claim(batch_id, wants, now=now, worker="w1", lease_s=60.0, **fields)


def attempt(claim: Claim, **fields: Any) -> Attempt:
    made = Attempt(
        number=claim.attempt,
        counted=True,
        started_at=NOW,
        latency_s=0.5,
        served_by=claim.endpoint,
        billed=True,
        again=claim.billed_before,
        cost_nusd=3_800_000,
        http_status=200,
        request_id="r-1",
        usage=b'{"output_tokens":7}',
        body=b'{"data":[]}',
    )
    return replace(made, **fields)


def settlement(claim: Claim, state: State, **fields: Any) -> Settlement:
    made = Settlement(
        state=state,
        tries=claim.tries,
        maybe_billed=claim.maybe_billed,
        useless=claim.useless,
        unmet=claim.unmet,
        variant=claim.variant,
        waits=0,
        billed_before=claim.billed_before,
    )
    return replace(made, **fields)


def kept(path: str = "fox.png", index: int = 0) -> Kept:
    return Kept(
        kind="image", index=index, path=path, mime="image/png", bytes=9, sha256="c" * 64, width=64, height=48
    )


def done(claim: Claim, *outputs: Kept, **fields: Any) -> Settled:
    return Settled(
        claim=claim,
        settlement=settlement(claim, State.SUCCEEDED),
        attempt=attempt(claim, **fields),
        kept=outputs,
    )


def failed(claim: Claim, cause: Cause = Cause.REJECTED, **fields: Any) -> Settled:
    return Settled(
        claim=claim,
        settlement=settlement(claim, State.FAILED, tries=claim.tries + 1, cause=cause, message="no"),
        attempt=attempt(claim, cause=cause, message="no", billed=False, cost_nusd=0, **fields),
    )


def due_again(claim: Claim, due_at: float, **fields: Any) -> Settled:
    """An attempt that will have another."""
    cause = Cause.UNAVAILABLE
    return Settled(
        claim=claim,
        settlement=settlement(
            claim, State.PENDING, due_at=due_at, tries=claim.tries + 1, cause=cause, **fields
        ),
        attempt=attempt(claim, cause=cause, billed=False, cost_nusd=0),
    )
