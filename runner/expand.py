"""A manifest's jobs, one after the other: rows, then variables, then the matrix, then samples.

Lazy: all that is kept of a job is what tells it from the others, a few bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from runner import combinations
from runner.group import PromptRow
from runner.identity import Identity, claimed
from runner.inputs import Unusable, by_content
from runner.job import Ask, Job
from runner.manifest import Endpoint, Manifest, supply_of
from runner.problems import Problems
from runner.recipe import Entry, Recipe, axes, entries, has_ids, where
from runner.templates import BadTemplate

Body = Callable[[Ask, Endpoint], dict[str, Any]]
"""How a dialect makes the canonical request body."""


def count(manifest: Manifest) -> int:
    """How many jobs there would be, without making one: rows are counted, combinations computed."""
    return sum(
        rows_and_variables(manifest, at) * group.matrix.grid.count() * group.samples
        for at, group in enumerate(manifest.jobs)
    )


def rows_and_variables(manifest: Manifest, at: int) -> int:
    group = manifest.jobs[at]
    if group.prompts is None:
        given = supply_of(manifest, at)
        return (1 if given is None else given.count()) * combinations.count(axes(manifest, group))
    own = (prompt if isinstance(prompt, PromptRow) else None for prompt in group.prompts)
    return sum(combinations.count(axes(manifest, group, row)) for row in own)


def expand(manifest: Manifest, bodies: Mapping[str, Body]) -> Iterator[Job]:
    """Every job; `bodies` are the dialects' by name. Raises `ManifestError`, at the end, with all bad rows.

    From the first bad row on no job is yielded: what came before it is not all, and not to be kept.
    """
    problems = Problems()
    users = claimed(lambda: ids(manifest), problems)
    expansion = Expansion(manifest=manifest, bodies=bodies, identity=Identity(users), problems=problems)
    for at in range(len(manifest.jobs)):
        yield from expansion.group(at)
    problems.check()


def ids(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The ids that users gave, and where; rows that cannot be read are told of when they are expanded."""
    for at in filter(lambda at: has_ids(manifest, at), range(len(manifest.jobs))):
        shared: set[str] = set()
        for entry in entries(manifest, at, Problems()):
            try:
                names = list(entry.recipe.claims(entry))
            except BadTemplate:
                continue
            if entry.recipe.shares_id:
                names = [name for name in names if name not in shared]
                shared.update(names)
            yield from ((name, where(manifest, entry)) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """Makes the jobs of one manifest."""

    manifest: Manifest
    bodies: Mapping[str, Body]
    identity: Identity
    problems: Problems

    def group(self, at: int) -> Iterator[Job]:
        for entry in entries(self.manifest, at, self.problems):
            try:
                for job in self.jobs(entry):
                    if self.problems:
                        break
                    yield job
            except (BadTemplate, Unusable, orjson.JSONEncodeError) as error:
                self.problems.add(where(self.manifest, entry), str(error))

    def jobs(self, entry: Entry) -> Iterator[Job]:
        """The jobs of one row; raises `BadTemplate`, `Unusable`, `JSONEncodeError`."""
        recipe = entry.recipe
        several = entry.id is not None and recipe.makes_several(entry)
        for variables in recipe.variables(entry):
            name = recipe.id_of(entry, variables)
            for asked in recipe.asks(entry, variables):
                body, content = self.made(recipe, asked.ask)
                request = recipe.head(asked.ask.model) + content + b","
                for _ in range(recipe.samples):
                    key, sample = self.identity.numbered(request)
                    job_id, stem = self.identity.named(key, name, several=several)
                    yield Job(
                        id=job_id,
                        stem=stem,
                        key=key,
                        endpoint=recipe.name,
                        model=asked.ask.model,
                        prompt=asked.ask.prompt,
                        params=asked.params,
                        vars=asked.vars,
                        sample=sample,
                        body=body,
                        path=asked.ask.path,
                        also=recipe.also,
                        expect=recipe.expect,
                    )

    def made(self, recipe: Recipe, ask: Ask) -> tuple[bytes, bytes]:
        """The body that the queue keeps, and what the key sees of the request: files by content alone."""
        if ask.body is not None:
            return orjson.dumps(ask.body), canonical({"body": ask.body, "url": ask.path})
        tree = self.bodies[recipe.endpoint.dialect](ask, recipe.endpoint)
        body = canonical(tree)
        return body, canonical(by_content(tree)) if recipe.has_files else body


def canonical(tree: Mapping[str, Any]) -> bytes:
    """The same for equal requests."""
    return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)
