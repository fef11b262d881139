"""The fault that a reply, or the want of one, stands for: tables of data, and what reads them.

What is in no table is never a success.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson

from runner.outcome import Cause, Fault, Then
from runner.retry_after import retry_after
from runner.value import value
from runner.wire import Reply

EVIDENCE = 64 * 1024
"""Bytes kept of an answer that was of no use."""
MOST_PARSED = 1 << 20
"""Bytes of an error's body at most that are looked into."""
MOST_WORDS = 500
"""Characters of a provider's message that are passed on."""
MOST_RAW = 200
"""Characters shown of a body that could not be read."""


@value(kw_only=False)
class Verdict:
    """What a fault is and asks for, as the tables hold it."""

    cause: Cause
    then: Then
    billed: bool = False
    """Whether it may be charged for, where the request was a paid one and left."""
    useless: bool = False


class Trouble(StrEnum):
    """Why there is no reply; the value is what is said where nothing more is known."""

    DNS = "name not found"
    REFUSED = "connection refused"
    UNREACHABLE = "host not reachable"
    CONNECT_TIMEOUT = "no connection in time"
    CERTIFICATE = "certificate not accepted"
    FORBIDDEN_ADDRESS = "address not allowed"
    NO_ADDRESS = "not a web address"
    RESET_UNSENT = "connection lost before the request was sent"
    CLOSED = "connection closed without an answer"
    CUT_BODY = "answer cut short"
    TIMEOUT = "no answer in time"
    TOO_LARGE = "answer too large"
    BROKEN_HTTP = "answer is not HTTP"
    DECODE = "answer's compression is broken"
    TOO_MANY_HOPS = "too many redirects"


REFUSED_HERE = Verdict(Cause.REJECTED, Then.FAIL)
"""By our own rule, which the user may change: what the answer points to is worth keeping."""
FREE_RETRY = Verdict(Cause.CONNECTION, Then.RETRY)
LOST = Verdict(Cause.CONNECTION, Then.RETRY, billed=True)
UNREADABLE = Verdict(Cause.MALFORMED, Then.RETRY, billed=True)
USELESS = Verdict(Cause.MALFORMED, Then.RETRY, billed=True, useless=True)

TROUBLES: Mapping[Trouble, Verdict] = {
    Trouble.DNS: FREE_RETRY,
    Trouble.REFUSED: FREE_RETRY,
    Trouble.UNREACHABLE: FREE_RETRY,
    Trouble.CONNECT_TIMEOUT: FREE_RETRY,
    Trouble.RESET_UNSENT: FREE_RETRY,
    Trouble.CERTIFICATE: Verdict(Cause.CONNECTION, Then.STOP),
    Trouble.FORBIDDEN_ADDRESS: REFUSED_HERE,
    Trouble.NO_ADDRESS: Verdict(Cause.REJECTED, Then.FAIL, useless=True),
    Trouble.TOO_MANY_HOPS: Verdict(Cause.REJECTED, Then.FAIL, useless=True),
    Trouble.CLOSED: LOST,
    Trouble.CUT_BODY: LOST,
    Trouble.TIMEOUT: Verdict(Cause.TIMED_OUT, Then.RETRY, billed=True),
    Trouble.BROKEN_HTTP: UNREADABLE,
    Trouble.DECODE: UNREADABLE,
    Trouble.TOO_LARGE: USELESS,
}

REJECTED = Verdict(Cause.REJECTED, Then.FAIL)
UNAUTHORIZED = Verdict(Cause.UNAUTHORIZED, Then.STOP)
NO_CREDIT = Verdict(Cause.NO_CREDIT, Then.STOP)
NOT_FOUND = Verdict(Cause.NOT_FOUND, Then.FAIL)
BLOCKED = Verdict(Cause.BLOCKED, Then.FAIL)
THROTTLED = Verdict(Cause.THROTTLED, Then.WAIT)
UNAVAILABLE = Verdict(Cause.UNAVAILABLE, Then.RETRY)

STATUSES: Mapping[int, Verdict] = {
    401: UNAUTHORIZED,
    402: NO_CREDIT,
    404: NOT_FOUND,
    408: UNAVAILABLE,
    409: UNAVAILABLE,
    425: UNAVAILABLE,
    429: THROTTLED,
}
CLASSES: Mapping[int, Verdict] = {3: REJECTED, 4: REJECTED, 5: UNAVAILABLE}
"""By the first digit of a status that `STATUSES` does not have."""

