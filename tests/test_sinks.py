import asyncio
import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import canned
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from runner.files import Unwritable
from runner.job import State
from runner.outcome import Artifact, Cause, Failed, Fault, Output, Then
from runner.retry import Policy, settle
from runner.sinks import Folder, Waiting

KEY = "ab" * 32
CLAIM = replace(canned.claim(b"{}"), key=KEY)


def picture(colour="red", kind="PNG"):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, kind)
    return file.getvalue()


def answer(*pictures):
    return Output(
        artifacts=tuple(Artifact(kind="image", index=at, data=data) for at, data in enumerate(pictures))
    )


def plain(root):
    return Folder(root / "outputs" / "animals", spread=False)


def files(folder):
    """Path → content of everything below the folder but its journal."""
    paths = (path for path in folder.root.rglob("*") if not path.is_dir() and path.name != ".journal")
    return {str(path.relative_to(folder.root)): path.read_bytes() for path in paths}


async def kept_and_named(folder, output, claim=CLAIM):
    kept = await folder.keep(claim, output)
    return await folder.name(claim.key, claim.attempt, kept)


# What is kept


async def test_a_picture_is_pending_until_it_is_named(tmp_path):
    folder = plain(tmp_path)
    kept = await folder.keep(CLAIM, answer(picture()))
    assert files(folder) == {f".pending/{KEY}-1-0of1.png": picture()}
    assert await folder.name(KEY, 1, kept) == kept
    assert files(folder) == {"fox.png": picture()}


async def test_the_row_of_a_picture_says_what_the_file_is(tmp_path):
    artifact = Artifact(
        kind="image", index=0, data=picture(), finish_reason="stop", revised_prompt="a red fox"
    )
    (row,) = await plain(tmp_path).keep(CLAIM, Output(artifacts=(artifact,)))
    assert (row.kind, row.index, row.path, row.value) == ("image", 0, "fox.png", None)
    assert (row.mime, row.width, row.height, row.bytes) == ("image/png", 40, 30, len(picture()))
    assert row.sha256 == hashlib.sha256(picture()).hexdigest()
    assert (row.finish_reason, row.revised_prompt) == ("stop", "a red fox")


@pytest.mark.parametrize(
    ("artifact", "value", "mime", "size"),
    [
        (Artifact(kind="text", index=0, text="Füchse"), "Füchse", "text/plain", 7),
        (Artifact(kind="text", index=0, text=""), "", "text/plain", 0),
        (Artifact(kind="embedding", index=0, vector=[0.5, -1.0]), "[0.5,-1.0]", "application/json", 10),
        (
            Artifact(kind="tool_calls", index=0, tool_calls=[{"id": "c1"}]),
            '[{"id":"c1"}]',
            "application/json",
            13,
        ),
    ],
)
async def test_what_is_no_picture_is_kept_in_its_row_alone(tmp_path, artifact, value, mime, size):
    folder = plain(tmp_path)
    (row,) = await kept_and_named(folder, Output(artifacts=(replace(artifact, finish_reason="stop"),)))
    assert (row.kind, row.path, row.value, row.mime, row.bytes) == (artifact.kind, None, value, mime, size)
    assert row.sha256 == hashlib.sha256(value.encode()).hexdigest()
    assert row.finish_reason == "stop"
    assert not folder.root.exists()


async def test_an_answer_of_words_and_pictures_stays_in_order(tmp_path):
    folder = plain(tmp_path)
    words = Artifact(kind="text", index=1, text="and then")
    first, last = answer(picture(), b"", picture("blue")).artifacts[::2]
    rows = await kept_and_named(folder, Output(artifacts=(first, words, last)))
    assert [(row.index, row.path, row.value) for row in rows] == [
        (0, "fox-0.png", None),
        (1, None, "and then"),
        (2, "fox-2.png", None),
    ]
    assert files(folder) == {"fox-0.png": picture(), "fox-2.png": picture("blue")}


