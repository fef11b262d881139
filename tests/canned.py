"""A conversation with canned replies: what a dialect wants done, step by step, without a socket."""

import struct
import zlib
from collections import deque
from types import MappingProxyType

import orjson
import pybase64

from runner.dialects import DIALECTS
from runner.endpoint import Endpoint
from runner.inscription import PNG
from runner.job import Ask, Claim
from runner.outcome import Output
from runner.wire import Call, Reply, Ticket

FOX = b"\x89PNG the picture of a fox"
OWL = b"\x89PNG the picture of an owl"
JSON = MappingProxyType({"content-type": "application/json", "x-request-id": "req_1"})
EVENTS = MappingProxyType({"content-type": "text/event-stream"})


def base64(data):
    return pybase64.b64encode_as_string(data)


def png_of(*parts):
    """A file of these parts, each with the sum that it should have."""
    return PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def ok(tree, headers=JSON):
    body = tree if isinstance(tree, bytes) else orjson.dumps(tree)
    return Reply(status=200, headers=headers, body=body)


def file(data):
    return Reply(status=200, headers={"content-type": "image/png"}, body=data)


def endpoint(dialect, **changes):
    return Endpoint.model_validate(
        {"dialect": dialect, "url": "https://api.example.com/v1", "key": "${KEY}", **changes}
    )


def claim(body, ticket=None, path=None):
    return Claim(
        row=1,
        id="fox",
        stem="fox",
        key="c0ffee" * 10 + "c0ff",
        endpoint="studio",
        model="m",
        body=body if isinstance(body, bytes) else orjson.dumps(body),
        attempt=1,
        tries=0,
        maybe_billed=0,
        useless=0,
        waits=0,
        billed_before=False,
        ticket=ticket,
        path=path,
    )


def body(dialect, *, at=None, **asked):
    return DIALECTS[dialect].body(Ask(**{"model": "m", **asked}), at or endpoint(dialect))


def talk(dialect, asked, *replies, ticket=None, at=None, path=None):
    """Everything the exchange yields, and its output last; each `Call` is answered by the next reply."""
    exchange = DIALECTS[dialect].converse(claim(asked, ticket, path), at or endpoint(dialect))
    waiting, steps, answer = deque(replies), [], None
    try:
        while True:
            steps.append(exchange.send(answer))
            answer = waiting.popleft() if isinstance(steps[-1], Call) else None
    except StopIteration as end:
        assert not waiting
        return [*steps, end.value]


def calls(steps):
    return [step for step in steps if isinstance(step, Call)]


def tickets(steps):
    return [step for step in steps if isinstance(step, Ticket)]


def output(dialect, asked, *replies, **more):
    found = talk(dialect, asked, *replies, **more)[-1]
    assert isinstance(found, Output)
    return found
