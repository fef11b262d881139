"""Where outputs are kept: pictures in the batch's folder, everything else in the queue alone.

A picture is whole and durable in `.pending`, under a name that says whose it is (`keep`); its row is
committed; then it gets the name that people see (`name`). A start after a crash finds what stands between
(`recover`).
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count, groupby, islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import orjson
from anyio import CapacityLimiter, to_thread

from runner import journal
from runner.crash import point
from runner.expect import Brought
from runner.files import PART, Directory, Room, Unwritable, digest, directory, no_room, walk
from runner.inscription import Pieces, inscribed
from runner.job import Claim
from runner.journal import Entry
from runner.names import file_stems
from runner.outcome import Artifact, Cause, Fault, Kept, Loan, Output, Then
from runner.picture import SUFFIXES, Look, Picture, Unreadable
from runner.provenance import Origin
from runner.value import value

PENDING = ".pending"
EVIDENCE = ".evidence"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Waiting:
    """The name of a picture in `.pending`, which says exactly whose it is."""

    key: str
    attempt: int
    index: int
    count: int
    """How many pictures the attempt brought."""
    suffix: str

    def __str__(self) -> str:
        return f"{self.key}-{self.attempt}-{self.index}of{self.count}.{self.suffix}"

    @classmethod
    def parse(cls, name: str) -> "Waiting | None":
        match = re.fullmatch(r"([0-9a-f]+)-(\d+)-(\d+)of(\d+)\.(\w+)", name)
        if match is None:
            return None
        key, attempt, index, count, suffix = match.groups()
        return cls(key=key, attempt=int(attempt), index=int(index), count=int(count), suffix=suffix)


@value
class Found:
    """The pictures of one attempt that a start finds without their final names."""

    key: str
    attempt: int
    files: tuple[Waiting, ...]

    @property
    def whole(self) -> bool:
        """Whether they are all that the attempt brought."""
        return len(self.files) == self.files[0].count


@dataclass(frozen=True, slots=True)
class Folder:
    """The outputs of one batch. Raises `Unwritable` where the disk or the folder fails."""

    root: Path
    spread: bool = field(kw_only=True)
    """Whether pictures go to 256 subfolders."""
    room: Room = field(default=no_room, kw_only=True)
    """Makes room where the disk is full."""
    origin: Origin | None = field(default=None, kw_only=True)
    """What pictures tell of where they come from; None: nothing."""
    decoders: CapacityLimiter = field(
        default_factory=lambda: CapacityLimiter(os.cpu_count() or 1), kw_only=True
    )

    def check_writable(self) -> None:
        """Make the folder, and do once in it what keeping takes."""
        with directory(self.root, self.room) as root:
            root.probe()
            with root.inside(PENDING) as pending:
                pending.probe()

    @property
    def is_far(self) -> bool:
        """Whether it takes a while to give a picture its final name."""
        return False

    async def conflict(self, claim: Claim) -> str | None:
        """What `taken` says."""
        return self.taken(claim)

    def taken(self, claim: Claim) -> str | None:
        """The path of what stands already where a picture of this job would go."""
        folder = f"{self.root}/{claim.key[:2]}" if self.spread else str(self.root)
        if self.spread and not_a_folder(folder):
            return folder
        paths = (
            f"{folder}/{stem}.{suffix}" for stem in file_stems(claim.stem, claim.body) for suffix in SUFFIXES
        )
        return next((path for path in paths if os.path.lexists(path)), None)

    async def keep(self, claim: Claim, output: Output) -> tuple[Kept, ...]:
        """Make an answer durable, as far as files go: the rows have their final paths already.

        Where some of its pictures cannot be decoded the others are returned alone; where none can,
        raises `Fault`. Either way the bytes of those are kept as evidence.
        """
        kept = [worded(artifact) for artifact in output.artifacts if artifact.data is None]
        if len(kept) == len(output.artifacts):
            return tuple(kept)
        kept += await to_thread.run_sync(self.keep_pictures, claim, output.artifacts, limiter=self.decoders)
        return tuple(sorted(kept, key=lambda each: each.index))

    def keep_pictures(self, claim: Claim, artifacts: Sequence[Artifact]) -> list[Kept]:
        with directory(self.root, self.room) as root:
            return self.store_pictures(root, claim, readable(root, claim, artifacts))

    def store_pictures(
        self, root: Directory, claim: Claim, pictures: Sequence[tuple[Artifact, Picture]]
    ) -> list[Kept]:
        with root.inside(PENDING) as pending:
            return [self.keep_picture(pending, claim, *each, len(pictures)) for each in pictures]

    async def look(self, claim: Claim, output: Output, look: Look) -> list[Brought]:
        """What an answer brought, its pictures decoded and looked at; nothing is kept yet.

        Damaged ones are dealt with as `keep` does.
        """
        words = [Brought(artifact=artifact) for artifact in output.artifacts if artifact.data is None]
        if len(words) == len(output.artifacts):
            return words
        pictures = await to_thread.run_sync(
            self.look_at_pictures, claim, output.artifacts, look, limiter=self.decoders
        )
        return sorted([*words, *pictures], key=lambda each: each.artifact.index)

    def look_at_pictures(self, claim: Claim, artifacts: Sequence[Artifact], look: Look) -> list[Brought]:
        with directory(self.root, self.room) as root:
            return [
                Brought(artifact=artifact, picture=picture)
                for artifact, picture in readable(root, claim, artifacts, look)
            ]

    async def store(self, claim: Claim, brought: Sequence[Brought]) -> tuple[Kept, ...]:
        """Make durable what was looked at, as `keep` does."""
        kept = [worded(each.artifact) for each in brought if each.picture is None]
        pictures = [(each.artifact, each.picture) for each in brought if each.picture is not None]
        if pictures:
            kept += await to_thread.run_sync(self.store_looked_at, claim, pictures)
        return tuple(sorted(kept, key=lambda each: each.index))

    def store_looked_at(self, claim: Claim, pictures: Sequence[tuple[Artifact, Picture]]) -> list[Kept]:
        with directory(self.root, self.room) as root:
            return self.store_pictures(root, claim, pictures)

    async def refuse(self, claim: Claim, brought: Sequence[Brought]) -> list[Path]:
        """Keep as evidence what does not count, and is paid for; returns where. Texts stand in the queue."""
        files = [(each.artifact.index, *file) for each in brought if (file := as_file(each)) is not None]
        return await to_thread.run_sync(self.keep_as_evidence, claim, files) if files else []

    def keep_as_evidence(self, claim: Claim, files: Sequence[tuple[int, str, bytes]]) -> list[Path]:
        with directory(self.root, self.room) as root:
            return [keep_evidence(root, claim, index, data, suffix=suffix) for index, suffix, data in files]

    def keep_picture(
        self, pending: Directory, claim: Claim, artifact: Artifact, picture: Picture, count: int
    ) -> Kept:
        file = Waiting(
            key=claim.key, attempt=claim.attempt, index=artifact.index, count=count, suffix=picture.suffix
        )
        pieces = self.inscribed(claim, artifact.index, picture)
        pending.write(str(file), *pieces)
        point("renamed")
        return replace(
            self.pictured(claim, artifact.index, count, picture, pieces),
            finish_reason=artifact.finish_reason,
            revised_prompt=artifact.revised_prompt,
        )

    def inscribed(self, claim: Claim, index: int, picture: Picture) -> Pieces:
        """The picture's file, with what it tells of its request where it has a place for that."""
        if self.origin is not None and claim.particulars is not None:
            for text in self.origin.told(claim, claim.particulars, index, now=time.time()):
                if pieces := inscribed(picture.data, picture.suffix, text):
                    return pieces
        return (picture.data,)

    def pictured(
        self, claim: Claim, index: int, count: int, picture: Picture, pieces: Pieces | None = None
    ) -> Kept:
        """The row of a picture, one of `count`; `pieces`: its file, where that is more than what came."""
        size, sha256 = measured(pieces or (picture.data,))
        return Kept(
            kind="image",
            index=index,
            path=self.path_of(claim, index, count, picture.suffix),
            mime=picture.mime,
            bytes=size,
            sha256=sha256,
            width=picture.width,
            height=picture.height,
        )

    def path_of(self, claim: Claim | Loan, index: int, count: int, suffix: str) -> str:
        """Where a picture goes, one of `count`: relative to the folder."""
        stem = f"{claim.key[:2]}/{claim.stem}" if self.spread else claim.stem
        return f"{stem}.{suffix}" if count == 1 else f"{stem}-{index}.{suffix}"

    async def name(self, key: str, attempt: int, kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
        """Give committed pictures their final names, some of which they may have already.

        Where something else has taken a name since, its row comes back with another path. Until that is
        committed, and `name` called with it, the picture stands in `.pending` too.
        """
        if all(each.path is None for each in kept):
            return kept
        return await to_thread.run_sync(self.name_pictures, key, attempt, kept)

    def name_pictures(self, key: str, attempt: int, kept: tuple[Kept, ...]) -> tuple[Kept, ...]:
        count = sum(each.path is not None for each in kept)
        with directory(self.root, self.room) as root, root.inside(PENDING) as pending:
            journal.add(root, entries(kept, key=key, attempt=attempt, count=count))
            return tuple(
                name_picture(root, pending, each, waiting(each, key=key, attempt=attempt, count=count))
                for each in kept
            )

    async def rename(self, old: str, new: str) -> str:
        """Give an output another name, unless it has it already; returns the path that it has then."""
        return await to_thread.run_sync(self.rename_picture, old, new)

    def rename_picture(self, old: str, new: str) -> str:
        if old == new or not os.path.lexists(self.root / old):
            return new
        with directory(self.root, self.room) as root, place(root, old) as (folder, name):
            path = named(root, folder, name, new, hashlib.sha256(folder.read(name)).hexdigest())
            folder.remove(name)
            return path

    async def recover(self) -> list[Found]:
        """Remove what was half written; find the pictures that have no final names yet."""
        return await to_thread.run_sync(self.find)

    def find(self) -> list[Found]:
        if not os.path.lexists(self.root):
            return []
        with directory(self.root, self.room) as root:
            for name in (PENDING, EVIDENCE):
                sweep(root, name)
            with root.inside(PENDING) as pending:
                return found(pending.names())

    async def adopt(self, claim: Claim, whole: Found) -> tuple[Kept, ...] | None:
        """The rows of an attempt whose pictures were kept and never committed; None where one is damaged."""
        return await to_thread.run_sync(self.adopt_pictures, claim, whole, limiter=self.decoders)

    def adopt_pictures(self, claim: Claim, whole: Found) -> tuple[Kept, ...] | None:
        with directory(self.root, self.room) as root, root.inside(PENDING) as pending:
            try:
                pictures = [(file.index, inspect(pending.read(str(file)))) for file in whole.files]
            except Unreadable:
                return None
        return tuple(self.pictured(claim, index, len(pictures), picture) for index, picture in pictures)

    def borrow(self, loans: Sequence[Loan]) -> list[tuple[Kept, ...] | None]:
        """The rows of outputs that other batches have had, their pictures here too, waiting for their names.

        None where one of a loan's pictures is not what it was.
        """
        if not any(each.path for loan in loans for each in loan.outputs):
            return [loan.outputs for loan in loans]
        with directory(self.root, self.room) as root, root.inside(PENDING) as pending:
            kept = [self.borrow_files(pending, loan) for loan in loans]
            os.fsync(pending.descriptor)
        return kept

    def borrow_files(self, pending: Directory, loan: Loan) -> tuple[Kept, ...] | None:
        count = sum(each.path is not None for each in loan.outputs)
        if not count:
            return loan.outputs
        if not Path(loan.folder).is_dir():
            return None
        with directory(Path(loan.folder), self.room) as lender:
            if not all(holds(lender, each.path, each.sha256) for each in loan.outputs if each.path):
                return None
            return tuple(self.borrow_file(pending, lender, loan, each, count) for each in loan.outputs)

    def borrow_file(self, pending: Directory, lender: Directory, loan: Loan, kept: Kept, count: int) -> Kept:
        if kept.path is None:
            return kept
        suffix = PurePosixPath(kept.path).suffix[1:]
        file = Waiting(key=loan.key, attempt=loan.attempt, index=kept.index, count=count, suffix=suffix)
        with place(lender, kept.path) as (folder, name):
            folder.lend(name, pending, str(file))
        return replace(kept, path=self.path_of(loan, kept.index, count, suffix))

    def unnamed(self, key: str, attempt: int, index: int) -> Path | None:
        """Where a picture stands that has no name of its own yet."""
        pending = self.root / PENDING
        return next(pending.glob(f"{key}-{attempt}-{index}of*"), None)

    def withdraw(self, paths: Sequence[str]) -> None:
        """Move what stands at paths of ours to the evidence, under names of its own: nothing is deleted."""
        with directory(self.root, self.room) as root, root.inside(EVIDENCE) as evidence:
            for path in paths:
                if os.path.lexists(self.root / path):
                    with place(root, path) as (folder, name):
                        put_away(folder, name, evidence)

    async def named_before(self, some: int) -> AsyncIterator[list[Sequence[Entry]]]:
        """What the journal has of attempts whose pictures were given names, so many attempts at once."""
        attempts = self.remembered()
        while chunk := await to_thread.run_sync(lambda: list(islice(attempts, some))):
            yield chunk

    def remembered(self) -> Iterator[Sequence[Entry]]:
        if os.path.lexists(self.root):
            with directory(self.root, self.room) as root:
                yield from journal.attempts(root)

    async def claimed(self, claim: Claim, entries: Sequence[Entry]) -> tuple[Kept, ...] | None:
        """The rows of an attempt whose pictures have their names; None unless each is the one that got it."""
        return await to_thread.run_sync(self.claim_pictures, claim, entries, limiter=self.decoders)

    def claim_pictures(self, claim: Claim, entries: Sequence[Entry]) -> tuple[Kept, ...] | None:
        latest = {entry.index: entry for entry in entries}
        if len(latest) != entries[0].count:
            return None
        kept = [self.claim_picture(claim, entry) for _, entry in sorted(latest.items())]
        return None if None in kept else tuple(each for each in kept if each is not None)

    def claim_picture(self, claim: Claim, entry: Entry) -> Kept | None:
        """By its content, where it was put or where the job's pictures go by now."""
        now = self.path_of(claim, entry.index, entry.count, PurePosixPath(entry.path).suffix[1:])
        for path in (entry.path, now):
            data = self.content(path, entry.sha256)
            if data is not None:
                with suppress(Unreadable):
                    row = self.pictured(claim, entry.index, entry.count, inspect(data))
                    return replace(row, path=path)
        return None

    def content(self, path: str, sha256: str) -> bytes | None:
        """What stands at a path of ours, if it has this hash."""
        with directory(self.root, self.room) as root:
            if not holds(root, path, sha256):
                return None
            with place(root, path) as (folder, name):
                return folder.read(name)

    def source(self, path: str) -> Path | BinaryIO:
        """A picture to be looked at; raises `Unreadable` where it cannot be had."""
        return self.root / path

    def digest(self, path: str) -> str | None:
        """The hash of what stands at a path, as `files.digest` tells it."""
        return digest(self.root / path)

    def names(self) -> Iterable[str]:
        """The paths of all that has a final name, ours or not."""
        return walk(self.root)

    async def set_aside(self, key: str, attempt: int) -> None:
        """Move an attempt's pictures to the evidence: its result came too late, or they are not whole."""
        await to_thread.run_sync(self.move_aside, key, attempt)

    def move_aside(self, key: str, attempt: int) -> None:
        with (
            directory(self.root, self.room) as root,
            root.inside(PENDING) as pending,
            root.inside(EVIDENCE) as evidence,
        ):
            for name in pending.names():
                if name.startswith(f"{key}-{attempt}-"):
                    pending.move(name, evidence, name)


def worded(artifact: Artifact) -> Kept:
    """The row of an artifact that is kept in the queue alone."""
    if artifact.text is not None:
        value, mime = artifact.text, "text/plain"
    else:
        value = orjson.dumps(artifact.vector if artifact.tool_calls is None else artifact.tool_calls).decode()
        mime = "application/json"
    data = value.encode()
    return Kept(
        kind=artifact.kind,
        index=artifact.index,
        value=value,
        mime=mime,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        finish_reason=artifact.finish_reason,
        revised_prompt=artifact.revised_prompt,
    )


def measured(pieces: Pieces) -> tuple[int, str]:
    """How many bytes, and their hash."""
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
    return sum(map(len, pieces)), hashed.hexdigest()


def as_file(brought: Brought) -> tuple[str, bytes] | None:
    """A picture or a vector, and the suffix that its file gets; None for what the answer has in full."""
    if brought.picture is not None:
        return brought.picture.suffix, brought.picture.data
    return None if brought.artifact.vector is None else ("json", orjson.dumps(brought.artifact.vector))


def readable(
    root: Directory, claim: Claim, artifacts: Sequence[Artifact], look: Look | None = None
) -> list[tuple[Artifact, Picture]]:
    """The pictures that can be decoded; the others become evidence. Raises a fault if none can."""
    pictures = []
    fault = None
    for artifact in artifacts:
        if artifact.data is None:
            continue
        try:
            pictures.append((artifact, inspect(artifact.data, look)))
        except Unreadable as error:
            fault = damaged(artifact, error, keep_evidence(root, claim, artifact.index, artifact.data))
    if fault is not None and not pictures:
        raise fault
    return pictures


def keep_evidence(root: Directory, claim: Claim, index: int, data: bytes, *, suffix: str = "bin") -> Path:
    name = f"{claim.key}-{claim.attempt}-{index}.{suffix}"
    with root.inside(EVIDENCE) as evidence:
        evidence.write(name, data)
        return evidence.path / name


def damaged(artifact: Artifact, error: Unreadable, evidence: Path) -> Fault:
    return Fault(
        cause=Cause.MALFORMED,
        message=f"image {artifact.index} {error}; kept as {evidence}",
        then=Then.RETRY,
        billed=True,
        useless=True,
    )


def name_picture(root: Directory, pending: Directory, kept: Kept, file: str) -> Kept:
    """`file`: what it is called in `.pending`."""
    if kept.path is None:
        return kept
    path = named(root, pending, file, kept.path, kept.sha256)
    if path == kept.path:
        pending.remove(file)
    return replace(kept, path=path)


def waiting(kept: Kept, *, key: str, attempt: int, count: int) -> str:
    """What a picture is called in `.pending`; empty for what is no file."""
    if kept.path is None:
        return ""
    suffix = PurePosixPath(kept.path).suffix[1:]
    return str(Waiting(key=key, attempt=attempt, index=kept.index, count=count, suffix=suffix))


def named(root: Directory, folder: Directory, name: str, wanted: str, sha256: str) -> str:
    """Give a file the path that is wanted, or one that tells its content where that is another's.

    Returns the path it got, or has had since an earlier start. It keeps its first name too.
    """
    for choice in choices(wanted, sha256):
        with place(root, choice) as (target, last):
            if target.holds(last, sha256) or folder.link(name, target, last):
                return choice
    raise Unwritable(f"{root.path / wanted} is taken, and so is every other name for it")


def choices(wanted: str, sha256: str) -> Iterator[str]:
    """The path that is wanted, and those that tell the content."""
    path = PurePosixPath(wanted)
    yield from map(str, (path, path.with_stem(f"{path.stem}-{sha256[:8]}"), path.with_stem(sha256)))


def entries(kept: Sequence[Kept], *, key: str, attempt: int, count: int) -> list[Entry]:
    """What the journal is told of pictures that are about to get their names."""
    return [
        Entry(key=key, attempt=attempt, index=each.index, count=count, sha256=each.sha256, path=each.path)
        for each in kept
        if each.path is not None
    ]


def put_away(folder: Directory, name: str, evidence: Directory) -> None:
    """Under the first free one of `name`, `name.1`, `name.2` and so on."""
    names = (name if number == 0 else f"{name}.{number}" for number in count())
    next(free for free in names if folder.move(name, evidence, free))


def holds(root: Directory, path: str, sha256: str) -> bool:
    """Whether a file with this content stands at a path of ours; no folder is made for the question."""
    if ".." in PurePosixPath(path).parts or not os.path.lexists(root.path / path):
        return False
    with place(root, path) as (folder, name):
        return folder.holds(name, sha256)


@contextmanager
def place(root: Directory, path: str) -> Iterator[tuple[Directory, str]]:
    """The folder that a path relative to `root` ends in, and its name there."""
    folder, _, name = path.rpartition("/")
    if not folder:
        yield root, name
        return
    with root.inside(folder) as spread:
        yield spread, name


def sweep(root: Directory, name: str) -> None:
    """Remove what was half written in a folder."""
    if os.path.lexists(root.path / name):
        with root.inside(name) as folder:
            for part in folder.names():
                if part.endswith(PART):
                    folder.remove(part)


def found(names: list[str]) -> list[Found]:
    """Who the files in `.pending` belong to; others than ours are left alone."""
    files = sorted(file for file in map(Waiting.parse, names) if file is not None)
    return [
        Found(key=key, attempt=attempt, files=tuple(group))
        for (key, attempt), group in groupby(files, key=lambda file: (file.key, file.attempt))
    ]


def not_a_folder(path: str) -> bool:
    """Whether something is there that no picture can be put into."""
    try:
        return not stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def inspect(data: bytes, look: Look | None = None) -> Picture:
    """Decode a picture whole; raises `Unreadable`. Pillow is loaded for the first."""
    from runner import images

    return images.inspect(data, look)