async def test_many_answers_at_once_are_each_kept_as_their_own(tmp_path):
    folder = plain(tmp_path)
    claims = [replace(CLAIM, key=f"{at:064x}", stem=f"fox{at}") for at in range(40)]
    colours = [(6 * at, 0, 0) for at in range(40)]
    jobs = zip(claims, colours, strict=True)
    await asyncio.gather(*(kept_and_named(folder, answer(picture(colour)), claim) for claim, colour in jobs))
    assert files(folder) == {f"fox{at}.png": picture(colour) for at, colour in enumerate(colours)}


# File names


@pytest.mark.parametrize(
    ("pictures", "spread", "paths"),
    [
        ([picture()], False, ["fox.png"]),
        ([picture(kind="JPEG")], False, ["fox.jpg"]),
        ([picture(kind="WEBP")], False, ["fox.webp"]),
        ([picture(kind="GIF")], False, ["fox.gif"]),
        ([picture(), picture(kind="JPEG")], False, ["fox-0.png", "fox-1.jpg"]),
        ([picture()], True, ["ab/fox.png"]),
        ([picture(), picture("blue")], True, ["ab/fox-0.png", "ab/fox-1.png"]),
    ],
)
async def test_a_file_is_named_after_its_job_its_place_and_its_content(tmp_path, pictures, spread, paths):
    folder = Folder(tmp_path / "animals", spread=spread)
    rows = await kept_and_named(folder, answer(*pictures))
    assert [row.path for row in rows] == paths
    assert files(folder) == dict(zip(paths, pictures, strict=True))


async def test_dots_in_a_stem_are_part_of_the_name(tmp_path):
    folder = plain(tmp_path)
    await kept_and_named(folder, answer(picture()), replace(CLAIM, stem="v1.5.fox"))
    assert list(files(folder)) == ["v1.5.fox.png"]


@given(
    st.builds(
        Waiting,
        key=st.text("0123456789abcdef", min_size=64, max_size=64),
        attempt=st.integers(1, 10**6),
        index=st.integers(0, 99),
        count=st.integers(1, 100),
        suffix=st.sampled_from(["png", "jpg", "webp"]),
    )
)
def test_the_name_of_a_pending_picture_can_be_read_back(file):
    assert Waiting.parse(str(file)) == file


async def test_a_name_is_given_once_however_often_it_is_asked_for(tmp_path):
    folder = plain(tmp_path)
    kept = await folder.keep(CLAIM, answer(picture(), picture("blue")))
    for _ in range(3):
        assert await folder.name(KEY, 1, kept) == kept
    assert files(folder) == {"fox-0.png": picture(), "fox-1.png": picture("blue")}


async def test_a_picture_that_is_gone_is_not_said_to_be_named(tmp_path):
    folder = plain(tmp_path)
    kept = await folder.keep(CLAIM, answer(picture()))
    (folder.root / ".pending" / f"{KEY}-1-0of1.png").unlink()
    with pytest.raises(Unwritable, match=r"/fox\.png: No such file or directory"):
        await folder.name(KEY, 1, kept)


@pytest.mark.parametrize(
    "folder", [Folder(Path("animals"), spread=False), Folder(Path("animals"), spread=True)]
)
async def test_a_finished_picture_can_be_renamed_and_that_again(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (row,) = await kept_and_named(folder, answer(picture()))
    later = row.path.replace("fox", "fox~1")
    for _ in range(2):
        assert await folder.rename(row.path, later) == later
    assert files(folder) == {later: picture()}
    assert await folder.rename(later, later) == later
    assert files(folder) == {later: picture()}
    assert folder.taken(CLAIM) is None


async def test_a_picture_is_not_renamed_over_another_file(tmp_path):
    folder = plain(tmp_path)
    await kept_and_named(folder, answer(picture()))
    (folder.root / "fox~1.png").write_text("mine")
    digest = hashlib.sha256(picture()).hexdigest()
    assert await folder.rename("fox.png", "fox~1.png") == f"fox~1-{digest[:8]}.png"
    assert files(folder) == {"fox~1.png": b"mine", f"fox~1-{digest[:8]}.png": picture()}


# P7, P8: killed between an answer and its name

CHILD = """
import asyncio, sys
from pathlib import Path
from test_sinks import CLAIM, answer, picture, plain
asyncio.run(plain(Path(sys.argv[1])).keep(CLAIM, answer(picture(), picture("blue"))))
"""


def killed_at(point, root):
    """Keeps two pictures in a process that kills itself; its folder as it is then."""
    environment = {**os.environ, "RUNNER_CRASH_AT": point, "PYTHONPATH": str(Path(__file__).parent)}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(root)], env=environment, check=False, capture_output=True
    )
    assert (child.returncode, child.stderr) == (-signal.SIGKILL, b"")
    return plain(root)


