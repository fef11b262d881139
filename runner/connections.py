"""Requests over aiohttp's connections without its session, which makes each one anew from URL to headers.

Its connector, its parser and its errors are used as they are. What stands at the beginning of a request is
written once, and connections are kept here between two requests, so that most go out without waiting: that is
two thirds less than a session's request takes.
"""

import asyncio
import re
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from yarl import URL

KEEPALIVE_S = 4.0
"""Idle connections are given up before servers do it (Node, uvicorn: 5 s): none closes under one."""
CONNECTING = aiohttp.ClientTimeout(total=None, sock_connect=15.0)
"""How long one may take to get a connection; an attempt's own timeout counts from sending."""
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What would end a header early, and begin another."""
INFORMATION = range(100, 200)
"""Statuses that are followed by another, but for the one that changes the protocol."""
SWITCHING = 101
LARGE = 1 << 16
"""Bytes of a body that is written by itself rather than copied behind its headers."""


class Handler(ResponseHandler):
    """aiohttp's, which parses on only where it had stopped.

    That one does so whenever anything is read of an answer, which costs a fifth of what parsing does.
    """

    def resume_reading(self, *options: bool, **named: bool) -> None:
        if self._reading_paused:
            super().resume_reading(*options, **named)


class Connector(aiohttp.TCPConnector):
    """aiohttp's, of as many connections as are asked for. Takes its other options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(limit=0, **options)
        handler: type[ResponseHandler] = Handler
        self._factory = partial(handler, loop=self._loop)


@dataclass(frozen=True, slots=True, eq=False)
class Address:
    """Where requests go, and what each of them begins with."""

    request: ClientRequest
    """What the connector asks to see."""
    key: ConnectionKey
    """Requests with the same may share connections."""
    start: bytes
    """The request line and the headers that are always the same."""


def address(method: str, url: URL, headers: Mapping[str, str]) -> Address:
    """Write what a request begins with; raises aiohttp's error for what is no address of the web."""
    if url.scheme not in {"http", "https"}:
        raise aiohttp.InvalidURL(url)
    request = ClientRequest(method, url, headers=headers, loop=asyncio.get_running_loop())
    request.headers.popall("Content-Length", None)
    start = f"{method} {url.raw_path_qs} HTTP/1.1\r\n".encode() + lines(request.headers)
    return Address(request, request.connection_key, start)


def lines(headers: Mapping[str, str]) -> bytes:
    """Headers as they stand on the wire; raises `ValueError` where one would be more than one."""
    if any(CONTROL.search(name) or CONTROL.search(value) for name, value in headers.items()):
        raise ValueError("a control character in a header")
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()]).encode()


@dataclass(slots=True, eq=False)
class Connections:
    """Open connections, by where they lead: of those that are idle the one used last is taken first."""

    connector: aiohttp.TCPConnector
    idle: dict[ConnectionKey, deque[tuple[Connection, float]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    """With the time since when, on the monotonic clock."""

    def at_hand(self, to: Address) -> Connection | None:
        """One that is open already."""
        idle, oldest = self.idle[to.key], time.monotonic() - KEEPALIVE_S
        while idle:
            connection, since = idle.pop()
            if since >= oldest and is_free(connection):
                return connection
            connection.close()
        return None

    async def opened(self, to: Address) -> Connection:
        """A new one; raises aiohttp's errors."""
        try:
            connection = await self.connector.connect(to.request, [], CONNECTING)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {to.request.url}") from error
        if connection.protocol is not None:
            connection.protocol.set_response_params(read_until_eof=True)
        return connection

    def take_back(self, to: Address, connection: Connection) -> None:
        """The answer that it carried has come to its end."""
        idle, now = self.idle[to.key], time.monotonic()
        idle.append((connection, now))
        if idle[0][1] < now - KEEPALIVE_S:
            idle.popleft()[0].close()

    def close(self) -> None:
        for idle in self.idle.values():
            while idle:
                idle.pop()[0].close()


def is_free(connection: Connection) -> bool:
    """Whether it may carry a request: open, nothing of the last one left, and no answer to none there."""
    protocol, transport = connection.protocol, connection.transport
    return (
        protocol is not None
        and transport is not None
        and not transport.is_closing()
        and not protocol.should_close
        and not transport.get_write_buffer_size()
    )


def write(connection: Connection, to: Address, headers: Mapping[str, str], body: bytes | None) -> None:
    """Send a request, all at once."""
    transport = connection.transport
    if transport is None:
        raise aiohttp.ServerDisconnectedError
    more = lines(headers) if headers else b""
    if body is None:
        transport.write(b"%b%b\r\n" % (to.start, more))
    elif len(body) < LARGE:
        transport.write(b"%b%bContent-Length: %d\r\n\r\n%b" % (to.start, more, len(body), body))
    else:
        transport.write(b"%b%bContent-Length: %d\r\n\r\n" % (to.start, more, len(body)))
        transport.write(body)


async def read(connection: Connection) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    """The status and headers of the answer, and its body that is still to come."""
    protocol = connection.protocol
    if protocol is None:
        raise aiohttp.ServerDisconnectedError
    while True:
        message, content = await protocol.read()
        if message.code not in INFORMATION or message.code == SWITCHING:
            return message, content
