"""Jobs that have most in common, as a manifest describes them."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from runner.combinations import Grid
from runner.endpoint import SECRET_PART, Count, Part, Text, kind
from runner.expectation import Expect
from runner.origin import URL
from runner.selection import sliced

Values = Annotated[list[Any], Field(min_length=1)]


def without_key(value: str) -> str:
    if URL.match(value) and (re.match(r"[^/]*://[^/]*:[^/]*@", value) or SECRET_PART.search(value)):
        raise ValueError("a URL holds no key or password: stores find theirs in the environment")
    return value


class ValueFile(Part):
    """A file of values of a variable."""

    file: Annotated[Text, AfterValidator(without_key)] = Field(
        description="As `file` of a job: `.txt` (a value a line), `.csv`, `.jsonl`, `.parquet`, …."
    )
    column: Text | None = Field(None, description="Which column the values stand in. Default: the only one.")


def listed(value: Any) -> Any:
    """A variable with a single value has a list of one; a mapping with `file` is no value, but names some."""
    if isinstance(value, dict):
        return {name: each if is_listed(each) else [each] for name, each in value.items()}
    return value


def is_listed(each: Any) -> bool:
    return isinstance(each, list | ValueFile) or (isinstance(each, dict) and "file" in each)


Variables = dict[
    str,
    Annotated[
        Annotated[Values, Tag("list")] | Annotated[ValueFile, Tag("mapping")],
        Discriminator(lambda value: "list" if isinstance(value, list) else "mapping"),
    ],
]
Given = Annotated[Variables, BeforeValidator(listed, json_schema_input_type=dict[str, Any | ValueFile])]


class PromptRow(Part):
    """One of `prompts`, with what is its own."""

    id: Text | None = Field(None, description="The job's id: a template.")
    prompt: str = Field(description="The prompt: a template.")
    params: dict[str, Any] = Field({}, description="Request parameters of this prompt; they beat the job's.")
    vars: Given = Field({}, description="Template variables of this prompt; they beat the job's.")


class Matrix(BaseModel):
    """Request parameters, every combination of their values."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, hide_input_in_errors=True)
    __pydantic_extra__: dict[str, Values]

    exclude: list[dict[str, Any]] = Field(
        [], description="Combinations to leave out: those that have all the values of one of these."
    )
    include: list[dict[str, Any]] = Field(
        [],
        description="Values to add to the combinations that they do not contradict; "
        "what contradicts them all is a combination of its own.",
    )

    @property
    def grid(self) -> Grid:
        return Grid(axes=self.__pydantic_extra__, exclude=self.exclude, include=self.include)


class Sample(Part):
    """A random choice among combinations."""

    take: Count = Field(description="How many.")
    seed: int = Field(0, description="Another seed, another choice.")


def slice_of_rows(value: Any) -> Any:
    sliced(value if isinstance(value, str) else "")
    return value


REUSE = (
    "Whether a job takes the output that another batch of the queue has had already for the same request, "
    "when the manifest is submitted: its files are linked, and it costs nothing."
)


