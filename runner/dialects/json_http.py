"""Any JSON API: a template makes the request, JMESPath finds the outputs, which may be asked for later."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from runner import fault, templates
from runner.dialects import answers, events, exchange
from runner.dialects.answers import Answer, Items, Link
from runner.dialects.pictures import decoded
from runner.dialects.usage import usage
from runner.endpoint import Endpoint, Poll
from runner.job import Ask, Claim
from runner.outcome import Artifact, Cause, Fault, Then
from runner.wire import Call, Exchange, Reply, Ticket, Wait

PLACE = re.compile(r"\{\{\s*(.+?)\s*\}\}")
"""Where a poll's path takes something from the answer, by JMESPath: `/jobs/{{ id }}`, `{{ urls.get }}`."""
IN_URLS = "/:?#[]@!$&'()*+,;=%-._~"
"""What may stand in a URL beside letters and digits."""

compiled = lru_cache(maxsize=256)(jmespath.compile)


def body(ask: Ask, endpoint: Endpoint) -> dict[str, Any]:
    """The endpoint's body template, filled with the prompt, the model and every variable and parameter.

    Without a template the parameters are the body, the model and the prompt with them.
    """
    said = {"model": ask.model or None, "prompt": ask.prompt, "system": ask.system, "messages": ask.messages}
    given = {name: value for name, value in said.items() if value is not None}
    if endpoint.body is None:
        return {**ask.params, **given}
    values = {**ask.vars, **ask.params, "vars": ask.vars, "params": ask.params, **given}
    filled: dict[str, Any] = templates.render(endpoint.body, values)
    return filled


def converse(claim: Claim, endpoint: Endpoint) -> Exchange:
    """Submit, and where the API works it out later, poll for it; all that follows the ticket is free."""
    if claim.ticket is None:
        reply = yield from exchange.sent(submission(claim, endpoint))
    else:
        reply = Reply(status=200, headers={}, body=claim.ticket)
    if endpoint.poll is None:
        answer = found(reply, endpoint)
        if answer.has_links and claim.ticket is None:
            yield Ticket(data=reply.body, body=answer.body)
    else:
        call = question(reply, endpoint.poll)
        if claim.ticket is None:
            yield Ticket(data=reply.body, body=reply.body)
        answer = found((yield from finished(reply, call, endpoint.poll)), endpoint)
    return (yield from exchange.fetched(answer, endpoint))


def submission(claim: Claim, endpoint: Endpoint) -> Call:
    """The call that costs; nothing is sent whose answer could not be looked through."""
    check(endpoint)
    body = None if endpoint.method == "GET" else claim.body
    return exchange.paid(claim, endpoint, path(claim, endpoint), body, method=endpoint.method)


def check(endpoint: Endpoint) -> None:
    """Raises the fault of an expression that cannot be read."""
    poll = (endpoint.poll.until, endpoint.poll.failed) if endpoint.poll else ()
    for expression in (endpoint.texts, endpoint.images, endpoint.image_urls, *poll):
        try:
            compiled(expression or "@")
        except JMESPathError as error:
            raise invalid(f"{expression}: {error}") from error


def invalid(message: str) -> Fault:
    """What the manifest asks for cannot be sent."""
    return Fault(cause=Cause.INVALID, message=fault.one_line(message, fault.MOST_WORDS), then=Then.FAIL)


def path(claim: Claim, endpoint: Endpoint) -> str:
    """The endpoint's path, a template over the model and the body's fields: they are what makes the key."""
    where = endpoint.path
    if "{" in where:
        try:
            where = str(templates.render(where, {**orjson.loads(claim.body), "model": claim.model}))
        except templates.BadTemplate as error:
            raise invalid(f"path: {error}") from error
    return rooted(where) if where else where


def rooted(where: str) -> str:
    """A path from the endpoint's URL on; a URL stands as it is."""
    return where if "://" in where else f"/{where.lstrip('/')}"


