"""What is wrong with a manifest although each of its values is of the right kind."""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from runner import batchfile, inputs, night, seeds, templates, terms, values
from runner.endpoint import OF_ONE_DIALECT, SECRET_NAME, Endpoint
from runner.group import JobGroup, PromptRow
from runner.origin import Unusable
from runner.problems import Problems, meant, nearest
from runner.reference import REFERENCE
from runner.row import PROMPT, Head
from runner.scope import Reader, Use, own_variables, shared_variables, used_by, used_by_body
from runner.source import Loc, Source
from runner.supply import SELECTING, supply
from runner.value import value

NAME = re.compile(r"[^\W\d]\w*")
ANY = "json-http"
TALKING = frozenset({"openai-chat", "anthropic-messages", ANY})
"""Dialects that know a system and messages."""
RESERVED: Mapping[str, tuple[str, ...]] = {
    "nebula-images": ("model", "prompt"),
    "openai-images": ("model", "prompt"),
    "openai-chat": ("model", "messages"),
    "openai-embeddings": ("model",),
    "anthropic-messages": ("model", "messages", "system"),
    batchfile.ANY: (),
    ANY: (),
}
"""Parameters that a dialect fills in itself."""
PROMPTLESS = {"openai-embeddings": "input"}
"""A parameter that may stand in a prompt's place."""
VARIABLES = ("vars", "file", "from", "prompts")
"""Keys of a job that bring variables."""
EXCLUSIVE = (
    ("prompts", "prompt"),
    ("prompts", "file"),
    ("prompts", "from"),
    ("file", "from"),
    ("messages", "system"),
)
"""Keys of a job of which the one leaves nothing to the other."""
EXPRESSIONS = ("texts", "images", "image_urls")
DEEP = 3
"""Steps into a group from which on a value is told of by its own place, not by that of its key."""
MOST_ROWS = 100_000
"""Rows of a file that are looked through once a problem has been found elsewhere."""


@value
class Part:
    """A group of jobs as far as it could be read."""

    group: JobGroup
    loc: Loc
    broken: frozenset[str] = frozenset()
    """Its keys that could not."""

    @property
    def is_whole(self) -> bool:
        """If not, what seems to be missing may only be misspelt."""
        return not self.broken

    @property
    def knows_variables(self) -> bool:
        return not any(nearest(key, VARIABLES) for key in self.broken)


