"""Whose limits a request counts against: a provider's host and the key it is asked with, by reference."""

import hashlib
import re

import orjson

from runner.endpoint import SECRET_NAME, Endpoint

HOST = re.compile(r"https?://[^/]+|\$\{\w+\}|.+")


def account(endpoint: Endpoint) -> str:
    """The same for all endpoints that share a provider's limits, in whatever batch: 64 hex digits.

    It is made of what the manifest says, and holds no secret: a key stands there as `${VAR}`.
    """
    host = HOST.match(endpoint.url)
    secret = {name.lower(): value for name, value in endpoint.headers.items() if SECRET_NAME.search(name)}
    known = [host and host[0].lower(), endpoint.key, secret]
    return hashlib.sha256(orjson.dumps(known, option=orjson.OPT_SORT_KEYS)).hexdigest()
