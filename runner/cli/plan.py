"""`runner plan`: what a run would do, without doing any of it."""

from typing import TYPE_CHECKING, Any

from runner.cli.options import Concurrency, Date, Db, Json, KeyEnv, Manifest, Model, Sets, Url
from runner.cli.reading import Server, manifest
from runner.cli.speaking import tell, tell_json

if TYPE_CHECKING:
    from runner.compose import Plan


def plan(
    path: Manifest,
    *,
    db: Db = "",
    sets: Sets,
    date: Date = None,
    url: Url = "",
    key_env: KeyEnv = "",
    model: Model = "",
    concurrency: Concurrency = "",
    as_json: Json = False,
) -> None:
    """Show what a run would do, and do nothing.

    Counts (new, kept, withdrawn), cost, time under the limits, and the first requests in full.
    """
    from runner import compose
    from runner.report.plans import plan as lines

    server = Server(url, key_env, model, concurrency)
    planned = compose.plan(db, manifest(path, sets, server, night=date))
    if as_json:
        tell_json(document(planned))
    else:
        tell(lines(planned))


def document(planned: "Plan") -> dict[str, Any]:
    return {
        "batch": planned.batch,
        "jobs": {
            "total": planned.total,
            "new": planned.new,
            "kept": planned.kept,
            "withdrawn": planned.withdrawn,
        },
        **({"reused": planned.reused} if planned.reused else {}),
        "requests": planned.requests,
        "cost_usd": planned.cost_usd,
        "time_s": planned.time_s,
        "warnings": planned.warnings,
    }
