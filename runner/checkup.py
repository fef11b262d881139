"""What a place, a program and a clock have to be like for a run to rely on them: pure, a finding each."""

from enum import StrEnum
from stat import S_IRWXG, S_IRWXO, filemode

from runner.mounts import UNKNOWN, is_remote
from runner.value import value

MENDED = {(3, 44): 6, (3, 50): 7, (3, 51): 3}
"""The first releases of each line without the WAL-reset bug, which is as old as WAL (sqlite.org/wal.html)."""
SOUND = (3, 51, 3)
FIRST_YEAR = 2025
LAST_YEAR = 2100
DRIFT = 0.1
"""The part of a moment by which two clocks may differ."""
SCANTY = 1_000_000_000
TOO_SCANTY = 50_000_000
"""Bytes: less leaves no room for the reserve that a run keeps and a few answers."""
MEGA = 1_000_000


class Level(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@value
class Finding:
    """One check, what it found, and what to do where that is not well."""

    check: str
    level: Level
    found: str
    advice: str = ""


def well(check: str, found: str) -> Finding:
    return Finding(check=check, level=Level.OK, found=found)


def doubtful(check: str, found: str, advice: str) -> Finding:
    """A run is possible, and not as safe as it might be."""
    return Finding(check=check, level=Level.WARN, found=found, advice=advice)


def ill(check: str, found: str, advice: str) -> Finding:
    """A run would fail."""
    return Finding(check=check, level=Level.FAIL, found=found, advice=advice)


def sqlite(version: tuple[int, int, int]) -> Finding:
    words = ".".join(map(str, version))
    if is_mended(version):
        return well("sqlite", words)
    return doubtful(
        "sqlite",
        f"{words} may damage a queue that two programs write to at once (WAL-reset bug, rare)",
        "let only runner itself write to the queue, or install SQLite 3.51.3 or newer",
    )


def is_mended(version: tuple[int, int, int]) -> bool:
    line, patch = version[:2], version[2]
    return version >= SOUND or patch >= MENDED.get(line, patch + 1)


def file_system(check: str, place: str, kind: str, *, local: bool) -> Finding:
    """`local`: whether what is kept there cannot be across a network."""
    found = f"{place} is on {kind}"
    if kind == UNKNOWN:
        return doubtful(check, found, LOCAL)
    if not is_remote(kind):
        return well(check, found)
    remote = f"{found}, a network file system"
    if local:
        return ill(check, remote, LOCAL)
    return doubtful(check, remote, "what its server has not synced is lost in a power cut there")


LOCAL = "a queue is safe on a local disk alone: name one by --db"


def space(check: str, place: str, free: int) -> Finding:
    found = f"{free // MEGA:,} MB free at {place}"
    if free < TOO_SCANTY:
        return ill(check, found, "free some: a run would stop at once")
    if free < SCANTY:
        return doubtful(check, found, "see that it is enough for the batch")
    return well(check, found)


def privacy(check: str, place: str, mode: int) -> Finding:
    """Prompts and answers are their owner's alone."""
    found = f"{place} is {filemode(mode)}"
    if mode & (S_IRWXG | S_IRWXO):
        return doubtful(check, found, f"others can read it, if that is not meant: chmod go-rwx {place}")
    return well(check, found)


def clock(year: int, wall_s: float, monotonic_s: float) -> Finding:
    """The year it says it is, and what two clocks make of one moment."""
    if not FIRST_YEAR <= year < LAST_YEAR:
        return ill("clock", f"it is said to be {year}", "set the system's clock")
    if abs(wall_s - monotonic_s) > DRIFT * monotonic_s:
        return doubtful(
            "clock",
            f"{monotonic_s:.3f} s took {wall_s:.3f} s by the clock",
            "it is being set: limits by the day and times of retries may be off until it runs true",
        )
    return well("clock", f"{year}, running true")


def variable(name: str, hint: str | None) -> Finding:
    """`hint`: the end of its value, None where it has none."""
    if hint is None:
        return ill(
            "key",
            f"${{{name}}} is not set",
            "put it into the environment, or into .env beside the manifest",
        )
    return well("key", f"${{{name}}} is set ({hint})")
