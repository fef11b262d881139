"""A run as Prometheus metrics: what the GenAI conventions of OpenTelemetry name goes by their names.

Their dots are underscores here and their units are part of the name, as OpenTelemetry maps them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    start_http_server,
    write_to_textfile,
)

from runner.dialects.usage import INPUT_TOKENS, OUTPUT_TOKENS, count
from runner.endpoint import Endpoint
from runner.job import State
from runner.outcome import Attempt
from runner.store import Settled, Tally

LOOPBACK = "127.0.0.1"
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(float(4**power) for power in range(14))
"""The boundaries that the conventions recommend: 1, 4, 16 … 67,108,864."""
OPERATIONS = {
    "openai-embeddings": "embeddings",
    "nebula-images": "generate_content",
    "openai-images": "generate_content",
}
"""There is no operation for images; they count as generated content."""
CHAT = "chat"


class Metrics:
    """Counts for as long as the program runs, over all its batches."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        common = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

        def histogram(name: str, words: str, label: str, bounds: Sequence[float]) -> Histogram:
            return Histogram(name, words, (*common, label), buckets=bounds, registry=registry)

        def counter(name: str, words: str, *labels: str) -> Counter:
            return Counter(f"runner_{name}", words, ("batch", *labels), registry=registry)

        def gauge(name: str, words: str, *labels: str) -> Gauge:
            return Gauge(f"runner_{name}", words, ("batch", *labels), registry=registry)

        took, tokens = "gen_ai_client_operation_duration_seconds", "gen_ai_client_token_usage"
        self._duration = histogram(took, "Time from sending a request to its end.", "error_type", SECONDS)
        self._tokens = histogram(tokens, "Tokens, as the provider counts them.", "gen_ai_token_type", TOKENS)
        self._attempts = counter("attempts", "Sendings, by how they ended.", "endpoint", "cause")
        self._outputs = counter("outputs", "Outputs kept.", "kind")
        self._spent = counter("spent_dollars", "Spent, or maybe spent, as far as prices are known.")
        self._again = counter("maybe_billed_twice", "Sendings after one that may have been billed.")
        self._jobs = gauge("jobs", "Jobs, by state.", "state")
        self._waiting = gauge("waiting", "Whether the run waits for something, such as a limit.")
        self._ended = gauge("exit_status", "How the last run of the batch ended.")

    def serve(self, port: int) -> None:
        """On loopback alone; raises OSError where the port is taken."""
        start_http_server(port, addr=LOOPBACK, registry=self.registry)

    def write(self, path: Path) -> None:
        """For a collector of text files: the whole file, or the one before."""
        write_to_textfile(str(path), self.registry)

    def tallied(self, batch: str, tally: Tally, why: str | None) -> None:
        """How the batch stands."""
        for state in State:
            self._jobs.labels(batch, state).set(getattr(tally, state))
        self._waiting.labels(batch).set(why is not None)

    def ended(self, batch: str, exit_status: int) -> None:
        self._ended.labels(batch).set(exit_status)

    def heard(self, batch: str, endpoints: Mapping[str, Endpoint], settled: Sequence[Settled]) -> None:
        """Results that have been committed."""
        for each in settled:
            if each.attempt is not None and each.attempt.counted:
                self._sent(batch, each.claim.model, endpoints[each.attempt.served_by], each.attempt)
            for kept in each.kept:
                self._outputs.labels(batch, kept.kind).inc()

    def _sent(self, batch: str, model: str, endpoint: Endpoint, attempt: Attempt) -> None:
        cause = "" if attempt.cause is None else attempt.cause.value
        common = (OPERATIONS.get(endpoint.dialect, CHAT), attempt.served_by, model)
        self._attempts.labels(batch, attempt.served_by, cause).inc()
        self._duration.labels(*common, cause).observe(attempt.latency_s)
        self._spent.labels(batch).inc((attempt.cost_nusd or 0) / 1e9)
        self._again.labels(batch).inc(attempt.again)
        took = {} if attempt.usage is None else orjson.loads(attempt.usage)
        for kind, names in (("input", INPUT_TOKENS), ("output", OUTPUT_TOKENS)):
            if (tokens := count(took, names)) is not None:
                self._tokens.labels(*common, kind).observe(tokens)
