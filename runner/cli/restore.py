"""`runner restore`: a batch brought back from its archive."""

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import Db, Json
from runner.cli.speaking import say_waiting, tell, tell_json

File = Annotated[
    str, typer.Argument(metavar="FILE", show_default=False, help="What `runner archive` has written.")
]
Name = Annotated[
    str, typer.Option("--name", metavar="NEW", show_default=False, help="Call the batch otherwise.")
]
Outputs = Annotated[
    str,
    typer.Option(
        "--outputs",
        metavar="DIR",
        show_default=False,
        help="Put the batch's folder there; default: where it stood beside its manifest, seen from here.",
    ),
]


def restore(
    file: File, *, name: Name = "", outputs: Outputs = "", db: Db = "", as_json: Json = False
) -> None:
    """Bring a batch back from its archive.

    All of it, every file checked by its hash, or nothing.
    """
    from runner import compose
    from runner.report.words import many

    aim = compose.Aim(name=name or None, outputs=Path(outputs) if outputs else None)
    done = compose.restore(db, Path(file), aim, waiting=say_waiting)
    if as_json:
        tell_json({"batch": done.batch, "jobs": done.jobs, "files": done.files, "folder": done.folder})
    else:
        tell([f"{done.batch}: {many(done.jobs, 'job')} back, {many(done.files, 'file')} in {done.folder}"])
