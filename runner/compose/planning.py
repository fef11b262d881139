"""What a run of a manifest would do, found out without doing any of it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from runner import documented, price
from runner.account import account
from runner.compose import catalogue
from runner.compose.chaining import chained
from runner.compose.nights import numbered
from runner.compose.opening import looking
from runner.compose.reusing import AT_ONCE, is_there
from runner.compose.secrets import credentials, missing_variables
from runner.compose.submission import expanded
from runner.database import NoQueue
from runner.dialects import DIALECTS
from runner.endpoint import Endpoint
from runner.forecast import DAY_S, Bill, History, Load, Quota
from runner.job import Claim, Job
from runner.manifest import Manifest
from runner.pace import day_began
from runner.store import Change, Store
from runner.value import value
from runner.wire import Call

SHOWN = 3
"""Requests that are shown in full."""
Used = Callable[[str, float], int]
"""Requests of an account since then."""
DOCUMENTED = "nebula-images"
"""The dialect whose provider documents what its models take."""


@value
class Plan:
    """What a run would do."""

    batch: str
    total: int
    new: int
    kept: int
    withdrawn: int
    reused: int
    """Jobs that would take over what another batch has had; they are no requests, and cost nothing."""
    requests: int
    """Requests that would be sent, if each succeeds at once."""
    cost_usd: float | None
    """What they are likely to cost; None where a price is not known."""
    least_usd: float
    """Of those whose price is known."""
    most_usd: float
    priced_by: str
    """Where the cost is from, in words, or for which endpoints it is not known."""
    time_s: float | None
    """Under the limits and quotas that the manifest states; None where nothing bounds it that is known."""
    nights: int
    """Days of a provider's quota that it needs; 0 where there is none."""
    warnings: list[str]
    first: list[dict[str, Any]]
    """The first requests in full: method, url, headers, body."""


@dataclass(slots=True, kw_only=True)
class Sums:
    """What is added up while jobs go by."""

    endpoints: Mapping[str, Endpoint]
    notes: list[str]
    """Whose prices were looked up."""
    bill: Bill
    load: Load
    requests: int = 0
    reused: int = 0
    first: list[Job] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    models: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Jobs by endpoint and model."""

    def add(self, job: Job) -> None:
        """A job that would be sent."""
        self.requests += 1
        self.bill.add(job)
        self.load.add(job)
        self.models[job.endpoint, job.model] += 1
        if len(self.first) < SHOWN:
            self.first.append(job)
        if self.endpoints[job.endpoint].dialect == DOCUMENTED:
            self.remarks.update(documented.remarks(job.model, orjson.loads(job.params)))

    def slips(self) -> Iterator[tuple[str, int]]:
        """What is probably another model's name, misspelt, in words, and in how many jobs."""
        for (name, model), jobs in self.models.items():
            endpoint = self.endpoints[name]
            meant = documented.misspelt(model) if endpoint.dialect == DOCUMENTED else None
            if meant is None and (name, model) not in self.bill.history:
                meant = documented.alike(model, (*catalogue.sold(endpoint), *self._used(name, jobs)))
            if meant is not None:
                yield f"no model {model!r} is known; did you mean {meant!r}?", jobs

    def _used(self, endpoint: str, jobs: int) -> Iterator[str]:
        """Models that this user has had answers of there, and that more jobs of the manifest name."""
        yield from (model for name, model in self.bill.history if name == endpoint)
        yield from (model for (name, model), more in self.models.items() if name == endpoint and more > jobs)


def plan(db: str, manifest: Manifest) -> Plan:
    """Expand and compare with the queue; raises `ManifestError`, `QueueError`."""
    priced = catalogue.filled(manifest)
    notes = catalogue.said(manifest, priced)
    try:
        with looking(db) as store, chained(db, numbered(store, priced)) as priced:
            sums = nothing(priced, notes, store.usual())
            with lending(store, priced.name, sums) as hear:
                change = store.compare(priced.name, expanded(priced), hear)
            used = quotas(priced, lambda key, since: store.requests_of(key, since=since))
            known = store.batch(priced.name)
            return planned(priced, change, sums, used, 0 if known is None else known.tally.spent_nusd)
    except NoQueue:
        sums = nothing(priced, notes, {})
        for job in expanded(priced):
            sums.add(job)
        change = Change(new=sums.requests, kept=0, withdrawn=0)
        return planned(priced, change, sums, quotas(priced, lambda *_: 0), 0)


