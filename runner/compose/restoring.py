"""A packed batch brought back: looked at whole beside its place, its files first, its rows second."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import orjson

from runner import archive, crash, database
from runner.archive import LIST, Member, Unsound
from runner.compose.archiving import ABOUT, BESIDE, FORMAT, OUTPUTS, ROWS, VERSION, workshop
from runner.compose.exporting import private
from runner.compose.opening import opened
from runner.database import Database, QueueError
from runner.extras import Missing
from runner.files import Directory, blamed, digest, directory
from runner.names import folder_name
from runner.sinks import place
from runner.store import BatchRow, Store
from runner.streams import unpacked
from runner.value import value

FOUND = "found"
ASIDE = ".restoring"


@value
class Restored:
    """What is back."""

    batch: str
    jobs: int
    files: int
    """Outputs."""
    folder: str


@value
class Aim:
    """Where a batch is to go."""

    name: str | None = None
    """Another than it had."""
    outputs: Path | None = None
    """The folder that its folder is to be in; None: where it was, as seen from its manifest."""


def restore(db: str, source: Path, aim: Aim, *, waiting: Callable[[], None] = database.silently) -> Restored:
    """Bring a batch back, all of it or nothing. What a kill has left in between is gone on with.

    Memory does not grow with the batch. Raises `QueueError`, `Unwritable`.
    """
    queue = database.named(db)
    refuse_known(queue, aim.name)
    aside = standing(aim.outputs or Path()) / f"{ASIDE}-{source.name}"
    with blamed(aside), workshop(aside):
        with sound(source):
            unpack(source, aside)
            packed = rows_of(aside)
            target = aimed(packed, aim)
        refuse_known(queue, target.name)
        folder = Path(target.folder)
        refuse_others(aside, folder)
        files = put(aside, folder)
        crash.point("put")
        queue.prepare()
        take_in(queue, database.named(aside / ROWS), packed, target, waiting)
    return Restored(batch=target.name, jobs=packed.tally.total, files=files, folder=target.folder)


def standing(path: Path) -> Path:
    """The folder, or the first of those above it that is there."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.is_dir())


@contextmanager
def sound(source: Path) -> Iterator[None]:
    """Says of an archive what is wrong with it."""
    try:
        yield
    except Unsound as error:
        raise QueueError(f"{source} is damaged, nothing of it was restored: {error}") from error
    except Missing as error:
        raise QueueError(str(error)) from error


def refuse_known(queue: Database, name: str | None) -> None:
    """A batch of that name is never touched; where there is no queue yet there is none."""
    if name is None or (queue.path is not None and not queue.path.exists()):
        return
    queue.check()
    with opened(queue) as store:
        refuse(store, name)


def refuse(store: Store, name: str) -> None:
    if store.batch(name) is not None:
        raise QueueError(f"there is a batch '{name}' in the queue already: --name gives this one another")


def unpack(source: Path, aside: Path) -> None:
    """Every member into a file that is called by its hash; raises `Unsound` unless all are as packed."""
    with reading(source) as stream, (aside / FOUND).open("xb") as found:
        for name, content in archive.contents(stream):
            if (aside / LIST).exists():
                raise Unsound(f"{name} comes after its end")
            member = kept(aside, name, content)
            if name != LIST:
                found.write(member.line())
            if name == ABOUT:
                refuse_version(aside / member.sha256)
    if not (aside / LIST).exists():
        raise Unsound(f"it ends before {LIST}, its last member")
    with (aside / FOUND).open("rb") as found, (aside / LIST).open("rb") as listed:
        if words := archive.difference(iter(found), iter(listed)):
            raise Unsound(words)


@contextmanager
def reading(source: Path) -> Iterator[IO[bytes]]:
    """The archive unpacked as it is read; raises `Unsound` where that goes wrong."""
    packing = source.suffix if source.suffix != ".tar" else ""
    if packing not in {"", ".gz", ".zst"}:
        raise QueueError(f"{source}: an archive is called .tar.zst, .tar.gz or .tar")
    try:
        file = source.open("rb")
    except OSError as error:
        raise QueueError(f"cannot read {source}: {error.strerror}") from error
    with file, unpacked(file, packing) as stream:
        yield stream


