"""A start put where the machine looks for it, and taken away again, by the machine's own programs."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from runner.starts import Start, Text, crontab, systemd

PATIENCE_S = 60


class Unscheduled(Exception):
    """The machine does not take it; the text says why, and what can be done."""


def install(start: Start, kind: str) -> Iterator[str]:
    """Put it in place, in the words that are said of it; raises `Unscheduled`."""
    return installed_timer(start) if kind == "systemd" else installed_line(start)


def remove(start: Start, kind: str) -> Iterator[str]:
    """Take it away, whether it is there or not; raises `Unscheduled`."""
    return removed_timer(start) if kind == "systemd" else removed_line(start)


def installed_timer(start: Start) -> Iterator[str]:
    require("systemctl")
    units = systemd.units(start)
    verify(units)
    paths = write(units_folder(), units)
    try:
        called("systemctl", "--user", "daemon-reload")
        called("systemctl", "--user", "enable", "--now", f"{start.name}.timer")
    except Unscheduled:
        for path in paths:
            path.unlink()
        raise
    yield from (f"written: {path}" for path in paths)
    yield f"started: {start.name}.timer; `loginctl enable-linger` lets it start while nobody is logged in"


def removed_timer(start: Start) -> Iterator[str]:
    folder = units_folder()
    found = [folder / unit.name for unit in systemd.units(start) if (folder / unit.name).exists()]
    if not found:
        yield f"nothing to remove: {folder} has no {start.name}.timer"
        return
    require("systemctl")
    called("systemctl", "--user", "disable", "--now", f"{start.name}.timer")
    for path in found:
        path.unlink()
        yield f"removed: {path}"
    called("systemctl", "--user", "daemon-reload")


def verify(units: Sequence[Text]) -> None:
    """By systemd's own checker, where the machine has it, before anything is in its place."""
    if which("systemd-analyze") is None:
        return
    with TemporaryDirectory() as aside:
        paths = write(Path(aside), units)
        runtime = os.environ.get("XDG_RUNTIME_DIR", aside)
        said = called("systemd-analyze", "--user", "verify", *map(str, paths), XDG_RUNTIME_DIR=runtime)
        if aside in said:
            raise Unscheduled(f"systemd-analyze verify: {said}")


def units_folder() -> Path:
    configured = os.environ.get("XDG_CONFIG_HOME")
    return (Path(configured) if configured else Path.home() / ".config") / "systemd" / "user"


def write(folder: Path, units: Sequence[Text]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for unit in units:
        (folder / unit.name).write_text(unit.content)
    return [folder / unit.name for unit in units]


def installed_line(start: Start) -> Iterator[str]:
    called("crontab", "-", given=crontab.with_lines(current(), start))
    yield f"added to the crontab: {start.name}"


def removed_line(start: Start) -> Iterator[str]:
    before = current()
    after = crontab.without_lines(before, start.name)
    if after == before:
        yield f"nothing to remove: the crontab has no {start.name}"
        return
    called("crontab", "-", given=after)
    yield f"removed from the crontab: {start.name}"


def current() -> str:
    """The user's crontab; empty where there is none."""
    require("crontab")
    listed = run(("crontab", "-l"), "", {})
    if listed.returncode and "no crontab" not in listed.stderr:
        raise Unscheduled(f"crontab -l: {listed.stderr.strip()}")
    return "" if listed.returncode else listed.stdout


def require(program: str) -> None:
    if which(program) is None:
        raise Unscheduled(
            f"{program} is not on this machine: print it with another --as, and install it there"
        )


def called(*command: str, given: str = "", **variables: str) -> str:
    """What a program says; raises `Unscheduled` with that where it fails."""
    done = run(command, given, variables)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise Unscheduled(f"{' '.join(command[:3])}: {said}")
    return done.stderr


def run(
    command: Sequence[str], given: str, variables: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "LC_ALL": "C", **variables},
    )