@dataclass(slots=True, kw_only=True)
class Checker:
    """Looks at everything, and puts what is wrong into `problems`."""

    source: Source
    folder: Path
    sets: Mapping[str, str]
    endpoints: Mapping[str, Endpoint]
    night: Mapping[str, Any]
    """Variables that are always there."""
    unread: AbstractSet[str]
    """Names of endpoints that could not be read."""
    problems: Problems
    naming: Any = None
    """The template of files' names, if there is one."""
    used: set[str] = field(default_factory=set)
    """What the templates seen so far use."""

    def check(self, name: Any, parts: list[Part], *, is_whole: bool) -> None:
        self.check_name(name)
        for part in parts:
            self.check_group(part)
        self.check_ids([part.group for part in parts])
        if is_whole and all(part.is_whole for part in parts):
            self.check_sets()
        if self.problems:
            self.check_rows([part.group for part in parts])

    def add(self, loc: Loc, message: str, *, key: bool = False) -> None:
        self.problems.add(self.source.where(loc, key=key), message)

    # The manifest as a whole

    def check_name(self, name: Any) -> None:
        for use in Reader(self.source, self.problems).of(name, ("name",)):
            self.need(use, {*night.NAMES, *self.sets})
            self.used |= use.names.used

    def check_sets(self) -> None:
        for endpoint in self.endpoints.values():
            self.used |= used_by_body(endpoint, self.sets.keys())
        self.used |= used_by(self.naming, self.sets.keys())
        for name in sorted(self.sets.keys() - self.used):
            said = meant(name, sorted(self.used - {*night.NAMES}))
            self.problems.add(f"--set {name}", f"no template uses the variable {name!r}{said}")

    def check_ids(self, groups: list[JobGroup]) -> None:
        """Ids that stand in the manifest itself; those in files are compared as they are read."""
        first: dict[str, str] = {}
        for loc, name in ids(groups):
            where = self.source.where(loc)
            if first.setdefault(name, where) != where:
                self.add(loc, f"the id {name!r} stands here a second time, first at {first[name]}")

    def check_rows(self, groups: list[JobGroup]) -> None:
        """Bad rows, to be told together with the rest; where nothing else is wrong, expansion finds them."""
        for group in groups:
            with suppress(Unusable):
                as_read = group.model_copy(update={"where": None, "shuffle": None})
                given = supply(as_read, self.folder, night=self.night, sets=self.sets)
                deque(islice(given.rows(self.problems) if given else (), MOST_ROWS), maxlen=0)

    # Endpoints

    def check_endpoint(self, loc: Loc, endpoint: Endpoint, raw: Mapping[str, Any]) -> None:
        for name in raw:
            dialect = OF_ONE_DIALECT.get(name, endpoint.dialect)
            if dialect != endpoint.dialect:
                message = f"{name!r} is for {dialect} alone; this endpoint is {endpoint.dialect}"
                self.add((*loc, name), message, key=True)
        if not re.fullmatch(r"[\w.-]+", str(loc[-1])):
            self.add(loc, "the name of an endpoint is made of letters, digits, '_', '-' and '.'", key=True)
        self.check_secrets((*loc, "body"), endpoint.body)
        for way, expression in expressions(endpoint):
            if refusal := unreadable(expression):
                self.add((*loc, *way), f"not a JMESPath expression: {refusal}")

    def check_secrets(self, loc: Loc, tree: Any) -> None:
        """Refuse what is named like a key and written out, or would not be looked up here."""
        for way, text in templates.texts(tree):
            named = next((step for step in reversed(way) if isinstance(step, str)), "")
            if REFERENCE.fullmatch(text):
                self.add((*loc, *way), f"{text} is looked up in an endpoint's url, key and headers alone")
            elif SECRET_NAME.search(named) and not templates.is_template(text):
                self.add((*loc, *way), f"{named!r} holds a key: it goes into the endpoint's key or headers")

    # Groups of jobs

    def check_group(self, part: Part) -> None:
        group, loc = part.group, part.loc
        endpoint = self.endpoint_of(part)
        uses = list(Reader(self.source, self.problems).uses(group, loc))
        self.check_from(group, (*loc, "from"))
        heads = self.heads(group, loc)
        self.check_prompt(group, heads or [], endpoint)
        if heads is not None and part.knows_variables:
            self.check_needs(group, uses, heads)
        self.check_where(group, (*loc, "where"), heads)
        if part.is_whole:
            self.check_variables(group, loc, uses, endpoint)
        self.used.update(*(use.names.used for use in uses))
        self.check_parameters(group, loc, endpoint)
        self.check_values(group, loc)
        for way, message in terms.wrong(group, endpoint, self.folder) if part.is_whole else ():
            self.add((*loc, *way), message, key=len(way) < DEEP)
        if endpoint is not None:
            self.check_request(part, endpoint, heads or [])

    def endpoint_of(self, part: Part) -> Endpoint | None:
        group, loc = part.group, part.loc
        if group.endpoint is None:
            endpoint = self.only_endpoint(part)
            taken = list(self.endpoints)[:1]
        else:
            taken = [group.endpoint]
            endpoint = self.named(group.endpoint, (*loc, "endpoint"))
        for index, name in enumerate(group.also):
            other = self.named(name, (*loc, "also", index))
            if name in [*taken, *group.also[:index]]:
                self.add((*loc, "also", index), f"{name!r} is one of the job's endpoints already")
            elif endpoint and other and (differs := difference(endpoint, other)):
                self.add((*loc, "also", index), f"{name!r} is no equivalent: {differs}")
        return endpoint

    def only_endpoint(self, part: Part) -> Endpoint | None:
        names = [*self.endpoints, *self.unread]
        if len(names) > 1 and part.is_whole:
            self.add(part.loc, f"'endpoint' is missing in a job; known: {', '.join(names)}")
        return next(iter(self.endpoints.values())) if len(names) == len(self.endpoints) == 1 else None

    def named(self, name: str, loc: Loc) -> Endpoint | None:
        if name not in self.endpoints and name not in self.unread:
            self.add(loc, f"there is no endpoint {name!r}{meant(name, (*self.endpoints, *self.unread))}")
        return self.endpoints.get(name)

    def heads(self, group: JobGroup, loc: Loc) -> list[Head] | None:
        """The columns of the group's rows, none for a group without; None where they cannot be told."""
        if group.file is None and group.from_batch is not None:
            return None
        try:
            given = supply(group, self.folder, night=self.night, sets=self.sets)
        except Unusable as error:
            self.add((*loc, "file"), str(error))
            return None
        return [] if given is None else (list(given.heads(self.problems)) or None)

    def check_from(self, group: JobGroup, loc: Loc) -> None:
        """The other batch is there before any row, and so are the variables of its name."""
        for use in Reader(self.source, self.problems).of(group.from_batch, loc):
            self.need(use, {*night.NAMES, *self.sets})
            self.used |= use.names.used

    def check_prompt(self, group: JobGroup, heads: list[Head], endpoint: Endpoint | None) -> None:
        """Rows that no template makes a prompt of bring their own."""
        speaks = endpoint is None or endpoint.dialect == ANY or is_batch(group, endpoint, heads)
        if group.prompt is not None or group.messages is not None or speaks:
            return
        for head in heads:
            if PROMPT not in head.columns:
                self.problems.add(head.place, f"no column {PROMPT!r}{meant(PROMPT, head.columns)}")

    def check_needs(self, group: JobGroup, uses: list[Use], heads: list[Head]) -> None:
        columns = set[str]().union(*(head.columns for head in heads))
        useless = set[str]().union(*(head.useless for head in heads)) - columns
        common = {*night.NAMES, *self.sets, *group.vars, *columns}
        shared = shared_variables(group)
        for use in uses:
            own = shared if use.row is None else own_variables((group.prompts or ())[use.row])
            self.need(use, {*common, *own}, useless)

    def check_where(self, group: JobGroup, loc: Loc, heads: list[Head] | None) -> None:
        """It knows the columns, and what is there before any row."""
        try:
            names = templates.condition(group.where).names if group.where is not None else templates.NONE
        except templates.BadTemplate as error:
            self.add(loc, str(error))
            return
        self.used |= names.used
        if heads and group.where is not None:
            columns = set[str]().union(*(head.columns for head in heads))
            useless = set[str]().union(*(head.useless for head in heads)) - columns
            self.need(Use(loc, names), {*night.NAMES, *self.sets, *columns}, useless)

    def need(self, use: Use, known: AbstractSet[str], useless: AbstractSet[str] = frozenset()) -> None:
        for name in sorted(use.names.needed - known):
            said = f"is undefined{meant(name, sorted(known - {*night.NAMES}))}"
            said = "is a column of bytes, which no template can use" if name in useless else said
            self.add(use.loc, f"the variable {name!r} {said}")

    def check_variables(self, group: JobGroup, loc: Loc, uses: list[Use], endpoint: Endpoint | None) -> None:
        """Every variable has a name that a template can say, and one says it."""
        for at, row, variables in variables_of(group, loc):
            used = {*used_by_body(endpoint, variables), *used_by(self.naming, variables)}
            used.update(*(use.names.used for use in uses if row is None or use.row in {None, row}))
            for name in variables:
                if not NAME.fullmatch(name):
                    self.add(
                        (*at, name), f"no template can use a variable {name!r}: a name is one word", key=True
                    )
                elif name not in used:
                    said = meant(name, sorted(used - variables - {*night.NAMES})) if used - variables else ""
                    self.add((*at, name), f"no template uses the variable {name!r}{said}", key=True)

    def check_values(self, group: JobGroup, loc: Loc) -> None:
        """Variables whose values stand in files."""
        for way, given in values.files(group):
            try:
                values.read(given, self.folder, self.problems)
            except Unusable as error:
                self.add((*loc, *way), str(error))

    def check_parameters(self, group: JobGroup, loc: Loc, endpoint: Endpoint | None) -> None:
        for at, tree in parameters_of(group, loc):
            self.check_secrets(at, tree)
            for name in RESERVED[endpoint.dialect] if endpoint else ():
                if name in tree:
                    self.add((*at, name), f"{name!r} is no parameter: it stands beside 'params'", key=True)
            for way, said in seeds.found(dict(tree), at):
                if said is not True:
                    self.add(way, "a seed is derived, by {derive: true}, or it is written out")
        self.check_matrix(group, (*loc, "matrix"))
        for way, path in found_files(group, loc):
            if not templates.is_template(path) and (refusal := inputs.refusal(self.folder / path)):
                self.add(way, refusal)

    def check_matrix(self, group: JobGroup, loc: Loc) -> None:
        grid = group.matrix.grid
        for index, pattern in enumerate(grid.exclude):
            for name in sorted(pattern.keys() - grid.axes.keys()):
                said = meant(name, tuple(grid.axes))
                self.add((*loc, "exclude", index, name), f"no {name!r} in the matrix{said}", key=True)
        if grid.count() == 0:
            self.add(loc, "every combination is excluded", key=True)

    def check_request(self, part: Part, endpoint: Endpoint, heads: list[Head]) -> None:
        """What a request of this dialect is made of is there, and is there once."""
        group, loc = part.group, part.loc
        if endpoint.dialect not in TALKING:
            for name in ("system", "messages"):
                if getattr(group, name) is not None:
                    message = f"{name!r} is for chat; this endpoint is {endpoint.dialect}"
                    self.add((*loc, name), message, key=True)
        self.check_sources(group, loc)
        if is_batch(group, endpoint, heads):
            self.check_batch(group, loc)
            return
        if not part.is_whole or endpoint.dialect == ANY:
            return
        if group.model is None:
            self.add(loc, "'model' is missing in a job")
        if not has_prompt(group, endpoint):
            of_outputs = 'say what is asked of each output: prompt: "{{ text }}", or messages'
            of_none = "a job needs one of 'prompt', 'prompts', 'file' or, in a chat, 'messages'"
            self.add(loc, of_none if group.from_batch is None else of_outputs)

    def check_batch(self, group: JobGroup, loc: Loc) -> None:
        """Its lines are whole requests."""
        if group.file is None:
            self.add(loc, "the jobs of this endpoint are lines of a batch file: give 'file'")
        for name in batchfile.NEVER:
            if name in group.model_fields_set:
                self.add(
                    (*loc, name), f"{name!r} is no part of a batch file's job: its lines say all", key=True
                )
        if group.model is not None and templates.is_template(group.model):
            self.add((*loc, "model"), "a batch file has no variables: name one model, or leave it out")

    def check_sources(self, group: JobGroup, loc: Loc) -> None:
        given = {**dict(group), "from": group.from_batch}
        for first, second in EXCLUSIVE:
            if given[first] is not None and given[second] is not None:
                self.add((*loc, second), f"{first!r} and {second!r} cannot both be given", key=True)
        for name in SELECTING if not group.has_rows else ():
            if given[name] is not None:
                message = f"{name!r} chooses among rows: there are none without 'file' or 'from'"
                self.add((*loc, name), message, key=True)
        said = any("prompt" in templates.names(text).used for _, text in readable(group.messages))
        for name in ("prompt", "prompts"):
            if group.messages is not None and getattr(group, name) is not None and not said:
                message = f"'messages' do not use it: write {{{{ prompt }}}} there, or leave {name!r} out"
                self.add((*loc, name), message, key=True)


