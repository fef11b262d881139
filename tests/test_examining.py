from dataclasses import replace

import canned
import pytest

from runner.engine.examining import LARGE_TEXT, Examiner
from runner.expect import Brought
from runner.expectation import Expect
from runner.outcome import Artifact, Cause, Done, Output, Unmet

FULL = Expect.model_validate({"empty": False, "retries": 3})
CLAIM = replace(canned.claim(b"{}"), expect="full")


class Fake:
    """A queue that knows one expectation, and a sink that keeps what it is given."""

    def __init__(self, expect=FULL):
        self.expect = expect
        self.asked = []

    async def expectation(self, digest):
        self.asked.append(digest)
        return self.expect

    async def look(self, _, output, __):
        return [Brought(artifact=artifact) for artifact in output.artifacts]

    async def store(self, _, brought):
        return tuple(each.artifact.text for each in brought)

    async def refuse(self, _, brought):
        return []


def answer(*texts):
    artifacts = [Artifact(kind="text", index=at, text=text) for at, text in enumerate(texts)]
    return Output(artifacts=tuple(artifacts), message="streamed")


async def test_what_a_manifest_expects_that_was_submitted_meanwhile_is_looked_up_once():
    fake = Fake()
    examiner = Examiner(queue=fake, sink=fake, expect={})
    for _ in range(2):
        assert isinstance(await examiner.keep(CLAIM, answer("a fox")), Done)
    assert fake.asked == ["full"]


async def test_nothing_is_expected_of_a_job_that_has_left_the_manifest():
    fake = Fake(expect=None)
    done = await Examiner(queue=fake, sink=fake, expect={}).keep(CLAIM, answer(""))
    assert done.kept == ("",)


@pytest.mark.parametrize("text", ["a fox", "a fox " * LARGE_TEXT])
async def test_what_is_as_expected_is_kept_and_the_rest_is_told_of(text):
    fake = Fake()
    examiner = Examiner(queue=fake, sink=fake, expect={"full": FULL})
    done = await examiner.keep(CLAIM, answer("", text, " "))
    assert done.kept == (text,)
    assert done.output.message == "streamed; text 0: empty text; text 2: empty text"
    unmet = await examiner.keep(CLAIM, answer(" "))
    assert isinstance(unmet, Unmet)
    assert (unmet.cause, unmet.message, unmet.retries) == (Cause.INVALID, "empty text", 3)
    assert fake.asked == []
