"""`runner replay`: a picture's request, sent again."""

from typing import Annotated

import typer

from runner.cli import carried
from runner.cli.audience import LogFormat, audience
from runner.cli.options import Db, Json
from runner.cli.speaking import Refused, is_asked, say
from runner.cli.working import options, work

Picture = Annotated[
    str,
    typer.Argument(metavar="FILE", show_default=False, help="A picture's file that carries its request."),
]
Url = Annotated[
    str,
    typer.Option("--url", metavar="URL", show_default=False, help="Send it there; `demo` costs nothing."),
]
KeyEnv = Annotated[
    str,
    typer.Option(
        "--key-env", metavar="NAME", show_default=False, help="The variable that holds the key to send."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Another seed in place of its own.")]
Meant = Annotated[
    bool, typer.Option("--yes", help="Send it where the picture says, with the variables that it names.")
]


def replay(
    path: Picture,
    *,
    db: Db = "",
    url: Url = "",
    key_env: KeyEnv = "",
    seed: Seed = None,
    yes: Meant = False,
    as_json: Json = False,
) -> None:
    """Send the request that a picture carries once more.

    No queue is needed, its file is enough. It becomes a batch of its own, with one job. A picture may come
    from anybody: an address that no batch of the queue has sent to is asked about first, unless --url names
    it.
    """
    from runner.compose import replaying
    from runner.provenance import Untold

    asked = replaying.Asked(url=url or None, key_env=key_env or None, seed=seed)
    try:
        wanted = replaying.replay(db, carried.told(path), asked)
    except Untold as error:
        raise Refused(f"{path} {error}") from error
    if wanted.doubt and not yes and not is_asked(f"{path}: {wanted.doubt}. Send it?"):
        raise Refused(
            f"{path}: {wanted.doubt}, on the picture's word alone; --yes if that is meant, or say --url (and "
            "--key-env)"
        )
    name = replaying.put(db, wanted)
    say(f"{name}: {path} once more")
    bounds = options(limit=None, max_cost=None, deadline=None, no_wait=False)
    ended = work(db, name, bounds, audience(LogFormat.TEXT, port=None, file=""), as_json=as_json)
    raise typer.Exit(ended.exit_status)
