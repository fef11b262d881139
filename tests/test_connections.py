"""Requests as they stand on the wire, and connections that are used again."""

import asyncio
import gzip
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from runner import connections
from runner.connections import Connections, Connector, Handler

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def server(*answers):
    """Gives the requests that it saw, each with the number of its connection; answers as it is told."""
    left, seen, writers = list(answers), [], []

    async def serve(reader, writer):
        writers.append(writer)
        number = len(writers)
        with suppress(asyncio.IncompleteReadError):
            while left:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                seen.append((number, head + await reader.readexactly(int(length or 0))))
                writer.write(left.pop(0))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen
        for writer in writers:
            writer.close()


async def ask(line, to, body=b"{}"):
    connection = line.at_hand(to) or await line.opened(to)
    connections.write(connection, to, {}, body)
    head, content = await connections.read(connection)
    came = await content.read()
    line.take_back(to, connection)
    return head.code, came


@asynccontextmanager
async def opened(port, headers=None):
    async with Connector() as connector:
        line = Connections(connector)
        yield (
            line,
            connections.address("POST", URL(f"http://127.0.0.1:{port}/v1/chat?a=b%20c"), headers or {}),
        )
        line.close()


async def test_a_request_is_one_line_its_headers_and_its_body():
    async with server(ANSWER) as (port, seen), opened(port, {"X-Team": "red"}) as (line, to):
        assert await ask(line, to, b'{"n":1}') == (200, b"ok")
    [(_, request)] = seen
    head, _, body = request.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    assert (first, body) == ("POST /v1/chat?a=b%20c HTTP/1.1", b'{"n":1}')
    assert {f"Host: 127.0.0.1:{port}", "X-Team: red", "Content-Length: 7"} <= set(rest)


async def test_a_large_body_goes_out_whole():
    body = b"x" * 3_000_000
    async with server(ANSWER) as (port, seen), opened(port) as (line, to):
        await ask(line, to, body)
    assert seen[0][1].endswith(b"\r\n\r\n" + body)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_large_answer_that_is_read_slowly_comes_whole(encoding):
    """Reading stops while nobody takes what has come, on the wire and in between, and goes on from there."""
    body = bytes(number * number % 251 for number in range(3_000_000))
    sent = gzip.compress(body, 1) if encoding == "gzip" else body
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(sent)}\r\n\r\n"
    async with server(head.encode() + sent, ANSWER) as (port, _), opened(port) as (line, to):
        connection = await line.opened(to)
        connections.write(connection, to, {}, b"{}")
        _, content = await connections.read(connection)
        came = bytearray()
        while chunk := await content.readany():
            came += chunk
            assert len(chunk) < len(body) / 2
            await asyncio.sleep(0)
        assert came == body
        line.take_back(to, connection)
        assert await ask(line, to) == (200, b"ok")


async def test_nothing_is_parsed_for_what_is_read_of_an_answer(monkeypatch):
    fed = []
    monkeypatch.setattr(
        Handler,
        "data_received",
        lambda self, data: fed.append(data) or ResponseHandler.data_received(self, data),
    )
    async with server(ANSWER, ANSWER) as (port, _), opened(port) as (line, to):
        await ask(line, to)
        await ask(line, to)
    assert all(fed)


async def test_a_connection_is_used_again():
    async with server(ANSWER, ANSWER, ANSWER) as (port, seen), opened(port) as (line, to):
        assert [await ask(line, to) for _ in range(3)] == [(200, b"ok")] * 3
    assert [number for number, _ in seen] == [1, 1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER.replace(b"Content-Length", b"Connection: close\r\nContent-Length"),
        ANSWER.replace(b"1.1", b"1.0"),
        ANSWER + ANSWER.replace(b"ok", b"no"),
    ],
)
async def test_a_connection_that_is_not_clean_carries_no_other_request(answer):
    """What was sent unasked is never taken for the answer to what is asked next."""
    async with server(answer, ANSWER) as (port, seen), opened(port) as (line, to):
        assert [await ask(line, to), await ask(line, to)] == [(200, b"ok")] * 2
    assert [number for number, _ in seen] == [1, 2]


async def test_an_information_is_no_answer():
    async with (
        server(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ANSWER) as (port, _),
        opened(port) as (
            line,
            to,
        ),
    ):
        assert await ask(line, to) == (200, b"ok")


@pytest.mark.parametrize("headers", [{"X-Team": "red\r\nHost: elsewhere"}, {"X-Team\n": "red"}, {"X": "\0"}])
async def test_a_header_is_one_line(headers):
    with pytest.raises(ValueError, match="control character"):
        connections.address("POST", URL("http://127.0.0.1/"), headers)


@pytest.mark.parametrize("url", ["ftp://example.com/", "http:///nowhere", "/nowhere"])
async def test_what_is_no_address_of_the_web_is_refused(url):
    with pytest.raises(aiohttp.InvalidURL):
        connections.address("POST", URL(url), {})
