import errno
import os
import stat

import pytest

from runner.files import PART, Unwritable, blame, directory

SHA256_OF_FOX = "776cb326ab0cd5f0a974c1b9606044d8485201f2db19cf8e3749bdee5f36e200"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_is_made_with_its_parents_for_its_owner_alone(tmp_path):
    root = tmp_path / "outputs" / "animals"
    with directory(root) as folder, folder.inside("ab") as inner:
        assert inner.path == root / "ab"
    assert [mode(path) for path in (root.parent, root, root / "ab")] == [0o700] * 3


def test_a_written_file_is_whole_and_for_its_owner_alone(tmp_path):
    with directory(tmp_path) as folder:
        folder.write("fox", b"fox")
        folder.write("fox", b"another fox")
        assert folder.read("fox") == b"another fox"
        assert folder.names() == ["fox"]
    assert mode(tmp_path / "fox") == 0o600


def test_what_lies_where_a_file_is_written_aside_is_not_written_through(tmp_path):
    foreign = tmp_path / "foreign"
    foreign.write_text("mine")
    (tmp_path / f"fox{PART}").symlink_to(foreign)
    with directory(tmp_path) as folder:
        folder.write("fox", b"fox")
    assert (foreign.read_text(), (tmp_path / "fox").read_text()) == ("mine", "fox")


def test_a_file_that_cannot_get_its_name_leaves_what_is_there(tmp_path):
    (tmp_path / "fox").mkdir()
    with (
        directory(tmp_path) as folder,
        pytest.raises(Unwritable, match=r"cannot write .*/fox: Is a directory"),
    ):
        folder.write("fox", b"fox")
    assert (tmp_path / "fox").is_dir()


@pytest.mark.parametrize("how", ["link", "move"])
def test_a_name_is_given_once(tmp_path, how):
    with directory(tmp_path) as folder, folder.inside("ab") as target:
        folder.write("fox", b"fox")
        folder.write("owl", b"owl")
        assert getattr(folder, how)("fox", target, "animal")
        assert not getattr(folder, how)("owl", target, "animal")
        assert target.read("animal") == b"fox"
        assert folder.read("owl") == b"owl"


@pytest.mark.parametrize("how", ["link", "move"])
def test_a_name_that_is_a_link_is_another_s(tmp_path, how):
    (tmp_path / "animal").symlink_to(tmp_path / "nowhere")
    with directory(tmp_path) as folder:
        folder.write("fox", b"fox")
        assert not getattr(folder, how)("fox", folder, "animal")
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_is_gone_cannot_be_named(tmp_path):
    with directory(tmp_path) as folder, pytest.raises(Unwritable, match=r"/animal: No such file"):
        folder.link("fox", folder, "animal")


def plant_nothing(path):
    del path


@pytest.mark.parametrize(
    ("plant", "holds"),
    [
        (plant_nothing, False),
        (lambda path: path.write_bytes(b"fox"), True),
        (lambda path: path.write_bytes(b"owl"), False),
        (lambda path: path.mkdir(), False),
        (os.mkfifo, False),
        (lambda path: (path.with_name("real").write_bytes(b"fox"), path.symlink_to("real")), False),
    ],
    ids=["nothing", "the same", "another", "folder", "pipe", "link to the same"],
)
def test_only_a_regular_file_with_the_content_is_ours(tmp_path, plant, holds):
    plant(tmp_path / "fox")
    with directory(tmp_path) as folder:
        assert folder.holds("fox", SHA256_OF_FOX) is holds


def test_links_and_folders_are_not_listed_as_files(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    with directory(tmp_path) as folder:
        assert folder.names() == ["file"]


def test_a_probe_leaves_nothing(tmp_path):
    with directory(tmp_path) as folder:
        folder.probe()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_called_so(tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert blame(tmp_path / "fox", full) == f"disk full: {tmp_path / 'fox'}"


def test_a_refusal_names_owner_and_mode_of_what_there_is(tmp_path):
    refused = OSError(errno.EACCES, "Permission denied")
    tmp_path.chmod(0o500)
    me = tmp_path.owner()
    expected = f"cannot write {tmp_path}/a/b: Permission denied ({tmp_path} is owner {me}, mode dr-x------)"
    assert blame(tmp_path / "a" / "b", refused) == expected
