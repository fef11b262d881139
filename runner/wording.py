"""What pydantic finds wrong with a manifest, in the words of the one who has to mend it."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runner.endpoint import Endpoint, HeaderAuth, Limits, Poll, Price
from runner.expectation import Expect
from runner.group import JobGroup, PromptRow, Sample, ValueFile
from runner.notice import Notice
from runner.problems import Problems, meant, nearest
from runner.settings import Budget, Outputs, Retry
from runner.source import Loc, Source

LONGEST_SHOWN = 24
"""Characters of a value that a message repeats; a longer one might be a key."""
PARAMETERS = (
    "num_steps",
    "steps",
    "guidance_scale",
    "width",
    "height",
    "seed",
    "size",
    "n",
    "quality",
    "negative_prompt",
    "image",
    "mask",
    "temperature",
    "top_p",
    "max_tokens",
    "stream",
    "response_format",
    "tools",
    "dimensions",
)
ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(Endpoint.model_fields, "an endpoint"),
    **dict.fromkeys(JobGroup.model_fields, "a job"),
    **dict.fromkeys(Retry.model_fields, "'retry'"),
    **dict.fromkeys(Limits.model_fields, "'limits' of an endpoint"),
    **dict.fromkeys(PARAMETERS, "'params' of a job"),
}
"""Where keys belong that people put elsewhere."""
TYPES: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a number, not infinity",
}
BOUNDS: Mapping[str, str] = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
}


def explain(
    error: ValidationError, model: type[BaseModel], raw: Any, source: Source, problems: Problems
) -> None:
    """Put each error into words and a place; `raw` is what was validated as `model`."""
    for detail in error.errors(include_url=False):
        loc = way(raw, detail["loc"], ends_missing=detail["type"] == "missing")
        of_key = detail["type"] == "extra_forbidden" or "[key]" in detail["loc"]
        where = source.where(loc, key=of_key)
        if where not in problems:
            problems.add(where, words(detail, model, raw))


def words(detail: ErrorDetails, model: type[BaseModel], raw: Any) -> str:
    loc = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return unknown(str(loc[-1]), owner(model, loc[:-1]))
    if detail["type"] == "missing":
        return f"{loc[-1]!r} is missing in {owner(model, loc[:-1])[0]}"
    return of_value(detail, value_at(raw, loc))


def of_value(detail: ErrorDetails, found: Any) -> str:
    match detail["type"]:
        case "literal_error":
            return one_of(found, detail["ctx"]["expected"])
        case "value_error":
            return str(detail["ctx"]["error"])
        case "string_pattern_mismatch":
            return 'a time of day expected, such as "06:30"'
        case "too_short" | "string_too_short":
            return f"{field(detail['loc'])} is empty"
        case name if name in BOUNDS:
            return f"{field(detail['loc'])} must be {BOUNDS[name].format(**detail['ctx'])}"
    wanted = TYPES.get(detail["type"])
    return f"{wanted} expected, not {described(found, wanted)}" if wanted else detail["msg"]


def field(loc: Loc) -> str:
    """The name of the key that a way leads to, tags and indices left out."""
    names = [step for step in loc if isinstance(step, str) and step not in TAGS]
    return repr(names[-1]) if names else "it"


TAGS = frozenset({"text", "mapping", "number", "list", "truth"})
"""Steps that name a branch, not a key."""
OWNERS: Mapping[str, tuple[str, type[BaseModel]]] = {
    "limits": ("'limits'", Limits),
    "price": ("'price'", Price),
    "poll": ("'poll'", Poll),
    "auth": ("'auth'", HeaderAuth),
    "prompts": ("a prompt", PromptRow),
    "sample": ("'sample'", Sample),
    "vars": ("a variable's file", ValueFile),
    "expect": ("'expect'", Expect),
    "jobs": ("a job", JobGroup),
    "endpoints": ("an endpoint", Endpoint),
    "retry": ("'retry'", Retry),
    "outputs": ("'outputs'", Outputs),
    "budget": ("'budget'", Budget),
    "notify": ("'notify'", Notice),
}


def owner(model: type[BaseModel], loc: Loc) -> tuple[str, tuple[str, ...]]:
    """What a mapping is called, and the keys that it may have."""
    inner = next((OWNERS[step] for step in reversed(loc) if isinstance(step, str) and step in OWNERS), None)
    noun, part = inner or ("a manifest", model)
    return noun, tuple(field.alias or name for name, field in part.model_fields.items())


def unknown(name: str, at: tuple[str, tuple[str, ...]]) -> str:
    noun, known = at
    message = f"unknown key {name!r} in {noun}"
    if nearest(name, known) is None and ELSEWHERE.get(name, noun) != noun:
        return f"{message}; it belongs in {ELSEWHERE[name]}"
    return message + meant(name, known)


def one_of(value: Any, expected: str) -> str:
    """`expected` is pydantic's: `'a', 'b' or 'c'`."""
    known = [name for name in expected.replace(" or ", ", ").split(", ") if name]
    names = [name.strip("'") for name in known]
    if not isinstance(value, str) or len(value) > LONGEST_SHOWN:
        return f"one of {', '.join(names)} expected"
    return f"{value!r} is not known here{meant(value, names)}"


def described(value: Any, wanted: str | None) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            found = "true" if value else "false"
        case int() | float():
            found = f"the number {value}" if len(str(value)) <= LONGEST_SHOWN else "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"
    return f"{found}: put it in quotes" if wanted == "text" else found


def value_at(raw: Any, loc: Loc) -> Any:
    """What was found at the end of a way."""
    for step in way(raw, loc):
        raw = raw[step]
    return raw


def way(raw: Any, loc: Loc, *, ends_missing: bool = False) -> Loc:
    """The steps that lead somewhere: pydantic's also name the branches that it took."""
    steps: list[str | int] = []
    for step in loc:
        if leads(raw, step):
            raw = raw[step]
            steps.append(step)
    return (*steps, loc[-1]) if ends_missing else tuple(steps)


def leads(raw: Any, step: str | int) -> bool:
    if isinstance(raw, list):
        return isinstance(step, int) and step < len(raw)
    return isinstance(raw, dict) and step in raw
