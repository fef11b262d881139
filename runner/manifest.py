"""What a user wrote: read, checked whole, and refused with every problem at once."""

import hashlib
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from runner import inputs, source, templates, terms, values
from runner.check import Checker
from runner.check import Part as Piece
from runner.document import Document
from runner.endpoint import Endpoint, variables
from runner.expectation import Expect
from runner.group import JobGroup, PromptRow
from runner.names import file_stem
from runner.night import Night, pattern
from runner.notice import Notice
from runner.origin import Unusable
from runner.problems import CREDENTIAL, ManifestError, Problem, Problems, masked
from runner.selection import Supply
from runner.settings import Budget, Outputs, Retry, Settings
from runner.source import Loc, Source
from runner.supply import NONE, Batches, supply
from runner.value import value
from runner.wording import explain

EXPANSION = b"1"
"""Changes whenever the same manifest would make other jobs: then no stored fingerprint holds."""
NOTHING: Mapping[str, str] = MappingProxyType({})
SomePart = TypeVar("SomePart", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest without a problem, as far as can be told before its rows are read."""

    name: str
    """Filled in, and fit to be a folder's name."""
    path: Path | None
    """None where it came from a mapping."""
    folder: Path
    """What its relative paths are relative to."""
    text: str
    sets: Mapping[str, str]
    title: str
    """The name as it is written: a template."""
    night: Night
    carry_over: bool
    endpoints: Mapping[str, Endpoint]
    jobs: Sequence[JobGroup]
    retry: Retry
    outputs: Outputs
    budget: Budget
    reuse: bool
    alert: Mapping[str, str]
    notify: Sequence[Notice]
    report: bool | None
    source: Source = field(repr=False)
    batches: Batches = field(repr=False, default=NONE)
    """The others of the queue that it is submitted to, once that is open."""

    @property
    def settings(self) -> Settings:
        """With the endpoints alone that its jobs use."""
        used = {name for group in self.jobs for name in (self.endpoint_of(group), *group.also)}
        return Settings(
            endpoints={name: endpoint for name, endpoint in self.endpoints.items() if name in used},
            retry=self.retry,
            outputs=self.outputs,
            budget=self.budget,
            expect={each.digest: each for each in expected(self.jobs)},
            alert=dict(self.alert),
            notify=list(self.notify),
            report=self.is_reported,
        )

    def reuses(self, group: JobGroup) -> bool:
        """Whether its jobs may take over what other batches have had."""
        return self.reuse if group.reuse is None else group.reuse

    @property
    def is_reported(self) -> bool:
        """Whether its runs end by a report."""
        if self.report is not None:
            return self.report
        return bool(self.alert or self.notify or self.pattern != self.name)

    @property
    def pattern(self) -> str:
        """The same for the batches of all nights."""
        return pattern(self.title, self.sets)

    def at_run(self, run: int) -> "Manifest":
        """The manifest as that run of its pattern."""
        night = replace(self.night, run=run)
        name = str(templates.render(self.title, {**night.values(), **self.sets}))
        return replace(self, night=night, name=name)

    def endpoint_of(self, group: JobGroup) -> str:
        """The name of the group's endpoint."""
        return next(iter(self.endpoints)) if group.endpoint is None else group.endpoint


def load(
    path: Path,
    *,
    sets: Mapping[str, str] = NOTHING,
    today: date,
    environ: Collection[str] | None = None,
) -> Manifest:
    """The manifest in a file; raises `ManifestError` with all that is wrong with it.

    `environ` are the names of the variables that are set; where given, a missing one is a problem too.
    """
    problems = Problems()
    try:
        text = source.read(path.read_bytes(), str(path), problems)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ManifestError([Problem(str(path), f"cannot be read: {reason}")]) from error
    tree = source.parse(text or "", str(path), problems) if text is not None else Source(str(path))
    if text is None or tree.root is None:
        problems.check()
    reading = Reading(
        source=tree,
        text=text or "",
        raw=tree.root.plain() if tree.root else None,
        folder=path.parent,
        sets=sets,
        night=Night(today),
        environ=environ,
        problems=problems,
    )
    return reading.manifest(path)


def from_mapping(
    mapping: Mapping[str, Any],
    *,
    folder: Path,
    sets: Mapping[str, str] = NOTHING,
    today: date,
    environ: Collection[str] | None = None,
) -> Manifest:
    """A manifest made in a program; relative paths are relative to `folder`. Raises `ManifestError`."""
    try:
        text = orjson.dumps(dict(mapping), option=orjson.OPT_INDENT_2)
    except orjson.JSONEncodeError as error:
        raise ManifestError([Problem("manifest", f"not made of JSON values alone: {error}")]) from error
    reading = Reading(
        source=Source("manifest"),
        text=text.decode(),
        raw=orjson.loads(text),
        folder=folder,
        sets=sets,
        night=Night(today),
        environ=environ,
        problems=Problems(),
    )
    return reading.manifest(None)


@value
class Reading:
    """A manifest while it is read: what is there, and what is wrong with it so far."""

    source: Source
    text: str
    raw: Any
    folder: Path
    sets: Mapping[str, str]
    night: Night
    environ: Collection[str] | None
    problems: Problems

    def manifest(self, path: Path | None) -> Manifest:
        """All of it; raises `ManifestError`."""
        self._refuse_credentials()
        document = self._document()
        endpoints = document.endpoints if document else self._endpoints()
        groups = document.jobs if document else []
        whole = [Piece(group=group, loc=("jobs", at)) for at, group in enumerate(groups)]
        pieces = whole or list(self._pieces())
        self._check(endpoints, pieces, is_whole=document is not None)
        name = self._name(self.raw.get("name")) if isinstance(self.raw, dict) else ""
        used = {name for piece in pieces for name in (piece.group.endpoint, *piece.group.also)}
        in_use = {name: each for name, each in endpoints.items() if used & {name, None}}
        self._require_variables(needed(in_use, document.notify if document else ()))
        self.problems.check()
        if document is None:
            raise AssertionError("a manifest that is no document has a problem")
        return Manifest(
            name=name,
            path=path,
            folder=self.folder,
            text=self.text,
            sets=dict(self.sets),
            title=document.name,
            night=self.night,
            carry_over=document.carry_over,
            endpoints=document.endpoints,
            jobs=tuple(complete(group, self.folder) for group in document.jobs),
            retry=document.retry,
            outputs=document.outputs,
            budget=document.budget,
            reuse=document.reuse,
            alert=document.alert,
            notify=document.notify,
            report=document.report,
            source=self.source,
        )

    def _document(self) -> Document | None:
        try:
            return Document.model_validate(self.raw)
        except ValidationError as error:
            explain(error, Document, self.raw, self.source, self.problems)
            return None

    def _endpoints(self) -> dict[str, Endpoint]:
        """Those that can be read, of a manifest that cannot; a broken one is there as far as it goes."""
        raw = self.raw.get("endpoints") if isinstance(self.raw, dict) else None
        read = (
            {name: salvaged(Endpoint, each)[0] for name, each in raw.items()} if isinstance(raw, dict) else {}
        )
        return {name: endpoint for name, endpoint in read.items() if endpoint is not None}

    def _pieces(self) -> Iterator[Piece]:
        raw = self.raw.get("jobs") if isinstance(self.raw, dict) else None
        for at, each in enumerate(raw if isinstance(raw, list) else ()):
            group, broken = salvaged(JobGroup, each)
            if group is not None:
                yield Piece(group=group, loc=("jobs", at), broken=broken)

    def _check(self, endpoints: Mapping[str, Endpoint], pieces: list[Piece], *, is_whole: bool) -> None:
        if not isinstance(self.raw, dict):
            return
        given = self.raw.get("endpoints")
        checker = Checker(
            source=self.source,
            folder=self.folder,
            sets=self.sets,
            endpoints=endpoints,
            night=self.night.values(),
            unread=given.keys() - endpoints.keys() if isinstance(given, dict) else frozenset(),
            problems=self.problems,
            naming=outputs.get("name") if isinstance(outputs := self.raw.get("outputs"), dict) else None,
        )
        for name, endpoint in endpoints.items():
            checker.check_endpoint(("endpoints", name), endpoint, self.raw["endpoints"][name])
        checker.check(self.raw.get("name"), pieces, is_whole=is_whole)

    def _name(self, template: Any) -> str:
        """The name, filled in; it becomes a folder."""
        where = self.source.where(("name",))
        if not isinstance(template, str) or where in self.problems:
            return ""
        try:
            name = str(templates.render(template, {**self.night.values(), **self.sets}))
        except templates.BadTemplate as error:
            self.problems.add(where, str(error))
            return ""
        if file_stem(name) != name:
            self.problems.add(where, f"{name!r} cannot be a folder's name; {file_stem(name)!r} could")
        return name

    def _refuse_credentials(self) -> None:
        """A key written out, wherever it stands."""
        for match in CREDENTIAL.finditer(self.text):
            before = self.text[: match.start()]
            line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
            where = f"{self.source.name}:{line}:{column}" if self.source.root else self.source.name
            said = "looks like a key: set a variable, and write ${VAR} as an endpoint's key"
            self.problems.add(where, f"{masked(match[0])} {said}")

    def _require_variables(self, needed: Iterator[tuple[Loc, str]]) -> None:
        """`needed`: the parts that name a variable, and its name."""
        for loc, variable in needed if self.environ is not None else ():
            if variable not in (self.environ or ()):
                where = self.source.where(self._reference(loc, variable))
                self.problems.add(where, f"the variable ${{{variable}}} of the environment is not set")

    def _reference(self, loc: Loc, variable: str) -> Loc:
        """Where a part names a variable."""
        raw = self.raw
        for step in loc:
            raw = raw[step]
        ways = templates.texts(raw, loc)
        return next((way for way, text in ways if f"${{{variable}}}" in text), loc)


def needed(endpoints: Mapping[str, Endpoint], notices: Sequence[Notice]) -> Iterator[tuple[Loc, str]]:
    """The environment's variables, and the part that each is named in."""
    for name, endpoint in endpoints.items():
        yield from ((("endpoints", name), variable) for variable in variables(endpoint))
    for at, notice in enumerate(notices):
        yield from ((("notify", at), variable) for variable in notice.variables())


def salvaged(model: type[SomePart], raw: Any) -> tuple[SomePart | None, frozenset[str]]:
    """What can be read of a part once its broken keys are left out, and those keys."""
    try:
        return model.model_validate(raw), frozenset()
    except ValidationError as error:
        details = error.errors(include_url=False)
    broken = frozenset(str(detail["loc"][0]) for detail in details if detail["loc"])
    if not isinstance(raw, dict):
        return None, broken
    try:
        return model.model_validate({key: value for key, value in raw.items() if key not in broken}), broken
    except ValidationError:
        return None, broken


def complete(group: JobGroup, folder: Path) -> JobGroup:
    """The group with all in it that it takes from files, but for its rows."""
    return values.inlined(terms.inlined(group, folder), folder)


def expected(groups: Sequence[JobGroup]) -> list[Expect]:
    """What the groups expect of their answers."""
    return [group.expect for group in groups if group.expect is not None]


def fingerprint(manifest: Manifest) -> str:
    """Equal for manifests that make the same jobs: by text, variables, and every file that is read.

    Where a file's name is a template, which files are read is not known before expanding: never equal.
    """
    digest = hashlib.sha256(EXPANSION)
    parts: list[Any] = [manifest.text, dict(manifest.sets), str(manifest.folder.absolute())]
    parts += [value for name, value in manifest.night.values().items() if name in manifest.text]
    parts += [each.digest for each in expected(manifest.jobs)]
    for at, group in enumerate(manifest.jobs):
        parts += marks(manifest, at)
        parts += [file_hash(manifest.folder / path) for path in files(group)]
        parts += [group.vars, *(row.vars for row in rows_of(group))]
    digest.update(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=repr))
    return digest.hexdigest()


