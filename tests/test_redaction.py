import base64
import json
from urllib.parse import quote

import pytest

from runner.redaction import MissingVariable, Secrets, read_environment, signs, spellings

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
