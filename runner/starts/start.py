"""A start as every kind of machine needs it told."""

import shlex
from collections.abc import Iterator

from runner.timetable import Timetable
from runner.value import value

LATER = 75
"""The exit status of a run that has work left: it is tried again."""
ENDED = (1, 2, 130, 143)
"""Finished with failures, a bad manifest, and stopped by somebody: trying again is no use, or not wanted."""
PAUSE_S = 600
"""Between a run that stopped with work left and the next try."""
TRIES = 12
"""Where no window bounds them."""


@value
class Start:
    """What is started, where and when. It names files that hold keys, never a key."""

    name: str
    """Of the unit, the line or the object."""
    title: str
    """For people: the manifest's file."""
    folder: str
    """To start in: an absolute path."""
    command: tuple[str, ...]
    timetable: Timetable
    env_file: str | None = None
    """Variables for the run, `NAME=value` a line; `.env` beside the manifest is read without being named."""


@value(kw_only=False)
class Text:
    """What is to be written, and the name of its file."""

    name: str
    content: str


def shell(words: tuple[str, ...]) -> str:
    return shlex.join(words)


def condition(timetable: Timetable) -> Iterator[str]:
    """For a shell, whether it is still time; nothing where no window is given."""
    if timetable.until is None:
        return
    first, last = timetable.at.strftime("%H%M"), timetable.until.strftime("%H%M")
    joined = "&&" if first < last else "||"
    yield f'now=$(date +%H%M); [ "$now" -ge {first} ] {joined} [ "$now" -lt {last} ]'
