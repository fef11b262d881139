from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import orjson
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from runner.problems import Problems
from runner.rows import found

NOON = datetime.fromisoformat("2026-11-23T12:00:00.250")


def to_parquet(table, path):
    pa.parquet.write_table(table, path.with_suffix(".parquet"), row_group_size=2)


def to_file(table, path):
    with pa.ipc.new_file(path.with_suffix(".arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def to_stream(table, path):
    with pa.ipc.new_stream(path.with_suffix(".arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def to_feather(table, path):
    pa.feather.write_feather(table, path.with_suffix(".feather"))


WRITERS = {"parquet": to_parquet, "file": to_file, "stream": to_stream, "feather": to_feather}


def kept(folder, table, writer="parquet"):
    """The table as a supply of rows."""
    WRITERS[writer](table, folder / "a")
    return found("a.*", folder)


def read(supply):
    problems = Problems()
    return [(place.rpartition("/")[2], values) for place, values in supply.rows(problems)], list(problems)


@pytest.mark.parametrize("writer", WRITERS)
def test_rows_are_the_same_in_every_form_and_counted_from_0(tmp_path, writer):
    table = pa.table({"id": ["a", "b", "c"], "größe": [1, None, 3], "deep": [{"x": [1]}, None, {"x": []}]})
    supply = kept(tmp_path, table, writer)
    found, problems = read(supply)
    assert not problems
    assert [values for _, values in found] == table.to_pylist()
    assert [place.partition(":")[2] for place, _ in found] == ["row 0", "row 1", "row 2"]
    assert supply.count() == 3
    assert [head.columns for head in supply.heads(Problems())] == [("id", "größe", "deep")]
    assert supply.may_have("id")
    assert not supply.may_have("prompt")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_table_without_rows_has_columns(tmp_path, writer):
    supply = kept(tmp_path, pa.table({"prompt": pa.array([], pa.string())}), writer)
    assert read(supply) == ([], [])
    assert supply.count() == 0
    assert [head.columns for head in supply.heads(Problems())] == [("prompt",)]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1.5, float("nan"), float("inf"), None], pa.float64(), [1.5, None, None, None]),
        ([0.5, float("nan")], pa.float32(), [0.5, None]),
        ([[float("nan")], [1.0]], pa.list_(pa.float64()), [[None], [1.0]]),
        ([date(2026, 11, 23)], pa.date32(), ["2026-11-23"]),
        ([NOON], pa.timestamp("ns"), ["2026-11-23T12:00:00.250000"]),
        ([NOON], pa.timestamp("s"), ["2026-11-23T12:00:00"]),
        (
            [NOON.replace(tzinfo=UTC)],
            pa.timestamp("ms", "Europe/Berlin"),
            ["2026-11-23T12:00:00.250000+00:00"],
        ),
        ([[NOON]], pa.list_(pa.timestamp("ns")), [["2026-11-23T12:00:00.250000"]]),
        ([{"at": NOON}], pa.struct([("at", pa.timestamp("ns"))]), [{"at": "2026-11-23T12:00:00.250000"}]),
        ([time(12, 30)], pa.time64("ns"), ["12:30:00"]),
        ([timedelta(minutes=1.5)], pa.duration("ns"), [90.0]),
        ([Decimal("0.10")], pa.decimal128(10, 2), [0.1]),
        ([Decimal(12_345_678_901_234_567)], pa.decimal128(20, 0), [12_345_678_901_234_567]),
        ([[("a", 1.0)]], pa.map_(pa.string(), pa.float64()), [{"a": 1.0}]),
        ([[(1, "a")]], pa.map_(pa.int64(), pa.string()), [{"1": "a"}]),
        ([2**64 - 1], pa.uint64(), [2**64 - 1]),
        ([None], pa.null(), [None]),
        ([UUID(int=1).bytes], pa.uuid(), ["00000000-0000-0000-0000-000000000001"]),
    ],
)
def test_values_become_what_json_has(tmp_path, values, kind, expected):
    found, problems = read(kept(tmp_path, pa.table({"a": pa.array(values, kind)}), "stream"))
    assert not problems
    assert [values["a"] for _, values in found] == expected
    assert orjson.dumps([values for _, values in found])


def test_words_of_a_dictionary_are_texts(tmp_path):
    column = pa.array(["fox", "owl", "fox"]).dictionary_encode()
    assert [values["a"] for _, values in read(kept(tmp_path, pa.table({"a": column})))[0]] == [
        "fox",
        "owl",
        "fox",
    ]


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(),
        pa.large_binary(),
        pa.binary(2),
        pa.list_(pa.binary()),
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    ],
)
def test_columns_of_bytes_are_no_variables(tmp_path, kind):
    supply = kept(tmp_path, pa.table({"prompt": ["a fox"], "image": pa.array([None], kind)}))
    assert read(supply) == ([("a.parquet:row 0", {"prompt": "a fox"})], [])
    (head,) = supply.heads(Problems())
    assert (head.columns, head.useless) == (("prompt",), ("image",))


def test_two_columns_of_one_name_are_an_error(tmp_path):
    supply = kept(tmp_path, pa.table([["x"], ["y"]], names=["a", "a"]))
    found, (problem,) = read(supply)
    assert found == []
    assert str(problem).endswith("a.parquet: there are two columns 'a'")


def test_a_table_of_bytes_alone_is_an_error(tmp_path):
    _, (problem,) = read(kept(tmp_path, pa.table({"image": [b"x"]})))
    assert str(problem).endswith("a.parquet: no column but of bytes: image")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_ends_too_early_is_one_problem(tmp_path, writer):
    kept(tmp_path, pa.table({"a": [str(n) * 100 for n in range(1000)]}), writer)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1500])
    supply = found(path.name, tmp_path)
    _, (problem,) = read(supply)
    assert "cannot be read" in problem.message
    assert supply.count() == 0
