"""A manifest as it is written, as one typed value; descriptions are what its reference is made of."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from runner import address, alert
from runner.endpoint import Count, Endpoint, Part, Positive, Usd, template
from runner.group import REUSE, Expect, JobGroup
from runner.notice import Notice
from runner.problems import meant


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

    dir: Annotated[str, Field(min_length=1), AfterValidator(address.place)] = Field(
        "outputs",
        description="Folder, relative to the manifest; files go to its subfolder of the batch's name. Or "
        "`s3://bucket/prefix` (`runner[s3]`): pictures become objects there, each by one request, and wait "
        "in `outputs` until they are; keys come from where AWS tools look, never from here.",
    )
    name: Annotated[str, Field(min_length=1), AfterValidator(template)] | None = Field(
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


def rules(values: dict[str, str]) -> dict[str, str]:
    for name, text in values.items():
        if name not in alert.NUMBERS:
            raise ValueError(f"no number is named {name!r}{meant(name, alert.NUMBERS)}")
        alert.rule(name, text)
    return values


Rules = Annotated[dict[str, str], AfterValidator(rules)]
"""By the number's name."""


class Settings(Part):
    """What a batch needs to be gone on with from the queue alone."""

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


class Document(Part):
    """A manifest as it is written."""

    name: str = Field(
        min_length=1, description="Name of the batch: a template, such as `nightly-{{ date }}`."
    )
    endpoints: dict[str, Endpoint] = Field(min_length=1, description="Servers to talk to, by name.")
    jobs: list[JobGroup] = Field(min_length=1, description="What to ask of them: groups of jobs.")
    retry: Retry = Field(Retry(), description="How often, and how long, a job is tried.")
    outputs: Outputs = Field(Outputs(), description="Where files and results go.")
    budget: Budget = Field(Budget(), description="What the batch may cost.")
    reuse: bool = Field(default=False, description=f"{REUSE} A group of jobs may say otherwise.")
    carry_over: bool = Field(
        default=False,
        description="Whether a run first finishes what earlier batches of the same name's pattern left.",
    )
    alert: Rules = Field(
        {},
        description='Rules for a run\'s numbers, such as `failed: "> 2%"`, `cost_usd: "> 5"` or '
        '`latency_p95: "> 2x last"`: of a batch that is finished a broken one makes the exit status 1. '
        f"Numbers: {', '.join(f'`{name}`' for name in alert.NUMBERS)}.",
    )
    notify: list[Notice] = Field([], description="Who is told of a run's end.")
    report: bool | None = Field(
        None,
        description="Whether a run ends by writing `report.json` and `report.html`; by default where there "
        "is `alert` or `notify`, or where the name is of a night.",
    )
