"""Endpoints made ready to be sent to: secrets resolved, doors opened, the embedded provider started."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from multidict import CIMultiDict

from runner import pace, price
from runner.breaker import Breaker
from runner.compose.secrets import credentials
from runner.dialects import DIALECTS
from runner.endpoint import Endpoint
from runner.engine.lane import Lane
from runner.guard import own_places
from runner.health import Health
from runner.redaction import Secrets
from runner.transport import Door, opened

AGENT = "runner/0.1"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}


@asynccontextmanager
async def lanes(
    endpoints: Mapping[str, Endpoint], secrets: Secrets, *, waits: bool
) -> AsyncIterator[dict[str, Lane]]:
    """A lane to each endpoint, for as long as a run lasts."""
    async with AsyncExitStack() as stack:
        yield {
            name: await lane(name, endpoint, secrets, stack, waits=waits)
            for name, endpoint in endpoints.items()
        }


async def lane(
    name: str, endpoint: Endpoint, secrets: Secrets, stack: AsyncExitStack, *, waits: bool
) -> Lane:
    if endpoint.is_demo:
        from runner import demo

        provider = await stack.enter_async_context(demo.serve())
        endpoint = endpoint.model_copy(update={"url": provider.url, "price": price.FREE})
    door = Door(
        url=secrets.resolve(endpoint.url).rstrip("/"),
        headers=headers(endpoint, secrets),
        cap=endpoint.max_answer_mb << 20,
    )
    inside = own_places(door.url, endpoint.downloads)
    transport = await stack.enter_async_context(opened(door, redact=secrets.redact_bytes, inside=inside))
    return Lane(
        name=name,
        endpoint=endpoint,
        dialect=DIALECTS[endpoint.dialect],
        door=transport,
        pace=pace.of(endpoint.limits, endpoint.concurrency, now=time.monotonic(), wall=time.time()),
        health=Health(),
        breaker=Breaker(),
        give_up_s=endpoint.give_up if waits else 0.0,
        key="" if endpoint.key is None or endpoint.auth == "none" else secrets.hint(endpoint.key),
    )


def headers(endpoint: Endpoint, secrets: Secrets) -> CIMultiDict[str]:
    """The headers of every request to the endpoint, its credentials among them."""
    made = CIMultiDict({**JSON, "User-Agent": AGENT})
    for stated in (credentials(endpoint), endpoint.headers):
        made.update({name: secrets.resolve(value) for name, value in stated.items()})
    return made
