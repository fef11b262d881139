"""A systemd user timer and the service that it starts, as in systemd.service(5) and systemd.timer(5)."""

from collections.abc import Iterator

from runner.starts.start import ENDED, PAUSE_S, TRIES, Start, Text, condition
from runner.timetable import DAYS, WEEK, Timetable


def units(start: Start) -> list[Text]:
    """The service and its timer."""
    return [
        Text(f"{start.name}.service", "\n".join(service(start))),
        Text(f"{start.name}.timer", "\n".join(timer(start))),
    ]


def service(start: Start) -> Iterator[str]:
    """One run; it is tried again while there is work left and time for it."""
    yield from ("[Unit]", f"Description=runner: {specified(start.title)}", *bounds(start.timetable), "")
    yield from ("[Service]", "Type=oneshot", f"WorkingDirectory={specified(start.folder)}")
    if start.timetable.zone is not None:
        yield f"Environment=TZ={start.timetable.zone.key}"
    if start.env_file is not None:
        yield f"EnvironmentFile={specified(start.env_file)}"
    for words in condition(start.timetable):
        yield f"ExecCondition=/bin/sh -c {quoted(words)}"
    yield f"ExecStart={' '.join(map(quoted, start.command))}"
    yield from ("# 75: work is left, run again; the others are no use to repeat", "Restart=on-failure")
    yield f"RestartSec={PAUSE_S}"
    yield f"RestartPreventExitStatus={' '.join(map(str, ENDED))}"
    yield from ("# what is in flight is awaited and recorded", "KillMode=mixed", "TimeoutStopSec=60", "")


def bounds(timetable: Timetable) -> Iterator[str]:
    """How often it is tried: within a window without number."""
    if timetable.until is not None:
        yield "StartLimitIntervalSec=0"
    else:
        yield from ("StartLimitIntervalSec=12h", f"StartLimitBurst={TRIES}")


def timer(start: Start) -> Iterator[str]:
    yield from ("[Unit]", f"Description=runner: {specified(start.title)}", "", "[Timer]")
    yield f"OnCalendar={calendar(start.timetable)}"
    yield from ("# a start that a sleeping machine missed is made up for", "Persistent=true")
    yield from ("AccuracySec=1s", "", "[Install]", "WantedBy=timers.target", "")


def calendar(timetable: Timetable) -> str:
    """As in systemd.time(7): `Mon,Tue *-*-* 02:00:00 Europe/Berlin`."""
    days = "" if timetable.days == WEEK else f"{named(timetable.days)} "
    zone = "" if timetable.zone is None else f" {timetable.zone.key}"
    return f"{days}*-*-* {timetable.at:%H:%M}:00{zone}"


def named(days: frozenset[int]) -> str:
    return ",".join(DAYS[day].title() for day in sorted(days))


def specified(text: str) -> str:
    """A value that is taken as it stands."""
    return text.replace("%", "%%")


def quoted(word: str) -> str:
    """A word of a command line: neither specifiers nor variables of systemd's own are seen in it."""
    escaped = specified(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if not word or any(sign in " \t\"'\\;$" for sign in word) else escaped
