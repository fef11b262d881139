"""Data goes to stdout, words for people to stderr, and nowhere else is anything printed."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer


class Refused(Exception):
    """What was asked for cannot be done; its text says why, and what can."""


@dataclass(slots=True)
class Voice:
    """How words reach those who read them."""

    speak: Callable[[str, str], None]
    """Takes a level (`info`, `warning`, `error`) and the words."""


def plainly(_level: str, words: str) -> None:
    typer.echo(words, err=True)


VOICE = Voice(plainly)


def say(words: str, level: str = "info") -> None:
    """Words for a person, or for a log where one is kept."""
    with unheard():
        VOICE.speak(level, words)


def speak_as(speak: Callable[[str, str], None]) -> None:
    """From now on everything is said in this way."""
    VOICE.speak = speak


def say_waiting() -> None:
    """Another program has it locked."""
    say("waiting for the queue")


@contextmanager
def unheard() -> Iterator[None]:
    """Nothing ends because nobody reads its words any more, a closed terminal or pipe: it falls silent."""
    try:
        yield
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def tell(lines: Iterable[str]) -> None:
    """Data for people, as it comes."""
    for line in lines:
        typer.echo(line)


def tell_json(thing: Any) -> None:
    """Data for programs: one object on one line."""
    import orjson

    typer.echo(orjson.dumps(thing))


def tell_lines(lines: Iterable[bytes]) -> None:
    """JSON Lines that are ready, as they come."""
    sys.stdout.buffer.writelines(lines)
    sys.stdout.buffer.flush()


def is_asked(question: str) -> bool:
    """Whether the person at the terminal agrees; where there is none, nobody does."""
    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, err=True)
