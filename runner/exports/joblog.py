"""The log of GNU parallel: a line for each job, tab separated, to be read by what reads those."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from runner.exports.form import ENDED, Format, Part, Work, whole
from runner.exports.placing import fresh
from runner.exports.sample import Sample
from runner.job import State

HEAD = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"
SUFFIX = ".joblog"
FINE, FAILED = 0, 1
DONE = frozenset({State.SUCCEEDED, State.CANCELLED})
GAPS = str.maketrans("\t\r\n", "   ")


def write(paths: Sequence[Path], samples: Iterable[Sample], _: Work) -> None:
    with fresh(paths[0]) as file:
        file.write(HEAD.encode())
        file.writelines(line(number, sample).encode() for number, sample in enumerate(samples, start=1))


def line(number: int, sample: Sample) -> str:
    """Host is the endpoint, what was sent and received is in bytes, and the command shows the job."""
    job = sample.job
    fields = (
        number,
        job.served_by or job.endpoint,
        f"{job.started_at or 0:.3f}",
        f"{job.latency_s or 0:.3f}",
        len(job.body),
        sum(kept.bytes for kept in sample.outputs),
        FINE if job.state in DONE else FAILED,
        0,
        f"runner show {shlex.quote(f'{sample.batch}/{job.id}')}".translate(GAPS),
    )
    return "\t".join(map(str, fields)) + "\n"


def files(_: Part) -> tuple[str, ...]:
    return (f"jobs{SUFFIX}",)


FORMAT = Format(
    write=write,
    cut=whole,
    files=files,
    glob=lambda _: f"jobs{SUFFIX}",
    suffixes=(SUFFIX, ".log", ".tsv"),
    states=ENDED,
    is_single=True,
    is_file=True,
)
