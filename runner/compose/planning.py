"""What a run of a manifest would do, found out without doing any of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from runner import price
from runner.compose.opening import reading
from runner.compose.secrets import missing_variables
from runner.compose.submission import expanded
from runner.database import NoQueue
from runner.dialects import DIALECTS
from runner.job import Claim, Job
from runner.manifest import Endpoint, HeaderAuth, Manifest
from runner.store import Change, Store
from runner.wire import Call

SHOWN = 3
"""Requests that are shown in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would do."""

    batch: str
    total: int
    new: int
    kept: int
    withdrawn: int
    requests: int
    """Requests that would be sent, if each succeeds at once."""
    cost_usd: float | None
    """None where a price is not known."""
    time_s: float | None
    """Under the limits that the manifest states; None where it states none."""
    warnings: list[str]
    first: list[dict[str, Any]]
    """The first requests in full: method, url, headers, body."""


@dataclass(slots=True)
class Sums:
    """What is added up while jobs go by."""

    manifest: Manifest
    total: int = 0
    nusd: int | None = 0
    requests: dict[str, int] = field(default_factory=dict)
    first: list[Job] = field(default_factory=list)

    def passing(self, jobs: Iterator[Job]) -> Iterator[Job]:
        for job in jobs:
            self.total += 1
            self.requests[job.endpoint] = self.requests.get(job.endpoint, 0) + 1
            self._add_price(job)
            if len(self.first) < SHOWN:
                self.first.append(job)
            yield job

    def _add_price(self, job: Job) -> None:
        cost = price.reserve(self.manifest.settings.endpoints[job.endpoint], job.body)
        self.nusd = None if cost is None or self.nusd is None else self.nusd + cost


def plan(db: str, manifest: Manifest) -> Plan:
    """Expand and compare with the queue; raises `ManifestError`, `QueueError`."""
    sums = Sums(manifest)
    change, pending = compared(db, manifest.name, sums.passing(expanded(manifest)))
    requests = change.new + pending
    share = requests / sums.total if sums.total else 0.0
    return Plan(
        batch=manifest.name,
        total=sums.total,
        new=change.new,
        kept=change.kept,
        withdrawn=change.withdrawn,
        requests=requests,
        cost_usd=None if sums.nusd is None else round(sums.nusd * share) / price.NUSD,
        time_s=longest(manifest.settings.endpoints, sums.requests, share),
        warnings=warnings(manifest),
        first=[shown(manifest.settings.endpoints[job.endpoint], job) for job in sums.first],
    )


def compared(db: str, name: str, jobs: Iterator[Job]) -> tuple[Change, int]:
    """What submitting would change, and how many jobs already there are still to be done."""
    try:
        with reading(db) as store:
            return compared_in(store, name, jobs)
    except NoQueue:
        new = sum(1 for _ in jobs)
        return Change(new=new, kept=0, withdrawn=0), 0


def compared_in(store: Store, name: str, jobs: Iterator[Job]) -> tuple[Change, int]:
    change = store.compare(name, jobs)
    known = store.batch(name)
    if known is None:
        return change, 0
    left = known.tally.pending + known.tally.failed - change.withdrawn
    return change, max(min(known.tally.pending, left), 0)


def longest(endpoints: Mapping[str, Endpoint], requests: Mapping[str, int], share: float) -> float | None:
    """Seconds under the requests a minute that the manifest states, the slowest endpoint's."""
    times = [
        60.0 * requests[name] * share / limit
        for name, endpoint in endpoints.items()
        if (limit := endpoint.limits.requests_per_minute) and name in requests
    ]
    return max(times, default=None)


def warnings(manifest: Manifest) -> list[str]:
    """What a run would refuse to begin for."""
    return missing_variables(manifest.path, manifest.settings)


def shown(endpoint: Endpoint, job: Job) -> dict[str, Any]:
    """The request as it goes on the wire, files by path, secrets left out."""
    step = next(DIALECTS[endpoint.dialect].converse(claimed(job), endpoint))
    if not isinstance(step, Call):
        raise TypeError(f"{endpoint.dialect} begins with {step}, not with a call")
    return {
        "method": step.method,
        "url": endpoint.url.rstrip("/") + step.path,
        "headers": {**credentials(endpoint), **endpoint.headers, **step.headers},
        "body": None if step.body is None else orjson.loads(step.body),
    }


def credentials(endpoint: Endpoint) -> dict[str, str]:
    """The header that carries the key, the key being the reference that the manifest has."""
    if endpoint.key is None or endpoint.auth == "none":
        return {}
    if isinstance(endpoint.auth, HeaderAuth):
        return {endpoint.auth.header: endpoint.key}
    return {"Authorization": f"Bearer {endpoint.key}"}


def claimed(job: Job) -> Claim:
    """The job as a worker would hold it first."""
    return Claim(
        row=0,
        id=job.id,
        stem=job.stem,
        key=job.key,
        endpoint=job.endpoint,
        model=job.model,
        body=job.body,
        attempt=1,
        tries=0,
        maybe_billed=0,
        useless=0,
        waits=0,
        billed_before=False,
        ticket=None,
    )
