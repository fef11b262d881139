"""A random choice among numbers from 0 on: the same on every machine, and made without making the others.

The numbers are put into an order that hangs on a seed and on how many there are, and the first are taken:
more of them are these and others. The order is a Feistel network over a number's two digits, left and right,
in the bases a = ⌈√size⌉ and b = ⌈size ÷ a⌉. In rounds 0 to 7, by turns, F is added to the left digit, modulo
a, and to the right, modulo b; F is SHA-256, as a whole number, of seed, round and the other digit in decimal,
a line each. What comes out as no number of the size goes in again.
"""

import hashlib
from collections.abc import Sequence
from math import isqrt

ROUNDS = 8


def chosen(size: int, most: int, seed: int) -> Sequence[int]:
    """So many of the numbers below `size`, in ascending order; all of them where there are no more."""
    if most >= size:
        return range(size)
    return sorted(placed(number, size, seed) for number in range(most))


def placed(number: int, size: int, seed: int) -> int:
    """What stands at that place of the seed's order."""
    left_base = isqrt(size - 1) + 1
    right_base = -(-size // left_base)
    while True:
        left, right = divmod(number, right_base)
        for turn in range(0, ROUNDS, 2):
            left = (left + mixed(seed, turn, right)) % left_base
            right = (right + mixed(seed, turn + 1, left)) % right_base
        number = left * right_base + right
        if number < size:
            return number


def mixed(seed: int, turn: int, digit: int) -> int:
    return int.from_bytes(hashlib.sha256(b"%d\n%d\n%d" % (seed, turn, digit)).digest())
