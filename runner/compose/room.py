"""What a person is told whose disk is full: what is saved, what is not, how much room the rest takes."""

from runner.engine.toll import Toll

KILO = 1000
UNITS = ("MB", "GB", "TB")


def needed(*, used: int, done: int, left: int, reserve: int) -> int:
    """Bytes that the jobs left may take, by those that are done, and the reserve that a run needs."""
    each = used / done if done else 0
    return round(each * left) + 2 * reserve


def amount(size: int) -> str:
    """Bytes, rounded up, in whole megabytes or larger units."""
    count, unit = -(-size // KILO**2), 0
    while count >= 10 * KILO and unit < len(UNITS) - 1:
        count, unit = -(-count // KILO), unit + 1
    return f"{count:,} {UNITS[unit]}"


def told(toll: Toll, size: int) -> str:
    results = f"{toll.saved} result{'s'[: toll.saved != 1]}"
    return f"disk full: {results} saved, {toll.lost} lost; free {amount(size)} and run again"
