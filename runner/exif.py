"""A text among the Exif data of a picture: put in behind what is there, of which not a byte is moved.

Exif is a TIFF file: a header that leads to a directory, whose entries lead to values and to further
directories, all by their distance from its beginning. New directories stand at the end, and the header leads
to them.
"""

import struct
from collections.abc import Iterable, Iterator

from runner.value import value

EMPTY = b"II*\0\x08\0\0\0" + bytes(6)
"""A directory of nothing."""
SUB_DIRECTORY = 0x8769
"""The tag that leads to the directory of what Exif itself has brought."""
USER_COMMENT = 0x9286
"""Stands in that one: where programs that make pictures keep what they were asked, and others show it."""
DESCRIPTION = 0x010E
ASCII = b"ASCII\0\0\0"
"""How a comment begins that is in ASCII."""
TEXT, LONG, BYTES = 2, 4, 7
SHORT_VALUE = 4
"""Bytes that stand in an entry itself."""
ENTRY = 12


class Malformed(Exception):
    """Not Exif, or damaged."""


@value(kw_only=False)
class Entry:
    """One value of a directory, or where it stands."""

    tag: int
    kind: int
    count: int
    value: bytes


@value(kw_only=False)
class Directory:
    """Entries by their tags, and what leads to the next directory."""

    entries: dict[int, Entry]
    following: bytes


@value(kw_only=False)
class Tiff:
    """The data, and the order of the bytes of its numbers."""

    data: bytes
    order: str

    @property
    def first(self) -> Directory:
        return self.directory(self.number(self.data[4:8]))

    def second(self, first: Directory) -> Directory:
        """What Exif itself has brought; a directory of nothing where there is none."""
        leads = first.entries.get(SUB_DIRECTORY)
        return Directory({}, bytes(4)) if leads is None else self.directory(self.number(leads.value))

    def number(self, value: bytes) -> int:
        return int(struct.unpack(f"{self.order}I", value)[0])

    def directory(self, start: int) -> Directory:
        (count,) = struct.unpack_from(f"{self.order}H", self.data, start)
        end = start + 2 + count * ENTRY
        following = self.data[end : end + 4]
        if len(following) < len(bytes(4)):
            raise Malformed
        found = struct.iter_unpack(f"{self.order}HHI4s", self.data[start + 2 : end])
        return Directory({tag: Entry(tag, *rest) for tag, *rest in found}, following)

    def text(self, entry: Entry | None) -> bytes:
        if entry is None or entry.kind not in {TEXT, BYTES} or entry.count <= SHORT_VALUE:
            return b""
        start = self.number(entry.value)
        return self.data[start : start + entry.count]


def tiff(data: bytes) -> Tiff:
    """Raises `Malformed`."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise Malformed
    return Tiff(data, order)


def added(data: bytes, text: bytes) -> bytes | None:
    """Exif with a text in ASCII: its user comment, or its description where it has such a comment already.

    None where it has both. Raises `Malformed`.
    """
    old = tiff(data)
    try:
        first = old.first
        second = old.second(first)
    except struct.error as error:
        raise Malformed from error
    if USER_COMMENT not in second.entries:
        return commented(old, first, second, ASCII + text)
    return None if DESCRIPTION in first.entries else described(old, first, text + b"\0")


def commented(old: Tiff, first: Directory, second: Directory, comment: bytes) -> bytes:
    value = even(old.data)
    directory = value + even(comment)
    entry = pointing(old.order, USER_COMMENT, BYTES, len(comment), len(value))
    inner = directory + written(old.order, second, entry)
    return led(old.order, inner, first, pointing(old.order, SUB_DIRECTORY, LONG, 1, len(directory)))


def described(old: Tiff, first: Directory, text: bytes) -> bytes:
    value = even(old.data)
    entry = pointing(old.order, DESCRIPTION, TEXT, len(text), len(value))
    return led(old.order, value + even(text), first, entry)


def led(order: str, data: bytes, first: Directory, entry: Entry) -> bytes:
    """The data with its first directory at the end, an entry added to it."""
    header = data[:4] + struct.pack(f"{order}I", len(data))
    return header + data[8:] + written(order, first, entry)


def pointing(order: str, tag: int, kind: int, count: int, where: int) -> Entry:
    return Entry(tag, kind, count, struct.pack(f"{order}I", where))


def written(order: str, directory: Directory, entry: Entry) -> bytes:
    """The directory with that entry, in the order of tags."""
    entries = sorted({**directory.entries, entry.tag: entry}.items())
    rows = (struct.pack(f"{order}HHI4s", each.tag, each.kind, each.count, each.value) for _, each in entries)
    return struct.pack(f"{order}H", len(entries)) + b"".join(rows) + directory.following


def even(data: bytes) -> bytes:
    """Values and directories begin at even distances."""
    return data + bytes(len(data) % 2)


def texts(data: bytes) -> Iterator[bytes]:
    """The texts that stand where `added` puts one; nothing for what is no Exif."""
    try:
        old = tiff(data)
        first = old.first
        yield from stripped((old.text(old.second(first).entries.get(USER_COMMENT)),))
        yield from stripped((old.text(first.entries.get(DESCRIPTION)),))
    except (Malformed, struct.error):
        return


def stripped(values: Iterable[bytes]) -> Iterator[bytes]:
    return (value.removeprefix(ASCII).rstrip(b"\0") for value in values)
