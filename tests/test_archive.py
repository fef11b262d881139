"""`runner archive` and `runner restore`: a batch in one file, and back, each file by its hash."""

import gzip
import hashlib
import io
import re
import tarfile
import time

import pytest
from backports import zstd
from runs import Desk, animals, herd

from runner import archive, compose, load, run
from runner.archive import LIST, Member, Packer, Unsound
from runner.database import QueueError

KILLED = -9


def packed(*members, listed=None):
    """An archive of these names and contents, or one that lists others."""
    file, gathered = io.BytesIO(), io.BytesIO()
    packer = Packer(file, gathered)
    for name, content in members:
        packer.add_bytes(name, content)
    if listed is not None:
        gathered.seek(0)
        gathered.truncate()
        gathered.write(b"".join(member.line() for member in listed))
    packer.close()
    return file.getvalue()


def member(name, content):
    return Member(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())


FOX, OWL = ("outputs/fox.png", b"fox"), ("outputs/a long näme of an owl " + "o" * 120, b"owl" * 500)


def test_what_is_packed_comes_out_as_it_was_with_its_list_last():
    found = {name: content.read() for name, content in archive.contents(io.BytesIO(packed(FOX, OWL)))}
    assert {name: found[name] for name in (FOX[0], OWL[0])} == dict((FOX, OWL))
    assert found[LIST] == member(*FOX).line() + member(*OWL).line()


@pytest.mark.parametrize(
    ("found", "listed", "words"),
    [
        ([FOX, OWL], [FOX, OWL], None),
        ([FOX], [FOX, OWL], "an owl .* is missing"),
        ([OWL], [FOX, OWL], "fox.png is missing"),
        ([FOX, OWL], [FOX], "an owl .* was not packed with it"),
        ([(FOX[0], b"cat")], [FOX], "fox.png is not what was packed"),
    ],
)
def test_the_first_member_that_is_not_as_listed_is_named(found, listed, words):
    lines = [[member(*each).line() for each in some] for some in (found, listed)]
    said = archive.difference(*map(iter, lines))
    assert (said is None) if words is None else re.search(words, said)


def tar_of(name, kind=tarfile.REGTYPE):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    return io.BytesIO(file.getvalue())


@pytest.mark.parametrize(
    "file",
    [
        tar_of("../evil"),
        tar_of("outputs/../../evil"),
        tar_of("/etc/evil"),
        tar_of("outputs/evil", tarfile.SYMTYPE),
        tar_of("outputs/evil", tarfile.LNKTYPE),
        tar_of("outputs/evil", tarfile.FIFOTYPE),
        io.BytesIO(b"no tar at all" * 100),
        io.BytesIO(packed(FOX, OWL)[:3000]),
    ],
)
def test_members_that_lead_outside_links_and_torn_files_are_refused(file):
    with pytest.raises(Unsound):
        assert [archive.read(content) for _, content in archive.contents(file)]


def db_of(desk):
    return str(desk.folder / "runner.db")


async def finished(desk, provider, **manifest):
    desk.write(animals(provider.url, *herd(3), **manifest))
    tally = await run(load(desk.folder / "jobs.yaml"), db=db_of(desk))
    assert tally.succeeded == tally.total


async def test_a_batch_comes_back_as_it_was_after_a_prune_of_all_of_it(desk, provider):
    file = "animals.tar.zst"
    await finished(desk, provider)
    before = {path: (desk.outputs() / path).read_bytes() for path in desk.pictures()}
    show = ("show", "--json", desk.results()[1]["id"])
    shown = (await desk.run(*show)).out
    done = await desk.run("archive", "animals", file, "--json")
    assert (done.status, done.last["jobs"], done.last["files"]) == (0, 3, 3)
    assert done.last["bytes"] == (desk.folder / file).stat().st_size
    compose.prune(db_of(desk), compose.Terms(before=time.time(), outputs=True))
    assert (desk.outputs().exists(), desk.rows("SELECT * FROM jobs")) == (False, [])
    back = await desk.run("restore", file)
    assert (back.status, back.err) == (0, "")
    assert "animals: 3 jobs back, 3 files in " in back.out
    assert {path: (desk.outputs() / path).read_bytes() for path in desk.pictures()} == before
    modes = {path.stat().st_mode & 0o777 for path in (desk.folder / file, *desk.outputs().glob("*.png"))}
    assert modes == {0o600}
    assert (await desk.run(*show)).out == shown
    assert compose.verify(db_of(desk), "animals").is_well
    again = await run(load(desk.folder / "jobs.yaml"), db=db_of(desk))
    assert (again.succeeded, provider.sent) == (3, 3)
    assert sorted(path.name for path in desk.folder.iterdir() if path.name.startswith(".")) == []


