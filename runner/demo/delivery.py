"""How an answer reaches the client: whole, late, in pieces, or not at all."""

import asyncio
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web

from runner.demo.acts import EVENTS, Act, Answer, Change, Close, Cut, Drip, Hang, Raw, Slow
from runner.value import value

LINGER_OFF = struct.pack("ii", 1, 0)
"""SO_LINGER that turns a close into a reset."""
FLUSH_S = 0.05
"""What was written may leave before a reset, which throws away what has not."""
ENDED = 499
"""The status that stands for a connection which ended without a whole answer."""
EVENT = re.compile(rb"(?s).+?(?:\n\n|\Z)")

Making = Callable[[], Awaitable[Answer]]


@value
class Delivery:
    """The door of one request: its client's connection, and the end of the provider."""

    request: web.BaseRequest
    closing: asyncio.Event
    """Set when the provider goes away: nobody hangs longer."""
    headers: Mapping[str, str]
    """What every whole answer carries."""

    async def send(self, act: Act | None, make: Making) -> web.StreamResponse:
        """Act; `make` is the honest answer, made only where some of it is sent."""
        try:
            return await self.sent(act, make)
        except ConnectionError:
            return gone()

    async def sent(self, act: Act | None, make: Making) -> web.StreamResponse:
        match act:
            case None:
                return await self.whole(await make())
            case Answer():
                return await self.whole(act)
            case Slow(seconds=seconds):
                await asyncio.sleep(seconds)
                return await self.whole(await make())
            case Change(how=how):
                return await self.whole(how(await make()))
            case _:
                return await self.broken(act, make)

    async def broken(self, act: Act, make: Making) -> web.StreamResponse:
        """The ways that no web framework knows: bytes on the bare connection, then its end."""
        reset = False
        match act:
            case Close(reset=reset):
                pass
            case Cut(reset=reset):
                self.write(cut(await make(), act))
            case Hang():
                await self.hang(act, make)
            case Drip():
                await self.drip(await make(), act)
            case Raw(data=data):
                self.write(data)
        await self.end(reset=reset)
        return gone()

    async def whole(self, answer: Answer) -> web.StreamResponse:
        headers = {**self.headers, **answer.headers, "content-type": answer.type}
        if answer.type == EVENTS:
            return await self.stream(answer, headers)
        response = web.Response(status=answer.status, body=answer.body, headers=headers)
        if answer.hangs_up:
            await response.prepare(self.request)
            await response.write_eof()
            await self.end(reset=False)
        return response

    async def stream(self, answer: Answer, headers: dict[str, str]) -> web.StreamResponse:
        """An event stream, an event at a time."""
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(self.request)
        for event in EVENT.findall(answer.body):
            await response.write(event)
        await response.write_eof()
        return response

    async def hang(self, act: Hang, make: Making) -> None:
        if act.keep is not None:
            self.write(cut(await make(), Cut(keep=act.keep)))
        await self.closing.wait()

    async def drip(self, answer: Answer, act: Drip) -> None:
        self.write(head(answer, f"content-length: {len(answer.body)}"))
        for start in range(0, len(answer.body), act.size):
            if self.closing.is_set():
                return
            self.write(answer.body[start : start + act.size])
            await asyncio.sleep(act.every_s)

    def write(self, data: bytes) -> None:
        if self.request.transport is not None:
            self.request.transport.write(data)

    async def end(self, *, reset: bool) -> None:
        """The end of the connection: at once, or by a reset once what was written has left."""
        transport = self.request.transport
        if transport is None:
            return
        if not reset:
            transport.close()
            return
        if transport.get_write_buffer_size():
            await asyncio.sleep(FLUSH_S)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        transport.abort()


def gone() -> web.Response:
    """What aiohttp is given for a connection that has ended: it finds it closed, and writes nothing."""
    return web.Response(status=ENDED)


def cut(answer: Answer, act: Cut) -> bytes:
    """Head and a part of the body, framed so that the rest is missed, or not."""
    body = answer.body[: int(len(answer.body) * act.keep)]
    match act.framing:
        case "length":
            return head(answer, f"content-length: {len(answer.body)}") + body
        case "chunked":
            return head(answer, "transfer-encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body)
        case "close":
            return head(answer, "connection: close") + body


def head(answer: Answer, framing: str) -> bytes:
    """The answer's status line and headers, with the framing that the case asks for."""
    phrase = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}", f"content-type: {answer.type}", framing]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()
