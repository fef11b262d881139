"""One endpoint's door: a `Call` out, a `Reply` back; aiohttp's exceptions end here."""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from functools import lru_cache

import aiohttp
import anyio
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.http_exceptions import ContentEncodingError
from multidict import CIMultiDict
from yarl import URL

from runner import connections, crash, fault
from runner.connections import Address, Connections, Connector
from runner.deadlines import Deadlines
from runner.fault import Trouble
from runner.guard import Forbidden, Guard
from runner.outcome import Fault, let_go
from runner.resolver import Resolver, looked_up
from runner.value import value
from runner.wire import Call, Reply

HOPS = 3
"""Redirects that a download may take."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SUCCESS = 2
"""First digit of a status that claims success."""
MOST_WORDS = 300
"""Characters of an error's text that are passed on."""
DONE, LAST = b"[DONE]", 16
"""What a stream of events ends with (OpenAI's API), and among how many bytes it is looked for."""
GOODBYE_S = 2.0
"""How long the connection may stay open behind it: some servers forget to close it."""
MOST_ADDRESSES = 256
"""Addresses that are remembered: an endpoint has one, and one for each job that is polled."""


@dataclass(slots=True, eq=False)
class Sending:
    """What is known of a call while it is under way."""

    timeout_s: float
    begun_at: float | None = None
    """When a connection was there, so that bytes may have left, on the monotonic clock."""
    is_called_off: bool = False
    is_overdue: bool = False
    """Whether its time was over before its answer was whole."""
    head: RawResponseMessage | None = None
    """Status and headers of its answer, once they have come."""
    chunks: list[bytes] = field(default_factory=list)
    """What has come of the answer's body."""
    _waiting: anyio.CancelScope | None = None
    _connection: Connection | None = None
    _ends_at: float = 0.0

    @property
    def sent(self) -> bool:
        """Whether bytes may have left."""
        return self.begun_at is not None

    def call_off(self) -> None:
        """Do not send it, unless bytes may have left already."""
        if self.begun_at is None:
            self.is_called_off = True
            if self._waiting is not None:
                self._waiting.cancel()

    async def connect(self, line: Connections, to: Address) -> Connection:
        """A new connection; raises `CalledOff` where it is not wanted any more."""
        with anyio.CancelScope() as self._waiting:
            connection = await line.opened(to)
            if not self.is_called_off:
                return connection
            connection.close()
        raise CalledOff

    def begin(self, connection: Connection, deadlines: Deadlines) -> None:
        """From here on its time runs; when that is over the connection is cut."""
        self.begun_at, self.head = time.monotonic(), None
        self.chunks.clear()
        self._connection, self._ends_at = connection, self.begun_at + self.timeout_s
        deadlines.put(self, self._ends_at)

    def hurry(self, deadlines: Deadlines) -> None:
        """All has come that was to come."""
        goodbye_at = time.monotonic() + GOODBYE_S
        if goodbye_at < self._ends_at:
            self._ends_at = goodbye_at
            deadlines.put(self, goodbye_at)

    def cut(self) -> None:
        """Its time is over."""
        self.is_overdue = True
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.abort()


class CalledOff(Exception):
    """A call was not sent because it was not to be any more."""


@value(kw_only=False)
class Door:
    """What every request to one endpoint needs, made once."""

    url: str
    headers: CIMultiDict[str]
    cap: int
    """Bytes of an answer at most, after decompression."""


