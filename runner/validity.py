"""Regular expressions and JSON Schemas, checked in linear time: no text can make them hang.

Both are jsonschema-rs's, whose regular expressions are Rust's: they know no backtracking, and so neither
look-around nor back-references. A schema is never fetched from anywhere.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.value import value

if TYPE_CHECKING:
    import jsonschema_rs

LONGEST_SHOWN = 200
"""Characters of a complaint: it may quote the whole answer."""


class Unusable(ValueError):
    """No regular expression, or no JSON Schema; `way` leads to the place in it that is wrong."""

    def __init__(self, message: str, way: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.way = tuple(way)


@value(kw_only=False)
class Rule:
    """What a value has to be like."""

    validator: "jsonschema_rs.Validator"

    def broken(self, value: Any) -> str | None:
        """What is wrong with the value, in a line; None where nothing is."""
        if self.validator.is_valid(value):
            return None
        first = next(self.validator.iter_errors(value))
        way = "".join(f"/{step}" for step in first.instance_path)
        return shortened(f"at {way}: {first.message}" if way else first.message)


def pattern(text: str) -> Rule:
    """That a text has the pattern somewhere; raises `Unusable`."""
    try:
        return rule({"type": "string", "pattern": text})
    except Unusable:
        raise Unusable(
            "not a regular expression that is matched in linear time (look-around, back-references and "
            "huge repetitions are not)"
        ) from None


def rule(schema: Any) -> Rule:
    """That a value follows the JSON Schema; raises `Unusable`. The library is loaded for the first."""
    import jsonschema_rs

    try:
        return Rule(
            jsonschema_rs.validator_for(schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True)
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        way = getattr(error, "instance_path", ())
        said = getattr(error, "message", str(error)).partition("\n")[0]
        raise Unusable(shortened(f"not a JSON Schema: {said}"), way) from None


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}\N{HORIZONTAL ELLIPSIS}"
