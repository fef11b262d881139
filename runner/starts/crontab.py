"""A line of a crontab, as in crontab(5): it loops while there is work left and time for it."""

import shlex

from runner.starts.start import LATER, PAUSE_S, TRIES, Start, Text, condition, shell
from runner.timetable import WEEK, Timetable

BEGIN, END = "# runner schedule: {}", "# end of {}"


def lines(start: Start) -> list[Text]:
    """What is to be added to a crontab."""
    content = [BEGIN.format(start.name), f"{fields(start.timetable)} {escaped(looped(start))}"]
    return [Text("crontab", "\n".join([*content, END.format(start.name), ""]))]


def fields(timetable: Timetable) -> str:
    """Minute, hour, day, month, weekdays (0 is a Sunday)."""
    days = "*"
    if timetable.days != WEEK:
        days = ",".join(map(str, sorted((day + 1) % 7 for day in timetable.days)))
    return f"{timetable.at.minute} {timetable.at.hour} * * {days}"


def looped(start: Start) -> str:
    """The command, again after a pause for as long as it says that work is left."""
    log = shlex.quote(f"{start.name}.log")
    variables = "" if start.env_file is None else f"set -a; . {shlex.quote(start.env_file)}; set +a; "
    zone = "" if start.timetable.zone is None else f"TZ={start.timetable.zone.key}; export TZ; "
    again = next(condition(start.timetable), f"tries=$((${{tries:-1}}+1)); [ $tries -le {TRIES} ]")
    loop = f"until {shell(start.command)}; [ $? -ne {LATER} ]; do sleep {PAUSE_S}; {again} || break; done"
    return f"cd {shlex.quote(start.folder)} && {{ {zone}{variables}{loop}; }} >>{log} 2>&1"


def escaped(command: str) -> str:
    """A percent sign would end the command."""
    return command.replace("%", "\\%")


def with_lines(crontab: str, start: Start) -> str:
    """The crontab with the start in it, once."""
    rest = without_lines(crontab, start.name)
    return rest + ("" if rest.endswith("\n") or not rest else "\n") + lines(start)[0].content


def without_lines(crontab: str, name: str) -> str:
    """The crontab without what was added for the name."""
    kept, is_ours = [], False
    for line in crontab.splitlines(keepends=True):
        is_ours = is_ours or line.rstrip("\n") == BEGIN.format(name)
        if not is_ours:
            kept.append(line)
        is_ours = is_ours and line.rstrip("\n") != END.format(name)
    return "".join(kept)
