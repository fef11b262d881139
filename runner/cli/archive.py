"""`runner archive`: a batch packed into one file."""

from pathlib import Path
from typing import Annotated

import typer

from runner.cli.options import Db, Json
from runner.cli.speaking import tell, tell_json

Name = Annotated[str, typer.Argument(metavar="BATCH", show_default=False, help="The batch.")]
File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="The archive to write: .tar.zst (runner[zstd]), .tar.gz or .tar.",
    ),
]


def archive(name: Name, file: File, *, db: Db = "", as_json: Json = False) -> None:
    """Pack a batch into one file.

    With its outputs, manifest and history; queue and outputs stay.
    """
    from runner import compose
    from runner.report.words import many, size

    done = compose.archive(db, name, Path(file).absolute())
    if as_json:
        tell_json(
            {"batch": done.batch, "path": file, "jobs": done.jobs, "files": done.files, "bytes": done.bytes}
        )
    else:
        packed = f"{many(done.jobs, 'job')}, {many(done.files, 'file')}"
        tell([f"{done.batch}: {packed} in {file}, {size(done.bytes)}"])