def marks(manifest: Manifest, at: int) -> list[str]:
    """What changes with the rows of the group number `at`; raises `ManifestError`."""
    try:
        given = supply_of(manifest, at)
        return [] if given is None else list(given.marks())
    except Unusable as error:
        raise unusable(manifest, at, error) from error


def supply_of(manifest: Manifest, at: int) -> Supply | None:
    """The rows that the manifest's group number `at` names; raises `ManifestError`."""
    try:
        return supply(
            manifest.jobs[at],
            manifest.folder,
            night=manifest.night.values(),
            sets=manifest.sets,
            batches=manifest.batches,
        )
    except Unusable as error:
        raise unusable(manifest, at, error) from error


def unusable(manifest: Manifest, at: int, error: Unusable) -> ManifestError:
    key = "from" if manifest.jobs[at].file is None else "file"
    return ManifestError([Problem(manifest.source.where(("jobs", at, key)), str(error))])


def files(group: JobGroup) -> Iterator[str]:
    """The files that requests of the group carry."""
    trees = (group.params, group.messages, group.matrix.model_dump(), [p.params for p in rows_of(group)])
    for tree in trees:
        for _, path in inputs.found(tree):
            yield path


def rows_of(group: JobGroup) -> Iterator[PromptRow]:
    return (prompt for prompt in group.prompts or () if isinstance(prompt, PromptRow))


def file_hash(path: Path) -> str:
    if templates.is_template(str(path)):
        return secrets.token_hex(32)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ManifestError([Problem(str(path), f"cannot be read: {error.strerror}")]) from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a manifest, for editors."""
    schema = Document.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "runner manifest"}
