"""Jobs that have most in common, as a manifest describes them."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from runner.combinations import Grid
from runner.endpoint import Count, Part, kind

Values = Annotated[list[Any], Field(min_length=1)]
Text = Annotated[str, Field(min_length=1)]


def listed(value: Any) -> Any:
    """A variable with a single value has a list of one."""
    if isinstance(value, dict):
        return {name: each if isinstance(each, list) else [each] for name, each in value.items()}
    return value


Variables = Annotated[dict[str, Values], BeforeValidator(listed, json_schema_input_type=dict[str, Any])]


class PromptRow(Part):
    """One of `prompts`, with what is its own."""

    id: Text | None = Field(None, description="The job's id: a template.")
    prompt: str = Field(description="The prompt: a template.")
    params: dict[str, Any] = Field({}, description="Request parameters of this prompt; they beat the job's.")
    vars: Variables = Field({}, description="Template variables of this prompt; they beat the job's.")


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
    file: Text | None = Field(
        None,
        description="A file of rows: `.txt` (a prompt a line), `.csv`, `.tsv` or `.jsonl`. "
        "Its columns are variables; the column `id` is the job's id.",
    )
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
    vars: Variables = Field({}, description="Template variables: every combination of their values.")
    params: dict[str, Any] = Field(
        {},
        description="Request parameters, sent as they are; texts are templates, and `{file: PATH}` "
        "is sent as base64.",
    )
    matrix: Matrix = Field(
        Matrix(), description="Request parameters: every combination of their values. They beat `params`."
    )
    samples: Count = Field(1, description="The same request so many times, each a job of its own.")
