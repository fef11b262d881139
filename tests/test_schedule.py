import json
import os
import subprocess
from dataclasses import replace
from datetime import time
from pathlib import Path
from shutil import which
from zoneinfo import ZoneInfo

import pytest
import yaml
from runs import ENVIRONMENT, Desk

from runner.starts import Start, crontab, kubernetes, systemd
from runner.timetable import Timetable, weekdays

START = Start(
    name="runner-nightly-0a1b2c",
    title="100% nightly.yaml",
    folder="/home/ann/the data",
    command=("/usr/bin/runner", "run", '/home/ann/the data/100% "of" $it.yaml', "--set", "cost=5$"),
    timetable=Timetable(at=time(2), until=time(6), days=weekdays("mon-fri"), zone=ZoneInfo("Europe/Berlin")),
)
CANARY = "sk-canary-0123456789abcdef"


def written(folder, texts):
    for text in texts:
        (folder / text.name).write_text(text.content)
    return [str(folder / text.name) for text in texts]


@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("until", [time(6), time(1), None])
def test_systemds_own_checker_accepts_timer_and_service(tmp_path, until):
    start = replace(
        START,
        folder="/tmp",
        command=("/bin/true", *START.command[1:]),
        env_file="/etc/hostname",
        timetable=replace(START.timetable, until=until),
    )
    paths = written(tmp_path, systemd.units(start))
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", *paths],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_service_tries_again_what_is_left_and_nothing_else():
    service, timer = (text.content.splitlines() for text in systemd.units(START))
    assert "Restart=on-failure" in service
    assert "RestartPreventExitStatus=1 2 130 143" in service
    assert "Environment=TZ=Europe/Berlin" in service
    assert "WorkingDirectory=/home/ann/the data" in service
    assert (
        'ExecStart=/usr/bin/runner run "/home/ann/the data/100%% \\"of\\" $$it.yaml" --set "cost=5$$"'
        in service
    )
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 02:00:00 Europe/Berlin" in timer
    assert "Persistent=true" in timer


@pytest.mark.skipif(which("crontab") is None, reason="cron is not installed")
def test_crontabs_own_checker_accepts_the_line(tmp_path):
    path = tmp_path / "crontab"
    path.write_text(crontab.with_lines("", START))
    done = subprocess.run(["crontab", "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "The syntax of the crontab file was successfully checked.\n")


def test_a_crontab_has_the_start_once_and_keeps_the_rest():
    other = "MAILTO=ann\n0 1 * * * backup"
    once = crontab.with_lines(other, START)
    moved = replace(START, timetable=Timetable(at=time(3, 15)))
    again = crontab.with_lines(crontab.without_lines(once, START.name), moved)
    assert once.startswith(other + "\n# runner schedule: ")
    assert "0 2 * * 1,2,3,4,5 cd '/home/ann/the data' && " in once
    assert "15 3 * * * " in again
    assert again.count(" cd ") == 1
    assert crontab.without_lines(again, START.name) == other + "\n"


@pytest.mark.parametrize(
    ("statuses", "clock", "until", "calls"),
    [
        ([0], "0300", time(6), 1),
        ([1], "0300", time(6), 1),
        ([75, 75, 0], "0300", time(6), 3),
        ([75, 0], "0600", time(6), 1),
        ([75, 75, 0], "0030", time(1), 3),
        ([75] * 20, "0300", None, 12),
    ],
)
def test_the_line_runs_again_while_work_and_time_are_left(tmp_path, statuses, clock, until, calls):
    programs = {
        "job": 'read -r first < left; sed -i 1d left; echo ran >> calls; exit "$first"',
        "sleep": "exit 0",
        "date": f"echo {clock}",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "left").write_text("".join(f"{status}\n" for status in statuses))
    timetable = replace(START.timetable, at=time(2) if until != time(1) else time(23), until=until)
    start = replace(START, folder=str(tmp_path), command=("job",), timetable=timetable)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["/bin/sh", "-c", crontab.looped(start)], env=environment, check=False, timeout=20)
    assert (tmp_path / "calls").read_text().count("ran") == calls


def test_a_cron_job_of_kubernetes_retries_what_is_left_and_fails_on_the_rest():
    [text] = kubernetes.objects(START)
    made = yaml.safe_load(text.content)
    job = made["spec"]["jobTemplate"]["spec"]
    assert (made["apiVersion"], made["kind"], made["spec"]["concurrencyPolicy"]) == (
        "batch/v1",
        "CronJob",
        "Forbid",
    )
    assert (made["spec"]["schedule"], made["spec"]["timeZone"]) == ("0 2 * * 1,2,3,4,5", "Europe/Berlin")
    assert job["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [1, 2]
    assert job["activeDeadlineSeconds"] == 4 * 3600
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def manifest(folder):
    made = {
        "name": "nightly-{{ date }}",
        "endpoints": {"api": {"dialect": "openai-chat", "url": "http://127.0.0.1:9/v1", "key": "${API_KEY}"}},
        "jobs": [{"model": "m", "prompt": "hello"}],
    }
    (folder / "nightly.yaml").write_text(json.dumps(made))
    (folder / ".env").write_text(f"API_KEY={CANARY}\n")


@pytest.mark.parametrize("kind", ["systemd", "cron", "kubernetes"])
async def test_it_is_printed_with_the_next_starts_and_without_a_key(tmp_path, kind):
    manifest(tmp_path)
    async with Desk.at(tmp_path) as desk:
        done = await desk.run("schedule", "nightly.yaml", "--as", kind, "--until", "06:00", "--max-cost", "5")
    assert done.status == 0
    assert done.err.count("02:00") == 5
    assert "--max-cost" in done.out
    assert CANARY not in done.out + done.err
    assert {path.name for path in tmp_path.iterdir()} == {"nightly.yaml", ".env"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "25:00"], "'--at': '25:00' is no time of day"),
        (["--days", "someday"], "'--days': 'someday' is no day of the week"),
        (["--until", "02:00"], "'--until': nothing is left between --at and it"),
        (["--as", "kubernetes", "--install"], "kubectl apply -f -"),
        (["--as", "cron", "--timezone", "Asia/Tokyo"], "cron starts by the machine's own clock"),
    ],
)
async def test_what_cannot_be_is_said_before_anything_is_written(tmp_path, arguments, words):
    manifest(tmp_path)
    async with Desk.at(tmp_path) as desk:
        done = await desk.run("schedule", "nightly.yaml", *arguments)
    assert (done.status, done.out) == (2, "")
    assert words in done.err


