"""A batch packed into one file: its rows, its manifest, its outputs, and the hash of each."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import orjson

from runner import crash, database, journal
from runner.archive import Packer, Unsound
from runner.compose.exporting import private
from runner.compose.keeping import outputs
from runner.compose.opening import batch_of, opened
from runner.compose.standing import is_running
from runner.compose.verifying import OWN
from runner.database import Database, QueueError
from runner.extras import Missing
from runner.files import OLD, blamed, directory
from runner.sinks import EVIDENCE, Folder
from runner.store import BatchRow, FileRow, Store
from runner.streams import PACKERS
from runner.value import value

VERSION = 1
FORMAT = "runner archive"
ABOUT, ROWS, MANIFEST = "archive.json", "batch.db", "manifest.yaml"
OUTPUTS, BESIDE = "outputs/", "beside/"
"""How the names of members begin that go to the batch's folder; the second can be made anew."""
SUFFIXES = (".tar.zst", ".tar.gz", ".tar")


@value
class Archived:
    """What is in the archive."""

    batch: str
    jobs: int
    files: int
    """Outputs."""
    bytes: int
    """Of the archive's file."""


def archive(db: str, batch: str, target: Path) -> Archived:
    """Pack a batch that nobody works on; the file is there whole or not at all.

    Memory does not grow with the batch. Raises `QueueError`, `Unwritable`.
    """
    refuse_name(target)
    queue = database.named(db)
    queue.check()
    with opened(queue) as store:
        row = batch_of(store, batch, db)
        refuse_unquiet(db, store, row)
        refuse_far(row)
    aside = target.with_name(f".{target.name}.part")
    with blamed(target), workshop(aside):
        rows = copied(queue, row, aside / ROWS)
        files = pack(rows, row, aside)
        crash.point("packed")
        give_name(aside, target)
        return Archived(batch=row.name, jobs=row.tally.total, files=files, bytes=target.stat().st_size)


def refuse_name(target: Path) -> None:
    if not target.name.endswith(SUFFIXES):
        raise QueueError(f"{target}: an archive is called .tar.zst, .tar.gz or .tar")
    if os.path.lexists(target):
        raise taken(target)


def taken(target: Path) -> QueueError:
    return QueueError(f"{target} is there already, and is not written over")


def refuse_unquiet(db: str, store: Store, row: BatchRow) -> None:
    if is_running(db, store, row):
        raise QueueError(f"{row.name} is being worked on: archive it when its runner is done")
    if row.tally.running or store.renames(row.id):
        raise QueueError(f"{row.name} was left by a kill as it stood: `runner resume {row.name}` first")


def give_name(aside: Path, target: Path) -> None:
    """Its own, unless something else has it by now."""
    with directory(aside) as made, directory(target.parent) as folder:
        if not made.link(target.name, folder, target.name):
            raise taken(target)
        os.fsync(folder.descriptor)


def refuse_far(row: BatchRow) -> None:
    if row.url is not None:
        raise QueueError(
            f"the pictures of {row.name} are in {row.url}: an archive takes those of folders alone"
        )


@contextmanager
def workshop(folder: Path) -> Iterator[None]:
    """A folder that is made for what is done in it, and gone afterwards; one that a kill has left, too."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copied(queue: Database, row: BatchRow, path: Path) -> Database:
    """The batch alone in a queue of its own, as it is at one moment; no place of this machine is in it."""
    copy = database.named(path)
    copy.prepare()
    with opened(queue) as store, copy.transaction() as connection:
        Store(connection).take_in(
            store.connection, row.id, path=row.path and Path(row.path).name, folder=place(row)
        )
    return copy


def place(row: BatchRow) -> str:
    """The batch's folder as seen from its manifest."""
    folder = Path(row.folder)
    beside = Path(row.path or folder).parent
    return str(folder.relative_to(beside) if folder.is_relative_to(beside) else Path("outputs", folder.name))


def pack(rows: Database, row: BatchRow, aside: Path) -> int:
    """Everything, into a file of the archive's name; how many outputs."""
    name = aside.name.removeprefix(".").removesuffix(".part")
    with open(aside / name, "xb", opener=private) as file:
        with packing(file, name) as stream, tempfile.TemporaryFile(dir=aside) as listed:
            packer = Packer(stream, listed)
            packer.add_bytes(ABOUT, about(row))
            packer.add_bytes(MANIFEST, manifest(rows).encode())
            with (aside / ROWS).open("rb") as content:
                packer.add(ROWS, content, os.fstat(content.fileno()).st_size)
            files = pack_outputs(packer, rows, row)
            pack_beside(packer, Path(row.folder))
            packer.close()
        file.flush()
        os.fsync(file.fileno())
    return files


@contextmanager
def packing(file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    suffix = Path(name).suffix
    if suffix not in PACKERS:
        yield file
        return
    try:
        stream = PACKERS[suffix](file)
    except Missing as error:
        raise QueueError(str(error)) from error
    with stream:
        yield stream


def about(row: BatchRow) -> bytes:
    told = {"format": FORMAT, "version": VERSION, "batch": row.name, "jobs": row.tally.total}
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def manifest(rows: Database) -> str:
    with opened(rows) as store:
        [alone] = store.batches()
        return store.manifest(alone.id)


def pack_outputs(packer: Packer, rows: Database, row: BatchRow) -> int:
    """Every file that the rows know, each the one that was kept; raises `QueueError` where one is not."""
    folder, after, files = outputs(row), 0, 0
    with opened(rows) as store:
        [alone] = store.batches()
        while page := store.files(alone.id, after):
            for file in page:
                pack_output(packer, folder, file, row.name)
            after, files = page[-1].output, files + len(page)
    return files


def pack_output(packer: Packer, folder: Folder, file: FileRow, batch: str) -> None:
    lost = (
        f"{folder.root / file.path} is missing or changed: `runner verify {batch} --repair`, then archive it"
    )
    path = folder.root / file.path
    if not os.path.lexists(path):
        path = folder.unnamed(file.key, file.attempt, file.index) or path
    try:
        sha256 = pack_file(packer, f"{OUTPUTS}{file.path}", path)
    except (OSError, Unsound) as error:
        raise QueueError(lost) from error
    if sha256 != file.sha256:
        raise QueueError(lost)


def pack_file(packer: Packer, name: str, path: Path) -> str:
    """A regular file, no link to one; returns its hash."""
    with os.fdopen(os.open(path, OLD), "rb") as content:
        status = os.fstat(content.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unsound(f"{path} is no file")
        return packer.add(name, content, status.st_size).sha256


def pack_beside(packer: Packer, folder: Path) -> None:
    """What runner has written beside the outputs."""
    for path in sorted((*folder.glob("*"), *(folder / EVIDENCE).glob("*"))):
        name = path.relative_to(folder)
        is_ours = str(name).startswith((*OWN, journal.NAME, f"{EVIDENCE}/"))
        if is_ours and path.is_file() and not path.is_symlink():
            pack_file(packer, f"{BESIDE}{name}", path)
