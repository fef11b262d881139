"""Rules that a batch's numbers are held against: `failed: "> 2%"`, `latency_p95: "> 2x last"`."""

import re
from collections.abc import Iterator, Mapping

from runner.value import value

NUMBERS = (
    "succeeded",
    "failed",
    "unknown",
    "outputs",
    "attempts",
    "refused",
    "invalid",
    "blocked",
    "duplicates",
    "flat",
    "cost_usd",
    "cost_per_output_usd",
    "latency_p50",
    "latency_p95",
    "latency_p99",
)
"""What a rule may be about. Latencies are in seconds."""
RULE = re.compile(r"([<>])\s*(\d+(?:\.\d+)?)\s*(%|x\s*last)?")
PER_CENT = 100


@value
class Rule:
    """A bound that a number is not to pass."""

    name: str
    text: str
    """As it is written."""
    is_upper: bool
    bound: float
    unit: str
    """`%` of what the number is counted among, `last`: times that of the batch before, or nothing."""


@value
class Number:
    """One of `NUMBERS`; None: not known."""

    amount: float | None
    among: float | None = None
    """What a share of it is taken of."""


Numbers = Mapping[str, Number]


@value
class Broken:
    """A rule, and what was found in its place."""

    name: str
    rule: str
    found: float
    words: str


def rule(name: str, text: str) -> Rule:
    """Raises ValueError, its text for people."""
    match = RULE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"'{text}' is no rule such as '> 5', '> 2%' or '> 2x last'")
    sign, bound, unit = match.groups(default="")
    return Rule(
        name=name,
        text=text.strip(),
        is_upper=sign == ">",
        bound=float(bound),
        unit="last" if unit.endswith("last") else unit,
    )


def broken(rules: Mapping[str, str], now: Numbers, last: Numbers | None, *, finished: bool) -> list[Broken]:
    """Those that the numbers break; what must not be too small is asked of a finished batch alone."""
    read = (rule(name, text) for name, text in rules.items())
    return [found for each in read if each.is_upper or finished for found in breach(each, now, last)]


def breach(rule: Rule, now: Numbers, last: Numbers | None) -> Iterator[Broken]:
    """Nothing where a number is not known that it takes."""
    found, bound = measured(rule, now[rule.name]), bound_of(rule, last)
    if found is None or bound is None or not (found > bound if rule.is_upper else found < bound):
        return
    sign = "more" if rule.is_upper else "less"
    unit = " %" if rule.unit == "%" else ""
    than = f"{rule.bound:g} times the last, {bound:g}" if rule.unit == "last" else f"{bound:g}{unit}"
    yield Broken(
        name=rule.name,
        rule=rule.text,
        found=found,
        words=f"{rule.name}: {found:.6g}{unit} is {sign} than {than}",
    )


def measured(rule: Rule, number: Number) -> float | None:
    """The number in the rule's unit."""
    if rule.unit != "%" or number.amount is None:
        return number.amount
    return PER_CENT * number.amount / number.among if number.among else None


def bound_of(rule: Rule, last: Numbers | None) -> float | None:
    if rule.unit != "last":
        return rule.bound
    before = None if last is None else last[rule.name].amount
    return None if before is None else rule.bound * before
