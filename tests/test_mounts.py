import pytest

from runner.mounts import filesystem, is_remote

TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:40 / /home rw shared:2 master:3 - nfs4 server:/home rw,vers=4.2
25 24 0:41 / /home/ann/my\040disk rw - btrfs /dev/sdb rw
26 22 0:42 / /mnt rw - tmpfs tmpfs rw
27 26 0:43 / /mnt rw - cifs //server/share rw
no such line
28 22 0:44 / /cut rw -"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/homely/runner.db", "ext4"),
        ("/home", "nfs4"),
        ("/home/ann/runner.db", "nfs4"),
        ("/home/ann/my disk/runner.db", "btrfs"),
        ("/home/ann/my diskette", "nfs4"),
        ("/mnt/runner.db", "cifs"),
        ("/cut/runner.db", "ext4"),
    ],
)
def test_s11_the_deepest_and_last_mount_says_what_a_path_is_on(path, kind):
    assert filesystem(path, TABLE) == kind


def test_a_table_without_an_answer_says_so():
    assert filesystem("/work/runner.db", "") == "unknown"


@pytest.mark.parametrize(
    ("kind", "remote"),
    [
        ("nfs4", True),
        ("cifs", True),
        ("fuse.sshfs", True),
        ("ext4", False),
        ("9p", False),
        ("unknown", False),
    ],
)
def test_s11_network_file_systems_are_told_from_local_ones(kind, remote):
    assert is_remote(kind) is remote