class Transport:
    """Sends calls to one endpoint. Credentials go to its own origin alone; nothing is sent twice."""

    def __init__(
        self,
        door: Door,
        own: Connections,
        links: Connections,
        guard: Guard,
        *,
        redact: Callable[[bytes], bytes],
        deadlines: Deadlines,
    ) -> None:
        self._door = door
        self._redact = redact
        self._own = own
        self._links = links
        self._guard = guard
        self._deadlines = deadlines
        self._origin = URL(door.url).origin()
        self._place = lru_cache(maxsize=MOST_ADDRESSES)(self._place_anew)

    async def send(self, call: Call, sending: Sending) -> Reply:
        """The whole answer to `call`; raises `Fault` where there is none. `sending` tells how far it came."""
        try:
            return await (self._download if call.download else self._exchange)(call, sending)
        except (aiohttp.ClientError, HttpProcessingError, OSError, Forbidden) as met:
            error = met
        if sending.is_overdue:
            return self._overdue(call, sending)
        raise self._fault(call, sending, trouble(error, sent=sending.sent), detail(error)) from error

    def _fault(self, call: Call, sending: Sending, why: Trouble, words: str) -> Fault:
        shown = self._redact(words.encode(errors="replace")).decode()
        return fault.of_error(why, sent=sending.sent, paid=call.is_charged, detail=shown)

    def _overdue(self, call: Call, sending: Sending) -> Reply:
        """Time is over: for an error its status is enough, a stream may be whole, the rest is none."""
        words = f"no answer in {sending.timeout_s:g} s"
        if sending.head is None:
            raise self._fault(call, sending, Trouble.TIMEOUT, words)
        came = self._answer(sending.head, sending.chunks)
        return endless(came, fault.overdue(came, words, paid=call.is_charged))

    async def _exchange(self, call: Call, sending: Sending) -> Reply:
        """To the endpoint itself with its credentials; elsewhere, as far as a link may lead, without."""
        line, to = self._place(call.method, call.path, tuple(call.headers))
        if line is self._links:
            await self._guard.learn()
        return await self._ask(line, to, call, sending)

    def _place_anew(self, method: str, path: str, named: tuple[str, ...]) -> tuple[Connections, Address]:
        """Where a call goes that brings headers of these names itself."""
        url = address(self._door.url, path)
        if url.origin() != self._origin:
            return self._links, connections.address(method, url, {})
        headers = self._door.headers.copy()
        for name in named:
            headers.popall(name, None)
        return self._own, connections.address(method, url, headers)

    async def _download(self, call: Call, sending: Sending) -> Reply:
        url = address(self._door.url, call.path)
        await self._guard.learn()
        for _ in range(HOPS + 1):
            to = connections.address("GET", url, {})
            reply = await self._ask(self._links, to, call, sending)
            target = reply.headers.get("location")
            if target is None or reply.status not in REDIRECTS:
                return reply
            url = url.join(address("", target))
        raise fault.of_error(
            Trouble.TOO_MANY_HOPS, sent=True, paid=False, detail=f"more than {HOPS} redirects"
        )

    async def _ask(self, line: Connections, to: Address, call: Call, sending: Sending) -> Reply:
        """One request and its answer; the connection is kept where the answer came to its end."""
        connection = line.at_hand(to) or await sending.connect(line, to)
        try:
            sending.begin(connection, self._deadlines)
            connections.write(connection, to, call.headers, call.body)
            if crash.armed("sent"):
                await asyncio.sleep(0.05)  # uvloop writes at the end of a turn; the provider shall have it
                crash.point("sent")
            reply = await self._reply(connection, call, sending)
        except BaseException:
            connection.close()
            raise
        finally:
            self._deadlines.drop(sending)
        line.take_back(to, connection)
        return reply

    async def _reply(self, connection: Connection, call: Call, sending: Sending) -> Reply:
        """The answer to its end, or what there is of one that was cut."""
        sending.head, content = await connections.read(connection)
        try:
            await self._fill(content, sending)
        except aiohttp.ClientPayloadError as error:
            is_cut = trouble(error, sent=True) is Trouble.CUT_BODY
            if sending.is_overdue or (not is_cut and sending.head.code // 100 == SUCCESS):
                raise
            let_go(error)
            came = self._answer(sending.head, sending.chunks)
            return endless(came, fault.cut(came, paid=call.is_charged))
        return self._answer(sending.head, sending.chunks)

    async def _fill(self, content: aiohttp.StreamReader, sending: Sending) -> None:
        """The answer's body, to its end, or a fault once it is longer than the cap.

        In the pieces that it came in: they are put together once.
        """
        size, last, cap = 0, b"", self._door.cap
        while not content.at_eof():
            chunk, _ = await content.readchunk()
            sending.chunks.append(chunk)
            size, last = size + len(chunk), (last + chunk[-LAST:])[-LAST:]
            if last.rstrip().endswith(DONE):
                sending.hurry(self._deadlines)
            if size > cap:
                raise fault.of_error(Trouble.TOO_LARGE, sent=True, detail=f"answer over {cap >> 20} MB")
        if sending.is_overdue:
            raise aiohttp.ClientPayloadError

    def _answer(self, head: RawResponseMessage, chunks: list[bytes]) -> Reply:
        """The reply without secrets; its pieces are given up, so that it is held once."""
        values = b"\n".join([value for _, value in head.raw_headers])
        if values.isascii() and self._redact(values) is values:
            headers = {name.lower(): value for name, value in head.headers.items()}
        else:
            headers = {
                name.lower(): self._redact(value.encode(errors="surrogateescape")).decode(errors="replace")
                for name, value in head.headers.items()
            }
        body = b"".join(chunks)
        chunks.clear()
        return Reply(status=head.code, headers=headers, body=self._redact(body))


@lru_cache(maxsize=256)
def address(base: str, path: str) -> URL:
    """Where a call goes: a path after the endpoint's URL, or a whole URL that an answer named."""
    try:
        return URL(base + path) if path.startswith("/") or not path else URL(path)
    except ValueError as error:
        words = f"not a web address: {fault.one_line(path, MOST_WORDS)}"
        raise fault.of_error(Trouble.NO_ADDRESS, sent=False, detail=words) from error


def endless(came: Reply, lost: Fault) -> Reply:
    """An answer without its end: an error is told by its status, a stream by itself; the rest is lost."""
    if came.status // 100 != SUCCESS:
        return came
    if came.is_stream:
        return replace(came, lost=lost)
    raise lost


TROUBLES: tuple[tuple[type[BaseException], Trouble], ...] = (
    (aiohttp.ClientConnectorDNSError, Trouble.DNS),
    (aiohttp.ClientConnectorCertificateError, Trouble.CERTIFICATE),
    (aiohttp.ClientSSLError, Trouble.CERTIFICATE),
    (ssl.SSLError, Trouble.CERTIFICATE),
    (Forbidden, Trouble.FORBIDDEN_ADDRESS),
    (aiohttp.ConnectionTimeoutError, Trouble.CONNECT_TIMEOUT),
    (aiohttp.ClientConnectorError, Trouble.REFUSED),
    (aiohttp.ContentTypeError, Trouble.BROKEN_HTTP),
    (aiohttp.ClientResponseError, Trouble.BROKEN_HTTP),
    (HttpProcessingError, Trouble.BROKEN_HTTP),
    (aiohttp.ClientPayloadError, Trouble.CUT_BODY),
    (aiohttp.InvalidURL, Trouble.UNREACHABLE),
)
"""aiohttp's exceptions, the narrower class before the wider; what is not here lost its connection."""


def trouble(error: BaseException, *, sent: bool) -> Trouble:
    """Which trouble an exception of aiohttp stands for; a body that broke says by its cause what broke."""
    if isinstance(error.__cause__, ContentEncodingError):
        return Trouble.DECODE
    for kind, named in TROUBLES:
        if isinstance(error, kind):
            return named
    return Trouble.CLOSED if sent else Trouble.RESET_UNSENT


def detail(error: BaseException) -> str:
    """What a person should read of it: never its `repr`, which may hold the request's headers.

    Empty where the trouble's own words say it better than the library's.
    """
    match error:
        case aiohttp.ClientConnectorError():
            return f"{error.host}:{error.port}: {in_words(error.os_error)}"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return fault.one_line(error.message, MOST_WORDS)
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError():
            return ""
        case OSError():
            return in_words(error)
        case _:
            return fault.one_line(str(error), MOST_WORDS)


def in_words(error: OSError) -> str:
    """The system's words for it; of names and certificates their libraries know more."""
    if isinstance(error, socket.gaierror | ssl.SSLError) or not error.errno:
        return fault.one_line(error.strerror or str(error), MOST_WORDS)
    return os.strerror(error.errno)


@asynccontextmanager
async def opened(
    door: Door, *, redact: Callable[[bytes], bytes], inside: Sequence[tuple[str, int]]
) -> AsyncIterator[Transport]:
    """A transport to one endpoint; `inside`: hosts and ports that links may go to wherever they are."""
    resolver, guard = Resolver(), Guard(inside, looked_up)
    own = Connector(resolver=resolver)
    elsewhere = Connector(resolver=resolver, socket_factory=guard.open)
    async with own, elsewhere:
        with (
            closing(Connections(own)) as first,
            closing(Connections(elsewhere)) as second,
            closing(Deadlines()) as deadlines,
        ):
            yield Transport(door, first, second, guard, redact=redact, deadlines=deadlines)