async def test_p7_a_half_written_picture_is_removed_at_the_next_start(tmp_path):
    folder = killed_at("writing:1", tmp_path)
    assert list(files(folder)) == [f".pending/{KEY}-1-0of2.png.part"]
    assert await folder.recover() == []
    assert files(folder) == {}
    assert [path.name for path in folder.root.iterdir()] == [".pending"]


async def test_p7_half_written_evidence_is_removed_at_the_next_start(tmp_path):
    folder = plain(tmp_path)
    with pytest.raises(Fault):
        await folder.keep(CLAIM, answer(b"<html>"))
    (folder.root / ".evidence" / f"{KEY}-2-0.bin.part").write_bytes(b"<ht")
    assert await folder.recover() == []
    assert files(folder) == {f".evidence/{KEY}-1-0.bin": b"<html>"}


async def test_p7_of_two_pictures_the_half_written_one_is_removed(tmp_path):
    folder = killed_at("writing:2", tmp_path)
    (found,) = await folder.recover()
    assert (found.key, found.attempt, found.whole) == (KEY, 1, False)
    assert files(folder) == {f".pending/{KEY}-1-0of2.png": picture()}


async def test_p8_a_set_of_pictures_that_is_not_whole_is_no_output_but_kept(tmp_path):
    folder = killed_at("renamed:1", tmp_path)
    (found,) = await folder.recover()
    assert not found.whole
    await folder.set_aside(found.key, found.attempt)
    assert files(folder) == {f".evidence/{KEY}-1-0of2.png": picture()}
    assert await folder.recover() == []


async def test_p8_pictures_that_were_never_committed_are_adopted(tmp_path):
    folder = killed_at("renamed:2", tmp_path)
    (found,) = await folder.recover()
    assert found.whole
    rows = await folder.adopt(CLAIM, found)
    undisturbed = plain(tmp_path / "undisturbed")
    assert rows == await undisturbed.keep(CLAIM, answer(picture(), picture("blue")))
    assert await folder.name(found.key, found.attempt, rows) == rows
    assert files(folder) == {"fox-0.png": picture(), "fox-1.png": picture("blue")}
    assert await folder.recover() == []


@pytest.mark.parametrize("linked", [False, True], ids=["before the name", "with both names"])
async def test_p8_committed_pictures_get_their_names_at_the_next_start(tmp_path, linked):
    folder = plain(tmp_path)
    rows = await folder.keep(CLAIM, answer(picture()))
    if linked:
        os.link(folder.root / ".pending" / f"{KEY}-1-0of1.png", folder.root / "fox.png")
    (found,) = await folder.recover()
    assert await folder.name(found.key, found.attempt, rows) == rows
    assert files(folder) == {"fox.png": picture()}


async def test_p8_a_start_finds_each_attempt_by_itself_and_nothing_else(tmp_path):
    folder = plain(tmp_path)
    for attempt in (11, 1):
        await folder.keep(replace(CLAIM, attempt=attempt), answer(picture()))
    (folder.root / ".pending" / "notes.txt").write_text("mine")
    (folder.root / ".pending" / f"{KEY}-2-0of1.png").symlink_to("notes.txt")
    assert [(found.key, found.attempt) for found in await folder.recover()] == [(KEY, 1), (KEY, 11)]
    await folder.set_aside(KEY, 1)
    assert [found.attempt for found in await folder.recover()] == [11]
    assert (folder.root / ".pending" / "notes.txt").read_text() == "mine"


