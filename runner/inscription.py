"""A text inside a picture's file, put there without touching a pixel: PNG, JPEG and WebP have a place for it.

In a PNG it is an `iTXt` chunk by the keyword `runner`, the first after the header; in a JPEG and a WebP the
user comment of its Exif data, in ASCII. What stands in the file already stays as it is.
"""

import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import BinaryIO

from runner import exif

MOST = 64_000
"""Bytes of a text at most: no segment of a JPEG holds more, and no picture should."""
MOST_READ = 1 << 20
"""Bytes of a chunk that are looked at: larger ones are none of ours."""
OURS = b'{"runner":'
"""How a text of ours begins, where others may stand in its place."""

PNG = b"\x89PNG\r\n\x1a\n"
END_OF_HEADER = len(PNG) + 25
KEYWORD = b"runner\0"
PLAIN = bytes(4)
"""Not compressed, of no language, and no translation of the keyword."""

SOI = b"\xff\xd8"
EXIF = b"Exif\0\0"
APP0, APP1, START_OF_SCAN = 0xE0, 0xE1, 0xDA
LONGEST_SEGMENT = 0xFFFF
SEGMENT = re.compile(rb"\xff+([^\xff\x00\x01\xd0-\xd9])(..)", re.DOTALL)
"""A marker that is followed by a length."""

HEAD_OF_WEBP = 12
HEAD_OF_CHUNK = 8
LOSSLESS = b"\x2f"
LOSSY = b"\x9d\x01\x2a"
"""How their data begins, the latter after three bytes."""
HAS_EXIF = 0x08
HAS_ALPHA = 0x10
VP8X = struct.Struct("<4sIB3x3s3s")

Pieces = tuple[bytes | memoryview, ...]
"""Parts of a file, one after the other; a picture's own are not copied."""


def inscribed(data: bytes, suffix: str, text: bytes) -> Pieces | None:
    """The picture's file with the text in it: JSON of ours, in UTF-8. None where it has no place for it."""
    inscribe = WAYS.get(suffix)
    if inscribe is None or len(text) > MOST:
        return None
    try:
        return inscribe(data, text)
    except (exif.Malformed, struct.error):
        return None


def in_png(data: bytes, text: bytes) -> Pieces | None:
    if data[12:16] != b"IHDR":
        return None
    content = b"iTXt" + KEYWORD + PLAIN + text
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return data[:END_OF_HEADER], chunk, memoryview(data)[END_OF_HEADER:]


def in_jpeg(data: bytes, text: bytes) -> Pieces | None:
    """In place of the Exif that is there, with all that stands in it; else where that would be."""
    start = end = len(SOI)
    old = []
    for marker, begin, after in segments(data):
        if marker == APP0 and begin == start:
            start = end = after
        if marker == APP1 and data.startswith(EXIF, begin + 4):
            old.append((begin, after))
    if len(old) > 1:
        return None
    start, end = old[0] if old else (start, end)
    content = exif.added(data[start + 4 + len(EXIF) : end] if old else exif.EMPTY, in_ascii(text))
    length = 2 + len(EXIF) + len(content or b"")
    if content is None or length > LONGEST_SEGMENT:
        return None
    segment = struct.pack(">BBH", 0xFF, APP1, length) + EXIF + content
    return data[:start], segment, memoryview(data)[end:]


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Those before the picture itself: marker, beginning and end."""
    position = len(SOI)
    while (match := SEGMENT.match(data, position)) and (marker := match[1][0]) != START_OF_SCAN:
        begin, position = match.end() - 4, match.end() - 2 + int.from_bytes(match[2])
        yield marker, begin, position


def in_webp(data: bytes, text: bytes) -> Pieces | None:
    """Last but for what describes it otherwise; a simple file becomes an extended one, its data as it is."""
    end = min(8 + int.from_bytes(data[4:8], "little"), len(data))
    head = extended(data)
    if head is None or end % 2:
        return None
    body = HEAD_OF_WEBP + (VP8X.size if data[12:16] == b"VP8X" else 0)
    start, after, old = place(data, body, end)
    content = exif.added(old.removeprefix(EXIF) or exif.EMPTY, in_ascii(text))
    if content is None:
        return None
    chunk = b"EXIF" + struct.pack("<I", len(content)) + exif.even(content)
    size = 4 + len(head) + start - body + len(chunk) + end - after
    riff = b"RIFF" + struct.pack("<I", size) + b"WEBP"
    view = memoryview(data)
    return riff, head, view[body:start], chunk, view[after:end], view[end:]


def place(data: bytes, start: int, end: int) -> tuple[int, int, bytes]:
    """Where the Exif stands or should, and what it is."""
    free = end
    for name, begin, after in chunks(data, start, end):
        if name == b"EXIF":
            _, size, _ = chunk_of_webp(data[begin : begin + 8])
            return begin, after, data[begin + 8 : begin + 8 + size]
        if name == b"XMP ":
            free = min(free, begin)
    return free, free, b""


def chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning and end."""
    while start + 8 <= end:
        name, _, whole = chunk_of_webp(data[start : start + 8])
        after = min(start + whole, end)
        yield name, start, after
        start = after


