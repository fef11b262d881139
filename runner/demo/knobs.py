"""How a provider behaves, as one value."""

from dataclasses import field

from runner.demo.faults import Mix
from runner.value import value


@value
class Knobs:
    """As it stands: a provider that is well, knows everybody, and takes a moment for each answer."""

    latency_s: float = 0.3
    jitter: float = 0.5
    """How far the latency strays from its middle, as a share of it."""
    faults: Mix = field(default_factory=Mix)
    seed: int = 0
    """Of the chances for faults and latency."""
    requests_per_minute: int | None = None
    burst: int | None = None
    """Requests that may come at once; None: a minute's."""
    requests_per_day: int | None = None
    concurrency: int | None = None
    """Requests in flight, before more are answered 429."""
    tells_limits: bool = True
    """Whether headers tell of the limits, `retry-after` included."""
    key: str | None = None
    """The only bearer token that is taken; None: any, or none."""
    credit: int | None = None
    """Requests that are paid for before the answer is 402."""
    models: frozenset[str] | None = None
    """The models there are; None: any."""
    polls: int = 2
    """How often a prediction says `processing` before it is ready."""
    record: bool = False
    """Keep every request and count what was paid for each; else memory does not grow."""
