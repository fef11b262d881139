"""What a manifest says that an answer has to be."""

import hashlib
import re
from functools import cached_property
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from runner import validity
from runner.endpoint import Count, Part, Text

DIGEST = 16
"""Hex digits that tell what jobs expect."""
ASKED = "asked"
SIZE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
"""A picture's size as it is written: `1024x768`."""


def picture_size(value: str) -> str:
    if value != ASKED and not SIZE.fullmatch(value):
        raise ValueError(f"a size is written as 1024x768; or it is {ASKED}: what the request asks for")
    return value


def refused(value: Any) -> Any:
    if value is True:
        raise ValueError("true expects nothing: write false, or leave it out")
    return value


def required(value: Any) -> Any:
    if value is False:
        raise ValueError("false expects nothing: write true, a JSON Schema or its file, or leave it out")
    return value


def regular(value: str) -> str:
    validity.pattern(value)
    return value


def form(value: Any) -> str:
    """Which branch of `true, a file or a schema` a value belongs to."""
    return "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "mapping"


Never = Annotated[bool, BeforeValidator(refused, json_schema_input_type=bool)]
"""What an answer is not to be: `false`."""


class Expect(Part):
    """What an answer has to be to count. What is not written here is not looked at."""

    model_config = ConfigDict(serialize_by_alias=True)

    size: Annotated[str, AfterValidator(picture_size)] | None = Field(
        None,
        description="Images: their size, such as `1024x768`; or `asked`: what the request asks for by "
        "`width` and `height`, or by `size`.",
    )
    flat: Never | None = Field(
        None,
        description="Images: `false`: none is of one colour. A black one, as safety filters paint it, is "
        "`blocked`.",
    )
    duplicate: Never | None = Field(
        None, description="Images: `false`: none has the pixels of another of the batch."
    )
    empty: Never | None = Field(None, description="Texts: `false`: none is empty, or nothing but space.")
    cut: Never | None = Field(
        None, description="Texts: `false`: none was cut off at the limit of its length."
    )
    pattern: Annotated[str, AfterValidator(regular)] | None = Field(
        None,
        description="Texts: a regular expression that is found in each; `^` and `$` are its ends. Of linear "
        "time, so without look-around and back-references.",
    )
    document: (
        Annotated[
            Annotated[bool, BeforeValidator(required, json_schema_input_type=bool), Tag("truth")]
            | Annotated[Text, Tag("text")]
            | Annotated[dict[str, Any], Tag("mapping")],
            Discriminator(form),
        ]
        | None
    ) = Field(
        None,
        alias="json",
        description="Texts: `true`: each is JSON; or a JSON Schema that it follows, or the file of one.",
    )
    dimensions: Count | None = Field(None, description="Embeddings: how many numbers a vector has.")
    retries: Annotated[int, Field(ge=0)] = Field(
        1,
        description="How often a job is sent again after an answer that is not so, with a fresh seed where "
        "its request has one. They are no `attempts` of `retry`.",
    )

    @cached_property
    def digest(self) -> str:
        """By what jobs name what they expect: equal for equal expectations."""
        written = self.model_dump(exclude_none=True)
        return hashlib.sha256(orjson.dumps(written, option=orjson.OPT_SORT_KEYS)).hexdigest()[:DIGEST]
