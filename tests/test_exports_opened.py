"""Exports opened by the programs that they are made for."""

import gc
import json
import os
import warnings
from importlib import import_module

import duckdb
import pandas as pd
import pytest
import webdataset
from albums import Album, words
from pyarrow import parquet

from runner import compose
from runner.compose.shaping import Wanted
from runner.exports import size, splits
from runner.exports.condition import Condition
from runner.job import State
from runner.outcome import Cause

AWKWARD = 'two\r\nlines, "quoted"\t🦊 \u2028'
HALVES = splits.parsed("train=0.5,test=0.5")


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """The library, told where to keep what it makes, and that there is no network."""
    home = str(tmp_path_factory.mktemp("home"))
    os.environ |= {"HF_HOME": home, "HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    return import_module("datasets")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Twenty jobs of one picture, one of two, and a failed one."""
    album = Album(tmp_path_factory.mktemp("pictures"))
    for index in range(20):
        values = {"n": index, "either": index if index % 2 else AWKWARD, "late": index / 2 if index else 3}
        params = {"width": 32, "sizes": [1, 2]} | ({"seed": index} if index > 9 else {})
        album.add(f"a/b.{index}", album.picture(f"{index}.png", (index, 0, 0)), values=values, params=params)
    album.add("two", album.picture("two-0.png"), album.picture("two-1.png", "blue", index=1))
    album.add("bad", state=State.FAILED, cause=Cause.BLOCKED, message="no\tway\n")
    return album.close()


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    album = Album(tmp_path_factory.mktemp("texts"))
    for index in range(6):
        album.add(f"t{index}", words(f"{AWKWARD} {index}", finish_reason="stop"), prompt=f"say, {index}\n")
    album.add("vector", words("[0.5,-1.25]", kind="embedding"))
    album.add("call", words('[{"id":"c1"}]', kind="tool_calls"))
    return album.close()


def export(album, form, **wanted):
    return compose.export(album.db, album.name, Wanted(format=form, **wanted))


def check_pictures(loaded, splits, column="image"):
    """Each is the one that its row says it is."""
    assert {name: len(rows) for name, rows in loaded.items()} == splits
    assert sum(splits.values()) == 22
    rows = [row for name in loaded for row in loaded[name]]
    assert {row[column].size for row in rows} == {(32, 24)}
    assert {row[column].getpixel((0, 0))[0] for row in rows if row["id"].startswith("a/b")} == {*range(20)}


def test_parquet_is_pictures_to_datasets(pictures, datasets, tmp_path):
    done = export(pictures, "parquet", target=tmp_path / "set", splits=HALVES, size=size.parsed("5"))
    assert done.shards > 4
    for loaded in (
        datasets.load_dataset(str(done.path)),
        datasets.load_dataset("parquet", data_dir=str(done.path)),
    ):
        check_pictures(loaded, done.splits)
        assert isinstance(loaded["train"].features["image"], datasets.Image)
        rows = {row["id"]: row for row in [*loaded["train"], *loaded["test"]]}
        assert json.loads(rows["a/b.2"]["vars"]["either"]) == AWKWARD
        assert (rows["a/b.3"]["vars"]["n"], rows["a/b.3"]["vars"]["late"]) == (3, 1.5)
        assert rows["two"]["vars"] == {"n": None, "either": None, "late": None}
        assert rows["a/b.12"]["params"] == {"width": 32, "sizes": "[1,2]", "seed": 12}


def test_parquet_is_a_table_to_everybody(texts, tmp_path):
    path = export(texts, "parquet", target=tmp_path / "t.parquet").path
    table = parquet.read_table(path)
    assert str(table.schema.field("embedding").type) == "list<element: float>"
    assert table.column("embedding").to_pylist()[6:] == [[0.5, -1.25], None]
    assert table.column("tool_calls").to_pylist()[-1] == '[{"id":"c1"}]'
    assert parquet.read_metadata(path).num_rows == 8
    asked = "SELECT count(*), max(text), sum(cost_usd), max(started_at) FROM read_parquet(?)"
    [(count, text, cost, when)] = duckdb.execute(asked, [str(path)]).fetchall()
    assert (count, text, when.year) == (8, f"{AWKWARD} 5", 2026)
    assert cost == pytest.approx(8 * 0.0038)
    frame = pd.read_parquet(path)
    assert list(frame["id"])[:2] == ["t0", "t1"]
    assert frame["started_at"].dt.year.unique().tolist() == [2026]


def test_csv_and_jsonl_are_tables_to_everybody(texts, pictures, datasets, tmp_path):
    path = export(texts, "csv", target=tmp_path / "t.csv").path
    assert list(pd.read_csv(path)["text"])[:6] == [f"{AWKWARD} {index}" for index in range(6)]
    found = duckdb.execute("SELECT text FROM read_csv(?) WHERE text IS NOT NULL", [str(path)]).fetchall()
    assert [text for (text,) in found] == [f"{AWKWARD} {index}" for index in range(6)]
    folder = export(texts, "csv", target=tmp_path / "csv", splits=HALVES)
    assert {
        name: len(rows) for name, rows in datasets.load_dataset(str(folder.path)).items()
    } == folder.splits
    lines = export(pictures, "jsonl", target=tmp_path / "jsonl", splits=HALVES)
    asked = "SELECT count(*), count(cause) FROM read_json(?)"
    assert duckdb.execute(asked, [f"{lines.path}/data/*.jsonl"]).fetchall() == [(22, 1)]
    assert len(pd.read_json(next(lines.path.glob("data/train*")), lines=True)) == lines.splits["train"]


def test_imagefolder_is_pictures_to_datasets(pictures, datasets, tmp_path):
    done = export(pictures, "imagefolder", target=tmp_path / "set", splits=HALVES, size=size.parsed("4"))
    folder = str(done.path)
    for loaded in (datasets.load_dataset(folder), datasets.load_dataset("imagefolder", data_dir=folder)):
        check_pictures(loaded, done.splits)
        row = next(row for row in loaded["train"] if row["id"].startswith("a/b"))
        assert row["prompt"] == f"a picture of {row['id']}"
        assert json.loads(row["more"])["vars"]["n"] == int(row["id"].removeprefix("a/b."))
        assert isinstance(loaded["train"].features["image"], datasets.Image)
    whole = export(pictures, "imagefolder", target=tmp_path / "whole").path
    assert len(datasets.load_dataset(str(whole))["train"]) == 22


def unpacked(*shards):
    """By the library of that name, which leaves files to be closed by themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        samples = list(webdataset.WebDataset([*map(str, shards)], shardshuffle=False).decode("pil"))
        gc.collect()
    return samples


def test_webdataset_is_samples_to_everybody(pictures, datasets, tmp_path):
    done = export(pictures, "webdataset", target=tmp_path / "set", splits=HALVES, size=size.parsed("4"))
    folder = str(done.path)
    for loaded in (datasets.load_dataset(folder), datasets.load_dataset("webdataset", data_dir=folder)):
        assert {name: len(rows) for name, rows in loaded.items()} == done.splits
        assert isinstance(loaded["train"].features["png"], datasets.Image)
        assert loaded["train"][0]["png"].size == (32, 24)
        assert loaded["train"][0]["txt"] == f"a picture of {loaded['train'][0]['json']['id']}"
    samples = unpacked(*done.path.glob("*.tar"))
    assert {sample["png"].size for sample in samples} == {(32, 24)}
    assert all(sample["__key__"].startswith(sample["json"]["key"]) for sample in samples)
    assert all(sample["json"]["prompt"] == sample["txt"] for sample in samples)
    assert len({sample["__key__"] for sample in samples}) == 22


def test_webdataset_holds_texts_too(texts, datasets, tmp_path):
    done = export(texts, "webdataset", target=tmp_path / "t.tar")
    assert [sample["txt"] for sample in unpacked(done.path)] == [f"{AWKWARD} {index}" for index in range(6)]
    assert datasets.load_dataset("webdataset", data_files=str(done.path))["train"][5]["txt"] == f"{AWKWARD} 5"


def test_img2dataset_is_shards_with_tables(pictures, datasets, tmp_path):
    states = (State.SUCCEEDED, State.FAILED)
    done = export(pictures, "img2dataset", target=tmp_path / "set", states=states, size=size.parsed("15"))
    names = [f"0000{shard}{end}" for shard in (0, 1) for end in (".parquet", ".tar", "_stats.json")]
    assert sorted(each.name for each in done.path.glob("0*")) == names
    stats = [json.loads((done.path / f"0000{shard}_stats.json").read_bytes()) for shard in (0, 1)]
    assert [each["count"] for each in stats] == [15, 8]
    assert stats[1]["status_dict"] == {"success": 7, "blocked": 1}
    assert stats[1]["failed_to_download"] == 1
    frame = pd.concat(pd.read_parquet(done.path / f"0000{shard}.parquet") for shard in (0, 1))
    assert list(frame["key"]) == [f"0000{index // 15}{index % 15:04}" for index in range(23)]
    assert list(frame["status"]) == ["success"] * 22 + ["failed_to_download"]
    assert frame["error_message"].iloc[-1] == "blocked: no\tway\n"
    samples = unpacked(*(done.path / f"0000{shard}.tar" for shard in (0, 1)))
    assert [sample["__key__"] for sample in samples] == list(frame["key"])[:22]
    assert all(
        sample["json"]["caption"] == sample["txt"] and sample["png"].size == (32, 24) for sample in samples
    )
    assert len(datasets.load_dataset(str(done.path))["train"]) == 22


def test_lines_for_training_are_columns_to_datasets(tmp_path, datasets):
    album = Album(tmp_path)
    for index in range(4):
        for text in ("short", f"a longer answer {index}"):
            album.add(f"{index} {text}", words(text), body={"prompt": f"say {index}"}, prompt=f"say {index}")
    album.close()
    prefer = Condition("--prefer", "text | length")
    for form, columns in (("chat", 1), ("completion", 2), ("preference", 3)):
        done = export(album, form, target=tmp_path / form, **({"prefer": prefer} if columns == 3 else {}))
        rows = datasets.load_dataset(str(done.path))["train"]
        assert (len(rows), len(rows.column_names)) == (4 if columns == 3 else 8, columns)
