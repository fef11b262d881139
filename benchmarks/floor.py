"""The floors: as little as can send these requests from Python, by a pool of workers, nothing kept.

Run as `python -m benchmarks.floor KIND URL REQUESTS CONCURRENCY`. `stdlib` is aiohttp as it comes, `tuned`
is aiohttp with orjson on uvloop, `raw` is sockets on uvloop with requests that are written beforehand;
`pictures` is `tuned` for pictures, each hashed and fsynced into a file of the current folder.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pybase64
import uvloop

KEY = "Bearer bench"


def body(number: int) -> dict[str, Any]:
    return {"model": "bench", "messages": [{"role": "user", "content": f"scene {number}: {'x' * 180}"}]}


async def bare(
    url: str,
    requests: int,
    concurrency: int,
    *,
    dumps: Callable[[Any], Any],
    use: Callable[[int, bytes], Any],
    path: str = "chat/completions",
) -> None:
    numbers = iter(range(requests))
    headers = {"Authorization": KEY, "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def work() -> None:
            for number in numbers:
                async with session.post(f"{url}/{path}", data=dumps(body(number))) as response:
                    assert use(number, await response.read())

        await asyncio.gather(*(work() for _ in range(concurrency)))


async def stdlib(url: str, requests: int, concurrency: int) -> None:
    await bare(url, requests, concurrency, dumps=json.dumps, use=lambda _, answer: text(json.loads(answer)))


async def tuned(url: str, requests: int, concurrency: int) -> None:
    await bare(
        url, requests, concurrency, dumps=orjson.dumps, use=lambda _, answer: text(orjson.loads(answer))
    )


def text(answer: Any) -> Any:
    return answer["choices"][0]["message"]["content"]


async def pictures(url: str, requests: int, concurrency: int) -> None:
    await bare(url, requests, concurrency, dumps=orjson.dumps, use=keep, path="images/generations")


def keep(number: int, answer: bytes) -> str:
    data = pybase64.b64decode(orjson.loads(answer)["data"][0]["b64_json"], validate=True)
    with Path(f"{number}.png").open("wb") as file:
        file.write(data)
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()


class Socket(asyncio.Protocol):
    """Sends the next request when it has the whole answer to the last."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self._requests = requests
        self._received = b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, content = self._received.partition(b"\r\n\r\n")
        if found and len(content) == int(head.partition(b"Content-Length: ")[2].partition(b"\r")[0]):
            self._received = b""
            self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is not None:
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)
            self._transport.close()


async def raw(url: str, requests: int, concurrency: int) -> None:
    where = urlsplit(url)
    content = orjson.dumps(body(0))
    head = (
        f"POST {where.path}/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    left = (head.encode() + content for _ in range(requests))
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Socket(left), where.hostname, where.port)
        for _ in range(concurrency)
    ]
    await asyncio.gather(*(socket.done for _, socket in made))


KINDS: dict[str, tuple[Callable[[Coroutine[Any, Any, None]], None], Callable[..., Any]]] = {
    "stdlib": (asyncio.run, stdlib),
    "tuned": (uvloop.run, tuned),
    "raw": (uvloop.run, raw),
    "pictures": (uvloop.run, pictures),
}


if __name__ == "__main__":
    run, kind = KINDS[sys.argv[1]]
    run(kind(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
