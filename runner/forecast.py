"""What sending jobs would cost, and how long it would take: added up while they go by."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, inf

from runner import price
from runner.endpoint import Endpoint, Limits
from runner.job import Job
from runner.pace import USUAL_TOKENS
from runner.store import Usual
from runner.value import value

DAY_S = 86_400.0
MINUTE_S = 60.0
A_DAYS_MINUTES = 1_440

History = Mapping[tuple[str, str], Usual]
"""What answers usually were, by endpoint and model."""


@dataclass(slots=True, kw_only=True)
class Bill:
    """Between what the jobs may cost, in billionths of a dollar, and what they are likely to."""

    endpoints: Mapping[str, Endpoint]
    history: History
    least: int = 0
    most: int = 0
    likely: float = 0.0
    unknown: Counter[str] = field(default_factory=Counter)
    """Jobs whose price is not known, by endpoint."""
    answers: dict[tuple[str, str], int] = field(default_factory=dict)
    """Earlier answers that the likely cost follows from."""

    def add(self, job: Job) -> None:
        spans = {name: price.span(self.endpoints[name], job.body) for name in (job.endpoint, *job.also)}
        known = [span for span in spans.values() if span is not None]
        if len(known) < len(spans):
            self.unknown.update(name for name, span in spans.items() if span is None)
            return
        least, most = min(span.least for span in known), max(span.most for span in known)
        self.least += least
        self.most += most
        self.likely += most if least == most else self._usual(job, least, most)

    def _usual(self, job: Job, least: int, most: int) -> float:
        """By earlier answers; where there are none, the most."""
        usual = self.history.get((job.endpoint, job.model))
        if usual is None or usual.nusd is None:
            return most
        self.answers[job.endpoint, job.model] = usual.answers
        return min(max(usual.nusd, least), most)


@value
class Time:
    """How long it takes; None: nothing bounds it that is known."""

    seconds: float | None
    nights: int = 0
    """Days of the provider's that it needs, where a day's quota bounds it."""


@value
class Quota:
    """How a provider's day stands."""

    used: int
    ends_in_s: float


@dataclass(slots=True, kw_only=True)
class Load:
    """Jobs by the endpoints that may serve them, in how many minutes and days these get through them."""

    endpoints: Mapping[str, Endpoint]
    history: History
    pools: Counter[tuple[str, ...]] = field(default_factory=Counter)
    latency_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By endpoint: seconds that its answers would take, one after the other."""
    tokens: Counter[str] = field(default_factory=Counter)
    """By endpoint: what its limit by tokens would be asked for, were all jobs sent there."""

    def add(self, job: Job) -> None:
        self.pools[job.endpoint, *job.also] += 1
        usual = self.history.get((job.endpoint, job.model))
        if usual is not None:
            self.latency_s[job.endpoint] += usual.latency_s
        expected = tokens(job, usual)
        for name in (job.endpoint, *job.also):
            self.tokens[name] += expected

    def time(self, quotas: Mapping[str, Quota]) -> Time:
        """The slowest endpoint's."""
        times = [self._time(name, share, quotas.get(name)) for name, share in self._shares().items()]
        seconds = [each.seconds for each in times if each.seconds is not None]
        return Time(
            seconds=max(seconds, default=None), nights=max((each.nights for each in times), default=0)
        )

    def _shares(self) -> dict[str, float]:
        """Requests by endpoint: equivalents share as their limits allow."""
        shares: defaultdict[str, float] = defaultdict(float)
        for names, jobs in self.pools.items():
            rates = {name: a_day(self.endpoints[name].limits) for name in names}
            free = [name for name, rate in rates.items() if rate == inf]
            weights = dict.fromkeys(free, 1.0) if free else rates
            for name, weight in weights.items():
                shares[name] += jobs * weight / sum(weights.values())
        return shares

    def _minutes(self, name: str, share: float) -> Iterator[float]:
        """Seconds under the limits by the minute, of requests and of tokens."""
        limits = self.endpoints[name].limits
        if limits.requests_per_minute:
            yield ceil(share) * MINUTE_S / limits.requests_per_minute
        if limits.tokens_per_minute:
            jobs = sum(number for names, number in self.pools.items() if name in names)
            yield self.tokens[name] * share / jobs * MINUTE_S / limits.tokens_per_minute

    def _time(self, name: str, share: float, quota: Quota | None) -> Time:
        endpoint, requests = self.endpoints[name], ceil(share)
        bounds = list(self._minutes(name, share))
        if self.latency_s[name] and isinstance(endpoint.concurrency, int):
            bounds.append(self.latency_s[name] / min(endpoint.concurrency, requests))
        seconds = max(bounds, default=None)
        if quota is None or endpoint.limits.requests_per_day is None:
            return Time(seconds=seconds)
        return over_days(requests, endpoint.limits.requests_per_day, quota, seconds or 0.0)


def tokens(job: Job, usual: Usual | None) -> int:
    """What a job takes of a limit by tokens: as earlier answers did, or else as its request bounds it."""
    if usual is not None and usual.tokens is not None:
        return ceil(usual.tokens)
    return ceil(price.likely_tokens(job.body) or USUAL_TOKENS)


def a_day(limits: Limits) -> float:
    """Requests that the limits allow in a day."""
    a_minute = limits.requests_per_minute
    return min(limits.requests_per_day or inf, inf if a_minute is None else a_minute * A_DAYS_MINUTES)


def over_days(requests: int, a_day: int, quota: Quota, seconds: float) -> Time:
    """So many requests, `seconds` of work all in all, under a day's quota."""
    today = min(max(a_day - quota.used, 0), requests)
    later = requests - today
    if later == 0:
        return Time(seconds=seconds, nights=1)
    days = ceil(later / a_day)
    last = (later - (days - 1) * a_day) / requests * seconds
    return Time(seconds=quota.ends_in_s + (days - 1) * DAY_S + last, nights=days + (today > 0))
