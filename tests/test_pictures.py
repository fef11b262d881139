"""Base64 in answers: found without parsing, decoded strictly."""

import orjson
import pytest
from canned import FOX, OWL, base64
from hypothesis import given
from hypothesis import strategies as st

from runner.dialects.pictures import decoded, sliced


def found(body):
    """The decoded pictures by the place in the parsed rest that their marker stands at."""
    cut = sliced(body)
    return [cut.pictures.get(place["b64_json"]) for place in orjson.loads(cut.rest)["data"]]


@pytest.mark.parametrize("indent", [None, orjson.OPT_INDENT_2])
def test_pictures_are_cut_out_and_the_rest_stays_json(indent):
    tree = {"data": [{"b64_json": base64(FOX), "n": 1}, {"b64_json": base64(OWL)}], "model": "m"}
    body = orjson.dumps(tree, option=indent)
    assert found(body) == [FOX, OWL]
    assert orjson.loads(sliced(body).rest) == {
        "data": [{"b64_json": "<image 1: 25 bytes>", "n": 1}, {"b64_json": "<image 2: 26 bytes>"}],
        "model": "m",
    }


def test_pictures_of_one_size_are_not_mixed_up():
    body = orjson.dumps({"data": [{"b64_json": base64(name)} for name in (b"fox", b"owl", b"cat")]})
    assert found(body) == [b"fox", b"owl", b"cat"]


def test_escaped_slashes_and_wrapped_lines_are_base64():
    picture = b"\xff\xfe\xff" * 30
    text = base64(picture)
    assert "/" in text
    escaped = b'{"data":[{"b64_json":"%s"}]}' % text.replace("/", "\\/").encode()
    wrapped = orjson.dumps({"data": [{"b64_json": text[:76] + "\r\n" + text[76:]}]})
    assert found(escaped) == [picture]
    assert found(wrapped) == [picture]


@pytest.mark.parametrize("name", ["b64_json", "url"])
def test_a_data_uri_is_a_picture_too(name):
    body = orjson.dumps({name: "data:image/png;base64," + base64(FOX)})
    assert list(sliced(body).pictures.values()) == [FOX]


@pytest.mark.parametrize(
    "tree",
    [
        {"data": [{"b64_json": None, "url": "https://example.com/a.png"}]},
        {"data": [{"b64_json": ""}]},
        {"format": "b64_json"},
        {"said": 'the field "b64_json": "Zm94" holds base64'},
        {'said "b64_json': "Zm94"},
        {"b64_json": ["Zm94"]},
    ],
)
def test_what_only_looks_like_a_picture_is_left_alone(tree):
    body = orjson.dumps(tree)
    assert sliced(body).rest is body
    assert sliced(body).pictures == {}


@pytest.mark.parametrize(
    "text", [b"Zm9", b"Zm94Zm94!", b"Zm-_", b"Zm 94", b"=", b"data:image/png;base64,%%%"]
)
def test_n10_what_is_no_base64_stays_as_it_is(text):
    assert decoded(text) == text.removeprefix(b"data:image/png;base64,")


def test_an_unfinished_string_breaks_nothing():
    body = b'{"b64_json": "Zm94'
    assert sliced(body).rest == body


@given(st.lists(st.binary(min_size=1)), st.text())
def test_every_picture_comes_back_whole(pictures, text):
    tree = {"said": text, "data": [{"b64_json": base64(data), "text": text} for data in pictures]}
    assert found(orjson.dumps(tree)) == pictures


@given(st.lists(st.sampled_from(['"b64_json"', ":", '"', "\\", "Zm94", "{", "}", '"url":"data:', ","])))
def test_no_body_breaks_it(pieces):
    body = "".join(pieces).encode()
    assert sliced(body).rest or not body
