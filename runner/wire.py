"""HTTP as values: what a dialect wants sent, and what comes back."""

from collections.abc import Generator, Mapping
from dataclasses import field

from runner.outcome import Output
from runner.value import value


@value
class Call:
    """One request to make. A paid one carries the endpoint's credentials and is never redirected."""

    path: str
    """Appended to the endpoint's URL; an absolute URL where an answer named one."""
    method: str = "POST"
    body: bytes | None = None
    """A JSON document, ready to send."""
    headers: Mapping[str, str] = field(default_factory=dict)
    paid: bool = True
    """False for a poll: free, so it may be sent again."""
    download: bool = False
    """True for a file an answer points to: free, without credentials, up to three hops, each checked."""


@value
class Wait:
    """Nothing to do for so many seconds: the claim is given back and the job becomes due then."""

    seconds: float


@value
class Ticket:
    """Commit this (JSON) before going on: from here a crash pays nothing again."""

    data: bytes
    body: bytes = b""
    """The paid answer, less its base64, for the record."""


@value
class Reply:
    """A whole answer: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Exchange = Generator[Call | Wait | Ticket, Reply | None, Output]
"""A conversation about one job, without I/O: `reply = yield Call(…)`; a `Wait` ends it, and a later claim
goes on from the `Ticket` yielded before."""
