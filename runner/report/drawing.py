"""How a run goes, as a picture on a terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from runner.report.progress import STYLES, Progress, done, per_second, retries, share, spent
from runner.report.words import duration, many, plain
from runner.store.rows import Tally

BAR = 40
"""Cells of the bar."""
CELL = "\u2501"
REST = "grey23"


def picture(progress: Progress) -> RenderableType:
    """Three or four lines, to be drawn again and again in the same place."""
    lines = [headline(progress), states(progress.tally), figures(progress)]
    if progress.why:
        lines.append(Text(f"waiting: {plain(progress.why, None)}", style="yellow"))
    return Group(*lines)


def headline(progress: Progress) -> Text:
    tally = progress.tally
    return Text.assemble(
        (f"{progress.batch} ", "bold"),
        bar(tally),
        f" {done(tally):,}/{tally.total:,}  {share(tally):.0%}",
    )


def bar(tally: Tally, cells: int = BAR) -> Text:
    """Each state its part of the bar; whatever there is shows, however small its part."""
    parts = [(getattr(tally, state), style) for state, style in STYLES if getattr(tally, state)]
    drawn = Text()
    for to_come, (count, style) in zip(reversed(range(len(parts))), parts, strict=True):
        room = cells - len(drawn) - to_come
        drawn.append(CELL * min(max(round(cells * count / tally.total), 1), room), style)
    return drawn.append(CELL * (cells - len(drawn)), REST)


def states(tally: Tally) -> Text:
    parts = [("pending", "default"), *STYLES]
    shown = [(f"{getattr(tally, state):,} {state}", style) for state, style in parts if getattr(tally, state)]
    return Text("  ").join(Text(words, style) for words, style in shown)


def figures(progress: Progress) -> Text:
    return Text("  ").join(
        Text(words)
        for words in (
            per_second(progress.rate),
            f"{duration(progress.elapsed_s)} so far",
            f"{duration(progress.eta_s)} left",
            many(progress.tally.attempts, "request"),
            f"{retries(progress.tally):,} retries",
            f"{spent(progress)} spent",
        )
    )
