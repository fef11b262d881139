"""How often each of millions was seen, at 14 to 27 bytes each: 64-bit digests in a table of one piece."""

from array import array

BITS = (1 << 64) - 1
BEGINNING = 48
"""Bits of a digest that say where it stands: who begins like another meets it there."""
_REST = 64 - BEGINNING
COUNTED = 255
"""Times that the table has room for; of the few that come more often it is told apart."""


class Digests:
    """Counts digests: whole numbers that are evenly spread over 64 bits. Open addressing, linear probing."""

    def __init__(self) -> None:
        self.alike: set[int] = set()
        """The beginnings that several of them have."""
        self._often: dict[int, int] = {}
        self._count = 0
        self._resize(1 << 10)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: int) -> bool:
        digest = digest or 1
        slots, mask = self._slots, self._mask
        slot = digest >> _REST & mask
        while (found := slots[slot]) and found != digest:
            slot = (slot + 1) & mask
        return bool(found)

    def add(self, digest: int) -> int:
        """How often it has been added now."""
        digest = digest or 1  # 0 marks an empty slot
        slots, mask = self._slots, self._mask
        slot = digest >> _REST & mask
        while (found := slots[slot]) and found != digest:
            if not (found ^ digest) >> _REST:
                self.alike.add(digest >> _REST)
            slot = (slot + 1) & mask
        if found:
            return self._once_more(slot)
        slots[slot] = digest
        self._times[slot] = 1
        self._count += 1
        if self._count > self._most:
            self._grow()
        return 1

    def _once_more(self, slot: int) -> int:
        if (times := self._times[slot]) < COUNTED:
            self._times[slot] = times + 1
            return times + 1
        digest = self._slots[slot]
        self._often[digest] = times = self._often.get(digest, COUNTED) + 1
        return times

    def _grow(self) -> None:
        old, seen = self._slots, self._times
        self._resize(len(old) * 2)
        slots, times, mask = self._slots, self._times, self._mask
        for digest, often in zip(old, seen, strict=True):
            if digest:
                slot = digest >> _REST & mask
                while slots[slot]:
                    slot = (slot + 1) & mask
                slots[slot] = digest
                times[slot] = often

    def _resize(self, size: int) -> None:
        self._slots = array("Q", (0,)) * size
        self._times = array("B", (0,)) * size
        self._mask = size - 1
        self._most = size * 2 // 3


def of_text(text: str) -> int:
    """A digest that holds within this process."""
    return hash(text) & BITS
