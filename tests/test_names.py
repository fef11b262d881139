import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.names import file_stem, folded


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("fox", "fox"),
        ("fox-1", "fox-1"),
        ("a b", "a b"),
        ("v1.5", "v1.5"),
        ("../../etc/passwd", "_.._.._etc_passwd"),
        ("/abs", "_abs"),
        ("C:\\x", "C__x"),
        ("a\0b", "a_b"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        (" ", "_"),
        (".pending", "_.pending"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("console", "console"),
        ("end. . ", "end"),
        ("a\u202eb", "a_b"),
        ("e\u0301", "é"),
        ("x" * 300, "x" * 180),
        ("☃" * 100, "☃" * 60),
    ],
)
def test_m7_an_id_becomes_a_name_that_stays_inside(name, stem):
    assert file_stem(name) == stem


@given(st.text(max_size=400))
def test_m7_any_id_becomes_one_visible_step_of_at_most_200_bytes(name):
    stem = file_stem(name)
    assert stem
    assert len(f"{stem}-c0ffee00-99.webp".encode()) <= 200
    assert not stem.startswith((".", "~", " "))
    assert not stem.endswith((".", " "))
    assert not set(stem) & set('<>:"/\\|?*')
    assert all(unicodedata.category(sign)[0] != "C" for sign in stem)
    assert folded(stem) == folded(folded(stem))


@pytest.mark.parametrize(
    ("one", "other"), [("Fox", "fox"), ("é", "e\u0301"), ("STRASSE", "straße"), ("É", "e\u0301")]
)
def test_m7_twins_are_recognised(one, other):
    assert folded(file_stem(one)) == folded(file_stem(other))
