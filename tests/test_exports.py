import csv
import json
import random
import shutil
import subprocess
import sys
import tarfile
from fractions import Fraction

import pytest
import yaml
from albums import Album, words
from PIL import Image
from rows import job, kept
from runs import ENVIRONMENT, ROOT
from small_disk import grow, small_disk

from runner import compose, results
from runner.compose.shaping import Wanted
from runner.exports import condition, placing, size, splits
from runner.exports.columns import Noted, Type
from runner.exports.condition import Condition
from runner.exports.refusal import Missing, Refusal
from runner.exports.sample import Sample, names
from runner.files import Unwritable
from runner.job import State
from runner.outcome import Cause

AWKWARD = 'two\r\nlines, "quoted"\t🦊 \u2028 \x00'


@pytest.fixture
def album(tmp_path):
    return Album(tmp_path)


def export(album, form, **wanted):
    return compose.export(album.db, album.name, Wanted(format=form, **wanted))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def mixed(album):
    """A batch of everything."""
    album.add("a/b.c", album.picture("fox.png"), values={"n": 1, "w": AWKWARD}, params={"seed": 7, "s": 1})
    album.add(
        "two", album.picture("two-0.png"), album.picture("two-1.png", "blue", index=1), values={"n": "x"}
    )
    album.add("words", words(AWKWARD, finish_reason="stop"), values={"n": 2.5}, params={"s": 0.5})
    album.add("vector", words("[0.5,-1.25]", kind="embedding"))
    album.add("call", words('[{"id":"c1"}]', kind="tool_calls"))
    album.add("bad", state=State.FAILED, cause=Cause.BLOCKED, message="no\tway")
    return album.close()


def sample(**fields):
    return Sample(**{"batch": "animals", "job": job(), "sending": None, "group": "a" * 64, **fields})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train=1", [("train", 1)]),
        ("train=0.9,test=0.1", [("train", Fraction(9, 10)), ("test", 1)]),
        (" a=1/3, b=1/3 ", [("a", Fraction(1, 3)), ("b", Fraction(2, 3))]),
    ],
)
def test_splits_are_ranges_in_the_order_given(text, expected):
    assert list(splits.parsed(text).ends) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train", "no share"),
        ("train=0", "no share"),
        ("train=-1", "no share"),
        ("train=half", "no share"),
        ("train=1/0", "no share"),
        ("train=0.9,test=0.2", "more than the whole"),
        ("train=0.5,train=0.5", "stands twice"),
        ("../up=1", "no name"),
        ("a-b=1", "no name"),
    ],
)
def test_what_is_no_split_is_refused(text, words):
    with pytest.raises(Refusal, match=words):
        splits.parsed(text)


def test_a_key_has_its_split_for_ever():
    halves = splits.parsed("train=0.5,test=0.25")
    places = {"0" * 64: "train", "7" + "f" * 63: "train", "8" + "0" * 63: "test", "c" + "0" * 63: None}
    assert {key: halves.of(key) for key in places} == places


def test_samples_of_one_request_share_a_key(album):
    for name in ("first", "second", "third"):
        album.add(name, body={"prompt": "the same"})
    first, second, third = album.jobs
    assert len({first.key, second.key, third.key}) == 3
    dialects = {"nebula": "nebula-images"}
    rows = [
        job(**{name: getattr(each, name) for name in ("key", "model", "sample", "body")})
        for each in album.jobs
    ]
    assert {splits.shared_key(each, dialects) for each in rows} == {first.key}
    assert splits.shared_key(rows[1], {}) == second.key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10000", size.Size(samples=10_000)),
        ("500MB", size.Size(bytes=500_000_000)),
        ("1.5 gb", size.Size(bytes=1_500_000_000)),
        ("64MiB", size.Size(bytes=64 << 20)),
        ("10B", size.Size(bytes=10)),
    ],
)
def test_sizes_are_samples_or_bytes(text, expected):
    assert size.parsed(text) == expected


