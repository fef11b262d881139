"""A manifest's file as the manifest it holds; or a batch file, with the server that it goes to."""

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from runner.cli.speaking import Refused

if TYPE_CHECKING:
    from runner.manifest import Manifest
    from runner.problems import Problem


class Server(NamedTuple):
    """Where batch files go, as the command line says it; what is empty is not said."""

    url: str = ""
    key: str = ""
    """Name of a variable."""
    model: str = ""
    concurrency: str = ""


NOWHERE = Server()
OPTIONS = {
    "manifest.endpoints.api.url": "--url",
    "manifest.endpoints.api.key": "--key-env",
    "manifest.jobs[0].file": "batch file",
}
"""The options that make these parts of a batch file's manifest."""


def manifest(
    name: str,
    sets: list[str],
    server: Server = NOWHERE,
    *,
    night: datetime | None = None,
    is_run: bool = False,
) -> "Manifest":
    """With `key=value` texts for its templates, and a date: by default today's in UTC.

    For a run the variables of the environment that it refers to have to be there.
    """
    from runner.batchfile import is_batch_file
    from runner.manifest import load
    from runner.redaction import read_environment

    path = Path(name)
    given = dict(each.split("=", 1) for each in sets)
    today = (night or datetime.now(UTC)).date()
    environ = read_environment(path.parent, os.environ) if is_run else None
    if is_batch_file(path):
        return sent_to(server, path, given, today, environ)
    if server != NOWHERE:
        raise typer.BadParameter(f"{name} is a manifest: it says itself where its jobs go")
    return load(path, sets=given, today=today, environ=environ)


def sent_to(
    server: Server, path: Path, sets: Mapping[str, str], today: date, environ: Collection[str] | None
) -> "Manifest":
    """The manifest that nobody has to write for a batch file."""
    from runner import batchfile
    from runner.manifest import from_mapping
    from runner.problems import ManifestError

    if not server.url:
        raise Refused(f"{path} is a batch file: say by --url where its requests go, such as http://host/v1")
    written: dict[str, Any] = batchfile.manifest(
        path,
        url=server.url,
        key=server.key,
        model=server.model,
        concurrency=int(server.concurrency) if server.concurrency.isdecimal() else server.concurrency,
    )
    try:
        made = from_mapping(written, folder=path.parent, sets=sets, today=today, environ=environ)
    except ManifestError as error:
        raise ManifestError(map(as_option, error.problems)) from None
    return replace(made, path=path)


def as_option(problem: "Problem") -> "Problem":
    """The same, by what was written on the command line."""
    return replace(problem, where=OPTIONS.get(problem.where, problem.where))
