"""What can be said of a batch in numbers: summed up in one pass over its sendings, whatever their number."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from runner.latency import Latencies, Latency
from runner.outcome import Cause
from runner.store.rows import BatchRow, Failure, Kind, Sending, Standing
from runner.timeline import ANSWERED, FAILED, REFUSED, Timeline, Times
from runner.value import value

IMAGE = "image"
ENDINGS: Mapping[str | None, int] = {None: ANSWERED, Cause.THROTTLED: REFUSED}
"""What a sending ended in, by its cause; any other is a failure."""


@value
class Part:
    """What one endpoint did with one model."""

    endpoint: str
    model: str
    jobs: Mapping[str, int]
    """By state. A job counts where it was served last."""
    attempts: int
    answered: int
    causes: Mapping[str, int]
    """Of the sendings that brought no output."""
    nusd: int | None
    input_tokens: int
    output_tokens: int
    latency: Latency


@value
class Alike:
    """Pictures that look the same, the first of the batch first: paths."""

    paths: tuple[str, ...]


@value
class Looks:
    """What was seen of a batch's pictures."""

    looked_at: int
    """Of all its pictures; evenly chosen where these are many."""
    unreadable: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()
    """Of one colour, black ones included."""
    black: int = 0
    alike: tuple[Alike, ...] = ()

    @property
    def duplicates(self) -> int:
        """Pictures that look like an earlier one."""
        return sum(len(group.paths) - 1 for group in self.alike)


@value
class Facts:
    """A batch in numbers."""

    batch: BatchRow
    at: float
    """When it was summed up, in seconds since the epoch."""
    attempts: int
    """Sendings on record."""
    causes: Mapping[str, int]
    nusd: int | None
    """Spent; None where a price is not known."""
    input_tokens: int
    output_tokens: int
    latency: Latency
    timeline: Timeline
    parts: tuple[Part, ...]
    failures: tuple[Failure, ...]
    kinds: Mapping[str, Kind]
    """Outputs by kind."""
    looks: Looks

    @property
    def outputs(self) -> int:
        return sum(kind.outputs for kind in self.kinds.values())

    @property
    def pictures(self) -> int:
        return self.kinds[IMAGE].outputs if IMAGE in self.kinds else 0

    @property
    def refusals(self) -> int:
        """Sendings refused for pace."""
        return self.causes.get(Cause.THROTTLED, 0)

    @property
    def nusd_per_output(self) -> float | None:
        return None if self.nusd is None or not self.outputs else self.nusd / self.outputs

    def rate(self, cause: Cause) -> float | None:
        """How large a part of all sendings ended by that cause."""
        return self.causes.get(cause, 0) / self.attempts if self.attempts else None


@dataclass(slots=True)
class Sum:
    """Sendings to one endpoint for one model, so far."""

    attempts: int = 0
    answered: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    nusd: int = 0
    is_priced: bool = True
    input_tokens: int = 0
    output_tokens: int = 0
    latencies: Latencies = field(default_factory=Latencies)

    def add(self, sending: Sending) -> None:
        self.attempts += sending.counted
        if sending.cause is None:
            self.answered += 1
            self.latencies.add(sending.latency_s)
        else:
            self.causes[sending.cause] += 1
        if sending.cost_nusd is not None:
            self.nusd += sending.cost_nusd
        elif sending.billed:
            self.is_priced = False
        if sending.usage is not None:
            usage = orjson.loads(sending.usage)
            self.input_tokens += usage.get("input_tokens") or 0
            self.output_tokens += usage.get("output_tokens") or 0


class Sums:
    """All sendings of a batch, taken one by one."""

    def __init__(self) -> None:
        self.parts: defaultdict[tuple[str, str], Sum] = defaultdict(Sum)
        self.times = Times()

    def add(self, sending: Sending) -> None:
        self.parts[sending.served_by, sending.model].add(sending)
        self.times.add(sending.started_at + sending.latency_s, ENDINGS.get(sending.cause, FAILED))

    def latencies(self) -> Latencies:
        """Of all parts together."""
        whole = Latencies()
        for each in self.parts.values():
            whole.take(each.latencies)
        return whole


def summed(sendings: Iterable[Sending]) -> Sums:
    sums = Sums()
    for sending in sendings:
        sums.add(sending)
    return sums


def facts(
    batch: BatchRow,
    sums: Sums,
    *,
    standings: Iterable[Standing],
    failures: Iterable[Failure],
    kinds: Mapping[str, Kind],
    looks: Looks,
    at: float,
) -> Facts:
    """The sums, with what the jobs say."""
    every = list(sums.parts.values())
    return Facts(
        batch=batch,
        at=at,
        attempts=sum(each.attempts for each in every),
        causes=dict(sum((each.causes for each in every), Counter[str]()).most_common()),
        nusd=batch.tally.spent_nusd if batch.priced else None,
        input_tokens=sum(each.input_tokens for each in every),
        output_tokens=sum(each.output_tokens for each in every),
        latency=sums.latencies().told(),
        timeline=sums.times.told(),
        parts=tuple(parts(sums, standings)),
        failures=tuple(failures),
        kinds=kinds,
        looks=looks,
    )


def parts(sums: Sums, standings: Iterable[Standing]) -> list[Part]:
    """Each endpoint with each model: what was sent to it, and the jobs that it is to serve or has served."""
    jobs: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for standing in standings:
        jobs[standing.endpoint, standing.model][standing.state] = standing.jobs
    return [
        part(endpoint, model, jobs[endpoint, model], sums.parts.get((endpoint, model), Sum()))
        for endpoint, model in sorted(jobs.keys() | sums.parts.keys())
    ]


def part(endpoint: str, model: str, jobs: Mapping[str, int], sent: Sum) -> Part:
    return Part(
        endpoint=endpoint,
        model=model,
        jobs=jobs,
        attempts=sent.attempts,
        answered=sent.answered,
        causes=dict(sent.causes.most_common()),
        nusd=sent.nusd if sent.is_priced else None,
        input_tokens=sent.input_tokens,
        output_tokens=sent.output_tokens,
        latency=sent.latencies.told(),
    )
