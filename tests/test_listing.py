from io import BufferedReader, BytesIO

import pytest

from runner.listing import CHUNK, Listing
from runner.problems import Problems


def read(data):
    problems = Problems()
    found = list(Listing().rows(BufferedReader(BytesIO(data)), "a.json", problems))
    return found, [str(each) for each in problems]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[]", []),
        (b" [ ]\n", []),
        (b'["a fox", {"prompt": "an owl"}]', [("1", {"prompt": "a fox"}), ("1", {"prompt": "an owl"})]),
        (
            b'[\r\n  {"a": 1,\n   "b": [2]},\r\n  {"a": null}\n]',
            [("2", {"a": 1, "b": [2]}), ("4", {"a": None})],
        ),
        (b'\xef\xbb\xbf["\xc3\xbc"]', [("1", {"prompt": "ü"})]),
    ],
)
def test_items_come_with_the_lines_they_begin_in(data, expected):
    assert read(data) == ([(f"a.json:{line}", values) for line, values in expected], [])


@pytest.mark.parametrize("length", [*range(CHUNK - 40, CHUNK + 8, 3), CHUNK * 5])
def test_an_item_may_stand_anywhere_in_what_is_read_at_once(length):
    text = "ü" * (length // 2) + "\\n\\u00fc\\\\"
    data = f'[{{"a": "{text}", "b": [true, -1.5e3, {{}}]}},\n"x"]'.encode()
    found, said = read(data)
    assert said == []
    assert found[0] == ("a.json:1", {"a": "ü" * (length // 2) + "\nü\\", "b": [True, -1500.0, {}]})
    assert found[1] == ("a.json:2", {"prompt": "x"})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "a.json:1: a JSON list expected"),
        (
            b'{"a": 1}\n{"a": 2}\n',
            "a.json:1: a JSON list expected: […]; JSON lines have names that end in .jsonl",
        ),
        (b'["x"', "a.json:1: not JSON: ',' or ']' expected"),
        (b'["x",\n', "a.json:2: not JSON: Expecting value"),
        (b'["x",]', "a.json:1: not JSON: a value expected after ','"),
        (b'["x"\n"y"]', "a.json:2: not JSON: ',' or ']' expected"),
        (b'["x"]\n]', "a.json:2: something stands after the end of the list"),
        (b'["x]', "a.json:1: not JSON: Unterminated string starting at"),
        (b'[{"a": NaN}]', "a.json:1: not JSON: NaN"),
        (b'[\n{"a" 1}]', "a.json:2: not JSON: Expecting ':' delimiter"),
        (b"[\n1]", "a.json:2: a text or a JSON object expected"),
        (b'[\n"\xff"]', "a.json:1: not UTF-8"),
        ('["x"]'.encode("utf-16"), "a.json:1: not UTF-8"),
        ('["x"]'.encode("utf-16-le"), "a.json:1: NUL (UTF-16? save it as UTF-8)"),
        (b"[" + b"[" * 100_000, "a.json:1: not JSON: nested too deep"),
    ],
)
def test_what_is_no_list_is_told_with_its_line(data, said):
    (problem,) = read(data)[1]
    assert problem.startswith(said)


def test_an_error_is_found_without_reading_to_the_end():
    file = BufferedReader(BytesIO(b'[{"a" 1},' + b'"x",' * CHUNK))
    problems = Problems()
    assert list(Listing().rows(file, "a.json", problems)) == []
    assert problems
    assert file.tell() < CHUNK * 2
