"""When the calls under way are overdue: one timer for all of them, set to the first."""

import asyncio
import time
from math import inf
from typing import Protocol


class Limited(Protocol):
    """What has so much time."""

    def cut(self) -> None:
        """Its time is over."""


class Deadlines:
    """Cuts what is overdue. Most is at its end long before: that costs no timer of its own."""

    def __init__(self) -> None:
        self._ends: dict[Limited, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = inf

    def put(self, call: Limited, ends_at: float) -> None:
        """It is cut then (on the monotonic clock), unless it is dropped before, or put off."""
        self._ends[call] = ends_at
        if ends_at < self._next:
            self._set(ends_at)

    def drop(self, call: Limited) -> None:
        """It is at its end."""
        self._ends.pop(call, None)

    def close(self) -> None:
        """No more of them."""
        self._ends.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = at
        self._timer = asyncio.get_running_loop().call_later(max(at - time.monotonic(), 0.0), self._look)

    def _look(self) -> None:
        """Those that are over by now; then the first of the others is waited for."""
        now, self._timer, self._next = time.monotonic(), None, inf
        for call in [call for call, ends_at in self._ends.items() if ends_at <= now]:
            del self._ends[call]
            call.cut()
        if self._ends:
            self._set(min(self._ends.values()))
