"""A user's text as a tree of plain values that remembers where everything stands.

Strict where YAML 1.1 is generous: no tags, no second document, no key twice, and no bare word that one
reader takes for a number, a date or a truth value and the next one for text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from runner.problems import Problems
from runner.reference import REFERENCE
from runner.value import value

MOST_REPEATED = 1_000_000
"""Values that aliases repeat, counted each time. What is written out is not bounded: the file is as long."""
DEEPEST = 64
LONGEST_SHOWN = 8
"""Characters of a bare word that a message repeats; a longer one might be a key."""

Place = tuple[int, int]
"""Line and column, from 1."""
Loc = tuple[str | int, ...]
"""The way to a node: `("jobs", 0, "params")`."""

VEILED = re.compile("\\$\ue000([A-Za-z_][A-Za-z0-9_]*)\ue001")
"""`${VAR}`, as long, in a form that YAML takes for text inside `{…}` too."""

NULL = re.compile(r"~|null|Null|NULL|")
BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
SURPRISES = (
    ("true or false", ", or write true or false", re.compile(r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")),
    ("an octal number", ", or leave out the leading zero", re.compile(r"[-+]?0o?[0-9_]+")),
    (
        "a hexadecimal or binary number",
        ", or write it in decimal",
        re.compile(r"[-+]?0(?:x[0-9a-fA-F_]+|b[01_]+)"),
    ),
    (
        "a number of base 60",
        ", or write it in decimal",
        re.compile(r"[-+]?(?:[1-9][0-9_]*(?::[0-5]?[0-9])+|[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)"),
    ),
    (
        "a number",
        ", or write it in digits alone",
        re.compile(r"[-+]?(?:[0-9]+_[0-9_]*(?:\.[0-9_]*)?|[0-9]+[eE][-+]?[0-9]+)"),
    ),
    (
        "infinity or no number",
        ", or write a finite number",
        re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"),
    ),
    (
        "a date",
        "",
        re.compile(
            r"\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?"
            r"(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?"
        ),
    ),
)
"""What bare words may be read as, by YAML 1.1 but not by YAML 1.2 or a person, and what to write instead."""
SLICES = ("jobs", "rows")
"""The keys to a value that is never a number of base 60: `10:50` says which rows are meant."""
BITS = 64
ON = "on"
"""A key of manifests that YAML 1.1 takes for a truth value: here keys are text."""


@dataclass(slots=True, eq=False)
class Scalar:
    """A text, number, truth value or null."""

    line: int
    column: int
    value: str | float | bool | None

    def plain(self) -> Any:
        return self.value


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    line: int
    column: int
    items: "list[Node]" = field(default_factory=list)

    def plain(self) -> Any:
        return [item.plain() for item in self.items]


@dataclass(slots=True, eq=False)
class Mapping:
    """Values by name."""

    line: int
    column: int
    items: "dict[str, Node]" = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)
    """Where each key stands."""

    def plain(self) -> Any:
        return {key: item.plain() for key, item in self.items.items()}


Node = Scalar | Sequence | Mapping


@value(kw_only=False)
class Source:
    """Where things stand: in a YAML file or, without a root, in a mapping that came from code."""

    name: str
    root: Node | None = None

    def where(self, loc: Loc = (), *, key: bool = False) -> str:
        """The place of a value or of its key: `jobs.yaml:14:7`, or `manifest.jobs[0].prompt`.

        Steps of `loc` that lead nowhere are passed over: what is nearest gets named.
        """
        if self.root is None:
            return self.name + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
        line, column = place(self.root, loc, key=key)
        return f"{self.name}:{line}:{column}"


def place(node: Node, loc: Loc, *, key: bool) -> Place:
    """Line and column, from 1, of what `loc` leads to from `node`, or of its key."""
    found = (node.line, node.column)
    for step in loc:
        match node:
            case Mapping() if step in node.items:
                found, node = node.keys[str(step)], node.items[str(step)]
            case Sequence() if isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                found = (node.line, node.column)
    return found if key else (node.line, node.column)


class Undecodable(Exception):
    """Bytes that are not text as we want it; `offset` is that of the first one in its file."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} at byte {offset}")
        self.offset = offset


def decoded(data: bytes, *, offset: int = 0) -> str:
    """`data`, which begins `offset` bytes into its file, as text: UTF-8, its mark dropped, lines in LF."""
    if not offset and data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Undecodable("UTF-16: save it as UTF-8; it is not", 0)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Undecodable("not UTF-8", offset + error.start) from error
    if "\0" in text:
        raise Undecodable("NUL (UTF-16? save it as UTF-8)", offset + data.index(b"\0"))
    if not offset:
        text = text.removeprefix("\ufeff")
    return text.replace("\r\n", "\n") if "\r" in text else text