async def test_p8_a_pending_picture_that_rotted_is_not_adopted(tmp_path):
    folder = plain(tmp_path)
    await folder.keep(CLAIM, answer(picture()))
    (folder.root / ".pending" / f"{KEY}-1-0of1.png").write_bytes(picture()[:-20])
    (found,) = await folder.recover()
    assert await folder.adopt(CLAIM, found) is None


async def test_p8_a_batch_without_a_folder_has_nothing_to_recover(tmp_path):
    folder = plain(tmp_path)
    assert await folder.recover() == []
    assert not folder.root.exists()


# S2: no room for a file

FILLING = """
import asyncio, resource, sys
from pathlib import Path
from test_sinks import CLAIM, answer, files, kept_and_named, picture, plain
from runner.files import Unwritable

folder = plain(Path(sys.argv[1]))
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, unlimited[1]))
try:
    asyncio.run(folder.keep(CLAIM, answer(picture())))
except Unwritable as error:
    print(error, list(files(folder)))
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
asyncio.run(kept_and_named(folder, answer(picture())))
print(list(files(folder)))
"""


def test_s2_a_picture_without_room_leaves_no_half_file_and_can_be_kept_later(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", FILLING, str(tmp_path)]
    child = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    refused, kept = child.stdout.splitlines()
    assert refused.startswith(
        f"cannot write {plain(tmp_path).root}/.pending/{KEY}-1-0of1.png: File too large"
    )
    assert refused.endswith(" []")
    assert kept == "['fox.png']"


# S3: a folder that cannot be written to

PROBING = """
import os, sys
from pathlib import Path
from runner.files import Unwritable
from runner.sinks import Folder
folder = Folder(Path(sys.argv[1]), spread=False)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    folder.check_writable()
except Unwritable as error:
    print(error)
"""


def probed(root):
    """What somebody who is not root is told of the folder."""
    child = subprocess.run(
        [sys.executable, "-c", PROBING, str(root)], check=True, capture_output=True, text=True
    )
    return child.stdout.rstrip("\n")


@pytest.fixture
def reachable():
    """A folder that every user may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("there", [True, False], ids=["batch folder", "folder above it"])
def test_s3_a_read_only_folder_is_found_with_its_owner_and_mode(reachable, there):
    root = reachable / "outputs" / "animals"
    closed = root if there else root.parent
    closed.mkdir(parents=True)
    closed.chmod(0o555)
    owner = closed.owner()
    assert probed(root) == (
        f"cannot write {root}: Permission denied ({closed} is owner {owner}, mode dr-xr-xr-x)"
    )


def test_s3_a_read_only_folder_for_pending_pictures_is_found(reachable):
    root = reachable / "animals"
    pending = root / ".pending"
    pending.mkdir(parents=True)
    root.chmod(0o777)
    pending.chmod(0o555)
    assert probed(root).startswith(f"cannot write {pending}: Permission denied ({pending} is owner ")


def test_s3_a_folder_that_can_be_written_to_is_left_as_it_was(reachable):
    reachable.chmod(0o777)
    assert probed(reachable / "outputs" / "animals") == ""
    root = reachable / "outputs" / "animals"
    assert [path.name for path in root.rglob("*")] == [".pending"]


def test_s3_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "outputs").touch()
    with pytest.raises(Unwritable, match=r"outputs/animals: Not a directory \(.*/outputs is owner"):
        plain(tmp_path).check_writable()


# S9: a file of that name is already there


@pytest.mark.parametrize(
    ("planted", "body", "spread", "conflict"),
    [
        (None, b"{}", False, False),
        ("fox.png", b"{}", False, True),
        ("fox.jpg", b"{}", False, True),
        ("fox.webp", b"{}", False, True),
        ("fox.txt", b"{}", False, False),
        ("foxes.png", b"{}", False, False),
        ("fox-1.png", b"{}", False, False),
        ("fox-1.png", b'{"n": 1}', False, False),
        ("fox-1.png", b'{"n":2}', False, True),
        ("fox-1.png", b'{"n":1000000000}', False, True),
        ("fox-2.png", b'{"n":2}', False, False),
        ("fox-2.png", b'{"n":"two"}', False, False),
        ("ab/fox.png", b"{}", True, True),
        ("ab/owl.png", b"{}", True, False),
        ("fox.png", b"{}", True, False),
        ("ab", b"{}", True, True),
    ],
)
def test_s9_a_file_in_the_way_is_found_before_sending(tmp_path, planted, body, spread, conflict):
    folder = Folder(tmp_path, spread=spread)
    if planted:
        (tmp_path / planted).parent.mkdir(exist_ok=True)
        (tmp_path / planted).touch()
    expected = str(tmp_path / planted) if conflict else None
    assert folder.taken(replace(CLAIM, body=body)) == expected


async def test_s9_a_file_planted_while_a_request_was_out_is_never_overwritten(tmp_path):
    folder = plain(tmp_path)
    kept = await folder.keep(CLAIM, answer(picture()))
    (folder.root / "fox.png").write_text("mine")
    (named,) = await folder.name(KEY, 1, kept)
    other = f"fox-{named.sha256[:8]}.png"
    assert named == replace(kept[0], path=other)
    pending = {f".pending/{KEY}-1-0of1.png": picture()}
    assert files(folder) == {"fox.png": b"mine", other: picture(), **pending}
    assert await folder.name(KEY, 1, kept) == (named,)
    assert await folder.name(KEY, 1, (named,)) == (named,)
    assert files(folder) == {"fox.png": b"mine", other: picture()}


async def test_s9_where_every_name_is_taken_the_picture_stays_pending(tmp_path):
    folder = plain(tmp_path)
    (kept,) = await folder.keep(CLAIM, answer(picture()))
    for name in ("fox", f"fox-{kept.sha256[:8]}", kept.sha256):
        (folder.root / f"{name}.png").write_text("mine")
    with pytest.raises(Unwritable, match=r"fox\.png is taken"):
        await folder.name(KEY, 1, (kept,))
    assert files(folder)[f".pending/{KEY}-1-0of1.png"] == picture()


# N10: what came is no picture


def cut(data):
    return data[: len(data) // 2]


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html>502 Bad Gateway</html>", "is not an image"),
        (b"", "is not an image"),
        (cut(picture()), "is cut or damaged"),
        (picture()[:-1], "is cut or damaged"),
        (flipped(picture()), "is cut or damaged"),
        (cut(picture(kind="JPEG")), "is not an image|is cut or damaged"),
    ],
    ids=["html", "empty", "cut", "last byte", "flipped", "jpeg"],
)
async def test_n10_what_cannot_be_decoded_is_kept_raw_and_no_output(tmp_path, data, words):
    folder = plain(tmp_path)
    with pytest.raises(
        Fault, match=f"image 0 ({words}); kept as {folder.root}/.evidence/{KEY}-1-0.bin"
    ) as fault:
        await folder.keep(CLAIM, answer(data))
    assert (fault.value.cause, fault.value.billed) == (Cause.MALFORMED, True)
    assert files(folder) == {f".evidence/{KEY}-1-0.bin": data}


async def test_n10_it_fails_after_one_retry(tmp_path):
    with pytest.raises(Fault) as fault:
        await plain(tmp_path).keep(CLAIM, answer(b"<html>"))
    assert fault.value.then is Then.RETRY
    states = [
        settle(replace(CLAIM, useless=before), Failed(fault=fault.value), Policy(), now=0.0, chance=0.5).state
        for before in (0, 1)
    ]
    assert states == [State.PENDING, State.FAILED]


async def test_n10_the_whole_pictures_of_an_answer_are_not_lost_with_a_cut_one(tmp_path):
    folder = plain(tmp_path)
    rows = await kept_and_named(folder, answer(picture(), cut(picture("blue")), picture("green")))
    assert [row.path for row in rows] == ["fox-0.png", "fox-2.png"]
    assert files(folder) == {
        "fox-0.png": picture(),
        "fox-2.png": picture("green"),
        f".evidence/{KEY}-1-1.bin": cut(picture("blue")),
    }


# X5: links planted in the output folder


async def test_x5_a_link_at_a_final_name_is_a_conflict_and_never_followed(tmp_path):
    folder = plain(tmp_path)
    kept = await folder.keep(CLAIM, answer(picture()))
    (folder.root / "fox.png").symlink_to(tmp_path / "precious")
    assert folder.taken(CLAIM) == str(folder.root / "fox.png")
    (named,) = await folder.name(KEY, 1, kept)
    assert named.path == f"fox-{named.sha256[:8]}.png"
    assert not (tmp_path / "precious").exists()


@pytest.mark.parametrize("suffix", ["", ".part"])
async def test_x5_a_link_at_a_pending_name_is_replaced_and_not_followed(tmp_path, suffix):
    folder = plain(tmp_path)
    folder.check_writable()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (folder.root / ".pending" / f"{KEY}-1-0of1.png{suffix}").symlink_to(precious)
    await kept_and_named(folder, answer(picture()))
    assert precious.read_text() == "mine"
    assert files(folder) == {"fox.png": picture()}


@pytest.mark.parametrize("linked", ["", ".pending", "ab"], ids=["batch", "pending", "spread"])
async def test_x5_a_folder_that_is_a_link_is_never_written_through(tmp_path, linked):
    folder = Folder(tmp_path / "animals", spread=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder.root / linked).parent.mkdir(exist_ok=True)
    (folder.root / linked).symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(Unwritable, match="is a symbolic link: outputs are never written through one"):
        await kept_and_named(folder, answer(picture()))
    assert list(elsewhere.iterdir()) == []


def test_x5_a_spread_folder_that_is_a_link_is_found_before_sending(tmp_path):
    (tmp_path / "ab").symlink_to(tmp_path, target_is_directory=True)
    assert Folder(tmp_path, spread=True).taken(CLAIM) == str(tmp_path / "ab")


@pytest.mark.parametrize("linked", ["", ".pending"], ids=["batch", "pending"])
def test_x5_a_linked_folder_is_found_before_the_first_request(tmp_path, linked):
    folder = plain(tmp_path)
    (folder.root / linked).parent.mkdir(parents=True)
    (folder.root / linked).symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(Unwritable, match=f"{folder.root / linked} is a symbolic link"):
        folder.check_writable()


async def test_x5_evidence_is_not_written_through_a_link(tmp_path):
    folder = plain(tmp_path)
    folder.check_writable()
    (folder.root / ".evidence").symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(Unwritable, match=r"\.evidence is a symbolic link"):
        await folder.keep(CLAIM, answer(b"<html>"))
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


# X7: outputs are their owner's alone


async def test_x7_no_output_can_be_read_by_others(tmp_path):
    folder = Folder(tmp_path / "outputs" / "animals", spread=True)
    before = os.umask(0)
    try:
        folder.check_writable()
        await kept_and_named(folder, answer(picture(), cut(picture())))
        await folder.keep(replace(CLAIM, attempt=2), answer(picture("blue")))
    finally:
        os.umask(before)
    made = [tmp_path / "outputs", *(tmp_path / "outputs").rglob("*")]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert modes == {
        "outputs": 0o700,
        "animals": 0o700,
        "ab": 0o700,
        ".journal": 0o600,
        "fox.png": 0o600,
        ".evidence": 0o700,
        f"{KEY}-1-1.bin": 0o600,
        ".pending": 0o700,
        f"{KEY}-2-0of1.png": 0o600,
    }
