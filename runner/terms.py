"""What a group of jobs can expect of its answers: whatever no such endpoint could fulfil is refused."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import orjson

from runner import seeds, validity
from runner.endpoint import Endpoint
from runner.expect import mappings
from runner.expectation import ASKED, Expect
from runner.group import JobGroup, PromptRow
from runner.source import Loc
from runner.validity import Unusable

IMAGE, TEXT, EMBEDDING = "image", "text", "embedding"
OF_KIND: Mapping[str, str] = {
    **dict.fromkeys(("size", "flat", "duplicate"), IMAGE),
    **dict.fromkeys(("empty", "cut", "pattern", "json"), TEXT),
    "dimensions": EMBEDDING,
}
"""What each expectation is about."""
BROUGHT: Mapping[str, AbstractSet[str]] = {
    "nebula-images": {IMAGE},
    "openai-images": {IMAGE},
    "openai-chat": {TEXT},
    "openai-embeddings": {EMBEDDING},
    "openai-batch": {IMAGE, TEXT, EMBEDDING},
    "anthropic-messages": {TEXT},
}
"""What the answers of a dialect hold; those of json-http hold what its endpoint says."""
SIZES = frozenset({"width", "height", "size"})
"""Parameters that ask for a picture's size."""

Wrong = tuple[Loc, str]
"""The way from the group to what is wrong, and why it is."""


def wrong(group: JobGroup, endpoint: Endpoint | None, folder: Path) -> Iterator[Wrong]:
    """All that makes no sense in what the group expects."""
    if group.expect is None:
        return
    given = named(group.expect)
    if not given:
        yield ("expect",), "'expect' expects nothing: name what an answer has to be"
    yield from unreadable(group.expect, folder)
    misplaced = [] if endpoint is None else list(out_of_place(given, endpoint))
    yield from misplaced
    if group.expect.size == ASKED and not misplaced and not asks_size(group, endpoint):
        yield (
            ("expect", "size"),
            "no request of this job asks for a size: give 'width' and 'height', or 'size'",
        )
    if group.expect.duplicate is False and group.samples > 1 and has_seed(group):
        yield ("samples",), "samples of one seed are one picture: leave 'seed' out, or list seeds in 'matrix'"


def named(expect: Expect) -> dict[str, Any]:
    """What is written of it, but for how often to try again."""
    return expect.model_dump(by_alias=True, exclude_none=True, exclude={"retries"})


def out_of_place(given: Mapping[str, Any], endpoint: Endpoint) -> Iterator[Wrong]:
    kinds = brought(endpoint)
    for name in given:
        if OF_KIND[name] not in kinds:
            yield (
                ("expect", name),
                f"{name!r} is of {OF_KIND[name]}s; this endpoint brings {' and '.join(sorted(kinds))}s",
            )
        elif name == "cut" and endpoint.texts is not None:
            yield (
                ("expect", name),
                "'cut' cannot be told of texts that are found by 'texts': they name no reason",
            )


def brought(endpoint: Endpoint) -> AbstractSet[str]:
    if endpoint.dialect in BROUGHT:
        return BROUGHT[endpoint.dialect]
    stated = {IMAGE} if endpoint.images or endpoint.image_urls else set()
    return (stated | ({TEXT} if endpoint.texts else set())) or {IMAGE, TEXT, EMBEDDING}


def unreadable(expect: Expect, folder: Path) -> Iterator[Wrong]:
    """Where the schema is none; one in a file is told of by the key that names it."""
    way: Loc = ("expect", "json")
    try:
        given = schema(expect, folder)
        if given is not None:
            validity.rule(given)
    except Unusable as error:
        of_file = isinstance(expect.document, str)
        yield (way, f"{expect.document}: {error}") if of_file else ((*way, *error.way), str(error))


def schema(expect: Expect, folder: Path) -> Any:
    """The JSON Schema that texts are to follow, read from its file if need be; raises `Unusable`."""
    if not isinstance(expect.document, str):
        return expect.document
    try:
        return orjson.loads((folder / expect.document).read_bytes())
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise Unusable(f"not JSON: {error}") from error


def inlined(group: JobGroup, folder: Path) -> JobGroup:
    """The group, its schema in it: nothing is read from a file once jobs are in the queue."""
    if group.expect is None or not isinstance(group.expect.document, str):
        return group
    expect = group.expect.model_copy(update={"document": schema(group.expect, folder)})
    return group.model_copy(update={"expect": expect})


def asks_size(group: JobGroup, endpoint: Endpoint | None) -> bool:
    if endpoint is not None and endpoint.dialect == "openai-batch":
        return True
    trees = [group.params, group.matrix.model_dump(), endpoint.body if endpoint else None]
    trees += [prompt.params for prompt in group.prompts or () if not isinstance(prompt, str)]
    return any(not SIZES.isdisjoint(tree) for tree in mappings(trees))


def has_seed(group: JobGroup) -> bool:
    """Whether any of its requests names one that its samples share; null and negative ones mean chance."""
    own = (prompt.params for prompt in group.prompts or () if isinstance(prompt, PromptRow))
    combined = [
        *group.matrix.grid.include,
        *({name: values[0]} for name, values in group.matrix.grid.axes.items()),
    ]
    given = (params.get("seed") for params in (group.params, *own, *combined))
    fixed = (seed for seed in given if seed is not None and not seeds.is_derived(seed))
    return any(not (isinstance(seed, int) and seed < 0) for seed in fixed)
