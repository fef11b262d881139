"""One endpoint's door: a `Call` out, a `Reply` back; aiohttp's exceptions end here."""

import asyncio
import io
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache

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
from runner.resolver import Resolver, looked_up
from runner.wire import Call, Reply

CONNECT_S = 15.0
"""Seconds to get a connection; the attempt's own timeout counts from sending."""
KEEPALIVE_S = 4.0
"""Idle connections are given up before servers do it (Node, uvicorn: 5 s): none closes under one."""
HOPS = 3
"""Redirects that a download may take."""
SUCCESS = 2
"""First digit of a status that claims success."""
MOST_WORDS = 300
"""Characters of an error's text that are passed on."""
DONE = b"[DONE]"
"""What a stream of events ends with (OpenAI's API)."""
GOODBYE_S = 2.0
"""How long the connection may stay open behind it: some servers forget to close it."""
LARGE_BODY = 1 << 20
"""Request bodies from here on are streamed: aiohttp would write them in one go and warn."""


@dataclass(slots=True)
class Sending:
    """What is known of a call while it is under way."""

    timeout_s: float
    sent: bool = False
    """Whether a connection was there, so that bytes may have left."""
    begun_at: float | None = None
    """When that was, on the monotonic clock."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    is_called_off: bool = False
    response: aiohttp.ClientResponse | None = None
    """Its answer, once the headers have come."""
    body: bytearray = field(default_factory=bytearray)
    """What has come of the answer's body."""

    def call_off(self) -> None:
        """Do not send it, unless bytes may have left already."""
        if not self.sent:
            self.is_called_off = True
            self.scope.cancel()

    def begin(self) -> None:
        self.sent = True
        self.begun_at = time.monotonic()
        self.scope.deadline = anyio.current_time() + self.timeout_s

    def hurry(self) -> None:
        """All has come that was to come."""
        self.scope.deadline = min(self.scope.deadline, anyio.current_time() + GOODBYE_S)


class CalledOff(Exception):
    """A call was not sent because it was not to be any more."""


class Unanswered(Exception):
    """Carries an error of aiohttp, its cause, past aiohttp."""


SENDING: ContextVar[Sending] = ContextVar("SENDING")


class Connector(aiohttp.TCPConnector):
    """Tells the sending when it has its connection: before that nothing was paid for."""

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        sending = SENDING.get()
        if sending.is_called_off:
            connection.release()
            raise CalledOff
        sending.begin()
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


