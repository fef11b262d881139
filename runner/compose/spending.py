"""A person hears of a budget before it is spent."""

from collections.abc import Iterator

from runner import price
from runner.settings import Settings
from runner.store import Tally

NEARLY = 0.8
"""The part of a budget at which a person is told."""


def warnings(settings: Settings, *, max_cost_usd: float | None, began: Tally, tally: Tally) -> Iterator[str]:
    """What is nearly spent, in words that stay the same; `began` is how the batch stood before this run."""
    budget = settings.budget
    if is_nearly(tally.spent_nusd, budget.usd and budget.usd * price.NUSD):
        yield f"more than {NEARLY:.0%} of the budget of ${budget.usd:.2f} is spent"
    if is_nearly(tally.attempts, budget.requests):
        yield f"more than {NEARLY:.0%} of the budget of {budget.requests:,} requests is spent"
    if is_nearly(tally.spent_nusd - began.spent_nusd, max_cost_usd and max_cost_usd * price.NUSD):
        yield f"more than {NEARLY:.0%} of --max-cost ${max_cost_usd:.2f} is spent"


def is_nearly(spent: float, given: float | None) -> bool:
    return given is not None and spent >= NEARLY * given > 0
