"""A mock provider that is faster than any client: canned answers from a raw protocol on uvloop.

Run as `python -m benchmarks.provider CORE`: prints its port, and serves until its input closes. The address
says how long it takes: `http://127.0.0.1:PORT/50/v1` answers after 50 ms. A line on its input is answered by
one on its output, about the time since the last such line: how many requests came, when the first did (by the
monotonic clock, in seconds), and how many seconds of CPU the provider has taken in all.
"""

import asyncio
import base64
import json
import os
import struct
import sys
import time
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache

import uvloop

from benchmarks.measuring import pin

WORDS = "A red fox crosses the frozen river at dusk, its reflection broken by thin ice. " * 4
SIDE = 960
"""Pixels of a picture's side."""
SHADES = 5
"""Of a byte of a picture: with so many, a million pixels are deflated to a megabyte."""
CREATED = 1740081592
HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req-bench\r\n"
    "Connection: {connection}\r\nContent-Length: {length}\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request's head says."""

    body_bytes: int
    latency_s: float
    closes: bool
    """Whether the connection ends with the answer."""
    answer: bytes


class Provider(asyncio.Protocol):
    """Answers every whole request after the same time; requests are told apart by their Content-Length."""

    seen = 0
    first_s = 0.0

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while end := buffer.find(b"\r\n\r\n") + 1:
            asked = understood(buffer[: end + 3])
            whole = end + 3 + asked.body_bytes
            if len(buffer) < whole:
                break
            buffer = buffer[whole:]
            self._serve(asked)
        self._buffer = buffer

    def _serve(self, asked: Asked) -> None:
        if not Provider.seen:
            Provider.first_s = time.monotonic()
        Provider.seen += 1
        if asked.latency_s:
            asyncio.get_running_loop().call_later(asked.latency_s, self._answer, asked)
        else:
            self._answer(asked)

    def _answer(self, asked: Asked) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(asked.answer)
        if asked.closes:
            self._transport.close()

    @classmethod
    def told(cls) -> str:
        words = f"{cls.seen} {cls.first_s} {time.process_time()}"
        cls.seen, cls.first_s = 0, 0.0
        return words


@lru_cache(maxsize=4096)
def understood(head: bytes) -> Asked:
    """Clients send few different heads."""
    lines = head.decode("latin-1").lower().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
    path = lines[0].split(" ")[1]
    closes = headers.get("connection") == "close"
    return Asked(
        body_bytes=int(headers.get("content-length", "0")),
        latency_s=int(path.split("/")[1]) / 1000,
        closes=closes,
        answer=whole(picture() if path.endswith("/images/generations") else chat(), closes=closes),
    )


def whole(body: bytes, *, closes: bool) -> bytes:
    head = HEAD.format(connection="close" if closes else "keep-alive", length=len(body))
    return head.encode() + body


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@cache
def chat() -> bytes:
    message = {"role": "assistant", "content": WORDS}
    return compact(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": CREATED,
            "model": "bench",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 64, "total_tokens": 84},
        }
    )


@cache
def picture() -> bytes:
    return compact({"created": CREATED, "data": [{"b64_json": base64.b64encode(png(SIDE)).decode()}]})


def png(side: int) -> bytes:
    """Noise of a few shades: a picture that every decoder reads, and that takes as long as any."""
    shades = bytes(value % SHADES * 50 for value in range(256))
    rows = b"".join(b"\0" + os.urandom(3 * side).translate(shades) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows, 1)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def say(words: object) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Provider, "127.0.0.1", 0, backlog=4096)
    say(server.sockets[0].getsockname()[1])
    while await loop.run_in_executor(None, sys.stdin.readline):
        say(Provider.told())


if __name__ == "__main__":
    pin(int(sys.argv[1]))
    uvloop.run(serve())
