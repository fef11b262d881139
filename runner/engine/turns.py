"""Answers that come at once are taken up a few at a time: the first are sent for again before the last."""

import asyncio
from collections import deque

MOST = 24
"""Answers that are taken up in one turn of the event loop."""


class Turns:
    """Who comes first goes on at once; in one turn of the loop so many, the others in the next ones.

    Jobs that were sent together are answered together. Were all of them recorded before any place is filled
    again they would stay together for ever, and the provider idle in between.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Whether it may go on at once; one that may not waits for `next`."""
        if self._taken >= self._most or self._waiting:
            return False
        if not self._taken:
            asyncio.get_running_loop().call_soon(self._turn)
        self._taken += 1
        return True

    async def next(self) -> None:
        """Wait for a turn. Whoever is cut meanwhile goes on at once: what has come is brought home."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            return

    def _turn(self) -> None:
        """The loop has come round."""
        self._taken = 0
        while self._waiting and self._taken < self._most:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1
        if self._taken:
            asyncio.get_running_loop().call_soon(self._turn)