class JobGroup(Part):
    """A group of jobs: where they go, what they ask, and all the ways in which it varies."""

    endpoint: str | None = Field(
        None, description="Name of the endpoint. May be left out where there is one."
    )
    also: list[str] = Field(
        [], description="Names of equivalent endpoints, of the same dialect, that may serve these jobs too."
    )
    model: Text | None = Field(None, description="Name of the model: a template.")
    id: Text | None = Field(
        None, description="Id of the job: a template. Where it makes several jobs, `-<8 digits>` is added."
    )
    prompt: str | None = Field(
        None,
        description="The prompt: a template. With `file`, over its columns; default: the column `prompt`.",
    )
    prompts: (
        Annotated[
            list[
                Annotated[
                    Annotated[str, Tag("text")] | Annotated[PromptRow, Tag("mapping")], Discriminator(kind)
                ]
            ],
            Field(min_length=1),
        ]
        | None
    ) = Field(None, description="Prompts: templates, or mappings with id, prompt, params, vars.")
    file: Annotated[Text, AfterValidator(without_key)] | None = Field(
        None,
        description="A file of rows: `.txt` (a prompt a line), `.csv`, `.tsv`, `.jsonl` or `.json` (a list), "
        "these with `.gz` or `.zst` behind too; `.parquet`, `.arrow`, `.feather`. Or a pattern "
        "(`data/*.jsonl`), or a URL (`s3://…`, `hf://datasets/…`, `https://…`). Its columns are variables; "
        "the column `id` is the job's id. Or a batch file, whose lines are whole requests: `custom_id`, "
        "`url` and `body`, or Anthropic's `custom_id` and `params`.",
    )
    from_batch: Text | None = Field(
        None,
        alias="from",
        description="In place of `file`, the name of another batch of the queue, a template (`{{ date }}`, "
        "`--set`): what its succeeded jobs have brought, a row for each output. Columns are `id`, `key`, "
        "`text` (of texts), `path` (of files, absolute), `index`, `kind`, `model`, `prompt`, `params`, "
        "`output` (`output.mime`, `output.width`, …) and the job's variables.",
    )
    rows: Annotated[str, BeforeValidator(slice_of_rows, json_schema_input_type=str)] | None = Field(
        None,
        description="With `file` or `from`: which of the rows, from 0, as a slice of Python: `100:200`, "
        '`":200"`, `"-50:"`, `"::10"`.',
    )
    where: Text | None = Field(
        None,
        description="Likewise, after `rows`: an expression over the columns that rows are kept for: "
        "`\"score > 0.5 and lang == 'en'\"`. Jinja2 without braces; a text that looks like a number is "
        "compared with numbers as one; a row whose value is missing (null, or empty) where it is compared is "
        "not kept.",
    )
    shuffle: int | None = Field(
        None,
        description="Likewise, after `where`: a seed for another order of the rows, the same on every "
        "machine. It hangs on the rows' content: those that come later change no order of the others.",
    )
    take: Count | None = Field(None, description="Likewise, at last: so many rows at most.")
    system: str | None = Field(None, description="Chat: the system's message, a template.")
    messages: (
        Annotated[
            Annotated[Text, Tag("text")] | Annotated[list[dict[str, Any]], Field(min_length=1), Tag("list")],
            Discriminator(lambda value: "text" if isinstance(value, str) else "list"),
        ]
        | None
    ) = Field(
        None,
        description="Chat: all messages, templates in them, in place of `system` and `prompt`; "
        'or a template that is one, such as `"{{ messages }}"`.',
    )
    vars: Given = Field(
        {},
        description="Template variables: every combination of their values, a list for each, or "
        "`{file: PATH, column: NAME}`, a file of them.",
    )
    params: dict[str, Any] = Field(
        {},
        description="Request parameters, sent as they are; texts are templates, `{file: PATH}` "
        "is sent as base64, and `seed: {derive: true}` as a number of the job's own, from 0 to 4294967295.",
    )
    matrix: Matrix = Field(
        Matrix(), description="Request parameters: every combination of their values. They beat `params`."
    )
    samples: Count = Field(1, description="The same request so many times, each a job of its own.")
    sample: (
        Annotated[
            Annotated[Count, Tag("number")] | Annotated[Sample, Tag("mapping")],
            Discriminator(lambda value: "mapping" if isinstance(value, dict | Sample) else "number"),
        ]
        | None
    ) = Field(
        None,
        description="So many of all combinations of rows, `vars` and `matrix`, at random, the same each "
        "time; or `{take: 1000, seed: 7}`. The others are never made, however many they are.",
    )
    expect: Expect | None = Field(
        None,
        description="What an answer has to be to count. No part of a job's key: finished jobs stay finished.",
    )
    reuse: bool | None = Field(None, description=f"{REUSE} Left out: as the manifest says.")

    @property
    def sampled(self) -> Sample | None:
        return Sample(take=self.sample) if isinstance(self.sample, int) else self.sample

    @property
    def has_rows(self) -> bool:
        """Whether its jobs are made of rows that come from elsewhere."""
        return self.file is not None or self.from_batch is not None

    @property
    def has_template(self) -> bool:
        """Whether it says itself what is asked, so that the rows of its file are data for that."""
        return self.prompt is not None or self.messages is not None
