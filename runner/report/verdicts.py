"""What was found of a batch's files, in words and as an object."""

from collections.abc import Iterator
from typing import Any

from runner.compose.verifying import Repaired
from runner.report.words import many, money, plain, size
from runner.results import usd
from runner.verdict import MOST_NAMED, Standing, Verdict

ODD = (Standing.MISSING, Standing.CHANGED, Standing.UNKNOWN, Standing.UNNAMED)


def lines(found: Verdict) -> Iterator[str]:
    """The sum of it, then a line for each thing that is not as it should be."""
    told = [f"{found.counts[standing]:,} {standing}" for standing in ODD if found.counts[standing]]
    yield f"{found.batch}: {many(found.files, 'file')}, {size(found.bytes)}: {', '.join(told) or 'all sound'}"
    for each in found.odd:
        owner = "" if each.job is None else f"  of {plain(each.job)}"
        yield f"  {each.standing:<8} {plain(each.path, None)}{owner}"
    if left_out(found):
        yield f"  and {left_out(found):,} more"
    yield from (f"  queue    {plain(fault)}" for fault in found.faults)
    for name, drift in found.drifts.items():
        yield f"  counter  {name} is {drift.counted:,}, its rows make {drift.rows:,}"
    if found.forsaken:
        yield f"  {many(found.forsaken, 'file')} of jobs that the manifest no longer has: not sent again"


def left_out(found: Verdict) -> int:
    return max(sum(found.counts[standing] for standing in ODD) - MOST_NAMED, 0)


def price(found: Verdict) -> str:
    """`3 jobs would be sent again, about $0.0114`."""
    known = "of unknown cost" if found.lost_nusd is None else f"about {money(found.lost_nusd)}"
    return f"{many(len(found.lost), 'job')} would be sent again, {known}"


def mended(repaired: Repaired) -> str:
    parts = [
        f"{many(repaired.jobs, 'job')} pending again" if repaired.jobs else "",
        f"{many(repaired.named, 'output')} named" if repaired.named else "",
        f"{many(repaired.counters, 'counter')} set right" if repaired.counters else "",
    ]
    return ", ".join(filter(None, parts)) or "nothing to repair"


def is_well(found: Verdict, repaired: Repaired | None) -> bool:
    """Whether nothing is wrong, or nothing any more."""
    if repaired is None:
        return found.is_well
    return not (found.faults or found.counts[Standing.UNKNOWN] or found.forsaken)


def shown(found: Verdict, repaired: Repaired | None) -> dict[str, Any]:
    """What `runner verify --json` prints: one object."""
    return {
        "batch": found.batch,
        "ok": is_well(found, repaired),
        "files": found.files,
        "bytes": found.bytes,
        **{standing.value: found.counts[standing] for standing in ODD},
        "found": [{"path": each.path, "job": each.job, "is": each.standing.value} for each in found.odd],
        "left_out": left_out(found),
        "queue": found.faults,
        "counters": {
            name: {"counted": drift.counted, "rows": drift.rows} for name, drift in found.drifts.items()
        },
        "to_send": {"jobs": len(found.lost), "cost_usd": usd(found.lost_nusd)},
        "repaired": None
        if repaired is None
        else {"jobs": repaired.jobs, "named": repaired.named, "counters": repaired.counters},
    }