@pytest.mark.parametrize("text", ["", "0", "0.1", "-5", "many", "5 fish", "10%"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(Refusal, match="--shard-size"):
        size.parsed(text)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("state == 'succeeded'", True),
        ("width == 64 and kind == 'image'", True),
        ("params.width > 64", False),
        ("vars.animal.startswith('red')", True),
        ("cost_usd > 0.001 and attempts < 2", True),
        ("seed == 7", True),
        ("text", None),
        ("outputs | length", 1),
    ],
)
def test_an_expression_knows_the_fields_of_a_line_and_of_its_output(expression, holds):
    one = sample(job=job(body=b'{"prompt":"a","seed":7}', outputs=(kept(),)), outputs=(kept(),))
    assert Condition("--where", expression).of(one) == holds


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("colour == 1", "there is no 'colour'"),
        ("widht > 1", "Did you mean 'width'"),
        ("width >", "not a template"),
        ("width }} {{ height", "not one expression"),
        ("''.__class__.__mro__", "access to attribute"),
        ("width > none", "not supported between"),
    ],
)
def test_an_expression_that_cannot_be_is_one_clear_error(expression, words):
    with pytest.raises(Refusal, match=words):
        Condition("--where", expression).of(sample(outputs=(kept(),)))


def test_every_name_that_an_expression_may_use_is_there():
    assert set(names(sample(outputs=()))) == set(condition.KNOWN)
    assert list(results.job("animals", job())) == list(condition.JOB)


def test_types_are_those_that_all_rows_agree_on():
    noted = Noted()
    rows = [
        {"i": 1, "f": 1, "m": 1, "b": True, "n": None, "l": [1]},
        {"i": 2, "f": 0.5, "m": "x", "big": 2**63},
    ]
    for values in rows:
        noted.note(sample(job=job(params=b"{}", vars=json.dumps(values).encode())))
    columns = noted.columns()
    found = {name[1]: kind for name, kind in columns.told if name[0] == "vars"}
    assert found == {
        "i": Type.INT,
        "f": Type.FLOAT,
        "m": Type.JSON,
        "b": Type.BOOL,
        "n": Type.TEXT,
        "l": Type.JSON,
        "big": Type.JSON,
    }
    assert ("vars", "i") in columns.steady
    assert columns.sparse >= {("vars", "b"), ("vars", "l"), ("vars", "big")}
    assert ("vars", "n") not in columns.steady | columns.sparse


def test_too_many_names_make_one_column_of_json():
    noted = Noted()
    for index in range(600):
        noted.note(sample(job=job(vars=json.dumps({f"v{index}": index}).encode())))
    told = dict(noted.columns().told)
    assert told["vars",] is Type.JSON
    assert not any(len(name) > 1 and name[0] == "vars" for name in told)


def test_a_row_tells_the_request_as_it_was_sent(album):
    album.add("fox", words("x"), body={"prompt": "a", "input": {"seed": 1}}, seed=99)
    album.close()
    done = export(album, "csv", target=album.folder / "out.csv")
    [line] = csv.DictReader(done.path.read_text().splitlines())
    assert (line["seed"], json.loads(line["request"])["input"]["seed"]) == ("99", 99)


def test_csv_holds_whatever_a_text_does(album):
    mixed(album)
    done = export(album, "csv", target=album.folder / "out.csv", states=(State.SUCCEEDED, State.FAILED))
    with done.path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["id"] for line in lines] == ["a/b.c", "two", "two", "words", "vector", "call", "bad"]
    assert lines[0]["vars.w"] == lines[3]["text"] == AWKWARD
    assert [line["path"] for line in lines[:3]] == [
        f"outputs/animals/{n}" for n in ("fox.png", "two-0.png", "two-1.png")
    ]
    assert json.loads(lines[4]["embedding"]) == [0.5, -1.25]
    assert (lines[6]["cause"], lines[6]["message"], lines[6]["text"]) == ("blocked", "no\tway", "")
    assert [json.loads(line["vars.n"] or "null") for line in lines] == [1, "x", "x", 2.5, None, None, None]


def test_jsonl_with_a_filter_has_the_lines_of_results_jsonl(album):
    mixed(album)
    whole = compose.results(album.db, album.name, album.folder / "all.jsonl").read_bytes().splitlines()
    done = export(album, "jsonl", target=album.folder / "some.jsonl", where=Condition("--where", "cause"))
    assert done.path.read_bytes().splitlines() == [line for line in whole if b'"blocked"' in line]


