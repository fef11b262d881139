import gzip
import random

import pytest
from backports import zstd

from runner.lines import BLOCK
from runner.origin import Unusable
from runner.problems import Problems
from runner.rows import found


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
    assert "one of .txt, .csv, .tsv, .jsonl" in refusal(written(tmp_path, "a.png", b""))
    assert "one of .txt" in refusal(written(tmp_path, "a.parquet.gz", b""))
    assert "one of .txt" in refusal(written(tmp_path, "a.gz", b""))
    assert "no such file" in refusal(tmp_path / "a.txt")
    (tmp_path / "b.txt").mkdir()
    assert "not a file" in refusal(tmp_path / "b.txt")


PACKERS = {".gz": gzip.compress, ".zst": zstd.compress}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", b"\xef\xbb\xbfa fox\r\n\nan owl", [(1, {"prompt": "a fox"}), (3, {"prompt": "an owl"})]),
        ("a.csv", b"id,caption\r\n1,x\r\n", [(2, {"id": "1", "caption": "x"})]),
        ("a.JSONL", b'{"a": 1}\n', [(1, {"a": 1})]),
        ("a.json", b'[{"a": 1},\n"x"]', [(1, {"a": 1}), (2, {"prompt": "x"})]),
    ],
)
def test_texts_may_be_packed(tmp_path, packing, name, data, expected):
    half = len(data) // 2
    packed = PACKERS[packing](data[:half]) + PACKERS[packing](data[half:])
    path = written(tmp_path, name + packing, packed)
    problems = Problems()
    assert list(rows(path, problems)) == [(f"{path}:{line}", values) for line, values in expected]
    assert not problems
    assert found(path.name, tmp_path).count() == len(expected)


@pytest.mark.parametrize("packing", PACKERS)
def test_a_packed_file_that_ends_too_early_says_after_which_row(tmp_path, packing):
    data = b"".join(
        b'{"n": %d, "of": "%s"}\n' % (n, random.Random(n).randbytes(20).hex().encode()) for n in range(9999)
    )
    path = written(tmp_path, "a.jsonl" + packing, PACKERS[packing](data)[:-100])
    problems = Problems()
    read = list(rows(path, problems))
    assert 0 < len(read) < 9999
    (problem,) = problems
    assert problem.where == read[-1][0]
    assert "cannot be read after this row: " in problem.message


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.txt.zst", "a.parquet", "a.arrow"])
@pytest.mark.parametrize("data", [b"plain text\n", b"ARROW1\0\0"])
def test_a_file_that_is_not_what_its_name_says_is_one_problem(tmp_path, name, data):
    path = written(tmp_path, name, data)
    problems = Problems()
    assert list(rows(path, problems)) == []
    (problem,) = problems
    assert str(problem).startswith(f"{path}: cannot be read: ")
    assert found(name, tmp_path).count() == 0


def test_a_pattern_means_all_files_that_match_in_the_order_of_their_names(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "deep/c.jsonl", ".hidden.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path, name, f'{{"prompt": "{name}"}}\n')
    (tmp_path / "folder.jsonl").mkdir()
    assert [values["prompt"] for _, values in found("*.jsonl", tmp_path).rows(Problems())] == [
        "a.jsonl",
        "b.jsonl",
    ]
    assert found("**/*.jsonl", tmp_path).count() == 3
    assert found(f"{tmp_path}/[ab].jsonl", tmp_path / "deep").count() == 2


def test_a_pattern_that_matches_nothing_is_an_error(tmp_path):
    assert refusal(tmp_path / "*.jsonl") == "*.jsonl: no file matches"


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    written(tmp_path, "a[1].txt", "a fox\n")
    written(tmp_path, "a1.txt", "an owl\n")
    assert [values["prompt"] for _, values in found("a[1].txt", tmp_path).rows(Problems())] == ["a fox"]


def test_marks_change_with_content_and_with_the_files_that_match(tmp_path):
    written(tmp_path, "a.txt", "a fox\n")
    first = list(found("*.txt", tmp_path).marks())
    assert list(found("*.txt", tmp_path).marks()) == first
    written(tmp_path, "b.txt", "a fox\n")
    assert list(found("*.txt", tmp_path).marks()) != first


def test_a_pattern_may_have_an_id_where_one_of_its_files_has(tmp_path):
    written(tmp_path, "a.csv", "prompt\na fox\n")
    assert not found("*.csv", tmp_path).may_have("id")
    written(tmp_path, "b.csv", "id,prompt\n1,a fox\n")
    assert found("*.csv", tmp_path).may_have("id")


@pytest.mark.parametrize(
    ("name", "line", "may"),
    [
        ("a.jsonl", '{"prompt": "a fox"}', False),
        ("a.jsonl", '{"prompt": "my id is 7", "ids": 1, "idea": "\\u00e9\\u2028"}', False),
        ("a.jsonl", '{"prompt": "a fox", "id" : 7}', True),
        ("a.jsonl", '{"prompt": "a fox", "\\u0069d": 7}', True),
        ("a.jsonl", '{"prompt": "a fox", "i\\u0064": 7}', True),
        ("a.json", '[{"prompt": "a fox"}]', False),
        ("a.json", '[{"id": 7, "prompt": "a fox"}]', True),
    ],
)
def test_a_file_of_json_may_have_an_id_where_it_mentions_one(tmp_path, name, line, may):
    written(tmp_path, name, line)
    assert found(name, tmp_path).may_have("id") is may


def test_a_file_may_have_any_of_several_columns(tmp_path):
    written(tmp_path, "a.jsonl", '{"prompt": "a fox", "custom_id": 7}')
    written(tmp_path, "a.csv", "custom_id,prompt\n7,a fox\n")
    for name in ("a.jsonl", "a.csv"):
        assert found(name, tmp_path).may_have("id", "custom_id")
        assert not found(name, tmp_path).may_have("id", "model")


@pytest.mark.parametrize("before", [*range(BLOCK - 8, BLOCK + 2)])
def test_an_id_is_found_wherever_it_stands_in_the_file(tmp_path, before):
    written(tmp_path, "a.jsonl.gz", gzip.compress(b'{"prompt": 1}'.ljust(before) + b'{"id": 7}', 1))
    assert found("a.jsonl.gz", tmp_path).may_have("id")


def test_a_file_that_cannot_be_read_has_no_ids_that_it_tells_of(tmp_path):
    path = written(tmp_path, "a.jsonl.gz", gzip.compress(b'{"id": 7}')[:-9])
    assert not found("a.jsonl.gz", tmp_path).may_have("id")
    problems = Problems()
    assert list(rows(path, problems)) == []
    assert problems
