"""What goes into the queue and comes out of it, as values.

Times are seconds since the epoch, money is in billionths of a dollar (`nusd`); None: not known.
"""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from runner import address
from runner.job import Claim, State
from runner.outcome import Attempt, Cause, Kept
from runner.retry import Settlement
from runner.schema import BatchState
from runner.value import value


@value
class NewBatch:
    """A manifest as it is submitted."""

    name: str
    path: str | None
    """The manifest's file; None where it was made in a program."""
    text: str
    sets: Mapping[str, str]
    """What was given by `--set`."""
    fingerprint: str
    settings: str
    """What going on needs of the manifest: a JSON object."""
    folder: str
    """Where its outputs go: an absolute path."""
    priced: bool
    """Whether every request's price is known."""
    pattern: str
    """What its name has in common with those of other nights."""
    night: str
    """What `{{ date }}` stands for, in ISO 8601."""
    run: int
    """Its number among the batches of the pattern."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """By endpoint: whose limits its requests count against."""


@value
class Change:
    """What submitting a manifest does to its batch: told as `+ new = kept - withdrawn`."""

    new: int
    """Jobs that the batch had not, and withdrawn ones that are back."""
    kept: int
    withdrawn: int


@value
class Submitted:
    """A batch after its manifest was submitted."""

    batch_id: int
    change: Change
    renames: int
    """Outputs that get another name: see `Store.renames`."""


@value
class Settled:
    """How a claim ended, ready to be written."""

    claim: Claim
    settlement: Settlement
    attempt: Attempt | None
    """None where nothing was sent that belongs on record, such as a poll that has to come again."""
    kept: tuple[Kept, ...] = ()
    closed_until: float | None = None
    """Until when the account is closed for it, in seconds since the epoch, if it was refused for pace."""


@value
class Orphan:
    """A claim whose runner is gone."""

    batch_id: int
    claim: Claim
    claimed_at: float
    crashes: int
    """Earlier crashes that it was in flight at."""


@value
class Tally:
    """The counters of a batch."""

    total: int
    pending: int
    running: int
    succeeded: int
    failed: int
    unknown: int
    cancelled: int
    attempts: int
    outputs: int
    maybe_billed_twice: int
    spent_nusd: int
    late: int
    """Results that came after their claim had been given to another, and were dropped."""


@value
class BatchRow:
    """A batch as the queue has it."""

    id: int
    name: str
    path: str | None
    sets: Mapping[str, str]
    fingerprint: str
    settings: str
    folder: str
    priced: bool
    pattern: str
    night: str
    run: int
    submission: int
    """How often the manifest was submitted."""
    created_at: float
    updated_at: float
    """When it was last submitted or run."""
    started_at: float | None
    finished_at: float | None
    state: BatchState
    reason: str | None
    paused: bool
    why: str | None
    """What its runner waits for, in words."""
    tally: Tally

    @property
    def url(self) -> str | None:
        """Where its pictures go, where they do not stay in the folder."""
        return address.below(orjson.loads(self.settings), Path(self.folder).name)

    @property
    def place(self) -> str:
        """Where its pictures are."""
        return self.url or self.folder


class JobRow(NamedTuple):
    """A job as the queue has it, with its outputs. A tuple: a million of them are read in a row."""

    row: int
    listed: bool
    """Whether the manifest as last submitted has it."""
    state: State
    cause: Cause | None
    id: str
    stem: str
    key: str
    endpoint: str
    model: str
    prompt: str | None
    params: bytes
    vars: bytes
    sample: int
    body: bytes
    due_at: float | None
    attempt: int
    """Its claims so far."""
    attempts: int
    """Its sendings so far."""
    tries: int
    message: str | None
    http_status: int | None
    request_id: str | None
    served_by: str | None
    cost_nusd: int | None
    """All its attempts together."""
    usage: bytes | None
    started_at: float | None
    """When its last attempt began."""
    finished_at: float | None
    latency_s: float | None
    """Of its last attempt."""
    outputs: tuple[Kept, ...] = ()

    def came_by(self, attempt: int) -> bool:
        """Whether that attempt brought its output."""
        return self.state is State.SUCCEEDED and self.attempt == attempt


@value
class Rename:
    """An output's file that is to get another name, both relative to the batch's folder."""

    id: int
    job: int
    """The row of the job whose output it is."""
    old: str
    new: str


@value
class FileRow:
    """A file that the queue knows."""

    output: int
    """The number of its row."""
    job: int
    id: str
    """The job's."""
    key: str
    listed: bool
    attempt: int
    index: int
    path: str
    """Relative to the batch's folder."""
    bytes: int
    sha256: str


@value
class Request:
    """What is sent for a job, and to whom."""

    endpoint: str
    body: bytes


@value
class Closed:
    """Nothing is sent with a key until then."""

    until: float
    why: str | None
    """In words; None: its provider has refused for pace."""


@value(kw_only=False)
class Controls:
    """What people have set of an endpoint; None: nothing, so that its manifest holds."""

    concurrency: str | None = None
    """A number, or `auto`."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    requests_per_day: int | None = None


@value
class Usual:
    """What the latest answers of one model at one endpoint were, in the mean."""

    answers: int
    nusd: float | None
    latency_s: float
    tokens: float | None = None
    """In and out together, where answers tell."""


@value
class Failure:
    """The failed or unknown jobs of a batch with one cause, by an example."""

    state: State
    cause: Cause
    count: int
    example: JobRow


class Sending(NamedTuple):
    """What a report wants of an attempt. A tuple: a million of them are read in a row."""

    served_by: str
    model: str
    cause: str | None
    started_at: float
    latency_s: float
    counted: int
    billed: int
    cost_nusd: int | None
    usage: bytes | None


class Standing(NamedTuple):
    """How many jobs of a model at an endpoint are in a state."""

    endpoint: str
    model: str
    state: str
    jobs: int


class Kind(NamedTuple):
    """The outputs of a kind."""

    outputs: int
    bytes: int


@value(kw_only=False)
class Among:
    """Which pending jobs may be taken."""

    rows: tuple[int, ...] | None = None
    """Of these alone; None: of all."""
    ticketed: bool = False
    """Of those alone that are paid for and go on from a ticket."""
    alone: bool = False
    """Of those alone that may have ended an earlier runner."""
    fresh: bool = False
    """Of these rows those too that were never taken."""


Values = tuple[Any, ...]
"""One row of parameters, or of a result."""
