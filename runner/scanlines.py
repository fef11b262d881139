"""The rows of a PNG, unpacked but not painted: finds all that painting would, in two fifths of its time.

By the PNG specification, third edition: chunks (5.3), scanlines (7.2), filter types (9.2).
"""

import struct
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import dropwhile, takewhile
from typing import Any, NamedTuple

from runner.inscription import HEAD_OF_CHUNK, PNG, chunk_of_png

HEADER = struct.Struct(">IIBBBBB")
"""Width, height, bits of a sample, colour type, compression, filter method, interlacing."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by colour type."""
LAST_FILTER = 4
BLOCK = 1 << 15
"""Bytes that are unpacked at once: what becomes of them stays in the processor's cache."""

zlib: Any = import_module("isal.isal_zlib" if find_spec("isal") else "zlib")
"""ISA-L's inflate takes two fifths of zlib's time; it is not made for every processor."""


class Chunk(NamedTuple):
    """A part of the file."""

    kind: bytes
    data: memoryview


def are_whole(png: bytes) -> bool:
    """Whether every row of the picture is there, and nothing is wrong with any part of the file.

    False as well where that cannot be told by its rows: it is interlaced, or animated. Raises `EOFError`
    where rows are missing, for Pillow may paint them black.
    """
    try:
        parts = [*chunks(png)]
        width, height, bits, colour, _, _, interlacing = HEADER.unpack(parts[0].data)
        if interlacing or any(part.kind == b"acTL" for part in parts):
            return False
        length = 1 + (width * CHANNELS[colour] * bits + 7) // 8
        packed = takewhile(is_of_picture, dropwhile(lambda part: not is_of_picture(part), parts))
        if unpacked(packed, length) < length * height:
            raise EOFError
    except (ValueError, KeyError, struct.error, zlib.error):
        return False
    return True


def is_of_picture(part: Chunk) -> bool:
    return part.kind == b"IDAT"


def chunks(png: bytes) -> Iterator[Chunk]:
    """All of them, each checked by its sum, to the one that ends the picture; raises `ValueError`."""
    view, at = memoryview(png), len(PNG)
    while True:
        head = at + HEAD_OF_CHUNK
        kind, size, whole = chunk_of_png(view[at:head])
        (told,) = struct.unpack_from(">I", view, head + size)
        if zlib.crc32(view[at + 4 : head + size]) != told:
            raise ValueError("a chunk is not what its sum says")
        yield Chunk(kind, view[head : head + size])
        if kind == b"IEND":
            return
        at += whole


def unpacked(parts: Iterable[Chunk], length: int) -> int:
    """How many bytes of rows there are; each begins with the number of its filter. Raises `ValueError`."""
    inflate, count = zlib.decompressobj().decompress, 0
    for part in parts:
        for at in range(0, len(part.data), BLOCK):
            rows = inflate(part.data[at : at + BLOCK])
            if max(rows[-count % length :: length], default=0) > LAST_FILTER:
                raise ValueError("a row has a filter that there is not")
            count += len(rows)
    return count
