import base64
import json
from urllib.parse import quote

import pytest

from runner import encoded
from runner.fault import EVIDENCE
from runner.redaction import MissingVariable, Secrets, in_base64, read_environment, signs, spellings

KEY = 'kéy/with "odd" signs+a1b2'
SECRETS = Secrets({"KEY": KEY, "SHORT": "dev", "OTHER": "another-secret-c3d4"})


def test_references_are_resolved():
    assert SECRETS.resolve("Bearer ${KEY} ${SHORT}") == f"Bearer {KEY} dev"
    assert SECRETS.resolve("$KEY {KEY} ${ KEY }") == "$KEY {KEY} ${ KEY }"


def test_m4_a_missing_variable_is_named():
    with pytest.raises(MissingVariable, match=r"\$\{TEAM\} is not set"):
        SECRETS.resolve("${TEAM}")


@pytest.mark.parametrize(
    "spelling",
    [
        KEY,
        json.dumps(KEY)[1:-1],
        json.dumps(KEY, ensure_ascii=False)[1:-1],
        quote(KEY),
        quote(KEY, safe=""),
        base64.b64encode(KEY.encode()).decode().rstrip("="),
    ],
)
def test_x1_a_secret_is_cut_out_however_it_is_spelt(spelling):
    text = f"error: {spelling} was refused"
    assert spelling not in SECRETS.redact(text)
    assert "…a1b2" in SECRETS.redact(text)
    assert SECRETS.redact_bytes(text.encode()) == SECRETS.redact(text).encode()


@pytest.mark.parametrize("user", ["", "u", "us", "user"])
def test_x1_a_secret_is_cut_out_of_basic_credentials(user):
    token = "secret-token-0123456789"
    basic = base64.b64encode(f"{user}:{token}".encode()).decode()
    redacted = Secrets({"TOKEN": token}).redact(f"Authorization: Basic {basic}")
    kept = redacted.removeprefix("Authorization: Basic ").split("…")[0]
    assert "…6789" in redacted
    assert token[:3].encode() not in base64.b64decode(kept + "=" * (-len(kept) % 4), validate=False)


def test_texts_without_secrets_and_short_values_are_left_alone():
    assert SECRETS.redact("a dev server") == "a dev server"
    assert Secrets({}).redact("text") == "text"
    assert Secrets({}).redact_bytes(b"\xff") == b"\xff"


def test_bytes_need_not_be_text():
    assert SECRETS.redact_bytes(b"\xff another-secret-c3d4 \x00") == "…c3d4".encode().join(
        [b"\xff ", b" \x00"]
    )


def test_the_longer_of_two_secrets_is_cut_first():
    both = Secrets({"A": "secret-0123", "B": "secret-0123-more"})
    assert both.redact("x secret-0123-more y") == "x …more y"


def test_x1_nothing_is_shown_by_repr():
    assert repr(SECRETS) == "Secrets(KEY, OTHER, SHORT)"


def test_the_environment_goes_before_the_file_beside_the_manifest(tmp_path):
    assert read_environment(tmp_path, {"A": "1"}) == {"A": "1"}
    (tmp_path / ".env").write_text("# keys\nA=file\nB='two words'\nexport C=${A}\nD\n")
    assert read_environment(tmp_path, {"A": "1"}) == {"A": "1", "B": "two words", "C": "${A}"}


@pytest.mark.parametrize(
    "value", ["sk-proj-abc_123~x.y", 'pa"ss&w/or d+é', "http://127.0.0.1:4140/v1?a=b&c", "a/b/c/d/e/f/g/h"]
)
def test_every_spelling_of_a_secret_has_one_of_its_signs(value):
    for spelling in spellings(value):
        assert any(sign in spelling for sign in signs(value)), spelling


LONG_KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
PLAIN_KEY = "0123456789abcdef0123456789abcdef"
LONG_SECRETS = Secrets({"KEY": LONG_KEY, "PLAIN": PLAIN_KEY, "URL": "https://user:pass@example.com/v1"})
NOISE = b"\x89PNG\r\n\x1a\n" + bytes(value * 7 % 256 for value in range(400_000))


