"""What has come and is paid for is brought home although the run is being cut, as long as there is time."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import anyio


class Shelter:
    """Cancellation does not reach what is in it, until it is closed and its last seconds are over."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._deadline = inf

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with anyio.CancelScope(shield=True, deadline=self._deadline) as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

    def close(self, seconds: float) -> None:
        """What is in it has so long to end, and what is still to come no longer."""
        self._deadline = anyio.current_time() + seconds
        for scope in self._scopes:
            scope.deadline = self._deadline
