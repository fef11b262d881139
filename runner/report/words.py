"""Numbers, amounts and times in a few characters, and text that does a terminal no harm."""

import time
from collections.abc import Sequence

from rich.cells import cell_len

from runner.results import usd

FINE_S = 10.0
"""Seconds below which a tenth matters."""
UNITS = (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1))
"""Units of a duration with the parts that they are told with, in seconds."""
KILO = 1000
TIMES = "\u00d7"
"""Between a number and what there is of it, or a width and a height."""
MOST_SHOWN = 100
"""Characters shown of a prompt, a text or a message where a line must do."""


def money(nusd: int | None) -> str:
    """Dollars and cents, small amounts with four digits; `?` where the amount is not known."""
    dollars = usd(nusd)
    if dollars is None:
        return "?"
    return f"${dollars:.4f}" if 0 < dollars < 1 else f"${dollars:,.2f}"


def duration(seconds: float | None) -> str:
    """`0.8s`, `48s`, `3m 20s`, `5h 02m`, `3d 04h`; `?` where it is not known."""
    if seconds is None:
        return "?"
    for unit, length, part, step in UNITS:
        if seconds >= length:
            return f"{int(seconds // length)}{unit} {int(seconds % length // step):02d}{part}"
    return f"{seconds:.1f}s" if seconds < FINE_S else f"{seconds:.0f}s"


def size(count: int) -> str:
    """Bytes as `830 B`, `12.4 kB`, `1.3 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < KILO:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= KILO
    return f"{amount:.1f} GB"


def clock(seconds: float) -> str:
    """Seconds since the epoch as the time of day where the reader is."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def date(seconds: float | None) -> str:
    """Seconds since the epoch as date and time where the reader is; `-` where it has not come."""
    return "-" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def many(count: int, noun: str, plural: str = "") -> str:
    """`1 job`, `1,200 jobs`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or f'{noun}s'}"


def plain(text: str, most: int | None = MOST_SHOWN) -> str:
    """One line of it, without control characters, cut after `most` characters."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if most is None or len(line) <= most else f"{line[: most - 1]}…"


def visible(text: str) -> str:
    """All of it, control characters spelled out."""
    return "".join(each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text)


def columns(rows: Sequence[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as lines, their cells one below the other; columns of `right` end together, others begin so."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(padded(row, widths, right)).rstrip() for row in rows]


def padded(row: tuple[str, ...], widths: list[int], right: frozenset[int]) -> list[str]:
    gaps = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
    return [
        gap + cell if place in right else cell + gap
        for place, (cell, gap) in enumerate(zip(row, gaps, strict=True))
    ]
