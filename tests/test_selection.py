import hashlib
from itertools import islice

import orjson
import pytest

from runner.problems import Problems
from runner.rows import found
from runner.selection import Filter, Selected, sliced

NUMBERS = [{"n": n} for n in range(10)]


def supply(folder, rows=NUMBERS, name="a.jsonl"):
    (folder / name).write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return found(name, folder)


def chosen(folder, rows=NUMBERS, *, where=None, given=None, **steps):
    """The rows that are left, as many as are counted, and what is wrong with the others."""
    given_filter = None if where is None else Filter(where, {"date": "2026-11-23"}, given or {})
    selected = Selected(supply=supply(folder, rows), filter=given_filter, **steps)
    problems = Problems()
    left = [values for _, values in selected.rows(problems)]
    assert problems or selected.count() == len(left)
    return left, [str(each).replace(f"{folder}/", "") for each in problems]


@pytest.mark.parametrize(
    "text", ["2:4", ":3", "3:", ":", "-3:", ":-3", "-4:-2", "::3", "1::2", "8:99", "20:30", "4:2"]
)
def test_rows_are_sliced_as_python_does(tmp_path, text):
    part = slice(*(int(end) if end else None for end in text.split(":")))
    assert sliced(text) == part
    assert chosen(tmp_path, part=sliced(text)) == (NUMBERS[part], [])


@pytest.mark.parametrize("text", ["", "3", "a:b", "1:2:3:4", "1:2:-1", "1 : 2", "1:2:0", "²:3", "1.0:2"])
def test_what_is_no_slice_is_refused(text):
    with pytest.raises(ValueError, match=r"as in Python|a step of 0"):
        sliced(text)


def texts(**columns):
    """Rows as a table has them."""
    return [
        dict(zip(columns, map(str, values), strict=True)) for values in zip(*columns.values(), strict=True)
    ]


@pytest.mark.parametrize(
    ("rows", "where", "kept"),
    [
        ([{"s": 0.4}, {"s": 0.6}, {"s": 1}], "s > 0.5", [1, 2]),
        (texts(s=[0.4, 0.6, 10, 9]), "s > 0.5", [1, 2, 3]),
        (texts(s=[0.4, "1e3", "-2", " 7 "]), "s >= 7", [1, 3]),
        (texts(s=[10, 9, "x"], t=[9, 10, "y"]), "s > t", [0]),
        (texts(s=["007", "7", "7.0"]), "s == 7", [0, 1, 2]),
        (texts(s=["007", "7", "7.0"]), "s == '007'", [0]),
        (texts(s=["007", "7"]), "s in ['7']", [1]),
        (texts(s=["true", "False"]), "s == true", [0]),
        (texts(s=["a", "b"]), "s != 3", [0, 1]),
        (texts(s=["90071992547409930", "90071992547409931"]), "s == 90071992547409931", [1]),
        (texts(s=["", "3", ""]), "s > 0", [1]),
        ([{"s": None}, {"s": 3}], "s > 0", [1]),
        ([{"s": None}, {"s": 3}], "not (s > 0)", []),
        ([{"s": None}, {"s": 3}], "s is none", [0]),
        ([{"s": None}, {"s": 3}], "s and s > 0", [1]),
        ([{}, {"s": 3}], "s is defined and s > 0", [1]),
        ([{"t": ["a"]}, {"t": []}], "'a' in t", [0]),
        ([{"m": {"x": 1}}, {"m": {"x": 2}}], "m.x == 2", [1]),
        ([{"größe": 1}, {"größe": 2}], "größe == 2", [1]),
        ([{"s": "a fox"}, {"s": "an owl"}], "'fox' in s and s | length < 9", [0]),
        (texts(day=["2026-11-22", "2026-11-23"]), "day >= date", [1]),
        (texts(s=[0.4, 0.6]), "s > least", [1]),
        (texts(s=[0.4, 0.6], least=[0.9, 0.9]), "s > least", [1]),
        (texts(date=["2020-01-01", "2026-11-23"]), "date < '2021'", [0]),
        ([{"s": 1}], "false", []),
    ],
)
def test_a_filter_keeps_the_rows_that_it_is_true_of(tmp_path, rows, where, kept):
    given = {"least": "0.5"}
    assert chosen(tmp_path, rows, where=where, given=given) == ([rows[at] for at in kept], [])


@pytest.mark.parametrize(
    ("rows", "where", "said"),
    [
        ([{"s": "high"}, {"s": "1"}], "s > 0.5", "a.jsonl:1: where: 'high' is no number"),
        ([{"s": 1}, {}], "s > 0.5", "a.jsonl:2: where: 's' is undefined"),
        (
            [{"s": 1}, {"s": [1]}],
            "s > 0.5",
            "a.jsonl:2: where: '>' not supported between instances of 'list'",
        ),
        ([{"s": "false"}], "s", "a.jsonl:1: where: 'false' is neither true nor false: compare it"),
        ([{"s": 1}], "s / 0 > 1", "a.jsonl:1: where: division by zero"),
        ([{"s": 9}], "s ** 9999999 > 1", "a.jsonl:1: where: the result of ** would be too large"),
    ],
)
def test_a_row_of_which_a_filter_can_say_nothing_is_told_of(tmp_path, rows, where, said):
    (found,) = chosen(tmp_path, rows, where=where)[1]
    assert found.startswith(said)


def test_the_order_is_slice_filter_shuffle_take(tmp_path):
    left, _ = chosen(tmp_path, where="n % 2 == 0", part=slice(2, None), seed=1, most=2)
    whole, _ = chosen(tmp_path, where="n % 2 == 0", part=slice(2, None), seed=1)
    assert left == whole[:2]
    assert sorted(row["n"] for row in whole) == [2, 4, 6, 8]


def test_a_shuffle_is_the_order_that_the_reference_says(tmp_path):
    rows = [{"b": "ü", "a": n % 3} for n in range(9)]

    def rank(at):
        text = b'7\n{"a":%d,"b":"\xc3\xbc"}' % rows[at]["a"] + (b"\n%d" % (at // 3 + 1) if at >= 3 else b"")
        return hashlib.sha256(text).hexdigest()

    assert chosen(tmp_path, rows, seed=7)[0] == [rows[at] for at in sorted(range(9), key=rank)]


def test_another_seed_is_another_order(tmp_path):
    orders = {orjson.dumps(chosen(tmp_path, seed=seed)[0]) for seed in (-1, 0, 1, 2)}
    assert len(orders) == 4


def test_rows_that_come_later_leave_the_others_in_their_order(tmp_path):
    before, _ = chosen(tmp_path, seed=3)
    after, _ = chosen(tmp_path, [{"n": 99}, *NUMBERS, {"n": 98}], seed=3)
    assert [row for row in after if row["n"] < 90] == before


def test_places_stay_with_their_rows(tmp_path):
    shuffled = Selected(supply=supply(tmp_path), seed=3)
    for place, values in shuffled.rows(Problems()):
        assert place == f"{tmp_path}/a.jsonl:{values['n'] + 1}"


def test_a_shuffle_that_nobody_reads_to_its_end_leaves_nothing(tmp_path):
    rows = Selected(supply=supply(tmp_path), seed=3).rows(Problems())
    assert len(list(islice(rows, 2))) == 2
    rows.close()


def test_a_bad_row_is_told_of_before_a_shuffle_too(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"n": 1}\n{"n"}\n')
    problems = Problems()
    list(Selected(supply=found("b.jsonl", tmp_path), seed=1).rows(problems))
    assert [each.where for each in problems] == [f"{tmp_path}/b.jsonl:2:5"]
