"""What a picture's file tells of its request, so that it can be sent again from that alone.

A JSON object that begins with `{"runner":1`. It holds no secret: key and headers are as the manifest
has them, references such as `${NEBULA_API_KEY}`; files of the request are told by path and hash.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runner.endpoint import Count, Endpoint
from runner.expect import varied
from runner.inscription import inscription
from runner.job import Claim, Particulars

SERVER = (
    "dialect",
    "url",
    "key",
    "auth",
    "headers",
    "model_field",
    "timeout",
    "method",
    "path",
    "texts",
    "images",
    "image_urls",
    "poll",
)
"""What of an endpoint a request takes to be sent; limits and prices are not a picture's to tell."""
BULKY = ("vars", "params", "request")
"""What is left out where there is no room for it, in this order: `request` has the parameters, too."""


DEEPEST = 100
"""Levels of what is read: nobody asks for more, and whatever goes through it has an end."""


class Untold(Exception):
    """A file that tells of no request, or of none that can be used; its text says why."""


class Provenance(BaseModel):
    """What a picture tells; of a later version what is known of it by now."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    runner: Literal[1]
    """The version of this form."""
    batch: str
    id: Annotated[str, Field(min_length=1)]
    key: str
    sample: Count
    index: int
    """Which of the job's pictures it is, from 0."""
    model: str
    endpoint: Annotated[str, Field(pattern=r"^[\w.-]+$")]
    """The job's own."""
    served_by: str
    """The one that it was sent to."""
    server: Endpoint
    """What that one is, as far as `SERVER` goes."""
    seed: int | None = None
    """The fresh one that `request` has in place of the job's own."""
    path: str | None = None
    """Where a batch file had it go."""
    made_at: str
    request: dict[str, Any] | None = None
    """The body as it was sent, files in it by path and hash, the model by the name the queue has for it."""
    params: dict[str, Any] | None = None
    vars: dict[str, Any] | None = None
    left_out: list[str] = []
    """What there was no room for."""


@dataclass(frozen=True)
class Origin:
    """A batch, as its pictures tell of it."""

    batch: str
    endpoints: Mapping[str, Endpoint]

    def told(self, claim: Claim, particulars: Particulars, index: int, *, now: float) -> Iterator[bytes]:
        """What a picture is to tell: in full, then less and less, for as long as there is no room for it."""
        body, seed = varied(claim.body, claim.key, claim.variant) if claim.variant else (claim.body, None)
        told = {
            "runner": 1,
            "batch": self.batch,
            "id": claim.id,
            "key": claim.key,
            "sample": particulars.sample,
            "index": index,
            "model": claim.model,
            "endpoint": particulars.endpoint,
            "served_by": claim.endpoint,
            "server": self._servers[claim.endpoint],
            "made_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            **({} if seed is None else {"seed": seed}),
            **({} if claim.path is None else {"path": claim.path}),
            "request": orjson.Fragment(body),
            "params": orjson.Fragment(particulars.params),
            "vars": orjson.Fragment(particulars.vars),
        }
        yield orjson.dumps(told)
        for count, name in enumerate(BULKY, 1):
            del told[name]
            yield orjson.dumps({**told, "left_out": BULKY[:count]})

    @cached_property
    def _servers(self) -> dict[str, orjson.Fragment]:
        return {name: orjson.Fragment(orjson.dumps(server(each))) for name, each in self.endpoints.items()}


def server(endpoint: Endpoint) -> dict[str, Any]:
    """What a picture tells of an endpoint: as it is written, defaults left out."""
    written: dict[str, Any] = endpoint.model_dump(mode="json", include=set(SERVER), exclude_defaults=True)
    return written


def of_file(path: Path) -> Provenance:
    """What a picture's file tells; raises `Untold`, whose text begins where the path ends."""
    try:
        with open(path, "rb", opener=at_once) as file:
            text = inscription(file) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except OSError as error:
        raise Untold(f"cannot be read: {error.strerror}") from error
    if text is None:
        raise Untold(
            "tells of no request: it is none of runner's, was saved without its descriptions, or comes "
            "from a batch with `outputs: {embed: false}`"
        )
    return read(text)


def at_once(path: str, flags: int) -> int:
    """Open a file; a pipe of that name is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def read(text: bytes) -> Provenance:
    """What a text from a picture tells; raises `Untold`."""
    try:
        tree = orjson.loads(text)
        if is_deep(tree):
            raise Untold(f"what it tells of its request is nested more than {DEEPEST} levels deep")
        return Provenance.model_validate(tree)
    except orjson.JSONDecodeError as error:
        raise Untold(f"what it tells of its request cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Untold(f"what it tells of its request cannot be used: {where}: {first['msg']}") from error


def is_deep(tree: Any) -> bool:
    """Whether a document has more than `DEEPEST` levels."""
    level = [tree]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in parts(outer)]
    return bool(level)


def parts(tree: Any) -> Iterable[Any]:
    if isinstance(tree, dict):
        return tree.values()
    return tree if isinstance(tree, list) else ()