def test_shards_and_splits_hold_every_sample_once_and_keep_it_as_jobs_are_added(tmp_path):
    placed = []
    for number in (40, 80):
        album = Album(tmp_path / str(number))
        for index in range(number):
            album.add(f"j{index}", words("x"))
        album.close()
        wanted = {"splits": splits.parsed("train=0.5,test=0.3"), "size": size.parsed("7")}
        done = export(album, "jsonl", target=album.folder / "out", **wanted)
        found = {}
        for path in (done.path / "data").iterdir():
            lines = path.read_text().splitlines()
            assert 1 <= len(lines) <= 7
            found |= {json.loads(line)["id"]: path.name.partition("-")[0] for line in lines}
        assert len(found) == sum(done.splits.values()) == number - done.left_out
        placed.append(found)
    before, after = placed
    assert 0 < len(before) < 40
    assert {name: after.get(name) for name in before} == before


def test_a_shard_of_bytes_is_about_so_large(album):
    for index in range(10):
        album.add(f"j{index}", words("x" * 10_000))
    album.close()
    done = export(album, "csv", target=album.folder / "out", size=size.parsed("32kB"))
    sizes = sorted(path.stat().st_size for path in (done.path / "data").iterdir())
    assert len(sizes) == 4
    assert all(25_000 < each < 32_000 for each in sizes[1:])


def test_a_folder_has_a_card(album):
    mixed(album)
    done = export(album, "csv", target=album.folder / "out", splits=splits.parsed("train=0.5,test=0.5"))
    card = (done.path / "README.md").read_text()
    _, front, body = card.split("---\n", 2)
    assert front.startswith("license: unknown  # fill in\n")
    told = yaml.safe_load(front)
    assert told["size_categories"] == ["n<1K"]
    assert {each["name"]: each["num_examples"] for each in told["dataset_info"]["splits"]} == done.splits
    assert "`sdxl` (5 jobs)" in body
    assert "Cost: $0.0190" in body
    assert "from `jobs.yaml`" in body
    assert "/home/ann" not in card


def test_a_licence_that_is_named_stands_on_the_card(album):
    mixed(album)
    done = export(album, "csv", target=album.folder / "out", licence="cc0-1.0")
    assert (done.path / "README.md").read_text().startswith("---\nlicense: cc0-1.0\n")


