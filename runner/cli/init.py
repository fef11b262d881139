"""`runner init`: a manifest to start from."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from runner.cli.speaking import Refused, say

NAME = "jobs.example.yaml"


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("jobs.yaml"),
) -> None:
    """Write a commented manifest to start from."""
    text = example()
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise Refused(f"{file} is already there: name another file") from None
    say(f"wrote {file}. See what it would do with `runner plan {file}`, do it with `runner run {file}`")


def example() -> str:
    """The example, which the installed package carries and a checkout has at its top."""
    package = files("runner")
    carried = package / NAME
    source = carried if carried.is_file() else package / ".." / NAME
    return source.read_text(encoding="utf-8")
