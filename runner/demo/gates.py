"""Whether a provider takes a request at all: key, model, credit, limits, in that order."""

from dataclasses import dataclass, field

from runner.demo.acts import Answer, refused
from runner.demo.knobs import Knobs
from runner.demo.ledger import Ledger, Seen
from runner.demo.limits import Bucket, Quota, pause
from runner.demo.reading import Body


@dataclass(slots=True, kw_only=True)
class Gates:
    """The knobs that refuse."""

    knobs: Knobs
    bucket: Bucket | None = field(init=False)
    quota: Quota | None = field(init=False)

    def __post_init__(self) -> None:
        rate, day = self.knobs.requests_per_minute, self.knobs.requests_per_day
        self.bucket = None if rate is None else Bucket(per_minute=rate, burst=self.knobs.burst or rate)
        self.quota = None if day is None else Quota(per_day=day)

    def stranger(self, seen: Seen) -> Answer | None:
        """A 401 for a key that is not the one."""
        key = self.knobs.key
        if key in {None, seen.headers.get("x-api-key")}:
            return None
        if seen.headers.get("authorization") == f"Bearer {key}":
            return None
        return refused(401, "Incorrect API key provided", "invalid_api_key")

    def unaffordable(self, body: Body, ledger: Ledger) -> Answer | None:
        """A 404 for a model that does not exist, a 402 where the credit is used up."""
        model = body.get("model_name", body.get("model"))
        if self.knobs.models is not None and model not in self.knobs.models:
            return refused(404, f"The model '{model}' does not exist", "model_not_found")
        if self.knobs.credit is not None and ledger.billed >= self.knobs.credit:
            return refused(402, "You have no credit left", "insufficient_quota")
        return None

    def crowded(self, ledger: Ledger, *, now: float, epoch: float) -> Answer | None:
        """A 429 where too many come; `now` by any clock, `epoch` by the wall's."""
        if self.knobs.concurrency is not None and ledger.in_flight > self.knobs.concurrency:
            return self.throttled(1.0, "Too many requests in flight")
        if self.bucket is not None and (wait_s := self.bucket.take(now)):
            return self.throttled(wait_s, "Rate limit reached for requests per minute")
        if self.quota is not None and (wait_s := self.quota.take(epoch)):
            return self.throttled(wait_s, "Rate limit reached for requests per day")
        return None

    def throttled(self, wait_s: float, message: str) -> Answer:
        headers = pause(wait_s) if self.knobs.tells_limits else {}
        return refused(429, message, "rate_limit_exceeded", **headers)

    def headers(self) -> dict[str, str]:
        """What every answer says of the limits."""
        return self.bucket.headers() if self.bucket is not None and self.knobs.tells_limits else {}