def test_what_is_there_is_never_written_over_unless_it_is_said(album):
    mixed(album)
    target = album.folder / "out"
    export(album, "csv", target=target)
    before = (target / "README.md").stat().st_ino
    with pytest.raises(Refusal, match="--overwrite"):
        export(album, "csv", target=target)
    assert (target / "README.md").stat().st_ino == before
    export(album, "jsonl", target=target, overwrite=True)
    assert files(target) == [".export.json", "README.md", "data/train-00000-of-00001.jsonl"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_that_is_no_export_is_left_alone(album, overwrite):
    mixed(album)
    target = album.folder / "photos"
    target.mkdir()
    (target / "mine.png").write_bytes(b"x")
    with pytest.raises(Refusal, match="photos"):
        export(album, "csv", target=target, overwrite=overwrite)
    assert files(target) == ["mine.png"]
    assert [path.name for path in album.folder.iterdir() if path.name.startswith(".")] == []


def test_a_file_is_replaced_only_if_it_is_said(album):
    mixed(album)
    target = album.folder / "out.csv"
    target.write_text("mine")
    with pytest.raises(Refusal, match="--overwrite"):
        export(album, "csv", target=target)
    assert target.read_text() == "mine"
    assert len(export(album, "csv", target=target, overwrite=True).path.read_text()) > 100


def build_file(target, error=None, *, meanwhile=lambda: None):
    with placing.file(target, overwrite=False) as part:
        part.write_text("ours")
        meanwhile()
        if error is not None:
            raise error


def build_folder(target, error=None, *, mark=b"mark", overwrite=False):
    with placing.folder(target, mark, overwrite=overwrite) as top:
        (top / "data").mkdir()
        if error is not None:
            raise error


def test_a_file_that_came_meanwhile_is_not_written_over(tmp_path):
    target = tmp_path / "out.csv"
    with pytest.raises(Refusal, match="there already"):
        build_file(target, meanwhile=lambda: target.write_text("theirs"))
    assert (target.read_text(), files(tmp_path)) == ("theirs", ["out.csv"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, Refusal])
@pytest.mark.parametrize("build", [build_file, build_folder])
def test_what_is_stopped_before_its_first_shard_leaves_nothing(tmp_path, build, error):
    with pytest.raises(error):
        build(tmp_path / "out", error)
    assert list(tmp_path.iterdir()) == []


async def test_a_killed_export_leaves_no_half_and_goes_on_where_it_was(album, desk):
    for index in range(20):
        album.add(f"j{index}", words("x"))
    album.close()
    command = ("export", "animals", "out", "--to", "csv", "--shard-size", "4", "--json")
    killed = await desk.run(*command, crash_at="shard:3")
    assert killed.status == -9
    assert not (desk.folder / "out").exists()
    finished = files(desk.folder / ".out.part" / "data")
    assert len(finished) == 3
    times = {name: (desk.folder / ".out.part" / "data" / name).stat().st_mtime_ns for name in finished}
    done = await desk.run(*command)
    assert (done.last["resumed"], done.last["shards"], done.last["samples"]) == (3, 5, 20)
    assert {name: (desk.folder / "out" / "data" / name).stat().st_mtime_ns for name in finished} == times
    told = [
        line
        for path in sorted((desk.folder / "out" / "data").iterdir())
        for line in path.read_text().splitlines()
    ]
    assert len(told) == 25
    assert not (desk.folder / ".out.part").exists()


def test_what_was_begun_for_other_content_is_begun_anew(tmp_path):
    def begin(mark):
        with placing.folder(tmp_path / "out", mark, overwrite=False) as top:
            there = placing.is_done(top, ["a/1"])
            placing.shard(top, ["a/1"], lambda paths: paths[0].write_bytes(mark))
            raise KeyboardInterrupt(there)

    for mark, there in ((b"one", False), (b"one", True), (b"two", False)):
        with pytest.raises(KeyboardInterrupt) as stopped:
            begin(mark)
        assert stopped.value.args == (there,)
    assert files(tmp_path) == [".out.part/.export.json", ".out.part/a/1"]


def test_two_exports_to_one_place_do_not_meet(tmp_path):
    with placing.folder(tmp_path / "out", b"one", overwrite=False):
        with pytest.raises(Refusal, match="another export"):
            build_folder(tmp_path / "out", mark=b"two")
        assert (tmp_path / ".out.part" / placing.MARK).read_bytes() == b"one"
    assert (tmp_path / "out" / placing.MARK).read_bytes() == b"one"


def test_an_export_that_was_killed_while_it_took_its_place_is_put_back(tmp_path):
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / placing.MARK).write_bytes(b"old")
    with pytest.raises(Refusal, match="--overwrite"):
        build_folder(tmp_path / "out")
    assert files(tmp_path) == ["out/.export.json"]
    (tmp_path / ".out.old").mkdir()
    build_folder(tmp_path / "out", mark=b"new", overwrite=True)
    assert (tmp_path / "out" / placing.MARK).read_bytes() == b"new"
    assert not (tmp_path / ".out.old").exists()


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_a_picture_that_is_not_there_is_named_or_skipped(album, harm):
    mixed(album)
    path = album.outputs / "two-0.png"
    path.unlink() if harm == "gone" else path.write_bytes(b"other")
    with pytest.raises(Missing, match=r"two-0\.png .*runner verify animals"):
        export(album, "parquet", target=album.folder / "out")
    assert not (album.folder / "out").exists()
    done = export(album, "parquet", target=album.folder / "out", skip_missing=True)
    assert (done.missing, done.splits) == (1, {"train": 5})


def test_a_picture_of_the_same_size_that_is_another_is_found_out(album):
    mixed(album)
    path = album.outputs / "fox.png"
    path.write_bytes(bytes(reversed(path.read_bytes())))
    with pytest.raises(Missing, match=r"fox\.png was changed"):
        export(album, "parquet", target=album.folder / "out.parquet")
    assert not (album.folder / "out.parquet").exists()


