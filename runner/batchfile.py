"""Lines of batch files, as OpenAI's and Anthropic's batch APIs take them: each is one whole request."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner import rows
from runner.batchurl import CHAT, COMPLETIONS, EMBEDDINGS, IMAGES, MESSAGES, MODERATIONS, RESPONSES
from runner.names import folder_name
from runner.origin import Unusable
from runner.problems import Problems, meant
from runner.row import PROMPT, Head
from runner.value import value

ANY = "openai-batch"
"""The dialect that takes such lines alone, whatever their url."""
SERVES: Mapping[str, tuple[str, ...]] = {
    ANY: (CHAT, EMBEDDINGS, COMPLETIONS, RESPONSES, MODERATIONS, IMAGES),
    "openai-chat": (CHAT,),
    "openai-embeddings": (EMBEDDINGS,),
    "openai-images": (IMAGES,),
    "anthropic-messages": (MESSAGES,),
}
"""The urls that a dialect speaks."""
UNSPOKEN: Mapping[str, str] = {
    "/v1/images/edits": "its pictures go as a form, not as JSON",
    "/v1/videos": "a video is made by several requests, not by one",
}
"""What OpenAI's batches take and cannot be sent, and why."""
BY_FIELD: Mapping[str, str] = {"messages": CHAT, "input": EMBEDDINGS}
"""The url of a line that has none, by a field of its body."""
ASKED = ("prompt", "input", "messages")
"""Where a body says what is asked."""

ID = "custom_id"
BODY = "body"
PARAMS = "params"
LONGEST_ID = 512
SERVER = re.compile(r"^https?://[^/]*")
ALLOWED = {ID, BODY, "method", "url"}
NEVER = ("prompt", "prompts", "messages", "system", "vars", "params", "matrix", "id")
"""Keys of a job that a batch file leaves nothing to."""
STREAMED = ("stream", "stream_options", "partial_images")
"""What asks for an answer in pieces: left out, for a batch's answers are whole."""


SUFFIXES = frozenset({".jsonl", ".gz", ".zst"})
"""What a batch file's name ends with, compressed or not."""
PATIENCE_S = 600.0
"""Seconds for an answer where nothing else is said: as OpenAI's own client has."""


class Unfit(Exception):
    """A line that is no request; its text says why."""


@value(kw_only=False)
class Request:
    """A line of a batch file."""

    id: str
    url: str
    """Such as `/v1/embeddings`."""
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def prompt(self) -> str | None:
        """What is asked, where that is one text: for people who look for it."""
        for name in ("prompt", "input"):
            if name in self.body:
                return text_of(self.body[name])
        said: Any = self.body.get("messages")
        is_talk = isinstance(said, list) and bool(said) and isinstance(said[-1], dict)
        return text_of(said[-1].get("content")) if is_talk else None

    @property
    def params(self) -> dict[str, Any]:
        """All that stands beside the model and what is asked."""
        return {name: value for name, value in self.body.items() if name not in {"model", *ASKED}}