async def test_another_folder_with_another_queue_has_it_too_under_another_name(desk, provider, tmp_path):
    await finished(desk, provider)
    compose.archive(db_of(desk), "animals", desk.folder / "a.tar")
    (tmp_path / "there").mkdir()
    (desk.folder / "a.tar").rename(tmp_path / "there" / "a.tar")
    async with Desk.at(tmp_path / "there") as there:
        assert (await there.run("restore", "a.tar")).status == 0
        refused = await there.run("restore", "a.tar")
        assert (refused.status, "there is a batch 'animals' in the queue already: --name" in refused.err) == (
            2,
            True,
        )
        named = await there.run("restore", "a.tar", "--name", "zoo", "--outputs", "elsewhere/zoos", "--json")
        assert named.last["folder"] == str(there.folder / "elsewhere" / "zoos" / "zoo")
        assert all(compose.verify(db_of(there), each).is_well for each in ("animals", "zoo"))
        assert there.rows("SELECT name, pattern FROM batches ORDER BY id") == [
            ("animals", "animals"),
            ("zoo", "zoo"),
        ]
        assert there.rows("SELECT count(*) FROM attempts") == [(6,)]
        assert there.rows("SELECT path FROM batches") == [(None,), (None,)]
        export = await there.run("export", "zoo")
        assert export.status == 0
        assert (
            len((there.folder / "elsewhere" / "zoos" / "zoo" / "results.jsonl").read_text().splitlines()) == 3
        )


async def test_no_place_of_this_machine_is_in_the_archive(desk, provider):
    await finished(desk, provider)
    compose.archive(db_of(desk), "animals", desk.folder / "a.tar")
    assert str(desk.folder).encode() not in (desk.folder / "a.tar").read_bytes()


def contents(path):
    with tarfile.open(path) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar]


