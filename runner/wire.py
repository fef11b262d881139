"""HTTP as values: what a dialect wants sent, and what comes back."""

from collections.abc import Generator, Mapping
from dataclasses import field

from runner.outcome import Fault, Output
from runner.value import value


@value
class Call:
    """One request to make. A paid one carries the endpoint's credentials and is never redirected."""

    path: str
    """Appended to the endpoint's URL; a whole URL where an answer named one."""
    method: str = "POST"
    body: bytes | None = None
    """A JSON document, ready to send."""
    headers: Mapping[str, str] = field(default_factory=dict)
    paid: bool = True
    """False for a poll: free, so it may be sent again."""
    download: bool = False
    """True for a file an answer points to: free, without credentials, up to three hops, each checked."""

    @property
    def is_charged(self) -> bool:
        """Whether sending it may cost something."""
        return self.paid and not self.download


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


NO_FIELD = (b"{", b"[", b"<", b'"')
"""How a body begins that is JSON or a page, whatever its type says."""


@value
class Reply:
    """An answer: header names in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    lost: Fault | None = None
    """Why the end of a stream is missing: what stands unless the stream itself says that it is whole."""

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events: told by the body where it shows, else by the Content-Type."""
        if self.body[:1] == b"{":
            return False
        start = self.body[:64].lstrip(b"\xef\xbb\xbf \r\n\t")
        if start.startswith(b"data:"):
            return True
        kind = self.headers.get("content-type", "").lower()
        return kind.startswith("text/event-stream") and not start.startswith(NO_FIELD)


Exchange = Generator[Call | Wait | Ticket, Reply | None, Output]
"""A conversation about one job, without I/O: `reply = yield Call(…)`; a `Wait` ends it, and a later claim
goes on from the `Ticket` yielded before."""