def stand_in(folder: Path, name, text):
    """A program of that name which the command finds first."""
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


async def test_a_line_is_installed_and_removed_by_crontab(tmp_path, monkeypatch):
    manifest(tmp_path)
    stand_in(tmp_path, "crontab", f'cd {tmp_path}; [ "$1" = - ] && cat > tab || cat tab')
    (tmp_path / "tab").write_text("0 1 * * * backup\n")
    monkeypatch.setitem(ENVIRONMENT, "PATH", f"{tmp_path}:{os.environ['PATH']}")
    async with Desk.at(tmp_path) as desk:
        for _ in range(2):
            assert (await desk.run("schedule", "nightly.yaml", "--as", "cron", "--install")).status == 0
        assert (tmp_path / "tab").read_text().count("nightly.yaml") == 1
        removed = await desk.run("schedule", "nightly.yaml", "--as", "cron", "--remove")
    assert removed.status == 0
    assert (tmp_path / "tab").read_text() == "0 1 * * * backup\n"


async def test_a_timer_is_installed_and_removed_by_systemctl(tmp_path, monkeypatch):
    manifest(tmp_path)
    stand_in(tmp_path, "systemctl", f'echo "$@" >> {tmp_path}/calls')
    monkeypatch.setitem(ENVIRONMENT, "PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setitem(ENVIRONMENT, "XDG_CONFIG_HOME", str(tmp_path / "config"))
    units = tmp_path / "config" / "systemd" / "user"
    async with Desk.at(tmp_path) as desk:
        installed = await desk.run("schedule", "nightly.yaml", "--as", "systemd", "--install")
        there = sorted(path.suffix for path in units.iterdir())
        removed = await desk.run("schedule", "nightly.yaml", "--as", "systemd", "--remove")
    assert (installed.status, removed.status, there) == (0, 0, [".service", ".timer"])
    assert list(units.iterdir()) == []
    calls = (tmp_path / "calls").read_text()
    assert "--user enable --now runner-nightly-" in calls
    assert "--user disable --now runner-nightly-" in calls


async def test_a_machine_that_refuses_a_timer_keeps_nothing_of_it(tmp_path, monkeypatch):
    manifest(tmp_path)
    stand_in(tmp_path, "systemctl", "echo no bus >&2; exit 1")
    monkeypatch.setitem(ENVIRONMENT, "PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setitem(ENVIRONMENT, "XDG_CONFIG_HOME", str(tmp_path / "config"))
    async with Desk.at(tmp_path) as desk:
        done = await desk.run("schedule", "nightly.yaml", "--as", "systemd", "--install")
    assert done.status == 2
    assert "no bus" in done.err
    assert list((tmp_path / "config" / "systemd" / "user").iterdir()) == []
