"""What the jobs of a group have in common, made ready once; and the rows that they differ by."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from runner import batchfile, combinations, inputs, seeds, templates
from runner.batchfile import Request, Unfit
from runner.combinations import Combination, Grid
from runner.endpoint import Endpoint
from runner.group import JobGroup, PromptRow
from runner.identity import beginning
from runner.job import Ask
from runner.manifest import Manifest, supply_of
from runner.problems import Problems
from runner.ranking import Ranking, nth
from runner.row import PROMPT
from runner.selection import Supply
from runner.source import Loc
from runner.templates import BadTemplate
from runner.value import value

ID = "id"
MOST_PREPARED = 256
"""Combinations of parameters that are kept ready; more are made anew for each row."""


Numbers = Sequence[int] | None
"""Which combinations, by their numbers from 0; None: all of them."""


class Entry(NamedTuple):
    """A row of a group: one of its prompts, with its place."""

    recipe: "Recipe"
    place: str | Loc
    """Where data stands, or the way in the manifest."""
    columns: Mapping[str, Any]
    prompt: Any
    """A template, or where the recipe has none, data."""
    id: Any
    request: Request | None = None
    """The whole of it, where the file is a batch file."""
    chosen: Numbers = None
    """In ascending order, those of the row's combinations that become jobs."""

    def has_id(self) -> bool:
        """Whether its jobs are called as the user wants it."""
        return self.id is not None and self.id != ""


class Parameters(NamedTuple):
    """Request parameters, and the same as JSON."""

    values: dict[str, Any]
    json: bytes


@value
class Asked:
    """One request, before a dialect has made a body of it."""

    ask: Ask
    params: bytes
    vars: bytes


