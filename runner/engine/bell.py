"""One waits, many ring."""

import anyio


class Bell:
    """Wakes the one who waits; a ring while nobody waits is heard by the next wait."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Until it rings, or `seconds` have passed."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()
