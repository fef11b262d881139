"""What a batch needs of its manifest to be gone on with, from the queue alone."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from runner import address
from runner.endpoint import Count, Endpoint, Part, Positive, Text, Usd, template, variables
from runner.expectation import Expect
from runner.notice import Notice


class Retry(Part):
    """How often and how long a job is tried."""

    attempts: Count = Field(5, description="Tries of a job, the first included. A 429 costs none.")
    maybe_billed: Annotated[int, Field(ge=0)] = Field(
        2, description="Retries of a job after tries that may have been billed."
    )
    first: Positive = Field(1.0, description="Seconds of the first wait at most; it doubles with each try.")
    longest: Positive = Field(120.0, description="Seconds of any wait at most.")
    on_unknown: Literal["retry", "hold"] = Field(
        "retry",
        description="What becomes of a paid request whose answer will never be seen: sent again, or held "
        "in `unknown` until `runner retry`.",
    )


class Outputs(Part):
    """Where outputs are kept."""

    dir: Annotated[Text, AfterValidator(address.place)] = Field(
        "outputs",
        description="Folder, relative to the manifest; files go to its subfolder of the batch's name. Or "
        "`s3://bucket/prefix` (`runner[s3]`): pictures become objects there, each by one request, and wait "
        "in `outputs` until they are; keys come from where AWS tools look, never from here.",
    )
    name: Annotated[Text, AfterValidator(template)] | None = Field(
        None,
        description="What pictures are called, less their suffix: a template, such as "
        "`{{ id }}-{{ seed }}`, over id, key, model, prompt, sample, date, and every variable and parameter. "
        "Left out: the id. No two jobs may have one name; several pictures of a job get `-<index>`.",
    )
    embed: bool = Field(
        default=True,
        description="Whether pictures (PNG, JPEG, WebP) carry their request, for `runner show FILE` and "
        "`runner replay FILE`. Never a key, but the prompt, the address and the paths of files sent with it.",
    )


class Budget(Part):
    """What the batch may cost over all its runs."""

    usd: Usd | None = Field(None, description="US dollars.")
    requests: Count | None = Field(None, description="Requests.")


class Settings(Part):
    """Kept in the queue as JSON, which says only what the manifest does."""

    endpoints: dict[str, Endpoint]
    retry: Retry = Retry()
    outputs: Outputs = Outputs()
    budget: Budget = Budget()
    expect: dict[str, Expect] = Field(
        {}, description="What jobs expect of their answers, by the digest that they name it by."
    )
    alert: dict[str, str] = Field({}, description="Rules, by the name of their number.")
    notify: list[Notice] = Field([], description="Who is told of a run's end.")
    report: bool = Field(default=False, description="Whether a run ends by a report.")


def environment(settings: Settings) -> frozenset[str]:
    """The names of the environment's variables that are needed."""
    of_endpoints = (name for endpoint in settings.endpoints.values() for name in variables(endpoint))
    return frozenset((*of_endpoints, *(name for notice in settings.notify for name in notice.variables())))
