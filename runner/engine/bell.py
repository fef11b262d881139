"""One waits, many ring."""

import asyncio

import anyio
from anyio.lowlevel import checkpoint


class Bell:
    """Wakes the one who waits; a ring while nobody waits is heard by the next wait."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._has_rung = False

    def ring(self) -> None:
        self._has_rung = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float | None = None) -> None:
        """Until it rings, or `seconds` have passed."""
        if self._has_rung:
            await checkpoint()
        else:
            self._waiter = asyncio.get_running_loop().create_future()
            with anyio.move_on_after(seconds):
                await self._waiter
        self._has_rung = False