def write(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def flipped(content):
    return content[:-1] + bytes([content[-1] ^ 1])


HARMS = {
    "a picture": (
        lambda found: [(n, flipped(c) if n.endswith(".png") else c) for n, c in found],
        "not what was packed",
    ),
    "the rows": (
        lambda found: [(n, flipped(c) if n == "batch.db" else c) for n, c in found],
        "batch.db is not what",
    ),
    "a picture less": (lambda found: [(n, c) for n, c in found if not n.endswith(".png")], "is missing"),
    "a file more": (lambda found: [*found[:-1], ("outputs/more", b""), found[-1]], "was not packed with it"),
    "no list": (lambda found: found[:-1], "it ends before members.jsonl"),
    "after the list": (lambda found: [*found, ("outputs/more", b"")], "comes after its end"),
    "outside": (lambda found: [("../evil", b"x"), *found], "'../evil' is nothing that an archive has"),
    "not ours": (lambda found: [("archive.json", b"[]"), *found[1:]], "archive.json says nothing"),
    "newer": (
        lambda found: [("archive.json", found[0][1].replace(b'"version":1', b'"version":9')), *found[1:]],
        "of version 9, this program knows 1",
    ),
}


async def test_a_damaged_archive_is_refused_with_what_is_wrong_and_nothing_is_changed(
    desk, provider, monkeypatch
):
    await finished(desk, provider)
    compose.archive(db_of(desk), "animals", desk.folder / "a.tar")
    found = contents(desk.folder / "a.tar")
    here = desk.folder / "there"
    here.mkdir()
    monkeypatch.chdir(here)
    for harm, words in HARMS.values():
        write(desk.folder / "b.tar", harm(found))
        with pytest.raises(QueueError, match=words):
            compose.restore("runner.db", desk.folder / "b.tar", compose.Aim())
        assert [*here.iterdir()] == []
    whole = (desk.folder / "a.tar").read_bytes()
    for suffix, pack in ((".gz", gzip.compress), (".zst", zstd.compress)):
        content = pack(whole)
        for torn in (
            content[: len(content) // 2],
            content[:-4],
            content[:500] + flipped(content[500:600]) + content[600:],
        ):
            (desk.folder / f"c.tar{suffix}").write_bytes(torn)
            with pytest.raises(QueueError, match="is damaged, nothing of it was restored"):
                compose.restore("runner.db", desk.folder / f"c.tar{suffix}", compose.Aim())
            assert [*here.iterdir()] == []


async def test_killed_between_files_and_rows_the_next_restore_does_the_rest(desk, provider):
    await finished(desk, provider)
    assert (await desk.run("archive", "animals", "a.tar.zst", crash_at="packed")).status == KILLED
    assert not (desk.folder / "a.tar.zst").exists()
    assert (await desk.run("archive", "animals", "a.tar.zst")).status == 0
    compose.prune(db_of(desk), compose.Terms(before=time.time(), outputs=True))
    assert (await desk.run("restore", "a.tar.zst", crash_at="put")).status == KILLED
    assert (len(desk.results()), desk.rows("SELECT * FROM batches")) == (3, [])
    assert (await desk.run("restore", "a.tar.zst")).status == 0
    assert compose.verify(db_of(desk), "animals").is_well


async def test_only_what_is_whole_and_at_rest_is_packed_and_nothing_is_written_over(
    desk, provider, monkeypatch
):
    await finished(desk, provider)
    monkeypatch.chdir(desk.folder)
    [first, *_] = [desk.outputs() / line["outputs"][0]["path"] for line in desk.results()]
    target = desk.folder / "a.tar.gz"

    def refused(words, batch="animals", path=target):
        with pytest.raises(QueueError, match=words):
            compose.archive("runner.db", batch, path)
        assert [each.name for each in desk.folder.iterdir() if "a.tar" in each.name] == [*there]

    there = []
    refused("an archive is called", path=desk.folder / "a.zip")
    refused("no batch named", batch="zoo")
    kept = first.read_bytes()
    first.write_bytes(b"painted over")
    refused("is missing or changed: `runner verify animals --repair`")
    first.unlink()
    refused("is missing or changed")
    first.write_bytes(kept)
    compose.archive("runner.db", "animals", target)
    there = [target.name]
    refused("is there already, and is not written over")
    with compose.writing("runner.db") as store:
        store.begin_run(store.batch("animals").id, worker="x:1", now=1.0)
        store._mark(store.batch("animals").id, total=4, running=1)
    refused("was left by a kill as it stood", path=desk.folder / "b.tar.gz")


async def test_a_file_that_stands_in_the_way_is_not_written_over(desk, provider, monkeypatch):
    await finished(desk, provider)
    monkeypatch.chdir(desk.folder)
    compose.archive("runner.db", "animals", desk.folder / "a.tar")
    compose.prune("runner.db", compose.Terms(before=1e12))
    first = desk.outputs() / desk.results()[0]["outputs"][0]["path"]
    first.write_bytes(b"painted over")
    with pytest.raises(QueueError, match="is there with another content"):
        compose.restore("runner.db", desk.folder / "a.tar", compose.Aim())
    assert desk.rows("SELECT * FROM batches") == []
    first.unlink()
    assert compose.restore("runner.db", desk.folder / "a.tar", compose.Aim()).files == 3
    assert compose.verify(db_of(desk), "animals").is_well
