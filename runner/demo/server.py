"""A provider on loopback that speaks every dialect, and fails as it is told."""

import asyncio
import os
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random

import anyio
import anyio.to_thread
from aiohttp import web

from runner.demo import routes
from runner.demo.acts import Act, Answer
from runner.demo.delivery import Delivery
from runner.demo.faults import named
from runner.demo.gates import Gates
from runner.demo.knobs import Knobs
from runner.demo.ledger import Ledger, Seen
from runner.demo.painting import Picture, paint
from runner.demo.reading import Refused, object_of
from runner.demo.studio import Made, Order, Prediction, Shelf, Visit

Script = Callable[[Seen], Act | None]
"""What is done with a request, polls and downloads included; None: what is right by the knobs."""
PRICE_USD = 0.01
"""Of a request, where the account says what is left."""
GRACE_S = 0.05
"""How long answers under way have when the provider closes."""


class Provider:
    """A running provider: its address, what it was paid for, and the script of its faults."""

    def __init__(self, knobs: Knobs) -> None:
        self.knobs = knobs
        self.url = ""
        self.script: Script | None = None
        self.acts: deque[Act | None] = deque()
        self.ledger = Ledger(record=knobs.record)
        self.gates = Gates(knobs=knobs)
        self.chance = Random(knobs.seed)
        self.easel = anyio.CapacityLimiter(os.cpu_count() or 1)
        self.closing = asyncio.Event()
        self.number = 0
        self.mishaps: Counter[str] = Counter()
        """Faults by chance that have happened, by their names."""
        self.pictures: Shelf[Picture] = Shelf()
        self.predictions: Shelf[Prediction] = Shelf()

    @property
    def requests(self) -> list[Seen]:
        """Every request so far, where `record` is set."""
        return self.ledger.requests

    @property
    def paid(self) -> Mapping[str, int]:
        """How often each body, as `canonical` spells it, was charged for, where `record` is set."""
        return self.ledger.paid

    @property
    def sent(self) -> int:
        """POSTs so far."""
        return self.ledger.sent

    @property
    def billed(self) -> int:
        """POSTs that were charged for."""
        return self.ledger.billed

    @property
    def answered(self) -> Mapping[int, int]:
        """Answers by HTTP status; 499: connections that ended in another way."""
        return self.ledger.answered

    @property
    def in_flight(self) -> int:
        return self.ledger.in_flight

    @property
    def peak(self) -> int:
        """The most requests that were in flight at once."""
        return self.ledger.peak

    def play(self, *acts: Act | None) -> None:
        """What is done with the POSTs to come, one after the other; None: what is right by the knobs."""
        self.acts.extend(acts)

    async def until(self, holds: Callable[["Provider"], bool]) -> None:
        """Returns as soon as the counts are so: `await provider.until(lambda p: p.sent == 8)`."""
        while not holds(self):
            await self.ledger.change()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its headers to the last byte of what it gets."""
        with self.ledger.flight():
            seen = await witness(request)
            self.ledger.saw(seen)
            self.number += 1
            act, made = self.act(seen), routes.made(seen, self.visit())
            if seen.method == "POST" and costs(act, made):
                self.ledger.bill(seen)
                await self.think()
            delivery = Delivery(request=request, closing=self.closing, headers=self.headers())
            response = await delivery.send(act, lambda: self.finished(made))
            self.ledger.answered[response.status] += 1
            return response

    def act(self, seen: Seen) -> Act | None:
        """What comes between a request and its answer: the script, a gate, chance, or nothing."""
        if self.script is not None and (act := self.script(seen)) is not None:
            return act
        if seen.method != "POST":
            is_open = routes.place(seen.path).startswith(routes.OPEN)
            return None if is_open else self.gates.stranger(seen)
        if self.acts and (act := self.acts.popleft()) is not None:
            return act
        return self.refusal(seen) or self.mishap()

    def mishap(self) -> Act | None:
        """The fault that chance has for this request: with the same seed the n-th one meets the same."""
        name = self.knobs.faults.pick(self.chance.random())
        if name is None:
            return None
        self.mishaps[name] += 1
        return named(name)

    def refusal(self, seen: Seen) -> Answer | None:
        try:
            body = object_of(seen.body)
        except Refused as refusal:
            return refusal.answer
        return (
            self.gates.stranger(seen)
            or self.gates.unaffordable(body, self.ledger)
            or self.gates.crowded(self.ledger, now=time.monotonic(), epoch=time.time())
        )

    def visit(self) -> Visit:
        return Visit(
            number=self.number,
            epoch=int(time.time()),
            url=self.url,
            polls=self.knobs.polls,
            pictures=self.pictures,
            predictions=self.predictions,
            models=sorted(self.knobs.models or ()),
            **self.balance(),
        )

    def balance(self) -> dict[str, float]:
        """What is left where the credit is bounded."""
        credit = self.knobs.credit
        return {} if credit is None else {"balance": PRICE_USD * max(credit - self.billed, 0)}

    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        return {"x-request-id": f"demo-{self.number}", **self.gates.headers()}

    async def think(self) -> None:
        """The latency of paid work."""
        if self.knobs.latency_s:
            stray = self.knobs.jitter * (2 * self.chance.random() - 1)
            await asyncio.sleep(self.knobs.latency_s * (1 + stray))

    async def finished(self, made: Made) -> Answer:
        """The answer with its pictures painted, in threads."""
        if not isinstance(made, Order):
            return made
        files = [
            await anyio.to_thread.run_sync(paint, picture, limiter=self.easel) for picture in made.pictures
        ]
        return made.frame(files)


def costs(act: Act | None, made: Made) -> bool:
    """Whether the request is charged for: work was done, whatever became of its answer."""
    if isinstance(act, Answer):
        return act.costs
    return (isinstance(made, Order) or made.costs) and (act is None or act.costs)


async def witness(request: web.BaseRequest) -> Seen:
    """The request, read to its end."""
    return Seen(
        at=time.monotonic(),
        method=request.method,
        path=request.raw_path,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.content.read(),
    )


@asynccontextmanager
async def serve(
    knobs: Knobs | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[Provider]:
    """A provider in the running loop, `provider.url` its address; port 0 takes a free one."""
    provider = Provider(knobs or Knobs())
    server = web.Server(provider.handle, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=GRACE_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        provider.url = f"http://{host}:{runner.addresses[0][1]}"
        yield provider
    finally:
        provider.closing.set()
        await runner.cleanup()