LINK_EXPIRED = Verdict(Cause.REJECTED, Then.FAIL, useless=True)
DOWNLOADS: Mapping[int, Verdict] = {
    408: UNAVAILABLE,
    425: UNAVAILABLE,
    429: Verdict(Cause.THROTTLED, Then.RETRY),
}
DOWNLOAD_CLASSES: Mapping[int, Verdict] = {4: LINK_EXPIRED, 5: UNAVAILABLE}
GONE = Verdict(Cause.REJECTED, Then.RETRY, useless=True)
POLLS: Mapping[int, Verdict] = {404: GONE, 410: GONE}
"""A poll's own: a job that the provider does not know may only be late; one more look tells."""

CODES: tuple[tuple[str, Verdict], ...] = (
    ("insufficientquota", NO_CREDIT),
    ("insufficientcredit", NO_CREDIT),
    ("insufficientbalance", NO_CREDIT),
    ("insufficientfunds", NO_CREDIT),
    ("notenoughcredit", NO_CREDIT),
    ("outofcredit", NO_CREDIT),
    ("nocredit", NO_CREDIT),
    ("paymentrequired", NO_CREDIT),
    ("billing", NO_CREDIT),
    ("contentfilter", BLOCKED),
    ("contentpolicy", BLOCKED),
    ("contentblocked", BLOCKED),
    ("moderation", BLOCKED),
    ("nsfw", BLOCKED),
    ("safety", BLOCKED),
    ("responsibleai", BLOCKED),
    ("sensitivecontent", BLOCKED),
    ("prohibitedcontent", BLOCKED),
    ("modelnotfound", NOT_FOUND),
    ("modelnotavailable", NOT_FOUND),
    ("modelnotsupported", NOT_FOUND),
    ("modeldoesnotexist", NOT_FOUND),
    ("nosuchmodel", NOT_FOUND),
    ("unknownmodel", NOT_FOUND),
    ("invalidmodel", NOT_FOUND),
    ("invalidapikey", UNAUTHORIZED),
    ("incorrectapikey", UNAUTHORIZED),
    ("authenticationerror", UNAUTHORIZED),
    ("invalidauthentication", UNAUTHORIZED),
    ("unauthenticated", UNAUTHORIZED),
    ("unauthorized", UNAUTHORIZED),
    ("ratelimit", THROTTLED),
    ("toomanyrequests", THROTTLED),
    ("throttl", THROTTLED),
    ("resourceexhausted", THROTTLED),
)
"""What a machine-readable code says whatever the status: the first part found in its letters and digits."""
PLAIN_CODES: tuple[tuple[str, Verdict], ...] = (
    ("overloaded", UNAVAILABLE),
    ("unavailable", UNAVAILABLE),
    ("servererror", UNAVAILABLE),
    ("internal", UNAVAILABLE),
    ("timeout", UNAVAILABLE),
    ("apierror", UNAVAILABLE),
    ("invalid", REJECTED),
    ("validation", REJECTED),
    ("badrequest", REJECTED),
    ("unsupported", REJECTED),
    ("notfound", REJECTED),
)
"""Codes that say no more than a status would: heard where the status claims success."""
UNKNOWN = Verdict(Cause.REJECTED, Then.RETRY, billed=True, useless=True)
"""An error in an answer of status 200 whose code is in no table: once more, then final."""
HEARD: Mapping[int, frozenset[Cause]] = {
    401: frozenset(),
    402: frozenset(),
    413: frozenset(),
    429: frozenset({Cause.NO_CREDIT}),
}
"""What a code may make of a status that is certain by itself: no job fails by a 429, and a request too large
for a limit (413, though its code says rate limit) never fits."""
HEARD_BY_CLASS: Mapping[int, frozenset[Cause]] = {
    4: frozenset(Cause),
    5: frozenset({Cause.NO_CREDIT, Cause.BLOCKED}),
}
"""What a code may make of any other: those of a server's own failure speak of the provider's insides."""

SHOULD_RETRY: Mapping[tuple[Then, str], Then] = {
    (Then.FAIL, "true"): Then.RETRY,
    (Then.RETRY, "false"): Then.FAIL,
}
"""By `x-should-retry`. A refusal for pace stays one, and what stops the endpoint stops it."""

CODE_FIELDS = ("code", "error_code", "errorCode", "type", "status", "reason", "error")
CODE = re.compile(r"[\w.:/-]{1,64}")
"""A code has no spaces; what has some is words for people."""
INNER = ("innererror", "error", "errors", "detail", "details")
WORD_FIELDS = ("message", "detail", "msg", "error", "errors", "error_message", "title", "reason")
FAILED_WORDS = frozenset({"error", "failed", "failure", "fail"})
DEEPEST = 4
"""Levels of an error's body that are looked into."""
MOST_ITEMS = 16
"""Items of a list in an error's body that are looked into."""
SUCCESS, REDIRECTED = 2, 3
"""First digits of a status that claims success, and of a redirect's."""
PHRASES: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}

REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "x-amzn-request-id",
    "apim-request-id",
    "x-goog-request-id",
    "x-correlation-id",
    "x-trace-id",
    "cf-ray",
)
"""Headers that hold the provider's name for a request, the most telling first."""


def of_error(trouble: Trouble, *, sent: bool, paid: bool = True, detail: str = "") -> Fault:
    """No reply came. `sent`: bytes of the request may have left; `detail`: what a person should read."""
    verdict = TROUBLES[trouble]
    return Fault(
        cause=verdict.cause,
        message=detail or trouble.value,
        then=verdict.then,
        billed=verdict.billed and sent and paid,
        useless=verdict.useless,
    )


def of_reply(reply: Reply, *, now: float | None, paid: bool = True, download: bool = False) -> Fault | None:
    """What a reply's status stands for; None for 2xx, whose body its dialect judges.

    `now` (seconds since the epoch) is what a date in `Retry-After` is taken relative to where the reply has
    no `Date` of its own; without either it is not heeded. `paid` and `download` are those of its call; a
    download's status says nothing of the endpoint, so its fault does not carry it.
    """
    if reply.status // 100 == SUCCESS:
        return None
    tree = parsed(reply.body)
    verdict = of_download(reply.status) if download else of_status(reply.status, tree, paid=paid)
    expired = f"image link expired: HTTP {reply.status}"
    found = because(
        reply,
        replace(verdict, then=heeded(verdict.then, reply.headers), billed=verdict.billed and paid),
        expired if verdict is LINK_EXPIRED else said(reply, tree),
        after_s=retry_after(reply.headers, tree, now=now),
    )
    return replace(found, http_status=None) if download else found


def of_answer(reply: Reply, tree: Any, *, paid: bool = True) -> Fault | None:
    """The error that an answer of status 2xx brings in place of an output, by its code; None: it has none.

    A refusal there came after the work was done, so its cost is kept.
    """
    if not is_error(tree):
        return None
    verdict = of_codes(tree)
    return because(
        reply,
        replace(verdict, billed=paid and (verdict.billed or verdict is BLOCKED)),
        words(tree) or "an error without a message",
        after_s=retry_after(reply.headers, tree, now=None),
    )


def of_failure(reply: Reply, tree: Any) -> Fault:
    """A job that was taken and then given up by the provider: its ticket leads nowhere any more."""
    cause = Cause.BLOCKED if in_table(CODES, codes(tree, DEEPEST)) is BLOCKED else Cause.REJECTED
    return because(
        reply, Verdict(cause, Then.FAIL, useless=True), words(tree) or "the provider gave the job up"
    )


def unreadable(reply: Reply, why: str, *, paid: bool = True) -> Fault:
    """An answer of status 2xx that is not what it should be at all; its beginning is shown."""
    start = one_line(reply.body[: 4 * MOST_RAW].decode(errors="replace"), MOST_RAW)
    return because(reply, replace(UNREADABLE, billed=paid), f"{why}: {start}" if start else why)


def cut(reply: Reply, *, paid: bool = True) -> Fault:
    """A body of status 2xx that ended before its end; what came of it is the evidence.

    An event stream is asked for once more at most: most of it was made, and paid for.
    """
    words = "stream ended early" if reply.is_stream else Trouble.CUT_BODY.value
    return because(reply, replace(LOST, billed=paid, useless=reply.is_stream), words)


def overdue(reply: Reply, why: str, *, paid: bool = True) -> Fault:
    """A body of status 2xx whose end did not come in time, as `cut`."""
    verdict = replace(TROUBLES[Trouble.TIMEOUT], billed=paid, useless=reply.is_stream)
    return because(reply, verdict, why)


def useless(reply: Reply, why: str, *, paid: bool = True) -> Fault:
    """A readable answer of status 2xx that holds nothing to keep, or not all of it."""
    return because(reply, replace(USELESS, billed=paid), why)


def blocked(reply: Reply, why: str, *, paid: bool = True) -> Fault:
    """A refusal of content in an answer of status 2xx; its cost is kept."""
    return because(reply, replace(BLOCKED, billed=paid), why)