def question(reply: Reply, poll: Poll) -> Call:
    """The call that asks how far a job is, once the answer that took it says where."""
    tree = answers.document(reply, reply.body)
    if has_failed(reply, tree, poll):
        raise fault.of_answer(reply, tree) or fault.of_failure(reply, tree)
    return free(reply, poll.path, tree)


def finished(taken: Reply, call: Call, poll: Poll) -> exchange.Steps:
    """The reply that holds what a job brought, once it is done; raises the fault of one that failed."""
    while True:
        reply = yield from exchange.sent(call)
        tree = answers.document(reply, reply.body, paid=False)
        if has_failed(reply, tree, poll):
            raise fault.of_failure(reply, tree)
        if searched(reply, poll.until, tree):
            break
        yield Wait(seconds=poll.every)
    if poll.fetch is None:
        return reply
    return (yield from exchange.sent(free(reply, poll.fetch, merged(taken, tree))))


def merged(taken: Reply, tree: Any) -> Any:
    """The last answer, with what only the first one said: some name the job once."""
    first = answers.document(taken, taken.body)
    return {**first, **tree} if isinstance(first, dict) and isinstance(tree, dict) else tree


def free(reply: Reply, path: str, tree: Any) -> Call:
    """A call that costs nothing, to a path filled in from an answer."""
    where = PLACE.sub(lambda place: named(reply, place[1], tree), path)
    return Call(method="GET", path=rooted(where), paid=False)


def named(reply: Reply, expression: str, tree: Any) -> str:
    """What a path takes from an answer; an id may need quoting, a URL stands as it is."""
    value = searched(reply, expression, tree)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise fault.useless(reply, f"answer does not say where to ask: it has no {expression}")
    return quote(str(value), safe=IN_URLS)


def has_failed(reply: Reply, tree: Any, poll: Poll) -> bool:
    """By the manifest's expression; where there is none, by what errors look like everywhere."""
    return bool(searched(reply, poll.failed, tree)) if poll.failed else fault.is_error(tree)


def found(reply: Reply, endpoint: Endpoint) -> Answer:
    """The outputs where the manifest says they stand; where it does not, as in any other answer."""
    if answers.is_picture(reply) or not (endpoint.texts or endpoint.images or endpoint.image_urls):
        return answers.read(reply, asked=1)
    tree = events.joined(reply) if reply.is_stream else answers.document(reply, reply.body)
    texts = [text(value) for value in matches(reply, endpoint.texts, tree)]
    images = [value for value in matches(reply, endpoint.images, tree) if value and isinstance(value, str)]
    urls = [value for value in matches(reply, endpoint.image_urls, tree) if value and isinstance(value, str)]
    images += [url for url in urls if url.startswith("data:")]
    items: Items = (*texts, *map(image, images), *(Link(url) for url in urls if not url.startswith("data:")))
    if not items:
        raise fault.of_answer(reply, tree) or fault.useless(reply, "no outputs in the answer")
    return Answer(
        items=answers.numbered(items),
        usage=usage(tree) if isinstance(tree, dict) else None,
        body=without(answers.dumped(reply, tree), images) if images or reply.is_stream else reply.body,
    )


def matches(reply: Reply, expression: str | None, tree: Any) -> Iterator[Any]:
    """What stands there, one by one, whether the expression finds a value or a list of them."""
    value = searched(reply, expression, tree) if expression else None
    for item in value if isinstance(value, list) else [value]:
        if item is not None:
            yield item


def searched(reply: Reply, expression: str, tree: Any) -> Any:
    try:
        return compiled(expression).search(tree)
    except JMESPathError as error:
        raise fault.unreadable(reply, f"{expression}: {error}") from error


def text(value: Any) -> Artifact:
    """A text as it is; any other value as the JSON that it is."""
    return Artifact(
        kind="text", index=0, text=value if isinstance(value, str) else orjson.dumps(value).decode()
    )


def image(value: str) -> Artifact:
    return Artifact(kind="image", index=0, data=decoded("".join(value.split()).encode()))


def without(body: bytes, images: list[str]) -> bytes:
    """The body with a marker in each picture's place."""
    for value in images:
        body = body.replace(value.encode(), f"<{len(value)} characters of base64>".encode())
    return body
