"""One waits, many ring."""

import anyio


class Bell:
    """Wakes the one who waits; a ring while nobody waits is heard by the next wait."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._has_rung = False

    def ring(self) -> None:
        if not self._has_rung:
            self._has_rung = True
            self._event.set()

    async def wait(self, seconds: float | None = None) -> None:
        """Until it rings, or `seconds` have passed."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event, self._has_rung = anyio.Event(), False
