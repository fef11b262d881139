"""Data goes to stdout, words for people to stderr, and nowhere else is anything printed."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer


class Refused(Exception):
    """What was asked for cannot be done; its text says why, and what can."""


def say(words: str) -> None:
    """Words for a person."""
    with unheard():
        typer.echo(words, err=True)


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
