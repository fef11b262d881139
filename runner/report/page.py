"""A batch as one page: numbers, charts and pictures in a single file that asks nobody for anything."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined

from runner.compose.exhibiting import Exhibit, Exhibition
from runner.facts import Facts, Part
from runner.outcome import Cause
from runner.report import charts, comparison
from runner.report.advice import told, why_stopped
from runner.report.comparison import Comparison
from runner.report.tables import counts, essence
from runner.report.words import TIMES, duration, many, money, size
from runner.results import moment
from runner.store.rows import Failure
from runner.timeline import Step, Timeline
from runner.value import value

LONGEST = 2_000
"""Characters shown of a prompt or a text."""
WORTH_A_MINUTE = 1.0
"""Answers a second below which they are told by the minute."""
PER_CENT = 100
ABSENT = "-"


@value
class Tile:
    """A number to see first."""

    name: str
    number: str
    note: str = ""
    tone: str = ""
    """`good`, `warn` or `bad`."""


@value
class Card:
    """An output as it stands on the page."""

    id: str
    title: str
    note: str
    href: str
    image: str
    """A data URI; empty where there is none."""
    wide: int
    high: int
    trouble: str
    text: str
    request: str


@value
class Ending:
    """The failures of one cause."""

    cause: str
    heading: str
    example: str
    message: str
    advice: list[str]
    """What to do: every second piece is a command or a key."""


def page(facts: Facts, shown: Exhibition, beside: Comparison | None = None, *, at: Path, runner: str) -> str:
    """The page as it is to stand at a path, from which its links lead to the files.

    `beside` compares it with the batch before it; `runner` is how the program is called: advice names
    commands.
    """
    told = {**content(facts, shown, at.parent, runner), **compared(beside)}
    return templates().get_template("page.html").render(told)


def compared(beside: Comparison | None) -> dict[str, Any]:
    """What the batch before it is named, the numbers of both, and what is not as it should be."""
    if beside is None:
        return {"before": None, "numbers": [], "broken": [], "new_causes": []}
    return {
        "before": beside.batch,
        "numbers": comparison.rows(beside),
        "broken": [each.words for each in beside.broken],
        "new_causes": list(beside.new_causes),
    }


@cache
def templates() -> Environment:
    return Environment(
        loader=PackageLoader("runner.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def content(facts: Facts, shown: Exhibition, folder: Path, runner: str) -> dict[str, Any]:
    """Everything that the template names."""
    row = facts.batch
    return {
        "policy": policy(templates().get_template("page.css").render()),
        "batch": row.name,
        "state": row.state.value,
        "reason": "" if row.reason is None else why_stopped(row.reason),
        "counts": counts(row),
        "span": span(facts),
        "made_at": utc(facts.at),
        "tiles": list(tiles(facts)),
        "states": charts.states(row.tally),
        "parts": [part(each) for each in facts.parts],
        "failures": [ending(row.name, each, runner) for each in facts.failures],
        "outputs": facts.outputs,
        "pictures": facts.pictures,
        "looks": facts.looks,
        "many": many,
        **drawings(facts),
        **walls(facts, shown, folder),
    }


def drawings(facts: Facts) -> dict[str, Any]:
    """The charts, each with its sentence and its table."""
    over_time, steps = charts.over_time(facts.timeline), facts.timeline.steps
    return {
        "time": over_time,
        "time_told": charts.told_over_time(facts.timeline),
        "peak": rate(over_time.peak),
        "began": clock(steps[0].at) if steps else "",
        "ended": "" if not steps else clock(end_of(facts.timeline, over_time)),
        "steps": [row_of(step) for step in steps],
        "latency": charts.how_long(facts.latency),
        "latency_told": charts.told_how_long(facts.latency),
        "latency_bars": [
            (duration(bar.from_s), duration(bar.to_s), bar.answers) for bar in facts.latency.bars
        ],
    }


def end_of(timeline: Timeline, chart: charts.Chart) -> float:
    """The time at a chart's right edge: a few bars do not reach it."""
    if chart.lines:
        return timeline.steps[-1].at + timeline.step_s
    return timeline.steps[0].at + chart.wide * timeline.step_s


