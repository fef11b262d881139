"""How much goes into one file of an export: so many samples, or about so many bytes."""

import re

from runner.exports.refusal import Refusal
from runner.value import value

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt]?)(i?)b)?", re.IGNORECASE)
POWERS = ("", "k", "m", "g", "t")


@value(kw_only=False)
class Size:
    """None: however many."""

    samples: int | None = None
    bytes: int | None = None

    def is_full(self, samples: int, weight: int) -> bool:
        """Whether a file of so many samples is full, `weight` being with the next one."""
        if self.samples is not None and samples >= self.samples:
            return True
        return self.bytes is not None and samples > 0 and weight > self.bytes


WHOLE = Size()
"""All in one file."""


def parsed(text: str) -> Size:
    """`10000` samples, or `500MB`; raises `Refusal`."""
    found = SIZE.fullmatch(text.strip())
    if found is None:
        raise Refusal(f"--shard-size {text}: write 10000 for so many samples, or 500MB")
    number, power, binary = found.groups()
    scale = 1 if power is None else (1024 if binary else 1000) ** POWERS.index(power.lower())
    amount = int(float(number) * scale)
    if amount < 1:
        raise Refusal(f"--shard-size {text}: nothing fits")
    return Size(samples=amount) if power is None else Size(bytes=amount)
