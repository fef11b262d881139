"""What an answer of OpenAI's moderations API holds: a verdict for each input, kept as the JSON that it is."""

import orjson

from runner import fault
from runner.dialects import answers
from runner.dialects.answers import Answer
from runner.dialects.usage import usage
from runner.outcome import Artifact
from runner.wire import Reply


def read(reply: Reply, *, asked: int) -> Answer:
    """The verdicts; raises the fault of an answer that has none."""
    tree = answers.document(reply, reply.body)
    verdicts = answers.listed(tree.get("results")) if isinstance(tree, dict) else []
    if not verdicts:
        raise fault.of_answer(reply, tree) or fault.useless(reply, "no results in the answer")
    items = (Artifact(kind="text", index=0, text=orjson.dumps(each).decode()) for each in verdicts)
    message = None if len(verdicts) >= asked else f"{len(verdicts)} of {asked} results"
    return Answer(items=answers.numbered(tuple(items)), usage=usage(tree), body=reply.body, message=message)
