"""`runner run`: the main job."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from runner import memory
from runner.cli.audience import Audience, LogFormat, audience
from runner.cli.options import (
    Concurrency,
    Date,
    Db,
    Json,
    Junit,
    KeyEnv,
    Limit,
    Log,
    MaxCost,
    MetricsFile,
    MetricsPort,
    Model,
    NoWait,
    Preflight,
    Sets,
    Until,
    Url,
    Yes,
)
from runner.cli.reading import Server, manifest
from runner.cli.speaking import say
from runner.cli.submit import submitted, words
from runner.cli.working import deadline_of, options, work, write_junit

if TYPE_CHECKING:
    from runner.compose import Ended, RunOptions
    from runner.manifest import Manifest

Manifests = Annotated[
    list[str],
    typer.Argument(
        metavar="MANIFEST",
        show_default=False,
        help="Manifests' files, taken one after the other; or batch files, with --url.",
    ),
]


def run(
    paths: Manifests,
    *,
    db: Db = "",
    sets: Sets,
    date: Date = None,
    limit: Limit = None,
    max_cost: MaxCost = None,
    until: Until = "",
    no_wait: NoWait = False,
    preflight: Preflight = False,
    yes: Yes = False,
    url: Url = "",
    key_env: KeyEnv = "",
    model: Model = "",
    concurrency: Concurrency = "",
    as_json: Json = False,
    log_format: Log = LogFormat.TEXT,
    junit: Junit = "",
    metrics_port: MetricsPort = None,
    metrics_file: MetricsFile = "",
) -> None:
    """Submit manifests and work until nothing is left.

    Stopped or killed, it goes on when it is run again; what is paid for is not sent again. A batch file
    (OpenAI's or Anthropic's: JSON Lines of whole requests) needs no manifest, but --url.
    """
    seen_by = audience(log_format, port=metrics_port, file=metrics_file)
    say(f"reading {', '.join(paths)}")
    bounds = options(
        limit=limit, max_cost=max_cost, deadline=deadline_of(until), no_wait=no_wait, preflight=preflight
    )
    server = Server(url, key_env, model, concurrency)
    manifests = [manifest(path, sets, server, night=date, is_run=True) for path in paths]
    done = run_all(db, manifests, bounds, seen_by, yes=yes, as_json=as_json)
    write_junit(done.db, done.batches, junit)
    raise typer.Exit(max(done.statuses))


@dataclass(slots=True)
class Done:
    """What became of the manifests so far."""

    db: str
    batches: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [0])


def run_all(
    db: str, left: "list[Manifest]", bounds: "RunOptions", seen_by: Audience, *, yes: bool, as_json: bool
) -> Done:
    """One after the other; none more after a signal, or once the queue is gone."""
    done = Done(db)
    while left:
        names = begun(db, left.pop(0), yes=yes)
        ended = work_through(db, names, bounds, seen_by, as_json=as_json)
        done.batches += names[: len(ended)]
        done.statuses += [each.exit_status for each in ended]
        done.db, is_stopped = ended[-1].db, ended[-1].signalled
        if is_stopped is not None and (left or len(ended) < len(names)):
            done.statuses.append(is_stopped)
            break
        if done.db != db:
            break
    return done


def begun(db: str, wanted: "Manifest", *, yes: bool) -> list[str]:
    """The batches to work on, the manifest's own last, once that is in the queue."""
    from runner import compose

    done = submitted(db, wanted, yes=yes)
    before = compose.predecessors(db, wanted, done.batch)
    for line in (words(done), *done.notes, *before.notes):
        say(line)
    memory.give_back()
    return [*before.carried, done.batch]


def work_through(
    db: str, names: list[str], bounds: "RunOptions", seen_by: Audience, *, as_json: bool
) -> "list[Ended]":
    """One after the other, within the same bounds, until a signal stops it or the queue is gone."""
    ended: list[Ended] = []
    for name in names:
        ended.append(work(db, name, bounds, seen_by, as_json=as_json))
        bounds = ended[-1].left
        if ended[-1].signalled is not None or ended[-1].db != db:
            break
    return ended
