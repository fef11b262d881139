"""A batch beside the one of its pattern before it, and held against its rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from runner.alert import NUMBERS, Broken, Number, Numbers, broken
from runner.report.summary import rounded
from runner.value import value

RARE = ("invalid", "blocked")
"""Causes that have a number of their own."""


@value
class Comparison:
    """What a batch is compared with, and what came of it."""

    batch: str | None
    """The one before it; None: it is the first."""
    now: Numbers
    last: Numbers | None
    new_causes: tuple[str, ...]
    """Of failures that the one before did not have."""
    broken: tuple[Broken, ...]

    @property
    def is_well(self) -> bool:
        return not self.broken


def compared(
    shown: Mapping[str, Any], before: Mapping[str, Any] | None, rules: Mapping[str, str]
) -> Comparison:
    """Of two summaries, as `summary.shown` makes them."""
    now, last = numbers(shown), None if before is None else numbers(before)
    return Comparison(
        batch=None if before is None else before["batch"],
        now=now,
        last=last,
        new_causes=() if before is None else new(causes(shown), causes(before)),
        broken=tuple(broken(rules, now, last, finished=shown["state"] == "finished")),
    )


def causes(shown: Mapping[str, Any]) -> list[str]:
    return [each["cause"] for each in shown["failures"]]


def new(now: Sequence[str], last: Sequence[str]) -> tuple[str, ...]:
    return tuple(cause for cause in now if cause not in last)


def numbers(shown: Mapping[str, Any]) -> dict[str, Number]:
    """What rules are about, of a summary; what a share is taken of beside it."""
    jobs, sent, latency, looks = shown["jobs"], shown["attempts"], shown["latency_s"], shown["pictures"]
    ended = jobs["succeeded"] + jobs["failed"] + jobs["unknown"]
    found = {
        **{state: Number(amount=jobs[state], among=ended) for state in ("succeeded", "failed", "unknown")},
        "outputs": Number(amount=sum(each["count"] for each in shown["outputs"].values())),
        "attempts": Number(amount=sent),
        "refused": Number(amount=shown["refusals"], among=sent),
        **{cause: Number(amount=shown["causes"].get(cause, 0), among=sent) for cause in RARE},
        "duplicates": Number(amount=looks["duplicates"], among=looks["looked_at"]),
        "flat": Number(amount=len(looks["flat"]), among=looks["looked_at"]),
        "cost_usd": Number(amount=shown["cost_usd"]),
        "cost_per_output_usd": Number(amount=shown["cost_per_output_usd"]),
        **{f"latency_{name}": Number(amount=latency[name]) for name in ("p50", "p95", "p99")},
    }
    return {name: found[name] for name in NUMBERS}


def document(of: Comparison) -> dict[str, Any]:
    """As `report.json` has it."""
    return {
        "verdict": {
            "ok": of.is_well,
            "broken": [
                {"number": each.name, "rule": each.rule, "found": rounded(each.found), "message": each.words}
                for each in of.broken
            ],
        },
        "compared_with": of.batch,
        "numbers": {name: beside(name, of) for name in NUMBERS},
        "new_causes": list(of.new_causes),
    }


def beside(name: str, of: Comparison) -> dict[str, float | None]:
    now, last = of.now[name].amount, None if of.last is None else of.last[name].amount
    return {"now": rounded(now), "last": rounded(last), "ratio": ratio(now, last)}


def ratio(now: float | None, last: float | None) -> float | None:
    return None if now is None or not last else rounded(now / last)


def rows(of: Comparison) -> list[tuple[str, str, str, str]]:
    """Name, now, last and change of each number that is known, for people."""
    found = {name: beside(name, of) for name in NUMBERS}
    return [
        (name.replace("_", " "), shown(each["now"]), shown(each["last"]), change(each["ratio"]))
        for name, each in found.items()
        if each["now"] is not None
    ]


def shown(number: float | None) -> str:
    return "-" if number is None else f"{number:,.6g}"


def change(ratio: float | None) -> str:
    """`+12 %`; nothing where there is nothing to compare with."""
    return "" if ratio is None else f"{(ratio - 1) * 100:+.0f} %"
