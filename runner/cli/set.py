"""`runner set`: another pace for an endpoint, while a run lasts and for those after it."""

from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.finding import batch, suggestion
from runner.cli.options import Db, Json
from runner.cli.speaking import Refused, say, say_waiting, tell, tell_json
from runner.cli.working import command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.store import Controls

NAMES = ("concurrency", "requests_per_minute", "tokens_per_minute", "requests_per_day")
AUTO = "auto"
MOST = 2**31
Values = dict[str, str | int | None]

Endpoint = Annotated[
    str, typer.Argument(metavar="ENDPOINT", show_default=False, help="An endpoint of the batch, by name.")
]
Settings = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY=VALUE",
        show_default=False,
        help=f"{', '.join(NAMES)}; without a value: as the manifest says.",
    ),
]
Owner = Annotated[
    str,
    typer.Option("--batch", metavar="BATCH", show_default=False, help="The batch; default: the newest."),
]


def set_(
    endpoint: Endpoint, settings: Settings, *, name: Owner = "", db: Db = "", as_json: Json = False
) -> None:
    """Change an endpoint's pace while a batch runs.

    It holds within a second, and in later runs of the batch too, until it is set otherwise.
    """
    from runner import compose

    values = dict(map(value, settings))
    with compose.writing(db, waiting=say_waiting) as store:
        owner = batch(store, name)
        known = store.controls(owner.id)
        if endpoint not in known:
            raise Refused(
                f"no endpoint '{endpoint}' in batch '{owner.name}'.{suggestion(endpoint, list(known))}"
            )
        store.control(owner.id, endpoint, **values)
        now = store.controls(owner.id)[endpoint]
        is_running = compose.is_running(db, store, owner)
    if as_json:
        tell_json({"batch": owner.name, "endpoint": endpoint, **described(now)})
    else:
        tell([f"{owner.name}: {endpoint} {words(described(now))}"])
    if not is_running:
        say(f"no runner is at work on it: this holds from the next {command(db)} resume {owner.name}")


def value(text: str) -> tuple[str, str | int | None]:
    """`concurrency=8`, told apart; raises `BadParameter`."""
    name, _, given = text.partition("=")
    if name not in NAMES or "=" not in text:
        raise typer.BadParameter(f"'{text}' is not one of {', '.join(f'{each}=N' for each in NAMES)}")
    if not given:
        return name, None
    if name == NAMES[0] and given == AUTO:
        return name, AUTO
    if not (given.isascii() and given.isdecimal() and 0 < int(given) < MOST):
        or_auto = f" or {AUTO}" if name == NAMES[0] else ""
        raise typer.BadParameter(f"'{text}': a whole number from 1{or_auto} expected")
    return name, given if name == NAMES[0] else int(given)


def described(controls: "Controls") -> "Mapping[str, str | int | None]":
    return {name: getattr(controls, name) for name in NAMES}


def words(values: "Mapping[str, str | int | None]") -> str:
    said = [f"{name}={each}" for name, each in values.items() if each is not None]
    return " ".join(said) or "as the manifest says"
