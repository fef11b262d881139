"""The steps that dialects share: the paid call, the ticket of its answer, the files it points to."""

from collections.abc import Callable, Generator, Sequence
from urllib.parse import urljoin, urlsplit

import orjson

from runner import fault
from runner.dialects import answers
from runner.dialects.answers import Answer, Link
from runner.endpoint import Endpoint
from runner.fault import Trouble
from runner.job import Claim
from runner.outcome import Artifact, Output
from runner.wire import Call, Exchange, Reply, Ticket, Wait

Steps = Generator[Call | Wait | Ticket, Reply | None, Reply]


def converse(
    call: Call,
    claim: Claim,
    endpoint: Endpoint,
    *,
    asked: int,
    read: Callable[..., Answer] = answers.read,
) -> Exchange:
    """Send `call` and read its answer; where that only points to files, it is the ticket to fetch them by."""
    if claim.ticket is None:
        reply = yield from sent(call)
    else:
        reply = Reply(status=200, headers={}, body=claim.ticket)
    answer = read(reply, asked=asked)
    artifacts = [item for item in answer.items if isinstance(item, Artifact)]
    if len(artifacts) == len(answer.items):
        return output(answer, artifacts)
    if claim.ticket is None:
        yield Ticket(data=reply.body, body=answer.body)
    return (yield from fetched(answer, endpoint))


def paid(claim: Claim, endpoint: Endpoint, path: str, body: bytes | None, *, method: str = "POST") -> Call:
    """The call that costs, with an idempotency key that stays the job's own, where the endpoint takes one.

    After an answer that was not as expected another is wanted: that is another request.
    """
    name = endpoint.idempotency_header
    key = f"{claim.key}-{claim.variant}" if claim.variant else claim.key
    return Call(method=method, path=path, body=body, headers={name: key} if name else {})


def sent(call: Call) -> Steps:
    """The reply to `call`. One whose status nobody has judged before is a fault here at the latest."""
    reply = yield call
    if reply is None:
        raise TypeError("a call is answered by a reply")
    if error := fault.of_reply(reply, now=None, paid=call.paid, download=call.download):
        raise error
    return reply


def fetched(answer: Answer, endpoint: Endpoint) -> Exchange:
    """The answer's output, its links followed."""
    artifacts = []
    for item in answer.items:
        artifact = item if isinstance(item, Artifact) else (yield from followed(item, endpoint))
        artifacts.append(artifact)
    return output(answer, artifacts)


def output(answer: Answer, artifacts: Sequence[Artifact]) -> Output:
    return Output(artifacts=tuple(artifacts), usage=answer.usage, body=answer.body, message=answer.message)


def followed(link: Link, endpoint: Endpoint) -> Generator[Call | Wait | Ticket, Reply | None, Artifact]:
    """The file behind a link, which may be relative to the endpoint."""
    url = absolute(link.url, endpoint)
    reply = yield from sent(Call(method="GET", path=url, paid=False, download=True))
    if not reply.body:
        raise fault.useless(reply, "image link leads to nothing", paid=False)
    return Artifact(kind="image", index=link.index, data=reply.body, revised_prompt=link.revised_prompt)


def absolute(link: str, endpoint: Endpoint) -> str:
    """The web address that a link means; raises the fault of one that means none."""
    try:
        url = urljoin(f"{endpoint.url.rstrip('/')}/", link)
        is_web = urlsplit(url).scheme in {"http", "https"}
    except ValueError:
        url, is_web = link, False
    if not is_web:
        raise fault.of_error(Trouble.NO_ADDRESS, sent=True, detail=f"not a web address: {url[:200]}")
    return url


def asked(body: bytes) -> int:
    """How many outputs a request asks for: its `n`, else one."""
    if body.find(b'"n":') < 0:
        return 1
    number = orjson.loads(body).get("n")
    return number if isinstance(number, int) else 1