def kept(aside: Path, name: str, content: IO[bytes]) -> Member:
    part = aside / "part"
    with open(part, "xb", opener=private) as file:
        sha256, size = archive.copy(content, file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(aside / (LIST if name == LIST else sha256))
    return Member(name=name, size=size, sha256=sha256)


def refuse_version(about: Path) -> None:
    """Before the rest is read."""
    try:
        told = orjson.loads(about.read_bytes())
        format_, version = told["format"], int(told["version"])
    except (ValueError, TypeError, KeyError) as error:
        raise Unsound(f"its {ABOUT} says nothing") from error
    if format_ != FORMAT:
        raise Unsound(f"its {ABOUT} is another program's")
    if version > VERSION:
        raise QueueError(
            f"the archive is of version {version}, this program knows {VERSION}: install a newer runner"
        )


def members(aside: Path) -> Iterator[Member]:
    """In their order, as listed."""
    with (aside / LIST).open("rb") as listed:
        yield from map(Member.parse, listed)


def rows_of(aside: Path) -> BatchRow:
    """The one batch that it has, brought up to date and looked through; raises `Unsound`."""
    rows = [each for each in members(aside) if each.name == ROWS]
    if len(rows) != 1:
        raise Unsound(f"it has no {ROWS}")
    (aside / rows[0].sha256).rename(aside / ROWS)
    copy = database.named(aside / ROWS)
    copy.check()
    with opened(copy) as store:
        if faults := copy.faults(store.connection):
            raise Unsound(f"{ROWS}: {faults[0]}")
        batches = store.batches()
        if len(batches) != 1:
            raise Unsound(f"{ROWS} has {len(batches)} batches")
        refuse_lacks(store, batches[0].id, aside)
    return batches[0]


def refuse_lacks(store: Store, batch_id: int, aside: Path) -> None:
    """Every output that is a file has to be among the members."""
    after = 0
    while page := store.files(batch_id, after):
        for file in page:
            if not archive.is_inside(file.path) or not (aside / file.sha256).exists():
                raise Unsound(f"{file.path}, an output of {file.id}, is not in it")
        after = page[-1].output


def aimed(packed: BatchRow, aim: Aim) -> BatchRow:
    """The batch as it is to be called, and where; raises `Unsound`."""
    if not archive.is_inside(packed.folder):
        raise Unsound(f"{packed.folder} is no folder of an archive")
    name = aim.name or packed.name
    within = aim.outputs or Path(packed.folder).parent
    manifest = None if packed.path is None else Path(packed.path).absolute()
    return replace(
        packed,
        name=name,
        pattern=packed.pattern if name == packed.name else name,
        folder=str((within / folder_name(name)).absolute()),
        path=str(manifest) if manifest is not None and manifest.is_file() else None,
    )


def files_of(aside: Path) -> Iterator[tuple[Member, str]]:
    """The members that go to the batch's folder, and the path there."""
    for member in members(aside):
        for begin in (OUTPUTS, BESIDE):
            if member.name.startswith(begin):
                yield member, member.name.removeprefix(begin)


def refuse_others(aside: Path, folder: Path) -> None:
    """No output is written over another file."""
    for member, path in files_of(aside):
        if member.name.startswith(OUTPUTS) and digest(folder / path) not in {None, member.sha256}:
            raise QueueError(
                f"{folder / path} is there with another content: move it away, or name a folder by --outputs"
            )


def put(aside: Path, folder: Path) -> int:
    """The files to their places; how many of them are outputs. What can be made anew gives way."""
    outputs = 0
    with directory(aside) as source, directory(folder) as root:
        for member, path in files_of(aside):
            is_output = member.name.startswith(OUTPUTS)
            if is_output or not os.path.lexists(folder / path):
                put_one(source, root, member, path)
            outputs += is_output
    return outputs


def put_one(source: Directory, root: Directory, member: Member, path: str) -> None:
    with place(root, path) as (within, name):
        if not within.holds(name, member.sha256):
            source.lend(member.sha256, within, name)
            os.fsync(within.descriptor)


def take_in(
    queue: Database, copy: Database, packed: BatchRow, target: BatchRow, waiting: Callable[[], None]
) -> None:
    """The rows, in one transaction."""
    with opened(copy) as source, queue.transaction(waiting=waiting) as connection:
        store = Store(connection)
        refuse(store, target.name)
        store.take_in(
            source.connection,
            packed.id,
            name=target.name,
            pattern=target.pattern,
            folder=target.folder,
            path=target.path,
        )