@contextmanager
def lending(store: Store, batch: str, sums: Sums) -> Iterator[Callable[[Job], None]]:
    """Adds up what would be sent, and what would be taken over from other batches; some jobs at a time."""
    wishing: list[Job] = []

    def look() -> None:
        loans = store.lenders(batch, wishing)
        for job in wishing:
            if job.key in loans and is_there(loans[job.key]):
                sums.reused += 1
            else:
                sums.add(job)
        wishing.clear()

    def hear(job: Job) -> None:
        if not job.reuse:
            sums.add(job)
            return
        wishing.append(job)
        if len(wishing) == AT_ONCE:
            look()

    yield hear
    look()


def nothing(manifest: Manifest, notes: list[str], history: History) -> Sums:
    endpoints = manifest.settings.endpoints
    bill = Bill(endpoints=endpoints, history=history)
    return Sums(endpoints=endpoints, notes=notes, bill=bill, load=Load(endpoints=endpoints, history=history))


def planned(
    manifest: Manifest, change: Change, sums: Sums, quotas: Mapping[str, Quota], spent_nusd: int
) -> Plan:
    bill, took = sums.bill, sums.load.time(quotas)
    return Plan(
        batch=manifest.name,
        total=change.new + change.kept,
        new=change.new,
        kept=change.kept,
        withdrawn=change.withdrawn,
        reused=sums.reused,
        requests=sums.requests,
        cost_usd=None if bill.unknown else round(bill.likely) / price.NUSD,
        least_usd=bill.least / price.NUSD,
        most_usd=bill.most / price.NUSD,
        priced_by=priced_by(sums),
        time_s=took.seconds,
        nights=took.nights,
        warnings=warnings(manifest, sums, spent_nusd),
        first=[shown(sums.endpoints[job.endpoint], job) for job in sums.first],
    )


def quotas(manifest: Manifest, used: Used) -> dict[str, Quota]:
    """How the days of the endpoints' keys stand."""
    wall = time.time()
    began = {name: day_began(each.limits.resets_at, wall) for name, each in manifest.endpoints.items()}
    return {
        name: Quota(used=used(account(endpoint), began[name]), ends_in_s=began[name] + DAY_S - wall)
        for name, endpoint in manifest.settings.endpoints.items()
    }


def priced_by(sums: Sums) -> str:
    """Where the cost is from, in words."""
    if sums.bill.unknown:
        return f"no price of {', '.join(sorted(sums.bill.unknown))}"
    if answers := sum(sums.bill.answers.values()):
        return f"by the last {answers:,} answers"
    return f"by {catalogue.SOURCE}" if sums.notes else "by the prices of the manifest"


def warnings(manifest: Manifest, sums: Sums, spent_nusd: int) -> list[str]:
    """What a run would refuse to begin for or could not end for, and what its requests should not have."""
    budget = manifest.budget.usd
    said = [*missing_variables(manifest.path, manifest.settings), *sums.notes]
    if budget is not None and sums.bill.unknown:
        said.append(f"a budget in dollars needs prices: there is {priced_by(sums)}")
    elif budget is not None and spent_nusd + sums.bill.most > budget * price.NUSD:
        left = budget - spent_nusd / price.NUSD
        said.append(f"the budget has ${left:,.2f} left, and it may cost ${sums.bill.most / price.NUSD:,.2f}")
    for remark, jobs in (*sums.remarks.items(), *sums.slips()):
        said.append(f"{remark} ({jobs:,} job{'s'[: jobs > 1]})")
    return said


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
        path=job.path,
    )
