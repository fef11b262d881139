"""A picture's request, sent again from its file alone: one job, in a batch of its own.

A picture may come from anybody, and it names the address and the variables whose values are sent there. So it
is sent to whom a batch of the queue has sent already, or to whom the person says; else the person is asked.
"""

import os
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from runner import inputs
from runner.account import account
from runner.compose.opening import looking, writing
from runner.compose.secrets import missing_variables
from runner.database import NoQueue
from runner.endpoint import DEMO, Endpoint, variables
from runner.expand import canonical
from runner.expect import seeding
from runner.files import digest
from runner.identity import beginning, key_of
from runner.job import Job
from runner.names import file_stem
from runner.problems import ManifestError, Problem
from runner.provenance import Provenance, Untold, server
from runner.settings import Outputs, Settings
from runner.store import NewBatch, Store
from runner.value import value

DESTINATION = ("dialect", "url", "key", "auth", "headers", "method", "path", "poll")
"""What of an endpoint says where something is sent, and with which secrets."""
VARIABLE = re.compile(r"[A-Za-z_]\w*")


@value
class Asked:
    """What a person says of a replay; what is left out is as the picture tells."""

    url: str | None = None
    key_env: str | None = None
    """The name of the variable that holds the key."""
    seed: int | None = None


@value
class Replay:
    """One request, ready to be put into a queue."""

    name: str
    """What its batch is to be called, if nothing is called so yet."""
    job: Job
    settings: Settings
    text: bytes
    doubt: str | None
    """Where it would be sent on the picture's word alone, in words."""


def replay(db: str, told: Provenance, asked: Asked) -> Replay:
    """What sending a picture's request again takes; raises `Untold`, `ManifestError` for what is missing."""
    if told.request is None:
        raise Untold("does not tell its request: there was no room for it")
    if told.path is None:
        check_files(told.request)
    known = known_endpoint(db, told.server)
    endpoint = destination(known or Endpoint.model_validate(server(told.server)), asked)
    settings = Settings(endpoints={told.endpoint: endpoint}, outputs=Outputs())
    if missing := missing_variables(None, settings):
        raise ManifestError([Problem("replay", message) for message in missing])
    return Replay(
        name=file_stem(f"replay-{told.id}"),
        job=job(told, endpoint, body(told.request, asked)),
        settings=settings,
        text=orjson.dumps(told.model_dump(mode="json", exclude_unset=True)),
        doubt=None if known and asked.url is None else doubt(endpoint, asked),
    )


def known_endpoint(db: str, told: Endpoint) -> Endpoint | None:
    """The one of the queue's that is sent to in the same way: it knows its limits and prices, too."""
    try:
        with looking(db) as store:
            settings = [Settings.model_validate_json(row.settings) for row in store.batches()]
    except NoQueue:
        return None
    found = (each for one in settings for each in one.endpoints.values())
    return next((each for each in found if destined(each) == destined(told)), None)


def destined(endpoint: Endpoint) -> dict[str, Any]:
    return {name: value for name, value in server(endpoint).items() if name in DESTINATION}


def destination(endpoint: Endpoint, asked: Asked) -> Endpoint:
    """The endpoint as the person wants it; the embedded provider is told nothing but the request."""
    if asked.key_env is not None and not VARIABLE.fullmatch(asked.key_env):
        raise ManifestError([Problem("--key-env", "the name of a variable, such as NEBULA_API_KEY")])
    given = {"url": asked.url, "key": None if asked.key_env is None else f"${{{asked.key_env}}}"}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if changes.get("url", endpoint.url) == DEMO:
        changes |= {"key": None, "headers": {}}
    try:
        return Endpoint.model_validate({**endpoint.model_dump(exclude_unset=True), **changes})
    except ValidationError as error:
        raise ManifestError([Problem("--url", error.errors()[0]["msg"])]) from error


def doubt(endpoint: Endpoint, asked: Asked) -> str | None:
    """What the picture alone says of where its request goes and what goes with it; None: nothing."""
    if endpoint.is_demo:
        return None
    secrets = sorted({*variables(endpoint)} - {asked.key_env})
    if asked.url is not None and not secrets:
        return None
    sent = ", ".join(f"${{{name}}}" for name in secrets)
    return f"it would be sent to {endpoint.url}{f' with the value of {sent}' if sent else ''}"


def body(request: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    tree: dict[str, Any] = orjson.loads(orjson.dumps(request))
    if asked.seed is not None:
        holder = seeding(tree)
        if holder is None:
            raise Untold("has no seed in its request that another could take the place of")
        holder["seed"] = asked.seed
    return tree


def job(told: Provenance, endpoint: Endpoint, tree: dict[str, Any]) -> Job:
    name, prompt = file_stem(told.id), tree.get("prompt")
    request, content = made(tree, told.path)
    return Job(
        id=name,
        stem=name,
        key=key_of(beginning(told.endpoint, endpoint.dialect, told.model) + content + b",", told.sample),
        endpoint=told.endpoint,
        model=told.model,
        prompt=prompt if isinstance(prompt, str) else None,
        params=orjson.dumps(told.params or {}),
        vars=orjson.dumps(told.vars or {}),
        sample=told.sample,
        body=request,
        path=told.path,
    )


def made(tree: dict[str, Any], path: str | None) -> tuple[bytes, bytes]:
    """The body, and what the key sees of the request: a batch file's is sent in its own order."""
    if path is not None:
        return orjson.dumps(tree), canonical({"body": tree, "url": path})
    return canonical(tree), canonical(inputs.by_content(tree))


def check_files(tree: Any) -> None:
    """The files that go with the request are there, regular, and as they were."""
    for path, sha256 in attached(tree):
        found = digest(Path(path))
        if found is None:
            raise Untold(f"has a request that takes {path}, which is not there")
        if found != sha256:
            raise Untold(
                f"has a request that takes {path}, which is not what it was (SHA-256 {sha256[:12]}…)"
            )


def attached(tree: Any) -> Iterator[tuple[str, str]]:
    match tree:
        case {"file": str(path), "sha256": str(sha256)} if tree.keys() == inputs.PLACEHOLDER:
            yield path, sha256
        case dict():
            yield from (each for value in tree.values() for each in attached(value))
        case list():
            yield from (each for value in tree for each in attached(value))


def put(db: str, wanted: Replay) -> str:
    """Make the batch; returns its name, which nothing was called by before."""
    with writing(db) as store:
        name, folder = free(store, wanted.name)
        endpoints = wanted.settings.endpoints
        store.submit(
            NewBatch(
                name=name,
                path=None,
                text=wanted.text.decode(),
                sets={},
                fingerprint=name,
                settings=wanted.settings.model_dump_json(exclude_unset=True),
                folder=str(folder),
                accounts={each: account(endpoint) for each, endpoint in endpoints.items()},
                pattern=name,
                night=datetime.now(UTC).date().isoformat(),
                run=1,
                priced=all(each.is_demo or each.price is not None for each in endpoints.values()),
            ),
            [wanted.job],
            now=time.time(),
        )
    return name


def free(store: Store, wanted: str) -> tuple[str, Path]:
    """A name that no batch has, and its folder, which is not there."""
    outputs = Path(Outputs().dir).absolute()
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))
    return next(
        (name, outputs / name)
        for name in names
        if store.batch(name) is None and not os.path.lexists(outputs / name)
    )
