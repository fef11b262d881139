"""Files that a request carries: read when it is sent, and only as they were when it was submitted."""

import hashlib
import mimetypes
from pathlib import Path
from typing import Any

import orjson
import pybase64

from runner.outcome import Cause, Fault, Then
from runner.picture import media_type

SIGN = b'"sha256"'
PLACEHOLDER = frozenset({"file", "sha256"})
"""The keys of what stands for a file in a body: its path, and the hash of its content."""
URL = "url"
"""Under this key a file is sent as a `data:` URI, elsewhere as bare base64."""


def holds_files(body: bytes) -> bool:
    """Whether `attach` may have files to read, and so belongs in a thread."""
    return body.find(SIGN) >= 0


def attach(body: bytes) -> bytes:
    """Put the files into a request body, as base64; raises `Fault` where one is gone or has changed."""
    if not holds_files(body):
        return body
    return orjson.dumps(attached(orjson.loads(body), under=""))


def attached(tree: Any, *, under: str) -> Any:
    """The tree with its files, `under` being the key that it stands under."""
    match tree:
        case {"file": str(path), "sha256": str(sha256)} if tree.keys() == PLACEHOLDER:
            data = content(Path(path), sha256)
            encoded = pybase64.b64encode(data).decode("ascii")
            return f"data:{mime(path, data)};base64,{encoded}" if under == URL else encoded
        case dict():
            return {key: attached(value, under=key) for key, value in tree.items()}
        case list():
            return [attached(value, under=under) for value in tree]
    return tree


def content(path: Path, sha256: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unusable(f"{path}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise unusable(f"{path} has changed since it was submitted: submit the manifest again")
    return data


def unusable(message: str) -> Fault:
    return Fault(cause=Cause.INVALID, message=message, then=Then.FAIL)


def mime(path: str, data: bytes) -> str:
    """The media type, by content where that tells, else by name."""
    return media_type(data) or mimetypes.guess_type(path)[0] or "application/octet-stream"