def is_batch(group: JobGroup, endpoint: Endpoint, heads: Iterable[Head]) -> bool:
    """Whether the group's jobs are lines of a batch file."""
    return batchfile.is_batch(heads, endpoint.dialect, has_template=group.has_template)


def difference(endpoint: Endpoint, other: Endpoint) -> str | None:
    """Why the other cannot serve the same requests."""
    if endpoint.dialect != other.dialect:
        return f"it speaks {other.dialect}, not {endpoint.dialect}"
    return "its 'body' is another" if endpoint.body != other.body else None


def expressions(endpoint: Endpoint) -> Iterator[tuple[Loc, str]]:
    """The endpoint's JMESPath expressions."""
    poll = endpoint.poll
    found: dict[Loc, str | None] = {(name,): getattr(endpoint, name) for name in EXPRESSIONS}
    found |= {("poll", "until"): poll.until, ("poll", "failed"): poll.failed} if poll else {}
    return ((way, expression) for way, expression in found.items() if expression is not None)


def unreadable(expression: str) -> str | None:
    """Why it is no JMESPath."""
    try:
        jmespath.compile(expression)
    except JMESPathError as error:
        return re.sub(r"^.*?jmespath expression: |:?$", "", str(error).splitlines()[0])
    return None


def ids(groups: list[JobGroup]) -> Iterator[tuple[Loc, str]]:
    """The ids that are written out."""
    for at, group in enumerate(groups):
        if group.id is not None and not templates.is_template(group.id):
            yield ("jobs", at, "id"), group.id
        for row, prompt in enumerate(group.prompts or ()):
            if (
                isinstance(prompt, PromptRow)
                and prompt.id is not None
                and not templates.is_template(prompt.id)
            ):
                yield ("jobs", at, "prompts", row, "id"), prompt.id


