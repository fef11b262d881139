"""A set of whole numbers that lie close together, at about a bit each."""

WIDTH = 10
"""Of a block's numbers, in bits: one is a whole number itself, and written anew for each that is added."""


class Bitset:
    """Numbers from 0 on; none is taken out."""

    def __init__(self) -> None:
        self._blocks: dict[int, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return bool(self._blocks.get(number >> WIDTH, 0) & bit(number))

    def add(self, number: int) -> None:
        if number not in self:
            block = number >> WIDTH
            self._blocks[block] = self._blocks.get(block, 0) | bit(number)
            self._count += 1


def bit(number: int) -> int:
    """The number's place in its block."""
    return 1 << (number & ((1 << WIDTH) - 1))
