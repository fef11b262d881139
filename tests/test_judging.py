"""What an outcome tells the pace of its endpoint."""

import time

import orjson
import pytest
from canned import claim
from lanes import lane

from runner import fault
from runner.crowd import fixed
from runner.endpoint import Endpoint
from runner.engine.judging import heed
from runner.engine.record import Errand
from runner.outcome import Failed
from runner.pace import JITTER, Pace
from runner.transport import Sending
from runner.wire import Reply

ROUNDING_S = 1e-6
"""What is lost of a time since the epoch as it is reckoned from one clock to the other."""


def refused_errand():
    """A request that was sent just now, by the only worker of its lane."""
    pace = Pace(crowd=fixed(1))
    begun_at = time.monotonic()
    pace.start(begun_at)
    sending = Sending(timeout_s=60.0, begun_at=begun_at)
    errand = Errand(claim=claim({}), sending=sending, started_at=time.time(), called=True)
    return lane(Endpoint(dialect="openai-chat", url="http://127.0.0.1:1/v1"), pace), errand


@pytest.mark.parametrize(
    ("headers", "tree", "seconds"),
    [
        ({"retry-after": "1"}, {}, 1.0),
        ({"retry-after": "0.2"}, {}, 0.2),
        ({"retry-after": "200ms"}, {}, 0.2),
        ({"retry-after": "3600", "retry-after-ms": "100"}, {}, 0.1),
        ({}, {"code": 429, "data": {"retryAfter": 0.2}}, 0.2),
    ],
)
def test_n17_a_refusal_closes_for_as_long_as_it_says(headers, tree, seconds):
    """By a tenth longer at most, so that not all come back at once."""
    studio, errand = refused_errand()
    reply = Reply(status=429, headers=headers, body=orjson.dumps(tree))
    outcome = Failed(fault=fault.of_reply(reply, now=time.time()))
    before = time.time()
    until = heed(studio, errand, outcome)
    assert before + seconds - ROUNDING_S <= until <= time.time() + seconds * (1 + JITTER)