def walls(facts: Facts, shown: Exhibition, folder: Path) -> dict[str, Any]:
    """What hangs where. A model is named where there are several."""
    outputs, is_one = Path(facts.batch.folder), len({part.model for part in facts.parts}) == 1

    def cards(some: Sequence[Exhibit]) -> list[Card]:
        return [card(each, outputs, folder, names_model=not is_one) for each in some]

    return {
        "gallery": cards(shown.gallery),
        "alike": [cards(group) for group in shown.alike],
        "flat": cards(shown.flat),
        "texts": cards(shown.texts),
    }


def policy(style: str) -> str:
    """What a browser may do for the page: nothing but show it. The one style sheet is told by its hash."""
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{hashed}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def utc(seconds: float | None) -> str:
    """`2026-11-23 02:00 UTC`: a page may be read anywhere."""
    return ABSENT if seconds is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def clock(seconds: float) -> str:
    return time.strftime("%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def span(facts: Facts) -> str:
    """From when to when it ran."""
    row = facts.batch
    if row.started_at is None:
        return "not begun yet"
    until = row.finished_at or facts.at
    took = duration(until - row.started_at)
    if row.finished_at is None:
        return f"begun {utc(row.started_at)}, {took} before this page was made"
    return f"{utc(row.started_at)} to {utc(row.finished_at)}, {took}"


def tiles(facts: Facts) -> Iterator[Tile]:
    """The numbers that people ask for first."""
    tally = facts.batch.tally
    wrong = tally.failed + tally.unknown
    yield Tile(
        name="succeeded",
        number=f"{tally.succeeded:,}",
        note=f"of {many(tally.total, 'job')}",
        tone="good" if tally.succeeded else "",
    )
    yield Tile(
        name="failed",
        number=f"{wrong:,}",
        note=f"{tally.unknown:,} of them unknown" if tally.unknown else percent(wrong, tally.total),
        tone="bad" if wrong else "",
    )
    yield from money_tiles(facts)
    yield Tile(
        name="requests",
        number=f"{facts.attempts:,}",
        note=f"{tally.maybe_billed_twice:,} may be billed twice" if tally.maybe_billed_twice else "",
        tone="warn" if tally.maybe_billed_twice else "",
    )
    yield Tile(
        name="refused (429)",
        number=f"{facts.refusals:,}",
        note=percent(facts.refusals, facts.attempts),
        tone="warn" if facts.refusals else "",
    )
    yield from speed_tiles(facts)
    yield from picture_tiles(facts)


def money_tiles(facts: Facts) -> Iterator[Tile]:
    each = facts.nusd_per_output
    yield Tile(
        name="spent",
        number=money(facts.nusd),
        note="price not known"
        if facts.nusd is None
        else ""
        if each is None
        else f"{money(round(each))} an output",
    )
    if facts.input_tokens or facts.output_tokens:
        yield Tile(
            name="tokens",
            number=short(facts.input_tokens + facts.output_tokens),
            note=f"{short(facts.input_tokens)} in, {short(facts.output_tokens)} out",
        )


def speed_tiles(facts: Facts) -> Iterator[Tile]:
    worked_s = facts.timeline.worked_s
    answered = sum(step.answered for step in facts.timeline.steps)
    if answered and worked_s:
        yield Tile(name="answers", number=rate(answered / worked_s), note=f"in {duration(worked_s)} of work")
    if facts.latency.p50_s is not None:
        yield Tile(
            name="latency",
            number=duration(facts.latency.p50_s),
            note=f"median; 95 of 100 within {duration(facts.latency.p95_s)}",
        )


def picture_tiles(facts: Facts) -> Iterator[Tile]:
    looks = facts.looks
    if not looks.looked_at:
        return
    some = looks.looked_at if looks.looked_at < facts.pictures else 0
    of = f" of {some:,} looked at" if some else ""
    yield Tile(
        name="look-alikes",
        number=f"{looks.duplicates:,}",
        note=f"{many(len(looks.alike), 'group')}{of}",
        tone="warn" if looks.duplicates else "",
    )
    yield Tile(
        name="flat",
        number=f"{len(looks.flat):,}",
        note=f"{looks.black:,} of them black" if looks.black else f"of one colour{of}",
        tone="warn" if looks.flat else "",
    )


def percent(some: int, number: int) -> str:
    """`0.4%`; empty where there is nothing to be a part of."""
    if not number:
        return ""
    share = PER_CENT * some / number
    return f"{share:.0f}%" if share in {0, PER_CENT} else f"{share:.1f}%"


def rate(per_second: float) -> str:
    if per_second < WORTH_A_MINUTE:
        return f"{60 * per_second:.1f}/min"
    return f"{per_second:,.1f}/s"


def short(number: int) -> str:
    """`950`, `12.4k`, `3.1M`."""
    for unit, length in (("M", 1_000_000), ("k", 1_000)):
        if number >= length:
            return f"{number / length:.1f}{unit}"
    return str(number)


def row_of(step: Step) -> tuple[str, int, int, int]:
    return moment(step.at) or "", step.answered, step.refused, step.failed


def part(each: Part) -> list[str]:
    """A row of the table of endpoints and models."""
    number = sum(each.jobs.values())
    wrong = each.jobs.get("failed", 0) + each.jobs.get("unknown", 0)
    return [
        each.endpoint,
        each.model,
        f"{number:,}",
        f"{each.jobs.get('succeeded', 0):,}",
        f"{wrong:,}",
        f"{each.attempts:,}",
        f"{each.causes.get(Cause.THROTTLED, 0):,}",
        ABSENT if each.latency.p50_s is None else duration(each.latency.p50_s),
        ABSENT if each.latency.p95_s is None else duration(each.latency.p95_s),
        f"{short(each.input_tokens)} / {short(each.output_tokens)}"
        if each.input_tokens or each.output_tokens
        else ABSENT,
        money(each.nusd),
    ]


def ending(batch: str, failed: Failure, runner: str) -> Ending:
    return Ending(
        cause=failed.cause.value,
        heading=f"{failed.count:,} {TIMES} {failed.cause} ({failed.state})",
        example=failed.example.id,
        message=cut(failed.example.message or ""),
        advice=told(batch, failed, runner).split("`"),
    )


def card(exhibit: Exhibit, outputs: Path, folder: Path, *, names_model: bool) -> Card:
    job, kept = exhibit.job, exhibit.kept
    path = "" if kept.path is None else os.path.relpath(outputs / kept.path, folder.absolute())
    return Card(
        id=job.id,
        title=cut(job.prompt or job.id),
        note=" · ".join(filter(None, notes(exhibit, names_model=names_model))),
        href=quote(path),
        image=""
        if exhibit.webp is None
        else f"data:image/webp;base64,{base64.b64encode(exhibit.webp).decode()}",
        wide=kept.width or 1,
        high=kept.height or 1,
        trouble=exhibit.trouble or "",
        text="" if path else cut(essence(kept)),
        request=cut(json.dumps(request(exhibit), indent=2, ensure_ascii=False)),
    )


def notes(exhibit: Exhibit, *, names_model: bool) -> Iterator[str]:
    job, kept = exhibit.job, exhibit.kept
    yield job.model.rpartition("/")[2] if names_model else ""
    yield "" if kept.width is None else f"{kept.width}{TIMES}{kept.height}"
    yield size(kept.bytes)
    yield "" if job.latency_s is None else duration(job.latency_s)
    yield "" if job.cost_nusd is None else money(job.cost_nusd)
    yield "" if kept.finish_reason in {None, "stop"} else str(kept.finish_reason)


def request(exhibit: Exhibit) -> Mapping[str, Any]:
    """What was asked for, as results.jsonl has it."""
    job = exhibit.job
    return {
        "id": job.id,
        "endpoint": job.served_by or job.endpoint,
        "model": job.model,
        "prompt": job.prompt,
        "params": orjson.loads(job.params),
        "vars": orjson.loads(job.vars),
        "sample": job.sample,
        "sha256": exhibit.kept.sha256,
    }


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