class Transport:
    """Sends calls to one endpoint. Credentials go to its own origin alone; nothing is sent twice."""

    def __init__(
        self,
        door: Door,
        paid: aiohttp.ClientSession,
        links: aiohttp.ClientSession,
        guard: Guard,
        redact: Callable[[bytes], bytes],
    ) -> None:
        self._door = door
        self._redact = redact
        self._paid = paid
        self._links = links
        self._guard = guard
        self._origin = URL(door.url).origin()

    async def send(self, call: Call, sending: Sending) -> Reply:
        """The whole answer to `call`; raises `Fault` where there is none. `sending` tells how far it came."""
        SENDING.set(sending)
        try:
            with sending.scope:
                return await (self._download if call.download else self._exchange)(call, sending)
        except Unanswered as carried:
            error = carried.__cause__ or carried
        except (aiohttp.ClientError, OSError, Forbidden) as met:
            error = met
        else:
            if sending.is_called_off:
                raise CalledOff
            return self._overdue(call, sending)
        raise self._fault(call, sending, trouble(error, sent=sending.sent), detail(error)) from error

    def _fault(self, call: Call, sending: Sending, why: Trouble, words: str) -> Fault:
        shown = self._redact(words.encode(errors="replace")).decode()
        return fault.of_error(why, sent=sending.sent, paid=call.is_charged, detail=shown)

    def _overdue(self, call: Call, sending: Sending) -> Reply:
        """Time is over: for an error its status is enough, a stream may be whole, the rest is none."""
        words = f"no answer in {sending.timeout_s:g} s"
        if sending.response is None:
            raise self._fault(call, sending, Trouble.TIMEOUT, words)
        came = self._answer(sending.response, sending.body)
        return endless(came, fault.overdue(came, words, paid=call.is_charged))

    async def _exchange(self, call: Call, sending: Sending) -> Reply:
        """To the endpoint itself with its credentials; elsewhere, as far as a link may lead, without."""
        url = address(self._door.url, call.path)
        door, headers = self._paid, self._door.headers
        if url.origin() != self._origin:
            await self._guard.learn()
            door, headers = self._links, CIMultiDict[str]()
        if call.headers:
            headers = headers.copy()
            headers.update(call.headers)
        async with door.request(
            call.method,
            url,
            data=payload(call.body),
            headers=headers,
            allow_redirects=False,
            middlewares=ONCE if call.method == "GET" else None,
        ) as response:
            return await self._reply(response, call, sending)

    async def _download(self, call: Call, sending: Sending) -> Reply:
        url = address(self._door.url, call.path)
        await self._guard.learn()
        for _ in range(HOPS + 1):
            async with self._links.get(url, allow_redirects=False, middlewares=ONCE) as response:
                target = response.headers.get("Location")
                if target is None or response.status not in {301, 302, 303, 307, 308}:
                    return await self._reply(response, call, sending)
                url = url.join(address("", target))
        raise fault.of_error(
            Trouble.TOO_MANY_HOPS, sent=True, paid=False, detail=f"more than {HOPS} redirects"
        )

    async def _reply(self, response: aiohttp.ClientResponse, call: Call, sending: Sending) -> Reply:
        """The answer to its end, or what there is of one that was cut."""
        sending.response = response
        try:
            await fill(sending, response, self._door.cap)
        except aiohttp.ClientPayloadError as error:
            if response.ok and trouble(error, sent=True) is not Trouble.CUT_BODY:
                raise
            came = self._answer(response, sending.body)
            return endless(came, fault.cut(came, paid=call.is_charged))
        return self._answer(response, sending.body)

    def _answer(self, response: aiohttp.ClientResponse, body: bytearray) -> Reply:
        values = b"\n".join([value for _, value in response.raw_headers])
        if values.isascii() and self._redact(values) is values:
            headers = {name.lower(): value for name, value in response.headers.items()}
        else:
            headers = {
                name.lower(): self._redact(value.encode(errors="surrogateescape")).decode(errors="replace")
                for name, value in response.headers.items()
            }
        return Reply(status=response.status, headers=headers, body=self._redact(bytes(body)))


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


async def fill(sending: Sending, response: aiohttp.ClientResponse, cap: int) -> None:
    """The answer's body, to its end, or a fault once it is longer than `cap` bytes."""
    content, body = response.content, sending.body
    while not content.at_eof():
        body += await content.readany()
        if body[-16:].rstrip().endswith(DONE):
            sending.hurry()
        if len(body) > cap:
            raise fault.of_error(Trouble.TOO_LARGE, sent=True, detail=f"answer over {cap >> 20} MB")


def payload(body: bytes | None) -> aiohttp.Payload | io.BytesIO | None:
    """The body as aiohttp sends it, without the search for who can that it makes for bare bytes."""
    if body is None or len(body) < LARGE_BODY:
        return None if body is None else aiohttp.BytesPayload(body, content_type="application/json")
    return io.BytesIO(body)


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
        case aiohttp.ClientResponseError():
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
    paid = Connector(limit=0, keepalive_timeout=KEEPALIVE_S, resolver=resolver)
    links = Connector(limit=0, keepalive_timeout=KEEPALIVE_S, resolver=resolver, socket_factory=guard.open)
    async with session(paid) as first, session(links) as second:
        yield Transport(door, first, second, guard, redact)


def session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    """No cookies, no proxy or netrc of the environment, no time-out but our own and that of connecting."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=Answer,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
    )
