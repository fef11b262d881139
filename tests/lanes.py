"""Lanes to look at alone: everything that one needs, in its plainest form."""

from runner.breaker import Breaker
from runner.dialects import DIALECTS
from runner.engine.lane import Lane
from runner.health import Health


def lane(endpoint, pace, **fields):
    """One that nothing is known of yet."""
    plain = {"name": "studio", "door": None, "health": Health(), "breaker": Breaker(), "give_up_s": 0.0}
    return Lane(endpoint=endpoint, dialect=DIALECTS[endpoint.dialect], pace=pace, **{**plain, **fields})