def variables_of(group: JobGroup, loc: Loc) -> Iterator[tuple[Loc, int | None, AbstractSet[str]]]:
    """Where variables are given, for which of `prompts`, and their names."""
    yield (*loc, "vars"), None, group.vars.keys()
    for row, prompt in enumerate(group.prompts or ()):
        if isinstance(prompt, PromptRow) and prompt.vars:
            yield (*loc, "prompts", row, "vars"), row, prompt.vars.keys()


def parameters_of(group: JobGroup, loc: Loc) -> Iterator[tuple[Loc, Mapping[str, Any]]]:
    yield (*loc, "params"), group.params
    yield (*loc, "matrix"), group.matrix.grid.axes
    for row, prompt in enumerate(group.prompts or ()):
        if isinstance(prompt, PromptRow) and prompt.params:
            yield (*loc, "prompts", row, "params"), prompt.params


def found_files(group: JobGroup, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """The files that requests carry."""
    yield from inputs.found(group.messages, (*loc, "messages"))
    for at, tree in parameters_of(group, loc):
        yield from inputs.found(tree, at)


def has_prompt(group: JobGroup, endpoint: Endpoint) -> bool:
    given = (group.prompt, group.prompts, group.file, group.messages)
    instead = PROMPTLESS.get(endpoint.dialect)
    return any(each is not None for each in given) or instead in {*group.params, *group.matrix.grid.axes}


def readable(tree: Any) -> Iterator[tuple[Loc, str]]:
    """The templates of a tree that are some."""
    for way, text in templates.texts(tree):
        try:
            templates.names(text)
        except templates.BadTemplate:
            continue
        yield way, text
