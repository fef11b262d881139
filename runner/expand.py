"""A manifest's jobs, one after the other: rows, then variables, then the matrix, then samples.

Lazy: all that is kept of a job is what tells it from the others, a few bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson

from runner import sampled, seeds
from runner.endpoint import Endpoint
from runner.identity import Claimed, Identity, claimed
from runner.inputs import Unusable, by_content
from runner.job import Ask, Job
from runner.manifest import Manifest
from runner.naming import MOST_TOLD, NAME, Naming, digests
from runner.problems import Problems
from runner.recipe import Asked, Entry, Recipe, has_ids, where
from runner.sampled import entries
from runner.templates import BadTemplate
from runner.value import value

Body = Callable[[Ask, Endpoint], dict[str, Any]]
"""How a dialect makes the canonical request body."""


def count(manifest: Manifest) -> int:
    """How many jobs there would be, without making one: rows are counted, combinations computed."""
    return sum(sampled.count(manifest, at) * group.samples for at, group in enumerate(manifest.jobs))


def nothing() -> None:
    """Nobody hears of it."""


def expand(
    manifest: Manifest, bodies: Mapping[str, Body], begins: Callable[[], None] = nothing
) -> Iterator[Job]:
    """Every job; `bodies` are the dialects' by name. Raises `ManifestError`, at the end, with all bad rows.

    `begins` is called before each group. From the first bad row on no job is yielded: what came before it is
    not all, and not to be kept.
    """
    problems = Problems()
    users = claimed(lambda: ids(manifest), problems)
    expansion = Expansion.of(manifest, bodies, users, problems)
    for at in range(len(manifest.jobs)):
        begins()
        yield from expansion.group(at)
    if expansion.naming is not None and expansion.naming.met and not problems:
        again = Expansion.of(manifest, bodies, users, problems)
        for place, message in islice(twins(again, expansion.naming.met), MOST_TOLD):
            problems.add(place, message)
    problems.check()


def twins(expansion: "Expansion", met: AbstractSet[int]) -> Iterator[tuple[str, str]]:
    """Expand once more, to say of the names that came twice whose files they are: where, and what."""
    first: dict[int, tuple[str, str]] = {}
    for job, place in expansion.placed():
        for digest in met & {*digests(job)}:
            other, there = first.setdefault(digest, (job.id, place))
            if other != job.id:
                yield place, f"{NAME}: {job.stem!r} names the files of {job.id} and of {other}, at {there}"


def ids(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The ids that users gave, and where; rows that cannot be read are told of when they are expanded."""
    for at in filter(lambda at: has_ids(manifest, at), range(len(manifest.jobs))):
        shared: set[str] = set()
        for entry in filter(Entry.has_id, entries(manifest, at, Problems())):
            try:
                names = list(entry.recipe.claims(entry))
            except BadTemplate:
                continue
            if entry.recipe.shares_id:
                names = [name for name in names if name not in shared]
                shared.update(names)
            yield from ((name, where(manifest, entry)) for name in names)


Made = tuple[str, int, Asked, bytes]
"""The key of one request, its sample number, what is asked, and the body that a dialect has made of it."""


@value
class Expansion:
    """Makes the jobs of one manifest."""

    manifest: Manifest
    bodies: Mapping[str, Body]
    identity: Identity
    naming: Naming | None
    problems: Problems

    @classmethod
    def of(
        cls, manifest: Manifest, bodies: Mapping[str, Body], users: Claimed, problems: Problems
    ) -> "Expansion":
        template = manifest.outputs.name
        return cls(
            manifest=manifest,
            bodies=bodies,
            identity=Identity(users),
            naming=None if template is None else Naming(template=template, night=manifest.night.values()),
            problems=problems,
        )

    def group(self, at: int) -> Iterator[Job]:
        for entry in entries(self.manifest, at, self.problems):
            if self.naming is not None and self.naming.is_hopeless:
                break
            try:
                for job in self.jobs(entry):
                    if self.problems:
                        break
                    yield job
            except (BadTemplate, Unusable, orjson.JSONEncodeError) as error:
                self.problems.add(where(self.manifest, entry), str(error))

    def placed(self) -> Iterator[tuple[Job, str]]:
        """Every job, of rows that are known to be good, and where its row stands."""
        for at in range(len(self.manifest.jobs)):
            for entry in entries(self.manifest, at, self.problems):
                place = where(self.manifest, entry)
                yield from ((job, place) for job in self.jobs(entry))

    def jobs(self, entry: Entry) -> Iterator[Job]:
        """The jobs of one row; raises `BadTemplate`, `Unusable`, `JSONEncodeError`."""
        recipe = entry.recipe
        several = entry.id is not None and recipe.makes_several(entry)
        for variables, numbers in recipe.variables(entry):
            name = recipe.id_of(entry, variables)
            asks = recipe.asks(entry, variables, numbers)
            for key, sample, asked, body in self.requests(recipe, asks):
                job_id, stem = self.identity.named(key, name, several=several)
                job = Job(
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
                    reuse=recipe.reuse,
                )
                yield job if self.naming is None else named(self.naming, job, asked)

    def requests(self, recipe: Recipe, asks: Iterable[Asked]) -> Iterator[Made]:
        """Each request, as often as it has samples."""
        for asked in asks:
            body, content = self.made(recipe, asked.ask)
            request = recipe.head(asked.ask.model) + content + b","
            for _ in range(recipe.samples):
                key, sample = self.identity.numbered(request)
                if recipe.has_seeds:
                    yield self.seeded(recipe, asked, key, sample)
                else:
                    yield key, sample, asked, body

    def seeded(self, recipe: Recipe, asked: Asked, key: str, sample: int) -> Made:
        """The request with the seed that its `key` without one comes to; the same may be written out."""
        params = seeds.filled(asked.ask.params, seeds.derived(key))
        ask = replace(asked.ask, params=params)
        body, content = self.made(recipe, ask)
        key, sample = self.identity.numbered(recipe.head(ask.model) + content + b",", least=sample)
        return key, sample, Asked(ask=ask, params=orjson.dumps(params), vars=asked.vars), body

    def made(self, recipe: Recipe, ask: Ask) -> tuple[bytes, bytes]:
        """The body that the queue keeps, and what the key sees of the request: files by content alone."""
        if ask.body is not None:
            return orjson.dumps(ask.body), canonical({"body": ask.body, "url": ask.path})
        tree = self.bodies[recipe.endpoint.dialect](ask, recipe.endpoint)
        body = canonical(tree)
        return body, canonical(by_content(tree)) if recipe.has_files else body


def named(naming: Naming, job: Job, asked: Asked) -> Job:
    """The job, its files called as the manifest wants it."""
    job = replace(job, stem=naming.stem(job, asked))
    naming.take(job)
    return job


def canonical(tree: Mapping[str, Any]) -> bytes:
    """The same for equal requests."""
    return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)
