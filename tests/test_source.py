from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import source
from runner.manifest import load
from runner.problems import ManifestError, Problems
from runner.source import Source, decoded, parse, read


def parsed(text):
    problems = Problems()
    tree = parse(text, "jobs.yaml", problems)
    return tree, [str(problem) for problem in problems]


def value(text):
    tree, problems = parsed(text)
    assert problems == []
    return tree.root.plain()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: text", "text"),
        ("a: 12", 12),
        ("a: -3", -3),
        ("a: 0", 0),
        ("a: 1.50", 1.5),
        ("a: 2.5e3", 2500.0),
        ("a: true", True),
        ("a: False", False),
        ("a: null", None),
        ("a:", None),
        ("a: none", "none"),
        ("a: y", "y"),
        ("a: '012'", "012"),
        ('a: "no"', "no"),
        ("a: |\n  two\n  lines\n", "two\nlines\n"),
        ("a: 1024x1024", "1024x1024"),
        ("a: localhost:8000", "localhost:8000"),
        ("a: ${VAR}", "${VAR}"),
    ],
)
def test_a_bare_word_is_what_every_reader_takes_it_for(text, expected):
    found = value(text)["a"]
    assert found == expected
    assert type(found) is type(expected)


def test_references_stand_in_braces_too():
    assert value("headers: {X-Team: ${TEAM}, X: 'a ${B} c'}") == {
        "headers": {"X-Team": "${TEAM}", "X": "a ${B} c"}
    }


def test_merged_keys_give_way_to_a_mappings_own():
    assert value("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}")["b"] == {"x": 1, "y": 3}


def test_places_are_those_of_values_and_of_keys():
    tree, _ = parsed("a: 1\njobs:\n  - model: m\n    params: {seed: 7}\n")
    assert tree.where(("jobs", 0, "params", "seed")) == "jobs.yaml:4:20"
    assert tree.where(("jobs", 0, "params"), key=True) == "jobs.yaml:4:5"
    assert tree.where(("jobs", 0, "nowhere")) == "jobs.yaml:3:5"
    assert Source("manifest").where(("jobs", 0, "prompt")) == "manifest.jobs[0].prompt"


@pytest.mark.parametrize(
    ("scalar", "kind"),
    [
        ("no", "true or false"),
        ("Yes", "true or false"),
        ("on", "true or false"),
        ("OFF", "true or false"),
        ("012", "an octal number"),
        ("0o14", "an octal number"),
        ("-07", "an octal number"),
        ("09", "an octal number"),
        ("0x1F", "a hexadecimal or binary number"),
        ("0b101", "a hexadecimal or binary number"),
        ("12:30:45", "a number of base 60"),
        ("16:9", "a number of base 60"),
        ("1:30.5", "a number of base 60"),
        ("1_000", "a number"),
        ("1e5", "a number"),
        (".inf", "infinity or no number"),
        ("-.INF", "infinity or no number"),
        (".nan", "infinity or no number"),
        ("2026-11-23", "a date"),
        ("2026-11-23 10:00:00", "a date"),
    ],
)
def test_m3_a_surprising_scalar_is_an_error(scalar, kind):
    _, problems = parsed(f"a: {scalar}")
    assert len(problems) == 1
    assert problems[0].startswith("jobs.yaml:1:4: ")
    assert f"may be read as {kind}: put it in quotes" in problems[0]


def test_m3_numbers_are_no_larger_than_json_readers_take_them():
    assert value(f"a: {2**64 - 1}") == {"a": 2**64 - 1}
    assert parsed(f"a: {2**64}")[1] == [
        "jobs.yaml:1:4: a whole number of more than 64 bits: put it in quotes"
    ]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "jobs.yaml:6:29: more than 1,000,000 values"),
        ("a: &a [*a]", "jobs.yaml:1:8: the alias *a stands inside what it repeats"),
        ("a: *b", "jobs.yaml:1:4: the alias *b stands for nothing"),
        ("[" * 100 + "]" * 100, "jobs.yaml:1:65: nested deeper than 64 levels"),
        ("[" * 2000, "jobs.yaml:1:1001: not YAML: exceeded maximum nesting depth"),
        ("a: !!python/object/apply:os.system [x]", "jobs.yaml:1:4: a tag"),
        ("a: !!str 12", "jobs.yaml:1:4: a tag"),
        ("a: 1\n---\nb: 2", "jobs.yaml:2:1: a second document"),
        ("", "jobs.yaml:1:1: the file is empty"),
        ("# nothing\n", "jobs.yaml:1:1: the file is empty"),
        ("a: {{ b }}", 'jobs.yaml:1:5: a key must be text. A template needs quotes: "{{ … }}"'),
        ("a: {{ b }} c", "needs quotes"),
        ("a:\n\tb: 1", "jobs.yaml:2:1: not YAML"),
        ("a: 'b", "jobs.yaml:1:6: not YAML"),
        ("a: b: c", "jobs.yaml:1:5: not YAML"),
        ("a: \x07", "jobs.yaml:1:4: the character U+0007 is not allowed here"),
        ("1: a", 'jobs.yaml:1:1: a key must be text: put it in quotes: "1"'),
        ("{<<: 1}", "jobs.yaml:1:6: only mappings can be merged by <<"),
    ],
)
def test_m1_what_is_not_a_plain_tree_is_refused_with_its_place(text, problem):
    _, problems = parsed(text)
    assert len(problems) == 1
    assert problem in problems[0]


