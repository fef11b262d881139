"""One endpoint's door: a `Call` out, a `Reply` back; aiohttp's exceptions end here."""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import aiohttp
import anyio
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.http_exceptions import ContentEncodingError
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from runner import crash, fault
from runner.fault import Trouble
from runner.guard import Forbidden, Guard
from runner.outcome import Fault
from runner.wire import Call, Reply

CONNECT_S = 15.0
"""Seconds to get a connection; the attempt's own timeout counts from sending."""
KEEPALIVE_S = 4.0
"""Idle connections are given up before servers do it (Node, uvicorn: 5 s): none closes under one."""
HOPS = 3
"""Redirects that a download may take."""
LARGE_BODY = 1 << 20
"""Request bodies from here on are streamed: aiohttp would write them in one go and warn."""


@dataclass(slots=True)
class Sending:
    """What is known of a call while it is under way."""

    timeout_s: float
    sent: bool = False
    """Whether a connection was there, so that bytes may have left."""
    begun_at: float | None = None
    """When that was, on the loop's clock."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    def begin(self) -> None:
        self.sent = True
        self.begun_at = anyio.current_time()
        self.scope.deadline = self.begun_at + self.timeout_s


class Unanswered(Exception):
    """Carries an error of aiohttp, its cause, past aiohttp."""


SENDING: ContextVar[Sending] = ContextVar("SENDING")


class Connector(aiohttp.TCPConnector):
    """Tells the sending when it has its connection: before that nothing was paid for."""

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        SENDING.get().begin()
        return connection


class Answer(aiohttp.ClientResponse):
    """Knows the moment when a request has been handed over and its answer has not begun."""

    async def start(self, connection: Connection) -> "Answer":
        if crash.armed("sent"):
            await asyncio.sleep(0.05)  # uvloop writes at the end of a turn; the provider shall have it
            crash.point("sent")
        await super().start(connection)
        return self


@dataclass(frozen=True, slots=True)
class Door:
    """What every request to one endpoint needs, made once."""

    url: str
    headers: CIMultiDict[str]
    cap: int
    """Bytes of an answer at most, after decompression."""
    timeout_s: float


class Transport:
    """Sends calls to one endpoint. Credentials go to its own origin alone; nothing is sent twice."""

    def __init__(
        self,
        door: Door,
        paid: aiohttp.ClientSession,
        downloads: aiohttp.ClientSession,
        redact: Callable[[bytes], bytes],
    ) -> None:
        self._door = door
        self._redact = redact
        self._paid = paid
        self._downloads = downloads
        self._origin = URL(door.url).origin()

    async def send(self, call: Call, sending: Sending) -> Reply:
        """The whole answer to `call`; raises `Fault` where there is none. `sending` tells how far it came."""
        SENDING.set(sending)
        try:
            with sending.scope:
                return await (self._download(call) if call.download else self._exchange(call))
        except Unanswered as carried:
            error = carried.__cause__ or carried
        except (aiohttp.ClientError, OSError, Forbidden) as met:
            error = met
        else:
            raise self._fault(call, sending, Trouble.TIMEOUT, f"no answer in {sending.timeout_s:g} s")
        raise self._fault(call, sending, trouble(error, sent=sending.sent), detail(error)) from error

    @staticmethod
    def _fault(call: Call, sending: Sending, why: Trouble, words: str) -> Fault:
        return fault.of_error(why, sent=sending.sent, paid=call.paid and not call.download, detail=words)

    async def _exchange(self, call: Call) -> Reply:
        url = (
            URL(self._door.url + call.path) if call.path.startswith("/") or not call.path else URL(call.path)
        )
        headers = self._door.headers if url.origin() == self._origin else CIMultiDict[str]()
        if call.headers:
            headers = headers.copy()
            headers.update(call.headers)
        async with self._paid.request(
            call.method,
            url,
            data=payload(call.body),
            headers=headers,
            allow_redirects=False,
            middlewares=ONCE,
        ) as response:
            return await self._reply(response)

    async def _download(self, call: Call) -> Reply:
        url = URL(call.path)
        for _ in range(HOPS + 1):
            async with self._downloads.get(url, allow_redirects=False, middlewares=ONCE) as response:
                target = response.headers.get("Location")
                if target is None or response.status not in {301, 302, 303, 307, 308}:
                    return await self._reply(response)
                url = url.join(URL(target))
        raise fault.of_error(
            Trouble.TOO_MANY_HOPS, sent=True, paid=False, detail=f"more than {HOPS} redirects"
        )

    async def _reply(self, response: aiohttp.ClientResponse) -> Reply:
        length = response.content_length
        if length is not None and length <= self._door.cap and "Content-Encoding" not in response.headers:
            body = await response.read()
        else:
            body = await capped(response.content, self._door.cap)
        return Reply(status=response.status, headers=response.headers, body=self._redact(body))


async def capped(stream: aiohttp.StreamReader, cap: int) -> bytes:
    """The stream to its end, or a fault once it is longer than `cap` bytes."""
    chunks = bytearray()
    async for chunk in stream.iter_any():
        chunks += chunk
        if len(chunks) > cap:
            raise fault.of_error(Trouble.TOO_LARGE, sent=True, detail=f"answer over {cap >> 20} MB")
    return bytes(chunks)


def payload(body: bytes | None) -> bytes | io.BytesIO | None:
    return io.BytesIO(body) if body is not None and len(body) >= LARGE_BODY else body


async def once(request: ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET again by itself: it does so for errors of its own classes alone."""
    try:
        return await handler(request)
    except aiohttp.ClientError as error:
        raise Unanswered from error


ONCE = (once,)

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
    (aiohttp.ClientPayloadError, Trouble.CUT_BODY),
    (ContentEncodingError, Trouble.DECODE),
    (aiohttp.InvalidURL, Trouble.UNREACHABLE),
)
"""aiohttp's exceptions, the narrower class before the wider; what is not here lost its connection."""


def trouble(error: BaseException, *, sent: bool) -> Trouble:
    """Which trouble an exception of aiohttp stands for."""
    for kind, named in TROUBLES:
        if isinstance(error, kind):
            return named
    return Trouble.CLOSED if sent else Trouble.RESET_UNSENT


def detail(error: BaseException) -> str:
    """What a person should read of it: never its `repr`, which may hold the request's headers."""
    match error:
        case aiohttp.ClientConnectorError():
            return f"{error.host}:{error.port}: {error.os_error.strerror or error.os_error}"
        case aiohttp.ClientResponseError():
            return one_line(error.message)
        case _:
            return one_line(str(error))


def one_line(words: str) -> str:
    return " ".join(words.split())[:300]


@asynccontextmanager
async def opened(
    door: Door, *, redact: Callable[[bytes], bytes], allowed: frozenset[tuple[str, int]]
) -> AsyncIterator[Transport]:
    """A transport to one endpoint; `allowed` are the addresses inside that downloads may go to."""
    paid = Connector(limit=0, keepalive_timeout=KEEPALIVE_S)
    downloads = Connector(limit=0, keepalive_timeout=KEEPALIVE_S, socket_factory=Guard(allowed).open)
    async with session(paid) as first, session(downloads) as second:
        yield Transport(door, first, second, redact)


def session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    """No cookies, no proxy or netrc of the environment, no time-out but our own and that of connecting."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=Answer,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
    )
