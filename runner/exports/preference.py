"""Pairs of answers to one request, the better one and the worse, as preference tuning reads them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from typing import Any

from runner.exports.condition import Condition
from runner.exports.form import Format
from runner.exports.refusal import Refusal
from runner.exports.sample import Sample
from runner.exports.talks import answer, before, choices
from runner.exports.traced import FILES, SUFFIX, TRACES, writer

Ranked = tuple[float, Sample]
"""An answer behind what it is worth."""
UNRANKED = (
    "nothing says which of two answers is better: name an expression by --prefer, such as "
    '"finish_reason == \'stop\'" or "-(text | length)"; the answer with the most of it is chosen'
)


def pairs(samples: Iterable[Sample], prefer: Condition | None) -> Iterator[Sample]:
    """The best and the worst of the answers to each request that differ in what is preferred.

    The samples of a request follow one another, as `samples: 4` makes them.
    """
    if prefer is None:
        raise Refusal(UNRANKED)
    for _, same in groupby(samples, key=attrgetter("group")):
        (most, best), (least, worst) = extremes((score(prefer, sample), sample) for sample in same)
        if most > least:
            yield replace(best, rejected=worst)


def extremes(ranked: Iterable[Ranked]) -> tuple[Ranked, Ranked]:
    """The first of the best, and the first of the worst: no more than these are kept in mind."""
    answers = iter(ranked)
    best = worst = next(answers)
    for each in answers:
        best = each if each[0] > best[0] else best
        worst = each if each[0] < worst[0] else worst
    return best, worst


def score(prefer: Condition, sample: Sample) -> float:
    """What is preferred is a number, or so or not so."""
    found = prefer.of(sample)
    if not isinstance(found, int | float):
        raise Refusal(f"{prefer}: {found!r} is no number, at {sample.job.id}")
    return float(found)


def line(sample: Sample) -> dict[str, Any]:
    worse = sample.rejected or sample
    return {"prompt": before(sample), "chosen": [answer(sample)], "rejected": [answer(worse)]}


FORMAT = Format(
    write=writer(line),
    cut=choices,
    gather=pairs,
    files=FILES,
    suffixes=(SUFFIX,),
    traces=TRACES,
)
