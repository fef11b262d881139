"""Data goes to stdout, words for people to stderr, and nowhere else is anything printed."""

import sys
from collections.abc import Iterable
from typing import Any

import typer


class Refused(Exception):
    """What was asked for cannot be done; its text says why, and what can."""


def say(words: str) -> None:
    """Words for a person."""
    typer.echo(words, err=True)


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
