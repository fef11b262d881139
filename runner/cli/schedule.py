"""`runner schedule`: what starts a manifest every night."""

import hashlib
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import Db, Manifest, MaxCost, Sets
from runner.cli.reading import manifest
from runner.cli.speaking import Refused, say, tell

if TYPE_CHECKING:
    from runner.starts import Start, Text
    from runner.timetable import Timetable

SHOWN = 5
"""Starts that are told of beforehand."""
LONGEST = 30
"""Of a manifest's name in that of its start: Kubernetes takes 52 characters in all."""


class Kind(StrEnum):
    """What starts it."""

    SYSTEMD = "systemd"
    CRON = "cron"
    KUBERNETES = "kubernetes"


At = Annotated[str, typer.Option("--at", metavar="TIME", help="The time of day to start at, such as 02:00.")]
Days = Annotated[
    str,
    typer.Option("--days", metavar="DAYS", help="Days of the week: mon-fri, or sat,sun.", show_default=False),
]
Until = Annotated[
    str,
    typer.Option(
        "--until", metavar="TIME", show_default=False, help="The time of day from which on nothing is begun."
    ),
]
Zone = Annotated[
    str,
    typer.Option(
        "--timezone",
        metavar="ZONE",
        show_default=False,
        help="The zone of these times, such as Europe/Berlin; default: the machine's.",
    ),
]
As = Annotated[
    Kind | None,
    typer.Option(
        "--as",
        metavar="KIND",
        show_default=False,
        help=f"What starts it: {', '.join(Kind)}; default: systemd where the machine has it, else cron.",
    ),
]
EnvFile = Annotated[
    str,
    typer.Option(
        "--env-file",
        metavar="FILE",
        show_default=False,
        help="A file of variables, for keys; `.env` beside the manifest is read anyway.",
    ),
]
Install = Annotated[bool, typer.Option("--install", help="Install it; by default it is only printed.")]
Remove = Annotated[bool, typer.Option("--remove", help="Take it away again.")]


def schedule(
    path: Manifest,
    *,
    at: At = "02:00",
    days: Days = "",
    until: Until = "",
    timezone: Zone = "",
    kind: As = None,
    db: Db = "",
    sets: Sets,
    max_cost: MaxCost = None,
    env_file: EnvFile = "",
    install: Install = False,
    remove: Remove = False,
) -> None:
    """Print what starts a manifest at a time of day, or install it.

    A systemd user timer with its service, a line of a crontab, or a Kubernetes CronJob. A run that stops with
    work left (75) is started again every ten minutes, within `--until`. No key is written anywhere.
    """
    from runner import compose

    manifest(path, sets)
    chosen = kind or (Kind.SYSTEMD if which("systemctl") else Kind.CRON)
    if chosen is Kind.KUBERNETES and (install or remove):
        raise Refused(
            "a CronJob is installed by Kubernetes' own program: pipe this command, without --install "
            "or --remove, into `kubectl apply -f -` or `kubectl delete -f -`"
        )
    times = timetable(at, days, until, timezone)
    options = run_options(until=until, sets=sets, max_cost=max_cost)
    start = started(Path(path), times, chosen, db=db, env_file=env_file, options=options)
    if chosen is Kind.CRON and not remove:
        require_own_clock(times)
    try:
        if install or remove:
            for words in (compose.remove if remove else compose.install)(start, chosen.value):
                say(words)
        else:
            tell(printed(texts(start, chosen)))
    except compose.Unscheduled as error:
        raise Refused(str(error)) from None
    for words in () if remove else next_words(times):
        say(words)


def timetable(at: str, days: str, until: str, zone: str) -> "Timetable":
    """The times; raises `BadParameter`, naming the option."""
    from runner import timetable as times

    option = "--at"
    try:
        start = times.clock(at)
        option = "--days"
        on = times.weekdays(days) if days else times.WEEK
        option = "--until"
        end = times.clock(until) if until else None
        option = "--timezone"
        where = times.zone(zone) if zone else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=f"'{option}'") from None
    if end == start:
        raise typer.BadParameter("nothing is left between --at and it", param_hint="'--until'")
    return times.Timetable(at=start, days=on, until=end, zone=where)


def run_options(*, until: str, sets: list[str], max_cost: float | None) -> tuple[str, ...]:
    """What the run is given."""
    bounds = ("--until", until) if until else ()
    money = () if max_cost is None else ("--max-cost", f"{max_cost:g}")
    return (*bounds, *money, *(word for each in sets for word in ("--set", each)))


def started(
    path: Path, times: "Timetable", kind: Kind, *, db: str, env_file: str, options: tuple[str, ...]
) -> "Start":
    from runner.starts import Start

    whole = path.absolute()
    queue = db if "://" in db else str(Path(db).absolute())
    program = ("runner",) if kind is Kind.KUBERNETES else own_program()
    return Start(
        name=name_of(whole),
        title=path.name,
        folder=str(whole.parent),
        command=(*program, "--db", queue, "run", str(whole), "--preflight", *options),
        timetable=times,
        env_file=str(Path(env_file).absolute()) if env_file else None,
    )


def name_of(manifest: Path) -> str:
    """Fit for a unit, a line and an object: the file's name, and what tells it from its like elsewhere."""
    words = re.sub(r"[^a-z0-9]+", "-", manifest.stem.lower()).strip("-")[:LONGEST] or "manifest"
    return f"runner-{words}-{hashlib.sha256(str(manifest).encode()).hexdigest()[:6]}"


def own_program() -> tuple[str, ...]:
    """How this program is started, by its whole path."""
    called = Path(sys.argv[0])
    if called.name == "runner":
        return (str(called.absolute()),)
    return (sys.executable, "-m", "runner")


def texts(start: "Start", kind: Kind) -> "list[Text]":
    from runner.starts import crontab, kubernetes, systemd

    match kind:
        case Kind.SYSTEMD:
            return systemd.units(start)
        case Kind.CRON:
            return crontab.lines(start)
        case Kind.KUBERNETES:
            return kubernetes.objects(start)


def printed(written: "list[Text]") -> Iterator[str]:
    """Each text, and which file it is, where there are several."""
    for each in written:
        if len(written) > 1:
            yield f"# {each.name}"
        yield each.content.rstrip("\n") + "\n" * (len(written) > 1)


def require_own_clock(times: "Timetable") -> None:
    """Cron knows the machine's zone alone."""
    from runner.timetable import next_starts

    a_year = next_starts(times, datetime.now(UTC), 366)
    if any(start.astimezone().utcoffset() != start.utcoffset() for start in a_year):
        raise Refused("cron starts by the machine's own clock: leave --timezone out, or use --as systemd")


def next_words(times: "Timetable") -> Iterator[str]:
    from runner.timetable import next_starts

    yield "next starts:"
    for start in next_starts(times, datetime.now(UTC), SHOWN):
        yield f"  {start:%a %Y-%m-%d %H:%M %Z}"
