"""The options and arguments that several commands share, spelled once."""

from datetime import datetime
from typing import Annotated

import typer

from runner.cli.audience import LogFormat
from runner.job import State
from runner.outcome import Cause

DEFAULT_DB = "runner.db"


def chosen(context: typer.Context, db: str) -> str:
    """The queue named after the command, else the one named before it."""
    before: str | None = None if context.parent is None else context.parent.obj
    return db or before or DEFAULT_DB


def pairs(sets: list[str]) -> list[str]:
    """Refuse what is not `key=value` before anything is read."""
    for each in sets:
        if "=" not in each[1:]:
            raise typer.BadParameter(f"'{each}' is not KEY=VALUE")
    return sets


def variable(name: str) -> str:
    """Refuse what cannot be a variable's name: it may be the key itself, and is not repeated."""
    if name and not name.isidentifier():
        raise typer.BadParameter("the name of a variable is expected, not the key itself")
    return name


def number(text: str) -> str:
    if text not in {"", "auto"} and not (text.isdecimal() and int(text)):
        raise typer.BadParameter(f"'{text}' is neither a number from 1 nor auto")
    return text


Db = Annotated[
    str,
    typer.Option(
        "--db",
        metavar="PATH_OR_URL",
        callback=chosen,
        show_default=DEFAULT_DB,
        help="The queue; also RUNNER_DB, or --db before the command.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Sets = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        default_factory=list,
        callback=pairs,
        show_default=False,
        help="A template variable; may be given again.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Take more than 100,000 new jobs without asking.")]
Adopt = Annotated[
    bool,
    typer.Option(
        "--adopt",
        help="Begin a new queue beside outputs whose own is lost: pictures are adopted, texts sent again.",
    ),
]
Manifest = Annotated[
    str,
    typer.Argument(
        metavar="MANIFEST", show_default=False, help="The manifest's file; or a batch file, with --url."
    ),
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        metavar="URL",
        show_default=False,
        help="Where a batch file's requests go: the server's base URL, such as http://host/v1; or demo.",
    ),
]
KeyEnv = Annotated[
    str,
    typer.Option(
        "--key-env",
        metavar="NAME",
        callback=variable,
        show_default=False,
        help="The variable of the environment (or of .env beside the batch file) that holds the key.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model", metavar="NAME", show_default=False, help="The model of all of a batch file's requests."
    ),
]
Concurrency = Annotated[
    str,
    typer.Option(
        "--concurrency",
        metavar="N",
        callback=number,
        show_default="16",
        help="A batch file's requests in flight at most, or auto.",
    ),
]
Batch = Annotated[
    str, typer.Argument(metavar="BATCH", show_default=False, help="The batch; default: the newest.")
]
States = Annotated[
    list[State],
    typer.Option(
        "--state",
        metavar="STATE",
        default_factory=list,
        show_default=False,
        help=f"Only jobs in this state ({', '.join(State)}); may be given again.",
    ),
]
Causes = Annotated[
    list[Cause],
    typer.Option(
        "--cause",
        metavar="CAUSE",
        default_factory=list,
        show_default=False,
        help=f"Only jobs with this cause ({', '.join(Cause)}); may be given again.",
    ),
]
Date = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        metavar="DATE",
        show_default=False,
        help="The day that `{{ date }}` stands for, such as 2026-11-23; default: today in UTC.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Work on N jobs at most, retries included, then stop."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, metavar="USD", help="Spend so much in this run at most."),
]
Until = Annotated[
    str, typer.Option("--until", metavar="TIME", show_default=False, help="Stop at 06:00, or an ISO time.")
]
Log = Annotated[
    LogFormat,
    typer.Option(
        "--log-format",
        metavar="FORMAT",
        help="How the run is told of on stderr: text, or json, one object a line.",
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        metavar="PORT",
        min=0,
        max=65_535,
        help="Serve Prometheus metrics on loopback while it runs (runner[metrics]).",
    ),
]
MetricsFile = Annotated[
    str,
    typer.Option(
        "--metrics-file",
        metavar="FILE",
        show_default=False,
        help="Write the same for a collector of text files, every ten seconds and at the end.",
    ),
]
Junit = Annotated[
    str,
    typer.Option(
        "--junit",
        metavar="FILE",
        show_default=False,
        help="At the end, write the jobs as JUnit XML, for build servers.",
    ),
]
Preflight = Annotated[
    bool,
    typer.Option(
        "--preflight",
        help="Look at what the run needs, then send the first job of each group alone; stop if not well.",
    ),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Do not sit out a provider's long limit: exit 75 instead.")
]
