"""Where outputs go, as a manifest writes it: a folder, or a URL that their objects begin with."""

import re
from typing import Any

SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
BUCKET = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,62}(?:/+[^/]+)*/*")
ODD = re.compile(r"[\x00-\x1f\x7f?#*\[\]\\]|/\.{1,2}(?:/|$)")
"""What would make a path of an object mean something else to a library or a browser."""
LOCAL = "outputs"
"""The folder, beside the manifest, of what is on its way to a URL."""


def is_url(place: str) -> bool:
    return SCHEME.match(place) is not None


def place(text: str) -> str:
    """The text as it is; raises ValueError where outputs cannot go there."""
    if is_url(text) and not text.startswith("s3://"):
        raise ValueError("outputs go to a folder, or to `s3://bucket/prefix`; no other URLs are written to")
    if is_url(text) and (BUCKET.fullmatch(text) is None or ODD.search(text)):
        raise ValueError("not a bucket's URL: write `s3://bucket/prefix`, without keys, `?`, `#` or patterns")
    return text


def folder(place: str) -> str:
    """The folder that files are written in, whatever happens to them there."""
    return LOCAL if is_url(place) else place


def below(settings: dict[str, Any], name: str) -> str | None:
    """The URL of a batch whose folder has this name; None where its pictures stay in the folder."""
    where = settings.get("outputs", {}).get("dir", "")
    return f"{where.rstrip('/')}/{name}" if is_url(where) else None
