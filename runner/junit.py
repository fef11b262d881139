"""A batch as JUnit XML, which build servers read: a suite a batch, a case a job."""

import re
from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from runner.job import State
from runner.store import BatchRow, JobRow

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write."""
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="runner">\n'
TAIL = "</testsuites>\n"


def suite(row: BatchRow, jobs: Iterable[JobRow]) -> Iterator[str]:
    """The batch, each line whole."""
    tally = row.tally
    counts = {
        "tests": tally.total,
        "failures": tally.failed,
        "errors": tally.unknown,
        "skipped": tally.pending + tally.running + tally.cancelled,
    }
    numbers = "".join(f' {name}="{count}"' for name, count in counts.items())
    yield f"<testsuite name={quoted(row.name)}{numbers}>\n"
    for job in jobs:
        yield case(job)
    yield "</testsuite>\n"


def case(job: JobRow) -> str:
    named = f"name={quoted(job.id)} classname={quoted(f'{job.endpoint}.{job.model}')}"
    head = f'<testcase {named} time="{job.latency_s or 0:.3f}"'
    found = finding(job)
    return f"{head}/>\n" if found is None else f"{head}>{found}</testcase>\n"


def finding(job: JobRow) -> str | None:
    """What a case that has not succeeded holds."""
    match job.state:
        case State.SUCCEEDED:
            return None
        case State.FAILED:
            return told("failure", job)
        case State.UNKNOWN:
            return told("error", job)
        case _:
            return f"<skipped message={quoted(job.state.value)}/>"


def told(kind: str, job: JobRow) -> str:
    cause = "" if job.cause is None else job.cause.value
    message = legal(job.message or "")
    return f"<{kind} type={quoted(cause)} message={quoted(message)}>{escape(message)}</{kind}>"


def quoted(text: str) -> str:
    return quoteattr(legal(text))


def legal(text: str) -> str:
    return ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
