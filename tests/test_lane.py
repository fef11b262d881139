"""When answers are worth a transaction, and how long they wait for others."""

import pytest
from lanes import lane

from runner.crowd import fixed
from runner.endpoint import Endpoint
from runner.pace import Pace


def busy(in_flight, latency_s):
    """One with so many claims in hand, whose answers take so long."""
    endpoint = Endpoint(dialect="openai-chat", url="http://127.0.0.1:1/v1")
    made = lane(endpoint, Pace(crowd=fixed(in_flight)), open=in_flight)
    made.pace.crowd.spread.add(latency_s, in_flight, 1.0)
    return made


@pytest.mark.parametrize(
    ("in_flight", "latency_s", "moment_s"),
    [
        (256, 0.0, 0.008),
        (256, 0.05, 0.008),
        (256, 0.5, 0.015),
        (1000, 2.0, 0.02),
        (8, 0.2, 0.0),
        (64, 5.0, 0.0),
        (1, 30.0, 0.0),
    ],
)
def test_an_answer_waits_for_others_where_some_are_likely_to_come(in_flight, latency_s, moment_s):
    assert busy(in_flight, latency_s).moment_s == pytest.approx(moment_s)


@pytest.mark.parametrize(
    ("in_flight", "answers", "is_worth"), [(1, 1, True), (4, 1, True), (8, 1, False), (8, 2, True)]
)
def test_a_quarter_of_what_is_in_flight_is_worth_a_transaction(in_flight, answers, is_worth):
    assert busy(in_flight, 1.0).is_worth(answers) == is_worth
