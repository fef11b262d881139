"""What an endpoint runs by: what people have set of it, and else what its manifest says."""

from typing import Literal

from runner.endpoint import Endpoint
from runner.store import Controls
from runner.value import value


@value(kw_only=False)
class Setting:
    """What holds of an endpoint; None: nothing bounds it."""

    concurrency: int | Literal["auto"]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    requests_per_day: int | None


def setting(endpoint: Endpoint, controls: Controls) -> Setting:
    limits, given = endpoint.limits, controls.concurrency
    return Setting(
        endpoint.concurrency if given is None else "auto" if given == "auto" else int(given),
        controls.requests_per_minute or limits.requests_per_minute,
        controls.tokens_per_minute or limits.tokens_per_minute,
        controls.requests_per_day or limits.requests_per_day,
    )