def read(data: bytes, name: str, problems: Problems) -> str | None:
    """The text of a file called `name`, or None and a problem."""
    try:
        return decoded(data)
    except Undecodable as error:
        before = data[: error.offset]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        problems.add(f"{name}:{line}:{column}", str(error))
        return None


def parse(text: str, name: str, problems: Problems) -> Source:
    """The tree of a YAML text; without a root where nothing could be made of it."""
    builder = Builder(name, problems)
    try:
        for event in yaml.parse(REFERENCE.sub("$\ue000\\1\ue001", text), Loader=yaml.CSafeLoader):
            builder.take(event)
    except Unreadable as error:
        problems.add(f"{name}:{error.line}:{error.column}", str(error))
        return Source(name)
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        line, column, message = syntax(error, text)
        problems.add(f"{name}:{line}:{column}", message)
        return Source(name)
    if builder.root is None:
        problems.add(f"{name}:1:1", "the file is empty")
    return Source(name, builder.root)


def syntax(error: yaml.MarkedYAMLError | yaml.reader.ReaderError, text: str) -> tuple[int, int, str]:
    """Line, column and words of an error that the YAML parser found."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        code = ord(error.character) if isinstance(error.character, str) else error.character
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return line, column, f"the character U+{code:04X} is not allowed here"
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    message = " ".join(filter(None, (error.problem, error.context)))
    lines = text.splitlines()
    braces = any("{{" in lines[near] for near in (line - 1, line) if 0 <= near < len(lines))
    hint = '. A value with {{ … }} in it needs quotes: "{{ … }}"' if braces else ""
    return line + 1, column + 1, f"not YAML: {message}{hint}"


def begin(event: yaml.Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


class Unreadable(Exception):
    """What makes reading on pointless."""

    def __init__(self, message: str, mark: Place) -> None:
        super().__init__(message)
        self.line, self.column = mark


@dataclass(slots=True, eq=False)
class Open:
    """A sequence or mapping whose end has not come."""

    node: Sequence | Mapping
    anchor: str | None
    began: int
    """Nodes counted before it."""
    height: int = 1
    """Levels of nodes in it, itself included."""
    key: str | None = None
    """The key whose value comes next."""
    merges: list[Mapping] = field(default_factory=list)


@value(kw_only=False)
class Anchored:
    """What an alias repeats."""

    node: Node
    size: int
    height: int


class Builder:
    """Makes the tree of the parser's events, one by one; recursion, bombs and depth never come to be."""

    MERGE = "<<"

    def __init__(self, name: str, problems: Problems) -> None:
        self.root: Node | None = None
        self._name = name
        self._problems = problems
        self._stack: list[Open] = []
        self._anchors: dict[str, Anchored | None] = {}
        self._nodes = 0
        self._repeated = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                self._document(event)

    def _document(self, event: yaml.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            raise Unreadable("a second document: a manifest is one", begin(event))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._tag(event)
        mark = begin(event)
        self._nodes += 1
        is_bare = not event.style
        if self._awaits_key():
            self._key(event.value, mark, is_bare=is_bare)
            return
        is_text = not is_bare or self._is_slice(event.value)
        value = unveiled(event.value) if is_text else self._bare(event.value, mark)
        node = Scalar(*mark, value)
        self._anchor(event.anchor, Anchored(node, 1, 1))
        self._place(node, 1, mark)

    def _begin(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._tag(event)
        mark = begin(event)
        if self._awaits_key():
            raise Unreadable('a key must be text. A template needs quotes: "{{ … }}"', mark)
        if len(self._stack) >= DEEPEST:
            raise Unreadable(f"nested deeper than {DEEPEST} levels", mark)
        kind = Mapping if isinstance(event, yaml.MappingStartEvent) else Sequence
        self._stack.append(Open(kind(*mark), event.anchor, self._nodes))
        self._anchor(event.anchor, None)
        self._nodes += 1

    def _end(self, event: yaml.Event) -> None:
        done = self._stack.pop()
        if isinstance(done.node, Mapping):
            merge(done.node, done.merges)
        self._anchor(done.anchor, Anchored(done.node, self._nodes - done.began, done.height))
        self._place(done.node, done.height, begin(event))

    def _alias(self, event: yaml.AliasEvent) -> None:
        mark = begin(event)
        if self._awaits_key():
            raise Unreadable("a key must be text, not an alias", mark)
        if event.anchor not in self._anchors:
            raise Unreadable(f"the alias *{event.anchor} stands for nothing", mark)
        meant = self._anchors[event.anchor]
        if meant is None:
            raise Unreadable(f"the alias *{event.anchor} stands inside what it repeats", mark)
        self._nodes += meant.size
        self._repeated += meant.size
        if self._repeated > MOST_REPEATED:
            raise Unreadable(f"more than {MOST_REPEATED:,} values repeated by aliases", mark)
        self._place(meant.node, meant.height, mark)

    def _anchor(self, name: str | None, meant: Anchored | None) -> None:
        if name is not None:
            self._anchors[name] = meant

    def _awaits_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].node, Mapping) and self._stack[-1].key is None

    def _is_slice(self, text: str) -> bool:
        """Whether the text is a value of `SLICES`."""
        keys = tuple(each.key for each in self._stack if isinstance(each.node, Mapping))
        return ":" in text and keys == SLICES

    def _key(self, text: str, mark: Place, *, is_bare: bool) -> None:
        here = self._stack[-1]
        key = unveiled(text)
        here.key = key
        if not isinstance(here.node, Mapping) or (is_bare and key == self.MERGE):
            return
        if is_bare and key != ON and not isinstance(self._bare(text, mark), str):
            self._complain(mark, f"a key must be text: put it in quotes: {shown(key, quoted=True)}")
        if key in here.node.keys:
            first = here.node.keys[key][0]
            self._complain(mark, f"the key {key!r} stands here a second time, first in line {first}")
            return
        here.node.keys[key] = mark

    def _place(self, node: Node, height: int, mark: Place) -> None:
        """Put a finished node where it belongs."""
        if not self._stack:
            self.root = node
            return
        here = self._stack[-1]
        here.height = max(here.height, height + 1)
        if len(self._stack) + height > DEEPEST:
            raise Unreadable(f"nested deeper than {DEEPEST} levels", mark)
        if isinstance(here.node, Sequence):
            here.node.items.append(node)
            return
        key, here.key = here.key or "", None
        if key == self.MERGE and key not in here.node.keys:
            here.merges += self._merged(node, mark)
        else:
            here.node.items.setdefault(key, node)

    def _merged(self, node: Node, mark: Place) -> Iterator[Mapping]:
        for item in node.items if isinstance(node, Sequence) else [node]:
            if isinstance(item, Mapping):
                yield item
            else:
                self._complain(mark, "only mappings can be merged by <<")

    def _tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            self._complain(begin(event), "a tag (!…) is not allowed: values are plain text and numbers")

    def _bare(self, text: str, mark: Place) -> str | float | bool | None:
        """The value of a bare word: the same in every version of YAML, or a problem."""
        if NULL.fullmatch(text):
            return None
        if BOOL.fullmatch(text):
            return text[0] in "tT"
        if INT.fullmatch(text):
            return self._integer(text, mark)
        if FLOAT.fullmatch(text):
            return float(text)
        for kind, instead, pattern in SURPRISES if text[0] in "+-.0123456789ynoYNO" else ():
            if pattern.fullmatch(text):
                self._complain(mark, f"{shown(text)} may be read as {kind}: put it in quotes{instead}")
                break
        return unveiled(text)

    def _integer(self, text: str, mark: Place) -> int | str:
        if len(text) > BITS // 3 or not -(2 ** (BITS - 1)) <= int(text) < 2**BITS:
            self._complain(mark, f"a whole number of more than {BITS} bits: put it in quotes")
            return text
        return int(text)

    def _complain(self, mark: Place, message: str) -> None:
        self._problems.add(f"{self._name}:{mark[0]}:{mark[1]}", message)


def shown(text: str, *, quoted: bool = False) -> str:
    """A bare word in a message, unless it is as long as a key may be."""
    if len(text) > LONGEST_SHOWN:
        return '"…"' if quoted else "this"
    return f'"{text}"' if quoted else repr(text)


def unveiled(text: str) -> str:
    return VEILED.sub(r"${\1}", text) if "\ue000" in text else text


def merge(node: Mapping, merges: list[Mapping]) -> None:
    """Add the keys of merged mappings; what the node has of its own, and earlier ones, go first."""
    for other in merges:
        for key, item in other.items.items():
            if key not in node.items:
                node.items[key] = item
                node.keys[key] = other.keys[key]
