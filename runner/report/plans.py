"""What a run would do, as lines for people."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from runner.price import nusd
from runner.report.words import duration, many, money, visible


class Plan(Protocol):
    """What a run would do, as far as it is told here."""

    @property
    def batch(self) -> str: ...
    @property
    def total(self) -> int: ...
    @property
    def new(self) -> int: ...
    @property
    def kept(self) -> int: ...
    @property
    def withdrawn(self) -> int: ...
    @property
    def reused(self) -> int: ...
    @property
    def requests(self) -> int: ...
    @property
    def cost_usd(self) -> float | None: ...
    @property
    def least_usd(self) -> float: ...
    @property
    def most_usd(self) -> float: ...
    @property
    def priced_by(self) -> str: ...
    @property
    def time_s(self) -> float | None: ...
    @property
    def nights(self) -> int: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def first(self) -> list[dict[str, Any]]: ...


def plan(planned: Plan) -> Iterator[str]:
    """Counts, cost and time first, then the requests as they would be sent."""
    parts = f"{planned.new:,} new, {planned.kept:,} kept, {planned.withdrawn:,} withdrawn"
    yield f"{planned.batch}: {many(planned.total, 'job')}: {parts}"
    if planned.reused:
        yield f"would reuse {many(planned.reused, 'output')} of other batches, at no cost"
    yield f"would send {many(planned.requests, 'request')}, {cost(planned)}, {time(planned)}"
    yield from (f"warning: {visible(warning)}" for warning in planned.warnings)
    for request in planned.first:
        yield ""
        yield from sending(request)


def cost(planned: Plan) -> str:
    """What it costs, or between what, and where that is known from."""
    if planned.cost_usd is None:
        return f"cost unknown ({planned.priced_by})"
    amounts = (planned.cost_usd, planned.least_usd, planned.most_usd)
    likely, least, most = (money(nusd(amount)) for amount in amounts)
    if least == most:
        return f"cost {likely} ({planned.priced_by})"
    about = "" if likely == most else f" about {likely},"
    return f"cost{about} {least} to {most}, as the answers are ({planned.priced_by})"


def time(planned: Plan) -> str:
    """How long it takes, by nights where a day's quota does not reach."""
    if planned.nights > 1:
        return f"finishes in {planned.nights} nights"
    seconds = planned.time_s
    return "time unknown" if seconds is None else f"{duration(seconds)} under the limits"


def sending(request: Mapping[str, Any]) -> Iterator[str]:
    """As it would go on the wire, secrets left out."""
    yield f"{request['method']} {visible(request['url'])}"
    yield from (f"{name}: {visible(value)}" for name, value in request["headers"].items())
    yield visible(json.dumps(request["body"], indent=2, ensure_ascii=False))
