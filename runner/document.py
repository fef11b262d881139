"""A manifest as it is written, as one typed value; descriptions are what its reference is made of."""

from typing import Annotated

from pydantic import AfterValidator, Field

from runner import alert
from runner.endpoint import Endpoint, Part
from runner.group import REUSE, JobGroup
from runner.notice import Notice
from runner.problems import meant
from runner.settings import Budget, Outputs, Retry


def rules(values: dict[str, str]) -> dict[str, str]:
    for name, text in values.items():
        if name not in alert.NUMBERS:
            raise ValueError(f"no number is named {name!r}{meant(name, alert.NUMBERS)}")
        alert.rule(name, text)
    return values


Rules = Annotated[dict[str, str], AfterValidator(rules)]
"""By the number's name."""


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
