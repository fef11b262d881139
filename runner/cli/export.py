"""`runner export`: what came of a batch, in the files that other programs read."""

from pathlib import Path
from typing import Annotated, Any

import typer

from runner.cli.finding import batch
from runner.cli.options import Batch, Db, Json, States
from runner.cli.speaking import say, tell, tell_json
from runner.exports.formats import MODULES

SUFFIX = ".jsonl"
FILE = "results.jsonl"
JSONL = "jsonl"


def known(name: str) -> str:
    if name and name not in MODULES:
        from runner.problems import meant

        raise typer.BadParameter(f"there is no format '{name}'{meant(name, list(MODULES))}")
    return name


Target = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        show_default=False,
        help="A file where it ends in the format's suffix, else a folder; default: results.jsonl beside the "
        "outputs, or a folder BATCH-FORMAT here.",
    ),
]
To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FORMAT",
        callback=known,
        show_default=False,
        help=f"{', '.join(MODULES)}; default: jsonl.",
    ),
]
Where = Annotated[
    str,
    typer.Option(
        "--where",
        metavar="EXPR",
        show_default=False,
        help="Only what this holds for: an expression over the fields of results.jsonl, those of the output "
        "itself, and seed, such as \"finish_reason == 'stop'\".",
    ),
]
Prefer = Annotated[
    str,
    typer.Option(
        "--prefer",
        metavar="EXPR",
        show_default=False,
        help="For preference pairs: what a better answer has more of, a number or so or not so.",
    ),
]
Split = Annotated[
    str,
    typer.Option(
        "--split",
        metavar="NAME=SHARE,…",
        show_default=False,
        help="Such as train=0.9,test=0.1: by key, for ever; samples of one request stay together.",
    ),
]
ShardSize = Annotated[
    str,
    typer.Option(
        "--shard-size",
        metavar="SIZE",
        show_default=False,
        help="So much in a file: 10000 samples, or about 500MB.",
    ),
]
Licence = Annotated[
    str,
    typer.Option(
        "--license", metavar="NAME", show_default=False, help="What the card names, such as cc0-1.0."
    ),
]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Leave out pictures whose files are gone or changed.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export, or a file.")]


def export(
    name: Batch = "",
    target: Target = "",
    *,
    to: To = "",
    states: States,
    where: Where = "",
    prefer: Prefer = "",
    split: Split = "",
    shard_size: ShardSize = "",
    licence: Licence = "",
    skip_missing: SkipMissing = False,
    overwrite: Overwrite = False,
    db: Db = "",
    as_json: Json = False,
) -> None:
    """Write results.jsonl, or a dataset in another format.

    results.jsonl has a line for every job that is not pending. What --to names takes succeeded jobs, unless
    --state says otherwise; what is stopped leaves nothing at PATH, and goes on when it is done again.
    """
    from runner import compose
    from runner.report import exported

    with compose.reading(db) as store:
        owner = batch(store, name)
    if to in {"", JSONL} and not any((states, where, prefer, split, shard_size, overwrite)):
        written = compose.results(db, owner.name, place(target))
        told: dict[str, Any] = {"batch": owner.name, "path": str(written)}
    else:
        done = compose.export(
            db,
            owner.name,
            compose.Wanted(
                format=to or JSONL,
                target=Path(target) if target else None,
                states=tuple(states),
                skip_missing=skip_missing,
                overwrite=overwrite,
                **asked(where=where, prefer=prefer, split=split, size=shard_size, licence=licence),
            ),
        )
        say(exported.words(done))
        told = {"batch": owner.name, **exported.shown(done)}
    if as_json:
        tell_json(told)
    else:
        tell([told["path"]])


def asked(*, where: str, prefer: str, split: str, size: str, licence: str) -> dict[str, Any]:
    """What was given, read; what was not is left to the defaults."""
    from runner.exports import size as sizes
    from runner.exports import splits
    from runner.exports.condition import Condition

    read = {
        "where": where and Condition("--where", where),
        "prefer": prefer and Condition("--prefer", prefer),
        "splits": split and splits.parsed(split),
        "size": size and sizes.parsed(size),
        "licence": licence,
    }
    return {name: value for name, value in read.items() if value}


def place(target: str) -> Path | None:
    """The file that a path means; None: where a run would write it."""
    if not target:
        return None
    path = Path(target)
    return path if path.suffix == SUFFIX else path / FILE