def because(reply: Reply, verdict: Verdict, message: str, *, after_s: float | None = None) -> Fault:
    """The fault that `verdict` finds in `reply`, with its status, request id and evidence."""
    return Fault(
        cause=verdict.cause,
        message=message,
        then=verdict.then,
        billed=verdict.billed,
        useless=verdict.useless,
        http_status=reply.status,
        after_s=after_s,
        request_id=request_id(reply.headers),
        body=reply.body[:EVIDENCE],
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """The provider's name for a request, for its support."""
    for name in REQUEST_IDS:
        if value := headers.get(name):
            return value
    return None


def of_download(status: int) -> Verdict:
    """A file's host is not the endpoint: it stops and closes nothing."""
    return DOWNLOADS.get(status) or DOWNLOAD_CLASSES.get(status // 100, GONE)


def of_status(status: int, tree: Any, *, paid: bool) -> Verdict:
    """By the status, made more exact by a code in the body."""
    if not paid and status in POLLS:
        return POLLS[status]
    told = in_table(CODES, codes(tree, DEEPEST))
    if told is not None and told.cause in HEARD.get(status, HEARD_BY_CLASS.get(status // 100, frozenset())):
        return told
    return STATUSES.get(status) or CLASSES.get(status // 100, UNREADABLE)


def of_codes(tree: Any) -> Verdict:
    """By the codes alone, which are statuses where they are numbers."""
    said_codes = list(codes(tree, DEEPEST))
    return (
        in_table(CODES, said_codes)
        or next((verdict for code in said_codes if (verdict := of_number(code))), None)
        or in_table(PLAIN_CODES, said_codes)
        or UNKNOWN
    )


def of_number(code: str) -> Verdict | None:
    if not re.fullmatch("[45][0-9]{2}", code):
        return None
    return STATUSES.get(int(code)) or CLASSES[int(code) // 100]


@lru_cache(maxsize=256)
def is_refusal(finish_reason: str) -> bool:
    """Whether a finish reason says that content was refused."""
    return in_table(CODES, [finish_reason]) is BLOCKED


def in_table(table: tuple[tuple[str, Verdict], ...], said_codes: Iterable[str]) -> Verdict | None:
    """The verdict of the first code that has one."""
    plain = ("".join(filter(str.isalnum, code)).lower() for code in said_codes)
    return next((verdict for code in plain for part, verdict in table if part in code), None)


def codes(tree: Any, depth: int) -> Iterator[str]:
    """What an error's body says for machines, the outermost last: that is often the status alone."""
    if isinstance(tree, list) and depth:
        for item in tree[:MOST_ITEMS]:
            yield from codes(item, depth - 1)
    if isinstance(tree, dict) and depth:
        for name in INNER:
            yield from codes(tree.get(name), depth - 1)
        for name in CODE_FIELDS:
            value = tree.get(name)
            if isinstance(value, int | str) and CODE.fullmatch(str(value)):
                yield str(value)


def is_error(tree: Any) -> bool:
    """Whether an answer without outputs says that it is an error."""
    return isinstance(tree, dict) and bool(
        tree.get("error")
        or tree.get("errors")
        or tree.get("success") is False
        or str(tree.get("status")).lower() in FAILED_WORDS
        or tree.get("type") == "error"
        or of_number(str(tree.get("code")))
        or of_number(str(tree.get("status")))
    )


def words(tree: Any, depth: int = DEEPEST) -> str:
    """What an error's body says for people; empty where it says nothing."""
    if isinstance(tree, str):
        return one_line(tree, MOST_WORDS)
    if isinstance(tree, list) and depth:
        texts = (words(item, depth - 1) for item in tree[:MOST_ITEMS])
        return one_line("; ".join(filter(None, texts)), MOST_WORDS)
    if not isinstance(tree, dict) or not depth:
        return ""
    text = next((text for name in WORD_FIELDS if (text := words(tree.get(name), depth - 1))), "")
    place = tree.get("loc")
    return f"{'.'.join(map(str, place))}: {text}" if isinstance(place, list) and text else text


def said(reply: Reply, tree: Any) -> str:
    """The provider's words, or the nearest to them that an error reply has."""
    target = reply.headers.get("location")
    if reply.status // 100 == REDIRECTED and target:
        return f"redirected to {one_line(target, MOST_RAW)}, which is not followed"
    text = words(tree) if tree is not None else plain_text(reply.body)
    return text or f"HTTP {reply.status} {PHRASES.get(reply.status, '')}".rstrip()


def plain_text(body: bytes) -> str:
    """The body where it is text for people; empty for a page or for bytes."""
    text = one_line(body[: 4 * MOST_RAW].decode(errors="replace"), MOST_RAW)
    return "" if text.startswith("<") or "\ufffd" in text else text


def parsed(body: bytes) -> Any:
    """The body of an error as JSON, None where it is none."""
    try:
        return orjson.loads(body) if len(body) <= MOST_PARSED else None
    except orjson.JSONDecodeError:
        return None


def heeded(then: Then, headers: Mapping[str, str]) -> Then:
    """What becomes of `then` where the provider says itself whether to send again."""
    return SHOULD_RETRY.get((then, headers.get("x-should-retry", "").lower()), then)


def one_line(text: str, most: int) -> str:
    """The text without line breaks and what cannot be printed, `most` characters at most."""
    return "".join(filter(str.isprintable, " ".join(text.split())))[:most]
