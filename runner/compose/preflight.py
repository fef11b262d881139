"""What is looked at before money is spent: a refusal costs nothing, and says what to do.

Reachable, key taken, models known where the API lists them, credit left where it tells, room on the disk.
"""

import asyncio
import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from anyio import to_thread

from runner import checkup
from runner.checkup import Level
from runner.compose.secrets import credentials
from runner.endpoint import Endpoint
from runner.problems import nearest
from runner.reach import reached
from runner.reason import Reason
from runner.redaction import Secrets
from runner.settings import Settings
from runner.value import value

PATIENCE_S = 20.0
MODELS: Mapping[str, str] = {
    "openai-chat": "/models",
    "openai-images": "/models",
    "openai-embeddings": "/models",
    "openai-batch": "/models",
}
"""Where the dialects list their models: `data`, each with an `id`."""
CREDITS: Mapping[str, str] = {"nebula-images": "/users/credits"}
"""Where they tell what is left of a prepaid account: `data.available_balance`, in dollars, as text."""
STATUSES: Mapping[int, tuple[Reason, str]] = {
    HTTPStatus.UNAUTHORIZED: (
        Reason.UNAUTHORIZED,
        "the key is refused: see that it is right",
    ),
    HTTPStatus.FORBIDDEN: (Reason.UNAUTHORIZED, "the key may not do that: see what it is allowed"),
    HTTPStatus.PAYMENT_REQUIRED: (Reason.NO_CREDIT, "no credit is left: pay in, and run again"),
}


@value
class Refusal:
    """Why nothing is begun, and what to do."""

    reason: Reason
    words: str


Wanted = Mapping[str, Collection[str]]
"""By endpoint: the models of its pending jobs."""


async def refusal(
    settings: Settings, secrets: Secrets, wanted: Wanted, places: Sequence[Path]
) -> Refusal | None:
    """The first thing that stands in the way; None where nothing does."""
    for place in places:
        if (found := scanty(place)) is not None:
            return found
    remote = {name: each for name, each in settings.endpoints.items() if not each.is_demo}
    asking = [of_endpoint(name, each, secrets, wanted.get(name, ())) for name, each in remote.items()]
    refusals = await asyncio.gather(*asking)
    return next((found for found in refusals if found is not None), None)


def scanty(place: Path) -> Refusal | None:
    disk = os.statvfs(place)
    found = checkup.space("disk", str(place), disk.f_bavail * disk.f_frsize)
    return (
        Refusal(reason=Reason.DISK, words=f"{found.found}: {found.advice}")
        if found.level is Level.FAIL
        else None
    )


async def of_endpoint(
    name: str, endpoint: Endpoint, secrets: Secrets, models: Collection[str]
) -> Refusal | None:
    found = await to_thread.run_sync(partial(reached, name, secrets.resolve(endpoint.url)))
    if found.level is Level.FAIL:
        return Refusal(reason=Reason.UNAVAILABLE, words=secrets.redact(f"{found.found}: {found.advice}"))
    asked = Asked(name=name, endpoint=endpoint, secrets=secrets)
    listed = await asked.get(MODELS.get(endpoint.dialect))
    credit = await asked.get(CREDITS.get(endpoint.dialect))
    return (
        refused(name, listed) or refused(name, credit) or missing(name, listed, models) or spent(name, credit)
    )


@value
class Answer:
    """What an endpoint says; nothing where it was not asked, or said what nobody can read."""

    status: int = HTTPStatus.OK
    tree: Any = None


@value
class Asked:
    """An endpoint that is asked for what costs nothing."""

    name: str
    endpoint: Endpoint
    secrets: Secrets

    async def get(self, path: str | None) -> Answer:
        """What cannot be reached or read is no answer: whether it can be reached was asked before."""
        if path is None:
            return Answer()
        written = {**self.endpoint.headers, **credentials(self.endpoint)}
        headers = {name: self.secrets.resolve(text) for name, text in written.items()}
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.get(self.secrets.resolve(self.endpoint.url) + path, allow_redirects=False) as reply,
            ):
                return Answer(status=reply.status, tree=await reply.json() if reply.ok else None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return Answer()


def refused(name: str, answer: Answer) -> Refusal | None:
    found = STATUSES.get(answer.status)
    return None if found is None else Refusal(reason=found[0], words=f"{name}: {found[1]}")


def missing(name: str, answer: Answer, models: Collection[str]) -> Refusal | None:
    """A model that the list does not have; a list that is empty or none tells nothing."""
    listed = list_of(answer.tree)
    unknown = sorted(set(models) - set(listed)) if listed else []
    if not unknown:
        return None
    near = nearest(unknown[0], listed)
    meant = "" if near is None else f" Did you mean {near!r}?"
    return Refusal(
        reason=Reason.NOT_FOUND, words=f"{name}: the provider lists no model {unknown[0]!r}.{meant}"
    )


def list_of(tree: Any) -> list[str]:
    data = tree.get("data") if isinstance(tree, dict) else None
    entries = data if isinstance(data, list) else []
    return [each["id"] for each in entries if isinstance(each, dict) and isinstance(each.get("id"), str)]


def spent(name: str, answer: Answer) -> Refusal | None:
    data = answer.tree.get("data") if isinstance(answer.tree, dict) else None
    try:
        balance = float(data["available_balance"]) if isinstance(data, dict) else None
    except (KeyError, TypeError, ValueError):
        return None
    if balance is None or balance > 0:
        return None
    return Refusal(reason=Reason.NO_CREDIT, words=f"{name}: ${balance:.2f} are left: pay in, and run again")