def answer(data, *, prefix="", more=""):
    encoded = base64.b64encode(data).decode()
    return f'{{"created": 1, "data": [{{"b64_json": "{prefix}{encoded}"}}], "more": "{more}"}}'.encode()


def test_a_long_answer_without_secrets_is_left_as_it_is():
    for body in (answer(NOISE), b"x" * 500_000, json.dumps(["word"] * 90_000).encode(), NOISE):
        assert LONG_SECRETS.redact_bytes(body) is body


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "no base64: "])
@pytest.mark.parametrize("at", [0, 8, 9, 10, 49_150, 200_000, 399_999, 400_000, len(NOISE)])
@pytest.mark.parametrize("key", [LONG_KEY, PLAIN_KEY])
def test_x1_a_secret_in_the_base64_of_a_long_answer_is_cut_out(key, at, prefix):
    body = answer(NOISE[:at] + key.encode() + NOISE[at:], prefix=prefix)
    assert not any(form.encode() in LONG_SECRETS.redact_bytes(body) for form in spellings(key))


@pytest.mark.parametrize("spelling", [LONG_KEY, PLAIN_KEY, *sorted(in_base64(LONG_KEY))])
def test_x1_a_secret_beside_the_base64_of_a_long_answer_is_cut_out(spelling):
    for body in (
        answer(NOISE, more=spelling),
        answer(NOISE, prefix=spelling),
        answer(NOISE, prefix=f"{spelling},"),
        spelling.encode() + answer(NOISE),
        answer(NOISE) + answer(b"") + answer(NOISE) + spelling.encode(),
        json.dumps(["word"] * 50_000 + [spelling] + ["word"] * 50_000).encode(),
    ):
        assert spelling.encode() not in LONG_SECRETS.redact_bytes(body)


def test_x1_a_secret_is_found_where_an_answers_beginning_is_kept_as_it_came():
    """There it is looked for as it stands, for that is kept as evidence before anything is decoded."""
    assert encoded.LONG >= EVIDENCE
    at = encoded.LONG - 1_000
    shifted = base64.b64encode(NOISE).decode()
    body = f'{{"b64_json": "{shifted[:at]}{PLAIN_KEY}{shifted[at:]}"}}'.encode()
    assert PLAIN_KEY.encode() not in LONG_SECRETS.redact_bytes(body)
    [form, *_] = in_base64(LONG_KEY)
    body = f'{{"b64_json": "{shifted[:at]}{form}{shifted[at:]}"}}'.encode()
    assert form.encode() not in LONG_SECRETS.redact_bytes(body)


def test_x1_what_is_no_picture_is_searched_as_it_stands():
    """Its text may be kept, and in it the base64 of a secret that begins at another byte."""
    text = base64.b64encode(NOISE[8:]).decode()
    [form, *_] = in_base64(LONG_KEY)
    for at in range(200_000, 200_004):
        body = f'{{"content": "{text[:at]}{form}{text[at:]}"}}'.encode()
        assert form.encode() not in LONG_SECRETS.redact_bytes(body)
    assert list(encoded.runs(f'{{"content": "{text}"}}'.encode())) == []


@pytest.mark.parametrize(
    "start",
    [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\n\r\0\xffWEBP", b"\0\0\n\x20ftypavif"],
)
def test_a_picture_is_known_by_its_beginning(start):
    [run] = encoded.runs(answer(start + NOISE))
    assert run.decoded == start + NOISE


@pytest.mark.parametrize("length", [0, 1, 49_100, 49_150, 49_152, 49_153, 200_000])
def test_every_long_string_of_base64_is_found_and_decoded(length):
    data = NOISE[:length]
    body = b"[%b, %b]" % (answer(data), answer(data, prefix="data:image/png;base64,"))
    long = len(base64.b64encode(data)) >= encoded.LONG
    found = list(encoded.runs(body))
    assert [run.decoded for run in found] == [data, data] * long
    assert all(base64.b64decode(body[run.begin : run.end]) == run.decoded for run in found)
