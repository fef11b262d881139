import pytest

from runner.problems import Problems
from runner.rows import Unusable, found


def rows(path, problems):
    return found(path.name, path.parent).rows(problems)


def refusal(path):
    with pytest.raises(Unusable) as caught:
        found(path.name, path.parent)
    return str(caught.value)


def written(folder, name, data):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        (
            "a.txt",
            "a fox\r\n\n  \nan owl {{ x }}",
            [(1, {"prompt": "a fox"}), (4, {"prompt": "an owl {{ x }}"})],
        ),
        ("a.txt", b"\xef\xbb\xbfa fox", [(1, {"prompt": "a fox"})]),
        ("a.txt", "one\u2028line\n", [(1, {"prompt": "one\u2028line"})]),
        ("A.TXT", "a fox\n", [(1, {"prompt": "a fox"})]),
        (
            "a.csv",
            'id,caption\n1,"a, ""b"""\r\n2,"two\nlines"\n3,x\n',
            [
                (2, {"id": "1", "caption": 'a, "b"'}),
                (3, {"id": "2", "caption": "two\nlines"}),
                (5, {"id": "3", "caption": "x"}),
            ],
        ),
        ("a.csv", b"\xef\xbb\xbfid\n1\n\n2\n", [(2, {"id": "1"}), (4, {"id": "2"})]),
        ("a.tsv", "id\tcaption\n1\ta, b\n", [(2, {"id": "1", "caption": "a, b"})]),
        ("a.jsonl", '{"a": 1}\n\n{"a": {"b": [null]}}', [(1, {"a": 1}), (3, {"a": {"b": [None]}})]),
    ],
)
def test_rows_come_with_their_lines(tmp_path, name, data, expected):
    problems = Problems()
    path = written(tmp_path, name, data)
    placed = [(f"{path}:{line}", values) for line, values in expected]
    assert list(rows(path, problems)) == placed
    assert not problems
    assert found(name, tmp_path).count() == len(expected)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.jsonl", '{"a": 1}\n{"a" 1}\n', ["a.jsonl:2:6: not JSON"]),
        (
            "a.jsonl",
            '{"a": NaN}\n[1]\n',
            ["a.jsonl:1:7: not JSON", 'a.jsonl:2: a JSON object expected: {"prompt": …}'],
        ),
        ("a.jsonl", '{"a": "\\ud800"}\n', ["a.jsonl:1:8: not JSON"]),
        ("a.csv", "a,b\n1\n1,2,3\n", ["a.csv:2: 1 fields, but the header has 2", "a.csv:3: 3 fields"]),
        ("a.csv", "a,a\n1,2\n", ["a.csv:1: the column 'a' stands here twice"]),
        ("a.csv", "", ["a.csv:1: no header"]),
        ("a.csv", 'a\n"x" y\n', ["a.csv:2: not a table"]),
        ("a.csv", 'a\n"x\n', ["a.csv:2: not a table"]),
    ],
)
def test_bad_rows_are_told_with_their_lines(tmp_path, name, data, said):
    problems = Problems()
    list(rows(written(tmp_path, name, data), problems))
    found = [str(problem).removeprefix(f"{tmp_path}/") for problem in problems]
    assert len(found) == len(said)
    assert all(each.startswith(start) for each, start in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"fox\nf\xffx\n", "a.txt:2: not UTF-8 at byte 5"),
        ("fox\nüber".encode("latin-1"), "a.txt:2: not UTF-8 at byte 4"),
        ("fox".encode("utf-16"), "a.txt:1: UTF-16: save it as UTF-8"),
        ("fox".encode("utf-16-be"), "a.txt:1: NUL (UTF-16? save it as UTF-8) at byte 0"),
        (b"fox\nowl\x00\n", "a.txt:2: NUL (UTF-16? save it as UTF-8) at byte 7"),
        (b"\xed\xa0\x80", "a.txt:1: not UTF-8 at byte 0"),
    ],
)
def test_m5_what_is_not_text_is_told_with_its_offset(tmp_path, data, said):
    problems = Problems()
    list(rows(written(tmp_path, "a.txt", data), problems))
    assert [str(each).removeprefix(f"{tmp_path}/")[: len(said)] for each in problems] == [said]


def test_m4_a_file_that_cannot_be_one_of_prompts_says_why(tmp_path):
    assert "one of .txt, .csv, .tsv, .jsonl" in refusal(tmp_path / "a.json")
    assert "no such file" in refusal(tmp_path / "a.txt")
    (tmp_path / "b.txt").mkdir()
    assert "not a file" in refusal(tmp_path / "b.txt")
