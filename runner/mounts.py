"""Which file system a path is on, by the kernel's own table of mounts (proc(5), `mountinfo`)."""

import re
from pathlib import Path, PurePosixPath

TABLE = Path("/proc/self/mountinfo")
REMOTE = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "orangefs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
    }
)
"""File systems whose locks and shared memory another machine's kernel has a say in: no place for a WAL.

9p and virtiofs are not among them: containers stand on them, and one kernel alone has the files open.
"""
FIXED = 6
"""Fields of a line before the optional ones, which `-` ends."""
UNKNOWN = "unknown"


def filesystem(path: str, mountinfo: str) -> str:
    """The type of the file system that an absolute, resolved path is on; `unknown` where no line tells.

    Of several mounts that hold the path the deepest counts, of two on one place the later, which hides
    the other.
    """
    deepest, found = -1, UNKNOWN
    for line in mountinfo.splitlines():
        mount = mounted(line)
        if mount is not None and PurePosixPath(path).is_relative_to(mount[0]):
            depth = len(PurePosixPath(mount[0]).parts)
            if depth >= deepest:
                deepest, found = depth, mount[1]
    return found


def mounted(line: str) -> tuple[str, str] | None:
    """Where a line of the table mounts what type; None for what is no such line."""
    fields = line.split(" ")
    if "-" not in fields[FIXED:]:
        return None
    end = fields.index("-", FIXED)
    if end + 1 >= len(fields):
        return None
    return unescaped(fields[4]), fields[end + 1]


def unescaped(name: str) -> str:
    r"""Blank, tab, newline and backslash stand in the table as `\040` and so on."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), name)


def is_remote(kind: str) -> bool:
    """Whether a type of file system is shared over a network."""
    return kind in REMOTE


def filesystem_of(path: Path, table: Path = TABLE) -> str:
    """What the running kernel says; `unknown` where it keeps no such table."""
    try:
        return filesystem(str(path.resolve()), table.read_text(errors="surrogateescape"))
    except OSError:
        return UNKNOWN