@dataclass(slots=True, eq=False, kw_only=True)
class Recipe:
    """What is asked for each row, with every template as it is written."""

    name: str
    """The endpoint's."""
    endpoint: Endpoint
    also: tuple[str, ...]
    """Names of its equivalents: no part of a job's key."""
    expect: str | None
    """What is expected of answers, by digest: likewise."""
    reuse: bool
    folder: Path
    given: Mapping[str, Any]
    """Variables given by `--set`: they beat all others."""
    night: Mapping[str, Any]
    """Variables that are always there: all others beat them."""
    axes: Mapping[str, list[Any]]
    model: str
    system: str | None
    messages: Any
    params: dict[str, Any]
    grid: Grid
    samples: int
    prompt_is_data: bool
    id_is_data: bool
    shares_id: bool
    """Whether all rows of the group have one id."""
    has_files: bool = field(init=False)
    ranking: Ranking = field(init=False)
    has_seeds: bool = field(init=False)
    """Whether requests have seeds that are derived from the rest of them."""
    _heads: dict[str, bytes] = field(init=False, default_factory=dict)
    _prepared: tuple[Parameters, ...] | None = field(init=False, default=None)
    _can_prepare: bool = field(init=False)

    def __post_init__(self) -> None:
        trees = (self.params, self.messages, dict(self.grid.axes), list(self.grid.include))
        self.has_files = any(True for _ in inputs.found(list(trees)))
        self.has_seeds = any(True for _ in seeds.found([self.params, *trees[2:]]))
        is_static = all(templates.is_static(tree) for tree in (self.params, trees[2], trees[3]))
        self.ranking = Ranking(self.grid)
        self._can_prepare = is_static and self.ranking.count <= MOST_PREPARED

    def head(self, model: str) -> bytes:
        """The beginning of the canonical array that a key is the hash of."""
        if model not in self._heads:
            if len(self._heads) >= MOST_PREPARED:
                self._heads.clear()
            self._heads[model] = beginning(self.name, self.endpoint.dialect, model)
        return self._heads[model]

    @property
    def combined(self) -> int:
        """How many combinations a row has."""
        return combinations.count(self.axes) * self.ranking.count

    def variables(self, entry: Entry) -> Iterable[tuple[dict[str, Any], Numbers]]:
        """The variables of each combination, and the numbers of those of parameters that go with them."""
        if entry.chosen is not None:
            return self._chosen(entry, entry.chosen)
        if not self.axes:
            return (({**entry.columns, **self.given}, None),)
        combined = combinations.combinations(self.axes)
        return (({**entry.columns, **combination, **self.given}, None) for combination in combined)

    def _chosen(self, entry: Entry, numbers: Iterable[int]) -> Iterator[tuple[dict[str, Any], Numbers]]:
        each = self.ranking.count
        for number, same in groupby(numbers, lambda chosen: chosen // each):
            variables = {**entry.columns, **nth(self.axes, number), **self.given}
            yield variables, [chosen % each for chosen in same]

    def asks(self, entry: Entry, variables: dict[str, Any], numbers: Numbers = None) -> Iterator[Asked]:
        """A request for each combination of parameters; raises `BadTemplate`, `Unusable`."""
        if entry.request is not None:
            yield whole(entry.request)
            return
        values = {**self.night, **variables}
        prompt = self.prompt(entry, values)
        model = text("model", templates.render(self.model, values))
        system = None if self.system is None else text("system", templates.render(self.system, values))
        messages = self.conversation(values, prompt)
        told = orjson.dumps(variables) if variables else b"{}"
        for params in self.parameters(values, numbers):
            ask = Ask(
                model=model,
                prompt=prompt,
                system=system,
                messages=messages,
                params=params.values,
                vars=variables,
            )
            yield Asked(ask=ask, params=params.json, vars=told)

    def prompt(self, entry: Entry, values: templates.Values) -> str | None:
        if entry.prompt is None:
            return None
        return text(PROMPT, entry.prompt if self.prompt_is_data else templates.render(entry.prompt, values))

    def conversation(self, values: templates.Values, prompt: str | None) -> list[dict[str, Any]] | None:
        if self.messages is None:
            return None
        said = values if prompt is None else {**values, PROMPT: prompt}
        messages = inputs.filled(self.messages, said, self.folder)
        if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
            raise BadTemplate("messages: a list of mappings expected")
        return messages

    def parameters(self, values: templates.Values, numbers: Numbers) -> Iterable[Parameters]:
        if not self._can_prepare:
            return self._filled(values, self.grid if numbers is None else map(self.ranking.nth, numbers))
        if self._prepared is None:
            self._prepared = tuple(self._filled({}, self.grid))
        return self._prepared if numbers is None else [self._prepared[number] for number in numbers]

    def _filled(self, values: templates.Values, grid: Iterable[Combination]) -> Iterator[Parameters]:
        for combination in grid:
            params = inputs.filled({**self.params, **combination}, values, self.folder)
            yield Parameters(params, orjson.dumps(params))

    def id_of(self, entry: Entry, variables: Mapping[str, Any]) -> str | None:
        """The user's id; raises `BadTemplate`."""
        if not entry.has_id():
            return None
        values = {**self.night, **variables}
        name = text(ID, entry.id if self.id_is_data else templates.render(entry.id, values))
        if not name:
            raise BadTemplate("id: empty")
        return name

    def id_names(self, entry: Entry) -> frozenset[str]:
        """The variables that the id hangs on."""
        return frozenset() if self.id_is_data or entry.id is None else templates.names(entry.id).used

    def makes_several(self, entry: Entry) -> bool:
        """Whether the row's id makes more jobs than one."""
        named = self.id_names(entry)
        if self.shares_id and not named - self.axes.keys() - self.given.keys() - self.night.keys():
            return True
        free = prod(len(values) for name, values in self.axes.items() if name not in named)
        return free * self.ranking.count * self.samples > 1

    def claims(self, entry: Entry) -> Iterator[str]:
        """The ids that the row gives to jobs, each once."""
        if entry.chosen is not None:
            given = dict.fromkeys(self.id_of(entry, variables) for variables, _ in self.variables(entry))
            yield from (name for name in given if name is not None)
            return
        named = self.id_names(entry)
        axes = {name: values if name in named else values[:1] for name, values in self.axes.items()}
        for combination in combinations.combinations(axes):
            name = self.id_of(entry, {**entry.columns, **combination, **self.given})
            if name is not None:
                yield name


def whole(request: Request) -> Asked:
    """A line of a batch file, which leaves nothing to be filled in."""
    ask = Ask(
        model=request.model,
        prompt=request.prompt,
        params=request.params,
        body=request.body,
        path=request.url,
    )
    return Asked(ask=ask, params=orjson.dumps(ask.params), vars=b"{}")


def text(what: str, value: Any) -> str:
    """A text or number that a template or a file brought, as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadTemplate(f"{what}: text expected, not {orjson.dumps(value, default=repr).decode()[:40]}")


def where(manifest: Manifest, entry: Entry) -> str:
    return entry.place if isinstance(entry.place, str) else manifest.source.where(entry.place)


def entries(manifest: Manifest, at: int, problems: Problems) -> Iterator[Entry]:
    """The rows of the manifest's group number `at`."""
    group = manifest.jobs[at]
    loc: Loc = ("jobs", at)
    given = supply_of(manifest, at)
    if given is not None:
        return supplied_entries(manifest, group, given, problems)
    if group.prompts is not None:
        return prompt_entries(manifest, group, loc)
    recipe = recipe_of(manifest, group)
    return iter([Entry(recipe, (*loc, PROMPT), {}, group.prompt, group.id)])


def supplied_entries(
    manifest: Manifest, group: JobGroup, given: Supply, problems: Problems
) -> Iterator[Entry]:
    """The rows that a group names: lines of a batch file, or data for its templates."""
    dialect = manifest.endpoints[manifest.endpoint_of(group)].dialect
    if batchfile.is_batch(given.heads(Problems()), dialect, has_template=group.has_template):
        return request_entries(manifest, group, given, problems)
    return row_entries(manifest, group, given, problems)


def request_entries(
    manifest: Manifest, group: JobGroup, given: Supply, problems: Problems
) -> Iterator[Entry]:
    recipe = recipe_of(manifest, group, id_is_data=True)
    if next(given.heads(Problems()), None) is None:
        problems.add(str(manifest.folder / (group.file or "")), "no line, where each is to be a request")
    for place, columns in given.rows(problems):
        try:
            request = batchfile.request(columns, recipe.endpoint.dialect, model=group.model)
        except Unfit as unfit:
            problems.add(place, str(unfit))
        else:
            yield Entry(recipe, place, {}, None, request.id, request)


def row_entries(manifest: Manifest, group: JobGroup, given: Supply, problems: Problems) -> Iterator[Entry]:
    """Bare texts are a variable only where a template of the group could use it."""
    by_template = group.has_template or group.from_batch is not None
    is_data = group.prompt is None and group.from_batch is None
    recipe = recipe_of(manifest, group, prompt_is_data=is_data, id_is_data=group.id is None)
    is_bare = given.is_bare and not by_template
    needs_prompt = not by_template and recipe.endpoint.dialect != "json-http"
    for place, columns in given.rows(problems):
        prompt = columns.get(PROMPT) if is_data else group.prompt
        if prompt is None and needs_prompt:
            problems.add(place, "no prompt in this row: the column 'prompt', or a template, says it")
            continue
        name = columns.get(ID) if group.id is None else group.id
        yield Entry(recipe, place, {} if is_bare else columns, prompt, name)


def prompt_entries(manifest: Manifest, group: JobGroup, loc: Loc) -> Iterator[Entry]:
    shared = recipe_of(manifest, group)
    for row, prompt in enumerate(group.prompts or ()):
        place = (*loc, "prompts", row)
        if isinstance(prompt, str):
            yield Entry(shared, place, {}, prompt, group.id)
            continue
        own = prompt.vars or prompt.params or prompt.id
        recipe = recipe_of(manifest, group, prompt) if own else shared
        yield Entry(recipe, place, {}, prompt.prompt, prompt.id or group.id)


def recipe_of(
    manifest: Manifest,
    group: JobGroup,
    row: PromptRow | None = None,
    *,
    prompt_is_data: bool = False,
    id_is_data: bool = False,
) -> Recipe:
    name = manifest.endpoint_of(group)
    return Recipe(
        name=name,
        endpoint=manifest.endpoints[name],
        also=tuple(group.also),
        expect=None if group.expect is None else group.expect.digest,
        reuse=manifest.reuses(group),
        folder=manifest.folder,
        given=manifest.sets,
        night=manifest.night.values(),
        axes=axes(manifest, group, row),
        model=group.model or "",
        system=group.system,
        messages=group.messages,
        params={**group.params, **(row.params if row else {})},
        grid=group.matrix.grid,
        samples=group.samples,
        prompt_is_data=prompt_is_data,
        id_is_data=id_is_data,
        shares_id=shares_id(group, row),
    )


def shares_id(group: JobGroup, row: PromptRow | None) -> bool:
    """Whether the group's own id stands for more rows than one."""
    is_own = row is not None and row.id is not None
    return group.id is not None and not is_own and (group.has_rows or len(group.prompts or ()) > 1)


def axes(manifest: Manifest, group: JobGroup, row: PromptRow | None = None) -> dict[str, list[Any]]:
    """The variables whose values are combined: those that `--set` gives have one.

    Files of values have become lists by now.
    """
    variables = {**group.vars, **(row.vars if row else {})}
    return {
        name: values
        for name, values in variables.items()
        if name not in manifest.sets and isinstance(values, list)
    }


def has_ids(manifest: Manifest, at: int) -> bool:
    """Whether jobs of the group may have ids of their own."""
    group = manifest.jobs[at]
    if group.id is not None:
        return True
    given = supply_of(manifest, at)
    if given is not None:
        return given.may_have(ID, batchfile.ID)
    return any(isinstance(prompt, PromptRow) and prompt.id is not None for prompt in group.prompts or ())
