from dataclasses import replace

import orjson
import pytest

from runner.expect import Brought, Terms, asked, varied
from runner.expectation import Expect
from runner.outcome import Artifact
from runner.picture import Picture

PICTURE = Picture(data=b"", suffix="png", mime="image/png", width=512, height=512)
KEY = "c0ffee" * 10 + "c0ff"


def picture(**found):
    return Brought(artifact=Artifact(kind="image", index=0, data=b""), picture=replace(PICTURE, **found))


def text(words, finish=None):
    return Brought(artifact=Artifact(kind="text", index=0, text=words, finish_reason=finish))


def vector(*numbers):
    return Brought(artifact=Artifact(kind="embedding", index=0, vector=list(numbers)))


CALLS = Brought(artifact=Artifact(kind="tool_calls", index=0, tool_calls=[{}], finish_reason="tool_calls"))
AGE = {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}}
AS_ASKED = b'{"height":768,"prompt":"a fox","width":1024}'


def complaints(expect, *brought, body=b"{}"):
    found = Terms(expect=Expect.model_validate(expect)).complaints(body, brought)
    return [each and f"{each.cause}: {each.message}" for each in found]


@pytest.mark.parametrize(
    ("expect", "brought"),
    [
        ({"size": "512x512"}, picture()),
        ({"size": "asked"}, picture(width=1024, height=768)),
        ({"flat": False}, picture()),
        ({"size": "512x512"}, picture(is_flat=True, is_black=True)),
        ({"empty": False, "cut": False}, text("a fox", "stop")),
        ({"empty": False, "cut": False}, CALLS),
        ({"cut": False}, text("")),
        ({"pattern": "^[A-Z]"}, text("A fox")),
        ({"pattern": "(?i)FOX"}, text("a fox")),
        ({"json": True}, text(' {"a": 1}\n')),
        ({"json": AGE}, text('{"age": 4}')),
        ({"dimensions": 2}, vector(1.0, 2.0)),
    ],
)
def test_what_is_as_expected_counts(expect, brought):
    assert complaints(expect, brought, body=AS_ASKED) == [None]


@pytest.mark.parametrize(
    ("expect", "brought", "complaint"),
    [
        ({"size": "1024x768"}, picture(), "invalid: expected 1024x768, got 512x512"),
        ({"size": "asked"}, picture(), "invalid: expected 1024x768, got 512x512"),
        ({"flat": False}, picture(is_flat=True), "invalid: one flat colour"),
        (
            {"flat": False, "size": "asked"},
            picture(is_flat=True, is_black=True),
            "blocked: one flat colour, black: what a safety filter paints; expected 1024x768, got 512x512",
        ),
        ({"flat": False}, text("no"), "invalid: no image came, but text"),
        ({"empty": False}, text(" \n"), "invalid: empty text"),
        (
            {"cut": False},
            text("a fo", "length"),
            "invalid: cut off at the limit of its length (finish_reason length)",
        ),
        ({"pattern": "fox$"}, text("fox\n"), "invalid: the pattern fox$ is not found in the text"),
        ({"pattern": "fox"}, CALLS, "invalid: no text came, but tool_calls"),
        (
            {"json": True},
            text("```json\n{}\n```"),
            "invalid: not JSON: unexpected character, expected a JSON value: line 1 column 1 (char 0)",
        ),
        (
            {"json": AGE},
            text('{"age": "4"}'),
            'invalid: not by the schema: at /age: "4" is not of type "integer"',
        ),
        ({"dimensions": 3}, vector(1.0, 2.0), "invalid: expected 3 dimensions, got 2"),
    ],
)
def test_what_is_not_is_told_in_words(expect, brought, complaint):
    assert complaints(expect, brought, body=AS_ASKED) == [complaint]


def test_each_of_several_is_looked_at_by_itself():
    assert complaints({"flat": False}, picture(), picture(is_flat=True)) == [None, "invalid: one flat colour"]


def test_a_text_that_would_have_a_backtracking_engine_hang_is_looked_at_at_once():
    long = "a" * 100_000 + "!"
    assert complaints({"pattern": "^(a+)+$"}, text(long)) != [None]
    assert complaints({"json": {"pattern": "^(a|a)*$"}}, text(orjson.dumps(long).decode())) != [None]


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({"width": 64, "height": 48}, (64, 48)),
        ({"width": 64}, (64, None)),
        ({"size": "64x48"}, (64, 48)),
        ({"size": "auto"}, (None, None)),
        ({"prompt": "a fox"}, (None, None)),
        ({"input": {"image": [{"height": 48, "width": 64}]}}, (64, 48)),
    ],
)
def test_the_size_that_a_request_asks_for_is_found_wherever_it_stands(body, size):
    assert asked(body) == size


def test_another_request_for_the_same_job_has_another_seed_which_is_always_the_same():
    body = b'{"prompt":"a fox","seed":7}'
    first, second = varied(body, KEY, 1), varied(body, KEY, 2)
    assert first == varied(body, KEY, 1)
    assert len({7, first[1], second[1], varied(body, KEY[::-1], 1)[1]}) == 4
    assert orjson.loads(first[0]) == {"prompt": "a fox", "seed": first[1]}
    assert 0 <= first[1] < 2**31


def test_a_seed_is_found_wherever_it_stands():
    body, seed = varied(b'{"input":{"seed":7},"seed":null}', KEY, 1)
    assert orjson.loads(body) == {"input": {"seed": seed}, "seed": None}


@pytest.mark.parametrize("body", [b'{"prompt":"a seed"}', b'{"seed":-1}', b'{"seed":null}', b'{"seed":true}'])
def test_a_request_whose_seed_is_chance_already_stays_as_it_is(body):
    assert varied(body, KEY, 1) == (body, None)


def test_equal_expectations_have_one_digest():
    one, other = ({"size": "asked", "flat": False}, {"flat": False, "size": "asked", "retries": 1})
    assert Expect.model_validate(one).digest == Expect.model_validate(other).digest
    assert Expect.model_validate(one).digest != Expect.model_validate({**one, "retries": 2}).digest
