"""What has come and is paid for is brought home although the run is being cut, as long as there is time."""

from collections.abc import Awaitable
from math import inf
from typing import TypeVar

import anyio

T = TypeVar("T")


class OutOfTime(Exception):
    """The run was cut, and what was in the shelter took too long."""


class Shelter:
    """Cancellation does not reach what is in it, until it is closed and its last seconds are over."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._deadline = inf

    async def bring_home(self, act: Awaitable[T]) -> T:
        """What `act` returns; raises `OutOfTime`."""
        with anyio.CancelScope(shield=True, deadline=self._deadline) as scope:
            self._scopes.add(scope)
            try:
                return await act
            finally:
                self._scopes.discard(scope)
        raise OutOfTime

    def close(self, seconds: float) -> None:
        """What is in it has so long to end, and what is still to come no longer."""
        self._deadline = anyio.current_time() + seconds
        for scope in self._scopes:
            scope.deadline = self._deadline