def text_of(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def is_batch(heads: Iterable[Head], dialect: str, *, has_template: bool) -> bool:
    """Whether a group's rows are requests as they stand, for an endpoint of this dialect.

    Their columns tell; where the group has a template, rows are data for that.
    """
    if dialect == ANY or has_template or dialect not in SERVES:
        return dialect == ANY
    seen = list(heads)
    return bool(seen) and all(holds_requests(head.columns) for head in seen)


def holds_requests(columns: Collection[str]) -> bool:
    """Whether rows of these columns are lines of a batch file."""
    return ID in columns and not {BODY, PARAMS}.isdisjoint(columns) and PROMPT not in columns


def dialect_of(path: Path) -> str:
    """Who speaks the lines of a file."""
    with suppress(Unusable):
        for head in rows.found(str(path.absolute()), path.parent).heads(Problems()):
            return ANY if BODY in head.columns or PARAMS not in head.columns else "anthropic-messages"
    return ANY


def request(row: Mapping[str, Any], dialect: str, *, model: str | None = None) -> Request:
    """The request that a row is, `model` in place of its own where one is given; raises `Unfit`."""
    wrong = [*wrong_envelope(row)]
    if wrong:
        raise Unfit("; ".join(wrong))
    given = row[BODY] if BODY in row else row[PARAMS]
    url = url_of(row, given, dialect)
    body = whole(given, url) if model is None else {**whole(given, url), "model": model}
    named = body.get("model", "" if url == MODERATIONS else None)
    if not isinstance(named, str) or (not named and url != MODERATIONS):
        raise Unfit("the body names no 'model': give one for all lines (--model, or 'model' in the job)")
    return Request(row[ID], url, body)


def wrong_envelope(row: Mapping[str, Any]) -> Iterator[str]:
    """All that is wrong around the body."""
    if wrong := wrong_id(row):
        yield wrong
    given = [name for name in (BODY, PARAMS) if name in row]
    if len(given) != 1:
        yield f"{'both' if given else 'neither'} 'body' {'and' if given else 'nor'} 'params' is here"
    elif not isinstance(row[given[0]], dict):
        yield f"{given[0]!r} is not a JSON object"
    if str(row.get("method", "POST")).upper() != "POST":
        yield f"the method is {row['method']!r}: only 'POST' makes a request of a batch"


def wrong_id(row: Mapping[str, Any]) -> str | None:
    if ID not in row:
        return f"no {ID!r}{meant(ID, [name for name in row if name not in ALLOWED]) if row else ''}"
    if not isinstance(row[ID], str) or not row[ID].strip():
        return f"{ID!r} is not a text that tells the line from others"
    if len(row[ID]) > LONGEST_ID:
        return f"{ID!r} is longer than {LONGEST_ID} characters"
    return None


def url_of(row: Mapping[str, Any], body: Mapping[str, Any], dialect: str) -> str:
    """The line's url as OpenAI spells it; where it has none, by its body."""
    url = stated_url(row) or told(body, SERVES[dialect])
    if url in UNSPOKEN:
        raise Unfit(f"{url} cannot be sent: {UNSPOKEN[url]}")
    if url not in SERVES[dialect]:
        raise Unfit(f"the url {url} is not spoken by {dialect}{better(url, dialect)}")
    return url


def stated_url(row: Mapping[str, Any]) -> str | None:
    """What the line says of where it goes: by its url, or by being Anthropic's."""
    if BODY not in row:
        return MESSAGES
    return spelt(row["url"]) if "url" in row else None


def better(url: str, dialect: str) -> str:
    """What a url that a dialect does not speak may be mended by."""
    other = next((name for name, urls in SERVES.items() if url in urls), None)
    return meant(url, SERVES[dialect]) if other is None else f": that is for an endpoint of {other}"


def told(body: Mapping[str, Any], urls: Collection[str]) -> str:
    """The url that a body without one is meant for."""
    if len(urls) == 1:
        return next(iter(urls))
    found = next((url for name, url in BY_FIELD.items() if name in body), None)
    if found is None:
        raise Unfit("no 'url', and the body has neither 'messages' nor 'input' to tell it by")
    return found


def spelt(url: Any) -> str:
    """`/v1/…`, whether the line has the beginning or not, or a server before it."""
    if not isinstance(url, str):
        raise Unfit(f"'url' is not a text such as '{CHAT}'")
    path = "/" + SERVER.sub("", url).strip("/")
    return path if path.startswith("/v1/") else f"/v1{path}"


def whole(body: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The body as it is, but asking for a whole answer at once."""
    asked = dict(body)
    if asked.get("stream"):
        asked = {name: value for name, value in asked.items() if name not in STREAMED}
    if url == RESPONSES and asked.get("background"):
        del asked["background"]
    return asked


def manifest(path: Path, *, url: str, key: str, model: str, concurrency: int | str) -> dict[str, Any]:
    """What a user would write to send the file to a server. `key` names a variable; empty: not said."""
    endpoint = {
        "dialect": dialect_of(path),
        "url": url,
        "timeout": PATIENCE_S,
        **({"key": f"${{{key}}}"} if key else {}),
        **({"concurrency": concurrency} if concurrency else {}),
    }
    job = {"file": path.name, **({"model": model} if model else {})}
    return {"name": name_of(path), "endpoints": {"api": endpoint}, "jobs": [job]}


def is_batch_file(path: Path) -> bool:
    """By its name, which no manifest has."""
    return not SUFFIXES.isdisjoint(each.lower() for each in path.suffixes)


def name_of(path: Path) -> str:
    """The batch's: that of the file, less what its name ends with."""
    while path.suffix.lower() in SUFFIXES:
        path = path.with_suffix("")
    return folder_name(path.name)
