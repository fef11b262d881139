"""The command line: a command a module; each parses, calls and prints, and imports late what is heavy."""

import atexit
import gc
import os
import signal
import sys
from io import TextIOWrapper
from types import FrameType
from typing import Annotated

import typer

from runner.cli.archive import archive
from runner.cli.batches import batches
from runner.cli.cancel import cancel
from runner.cli.demo import demo
from runner.cli.doctor import doctor
from runner.cli.errors import Plainly
from runner.cli.export import export
from runner.cli.failures import failures
from runner.cli.grid import grid
from runner.cli.init import init
from runner.cli.jobs import jobs
from runner.cli.notify import notify
from runner.cli.pause import pause
from runner.cli.plan import plan
from runner.cli.prune import prune
from runner.cli.replay import replay
from runner.cli.report import report
from runner.cli.restore import restore
from runner.cli.resume import resume
from runner.cli.retry import retry
from runner.cli.run import run
from runner.cli.schedule import schedule
from runner.cli.schema import schema
from runner.cli.set import set_
from runner.cli.show import show
from runner.cli.status import status
from runner.cli.submit import submit
from runner.cli.verify import verify

CALM = 150_000
"""New objects after which the collector looks at them: more than a start makes, of which nearly all stay.
Python's own 700 cost a tenth of a start, and a fifth of each job."""
AT_WORK = 10_000
"""The same from then on: what a statement or an exception leaves in circles holds keys, and answers."""

COMMANDS = (
    init,
    plan,
    submit,
    run,
    resume,
    status,
    batches,
    jobs,
    show,
    replay,
    failures,
    retry,
    cancel,
    pause,
    set_,
    export,
    report,
    grid,
    verify,
    doctor,
    prune,
    archive,
    restore,
    schedule,
    notify,
    demo,
    schema,
)
"""In the order that help lists them."""
LIBRARIES = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # the other pools give little back
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # it would read what every installed package offers, at each start
}
"""What is told to libraries before they are loaded, unless somebody has told them otherwise."""
TERMINATED = 143

app = typer.Typer(
    name="runner",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(command)


@app.callback()
def runner(
    context: typer.Context,
    db: Annotated[
        str, typer.Option("--db", metavar="PATH_OR_URL", envvar="RUNNER_DB", help="The queue.")
    ] = "runner.db",
) -> None:
    """Turn a YAML manifest into generation jobs, send them, and keep every answer."""
    context.obj = db


def main() -> None:
    """The program: it ends by `SystemExit`, its status as documented."""
    heed_termination()
    atexit.register(heed_nothing)
    gc.set_threshold(CALM, *gc.get_threshold()[1:])
    gc.callbacks.append(look_oftener)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for name, setting in LIBRARIES.items():
        os.environ.setdefault(name, setting)
    with Plainly():
        app()


def look_oftener(_phase: str, _found: dict[str, int]) -> None:
    """The collector looks for the first time, so the start is over: what is made from here on is work."""
    gc.callbacks.remove(look_oftener)
    gc.set_threshold(AT_WORK, *gc.get_threshold()[1:])


def heed_termination() -> None:
    """A supervisor's signal unwinds what is open, unless it was ignored from the start (`nohup`)."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)


def heed_nothing() -> None:
    """The exit status is decided: no signal changes it while the interpreter is taken down.

    Nor is anything collected any more: looking through all modules once more took a fifth of a start.
    """
    gc.freeze()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)