@pytest.mark.parametrize(
    ("name", "wanted", "words"),
    [
        ("csv", {"target": "x.csv", "splits": splits.parsed("a=0.5,b=0.5")}, "one file"),
        ("csv", {"target": "x.csv", "size": size.parsed("3")}, "one file"),
        ("csv", {"prefer": Condition("--prefer", "width")}, "--prefer"),
        ("csv", {"where": Condition("--where", "width > 9000 if width else false")}, "nothing is there"),
        ("csv", {"states": (State.CANCELLED,)}, "nothing is there"),
        ("csv", {"where": Condition("--where", "width > 1")}, "NoneType"),
    ],
)
def test_what_cannot_be_had_is_said(album, name, wanted, words):
    mixed(album)
    target = wanted.pop("target", None)
    with pytest.raises(Refusal, match=words):
        export(album, name, target=album.folder / (target or "out"), **wanted)
    assert files(album.folder / "out") == []


@pytest.mark.parametrize("name", ["csv", "parquet", "jsonl"])
def test_a_full_disk_is_one_clear_error_and_a_finished_shard_is_kept(album, tmp_path, name):
    noise = random.Random(0)
    for index in range(40):
        album.add(f"j{index}", words(noise.randbytes(50_000).hex()))
    album.close()
    with small_disk(tmp_path / "disk", "1m") as disk:
        for target in (disk / f"out.{name}", disk / "out"):
            cut = {} if target.suffix else {"size": size.parsed("5")}
            with pytest.raises(Unwritable, match="disk full"):
                export(album, name, target=target, **cut)
            assert not target.exists()
        assert 1 <= len([each for each in files(disk) if "data" in each]) <= 3
        grow(disk, "16m")
        assert export(album, name, target=disk / "out", size=size.parsed("5")).resumed >= 1


def test_a_library_that_is_missing_is_one_clear_error(album):
    mixed(album)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from runner import cli; sys.argv = ['runner', 'export', '--to', 'parquet']; cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=album.folder,
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "Parquet needs pyarrow: pip install 'runner[parquet]'\n"
    assert sorted(each.name for each in album.folder.iterdir() if "animals" in each.name) == []


def test_pictures_of_a_folder_are_links_or_on_another_disk_copies(album, tmp_path):
    mixed(album)
    with small_disk(tmp_path / "disk") as disk:
        for target, links in ((tmp_path / "near", 2), (disk / "far", 1)):
            done = export(album, "imagefolder", target=target)
            assert done.splits == {"train": 3}
            picture = done.path / "train" / "fox.png"
            assert picture.read_bytes() == (album.outputs / "fox.png").read_bytes()
            assert picture.stat().st_nlink == links
            lines = [
                json.loads(line) for line in picture.with_name("metadata.jsonl").read_bytes().splitlines()
            ]
            assert [line["file_name"] for line in lines] == ["fox.png", "two-0.png", "two-1.png"]
            assert {name: None for line in lines for name in line} == dict.fromkeys(lines[0])
            shutil.rmtree(target)


def test_pictures_in_subfolders_keep_them(album):
    album.add("a", album.picture("ab/a.png"))
    done = export(album.close(), "imagefolder", target=album.folder / "out")
    assert files(done.path / "train") == ["ab/a.png", "metadata.jsonl"]


def test_pictures_of_several_kinds_are_called_alike_in_a_tar(album):
    album.add("one", album.picture("a.jpg"))
    album.add("two", album.picture("b.webp"))
    done = export(album.close(), "webdataset", target=album.folder / "out.tar")
    with tarfile.open(done.path) as tar:
        names = tar.getnames()
        found = [Image.open(tar.extractfile(name)).format for name in names if name.endswith(".jpg")]
    assert [name.partition(".")[2] for name in names] == ["jpg", "txt", "json"] * 2
    assert found == ["JPEG", "WEBP"]


def test_a_tar_holds_pictures_or_texts_and_says_how_to_choose(album):
    mixed(album)
    with pytest.raises(Refusal, match="not image and text: choose by --where"):
        export(album, "webdataset", target=album.folder / "out")
    done = export(
        album, "webdataset", target=album.folder / "out", where=Condition("--where", "kind == 'text'")
    )
    assert done.splits == {"train": 1}


def test_a_joblog_is_a_file_where_no_path_is_given(album, monkeypatch):
    mixed(album)
    monkeypatch.chdir(album.folder)
    assert export(album, "joblog").path == album.folder / "animals.joblog"
    assert export(album, "csv").path == album.folder / "animals-csv"