def test_m1_what_is_written_out_may_be_as_much_as_one_likes(monkeypatch):
    monkeypatch.setattr(source, "MOST_REPEATED", 200)
    rows = "".join(f"- {{a: {number}, b: *s}}\n" for number in range(200))
    assert len(value(f"s: &s word\nx:\n{rows}")["x"]) == 200
    _, problems = parsed(f"s: &s word\nx:\n{rows}y: *s\n")
    assert problems == ["jobs.yaml:203:4: more than 200 values repeated by aliases"]


def test_m1_depth_is_counted_through_aliases():
    deep = "a: &a " + "[" * 40 + "x" + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40
    assert "nested deeper than 64 levels" in parsed(deep)[1][0]


def test_m2_a_key_twice_names_both_lines():
    _, problems = parsed("a: 1\nb: 2\na: 3\n")
    assert problems == ["jobs.yaml:3:1: the key 'a' stands here a second time, first in line 1"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbfname: x", "name: x"),
        (b"a\r\nb\r\n", "a\nb\n"),
        ("ü: ☃".encode(), "ü: ☃"),
    ],
)
def test_m5_utf_8_is_read_with_or_without_its_mark(data, expected):
    assert decoded(data) == expected


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: \xff", "jobs.yaml:1:4: not UTF-8 at byte 3"),
        (b"a: 1\nb: \xe9t\xe9", "jobs.yaml:2:4: not UTF-8 at byte 8"),
        ("a: 1".encode("utf-16"), "jobs.yaml:1:1: UTF-16"),
        ("a: 1".encode("utf-16-le"), "jobs.yaml:1:2: NUL"),
        (b"a: \x00", "jobs.yaml:1:4: NUL (UTF-16? save it as UTF-8) at byte 3"),
        (b"a: \xed\xa0\x80", "jobs.yaml:1:4: not UTF-8 at byte 3"),
    ],
)
def test_m5_anything_else_is_an_error_with_its_offset(data, problem):
    problems = Problems()
    assert read(data, "jobs.yaml", problems) is None
    assert next(str(each) for each in problems).startswith(problem)


PIECES = [
    b"name: x",
    b"endpoints: {e: {dialect: nebula-images, url: demo}}",
    b"jobs:",
    b"\n",
    b"\n  ",
    b"- ",
    b"prompt: '{{ a }}'",
    b"vars: {a: [1, 2]}",
    b"model: m",
    b"&a ",
    b"*a",
    b"<<: *a",
    b"[",
    b"]",
    b"{",
    b"}",
    b"? ",
    b": ",
    b", ",
    b"!!python/object:os.system ",
    b"---\n",
    b"...",
    b"%YAML 9\n",
    b"|\n",
    b"'",
    b'"\\u12',
    b"#",
    b"\t",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"2026-11-23",
    b"0x1",
    b"${A}",
    b"@",
]


def refusals(path):
    """What is wrong with a manifest; nothing where it is one."""
    try:
        assert load(path, today=date(2026, 11, 23)).jobs
    except ManifestError as refused:
        return [str(problem) for problem in refused.problems]
    return []


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=4)))
def test_m1_to_m5_whatever_a_file_holds_is_taken_or_refused_with_its_place(tmp_path_factory, pieces):
    path = tmp_path_factory.getbasetemp() / "jobs.yaml"
    path.write_bytes(b"".join(pieces))
    assert all(problem.startswith(f"{path}:") for problem in refusals(path))
