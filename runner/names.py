"""Names of files and folders, made of what users call things: they stay inside, on any file system."""

import re
import unicodedata
from collections.abc import Iterator

import orjson

MOST_BYTES = 180
"""Of a stem; with what tells twins apart, an index and a suffix a name has 200 at most."""
MOST_ASKED = 100
"""Names looked up at most for one request; no provider makes more pictures of it than ten."""
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format, surrogate, private, unassigned; line and paragraph breaks."""
DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for itself, whatever follows their first dot."""
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}")
"""Names that are safe as they stand; a device's is never so long without being told by `DEVICE`."""


def file_stem(name: str) -> str:
    """A file's name without suffix: one step, visible, at most `MOST_BYTES` long, and no device."""
    if PLAIN.fullmatch(name) and not DEVICE.fullmatch(name):
        return name
    normal = unicodedata.normalize("NFC", name)
    clean = "".join("_" if unicodedata.category(sign) in INVISIBLE else sign for sign in normal)
    clean = FORBIDDEN.sub("_", clean)
    clean = cut(clean).strip(" ").rstrip(". ")
    if not clean or clean.startswith((".", "~")) or DEVICE.fullmatch(clean):
        clean = f"_{clean}"
    return clean


def file_stems(stem: str, body: bytes) -> Iterator[str]:
    """The names that a job's files may get, less their suffixes; `body` is its request's."""
    yield stem
    if b'"n":' in body:
        asked = orjson.loads(body).get("n")
        if isinstance(asked, int) and asked > 1:
            yield from (f"{stem}-{index}" for index in range(min(asked, MOST_ASKED)))


folder_name = file_stem
"""A folder's name, by the same rule."""


def cut(name: str) -> str:
    """The beginning of the name that fits, whole characters only."""
    return name.encode("utf-8", "surrogatepass")[:MOST_BYTES].decode("utf-8", "ignore")


def folded(stem: str) -> str:
    """Equal for names that some file system takes for one: case and Unicode forms are no difference."""
    if stem.isascii():
        return stem.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold())
