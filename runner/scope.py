"""Which variables the templates of a group of jobs use, and which there are."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress

from runner import templates
from runner.endpoint import Endpoint
from runner.group import JobGroup, PromptRow
from runner.problems import Problems
from runner.row import PROMPT
from runner.source import Loc, Source
from runner.templates import NONE, BadTemplate, Names
from runner.value import value

EVERYTHING = "vars"
"""Under this name a json-http body finds all variables."""


@value(kw_only=False)
class Use:
    """A template, where it stands, and the variables that it uses."""

    loc: Loc
    names: Names
    row: int | None = None
    """Which of `prompts` it belongs to; None: to all of the group."""


@value(kw_only=False)
class Reader:
    """Reads templates where they stand; one that is none is a problem there."""

    source: Source
    problems: Problems

    def uses(self, group: JobGroup, loc: Loc) -> Iterator[Use]:
        """Every template of a group, the variables that it brings itself left out."""
        for key in ("model", "id", "prompt", "system", "params"):
            yield from self.of(getattr(group, key), (*loc, key))
        yield from self.of(group.matrix.model_dump(), (*loc, "matrix"))
        for use in self.of(group.messages, (*loc, "messages")):
            brings = group.prompt is not None or group.prompts is not None
            yield Use(use.loc, without(use.names, PROMPT) if brings else use.names)
        for row, prompt in enumerate(group.prompts or ()):
            at = (*loc, "prompts", row)
            if isinstance(prompt, str):
                yield from self.of(prompt, at, row)
            else:
                for key in ("id", "prompt", "params"):
                    yield from self.of(getattr(prompt, key), (*at, key), row)

    def of(self, tree: object, loc: Loc, row: int | None = None) -> Iterator[Use]:
        for way, text in templates.texts(tree):
            if templates.is_template(text):
                yield Use((*loc, *way), self.names((*loc, *way), text), row)

    def names(self, loc: Loc, text: str) -> Names:
        try:
            return templates.names(text)
        except BadTemplate as error:
            self.problems.add(self.source.where(loc), str(error))
            return NONE


def without(names: Names, name: str) -> Names:
    return Names(names.used - {name}, names.needed - {name})


def own_variables(prompt: str | PromptRow) -> AbstractSet[str]:
    return prompt.vars.keys() if isinstance(prompt, PromptRow) else set()


def shared_variables(group: JobGroup) -> frozenset[str]:
    """Variables that every one of `prompts` brings."""
    owned = [frozenset(own_variables(prompt)) for prompt in group.prompts or ()]
    return frozenset.intersection(*owned) if owned else frozenset()


def used_by_body(endpoint: Endpoint | None, variables: AbstractSet[str]) -> frozenset[str]:
    """Which of the variables the endpoint's own template may use."""
    return used_by(endpoint.body if endpoint else None, variables)


def used_by(tree: object, variables: AbstractSet[str]) -> frozenset[str]:
    """Which of the variables the templates of a tree may use, that know all of them by one name too."""
    used: frozenset[str] = frozenset()
    for _, text in templates.texts(tree):
        with suppress(BadTemplate):
            used |= templates.names(text).used
    return frozenset(variables) if EVERYTHING in used else used