def extended(data: bytes) -> bytes | None:
    """The chunk that says what is in a WebP, Exif among it; None for what is none."""
    kind = data[12:16]
    if kind == b"VP8X":
        return data[12:20] + bytes([data[20] | HAS_EXIF]) + data[21:30]
    if kind == b"VP8 " and data[23:26] == LOSSY:
        width, height = struct.unpack_from("<HH", data, 26)
        return canvas(width & 0x3FFF, height & 0x3FFF, HAS_EXIF)
    if kind == b"VP8L" and data[20:21] == LOSSLESS:
        bits = int.from_bytes(data[21:25], "little")
        alpha = HAS_ALPHA if bits >> 28 & 1 else 0
        return canvas((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, HAS_EXIF | alpha)
    return None


def canvas(width: int, height: int, flags: int) -> bytes:
    sides = ((side - 1).to_bytes(3, "little") for side in (width, height))
    return VP8X.pack(b"VP8X", 10, flags, *sides)


def in_ascii(text: bytes) -> bytes:
    """The same JSON, its other characters escaped."""
    return text if text.isascii() else json.dumps(json.loads(text), separators=(",", ":")).encode()


WAYS: Mapping[str, Callable[[bytes, bytes], Pieces | None]] = {
    "png": in_png,
    "jpg": in_jpeg,
    "webp": in_webp,
}
"""By the suffix of a picture's file."""


def inscription(file: BinaryIO) -> bytes | None:
    """The text that `inscribed` has put into a file; only its descriptions are read, never its pixels."""
    head = file.read(HEAD_OF_WEBP)
    if head.startswith(PNG):
        return next(texts_of_png(file), None)
    if head.startswith(SOI):
        found = exif_of_jpeg(file)
    elif head.startswith(b"RIFF") and head.endswith(b"WEBP"):
        found = exif_of_webp(file)
    else:
        return None
    return next((text for text in exif.texts(found) if text.startswith(OURS)), None)


def texts_of_png(file: BinaryIO) -> Iterator[bytes]:
    """As it was put in, or as a program has written it that saved the picture anew."""
    for name, content in wanted(file, len(PNG), chunk_of_png, {b"iTXt", b"tEXt"}):
        if name == b"tEXt" and content.startswith(KEYWORD):
            yield content.removeprefix(KEYWORD)
        if name == b"iTXt" and content.startswith(KEYWORD + bytes(2)):
            yield content.removeprefix(KEYWORD).split(b"\0", 4)[-1]


def exif_of_webp(file: BinaryIO) -> bytes:
    found = wanted(file, HEAD_OF_WEBP, chunk_of_webp, {b"EXIF"})
    return next((content.removeprefix(EXIF) for _, content in found), b"")


def wanted(
    file: BinaryIO, start: int, chunk: Callable[[bytes], tuple[bytes, int, int]], names: AbstractSet[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of the chunks of these names, but for those that are too large."""
    while file.seek(start) == start and len(head := file.read(HEAD_OF_CHUNK)) == HEAD_OF_CHUNK:
        name, size, whole = chunk(head)
        if name in names and size <= MOST_READ:
            yield name, file.read(size)
        start += whole


def chunk_of_png(head: bytes | memoryview) -> tuple[bytes, int, int]:
    """Name, size of the content, and size of it all."""
    size, name = struct.unpack(">I4s", head)
    return name, size, 8 + size + 4


def chunk_of_webp(head: bytes) -> tuple[bytes, int, int]:
    name, size = struct.unpack("<4sI", head)
    return name, size, 8 + size + size % 2


def exif_of_jpeg(file: BinaryIO) -> bytes:
    start = len(SOI)
    while True:
        file.seek(start)
        match = SEGMENT.match(file.read(64))
        if match is None or match[1][0] == START_OF_SCAN:
            return b""
        length = int.from_bytes(match[2])
        file.seek(start + match.end())
        if match[1][0] == APP1 and (content := file.read(max(length - 2, 0))).startswith(EXIF):
            return content.removeprefix(EXIF)
        start += match.end() - 2 + max(length, 2)
