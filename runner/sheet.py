"""A contact sheet: pictures in rows and columns under the values that they were made with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageDraw

from runner.axes import Cell, Unsheeted
from runner.lettering import font, wrapped
from runner.picture import Unreadable
from runner.thumbnail import on_paper, thumbnail
from runner.value import value

GAP = 8
MARGIN = 16
TITLE, TEXT = 20, 14
"""Sizes of letters."""
LINE = 18
"""Pixels from one line of text to the next."""
MOST_LINES = 4
"""Of a label."""
SIDE = 256
"""Pixels of a cell's width, where nothing else is asked for and there is room."""
NARROWEST = 48
LABEL = 160
"""Pixels that the label of a row has at most."""
MOST_PIXELS = 64_000_000
"""Of a sheet: 190 MB while it is drawn."""
LONGEST = 16_000
"""Pixels of a side, more of which many programs do not show."""
PAPER, INK, QUIET, EMPTY, WRONG, RED = "#ffffff", "#1c1b1a", "#6d6a66", "#f1f0ee", "#fbe9e6", "#a4271b"
BADGE = "#1c1b1ad0"
FLATTEST, STEEPEST = 0.5, 2.0
"""Bounds of a cell's height over its width."""

Key = tuple[str, str]
"""The values at a cell, along x and y."""
Source = Callable[[str], Path | BinaryIO]
"""Where the picture of a path is; raises `Unreadable`."""
Labels = Sequence[tuple[str, str]]
"""Key and label of each value."""


@value
class Plan:
    """What a sheet shows."""

    title: str
    caption: str
    across: Labels
    down: Labels
    cells: Mapping[Key, Cell]


@value
class Frame:
    """Where things stand on a sheet, in pixels."""

    wide: int
    """Of a cell."""
    high: int
    left: int
    """Where the first cell begins."""
    top: int
    size: tuple[int, int]

    def corner(self, column: int, row: int) -> tuple[int, int]:
        return self.left + column * (self.wide + GAP), self.top + row * (self.high + GAP)


def framed(plan: Plan, side: int | None) -> Frame:
    """Cells of that width, or as wide as there is room for; raises `Unsheeted` where there is not."""
    frame = frame_of(plan, side or SIDE)
    if is_possible(frame):
        return frame
    fits = next(
        (less for less in range(side or SIDE, NARROWEST - 1, -16) if is_possible(frame_of(plan, less))), 0
    )
    if side is None and fits:
        return frame_of(plan, fits)
    raise Unsheeted(f"{len(plan.across)} x {len(plan.down)} cells {remedy(side or NARROWEST, fits)}")


def is_possible(frame: Frame) -> bool:
    wide, high = frame.size
    return max(wide, high) <= LONGEST and wide * high <= MOST_PIXELS


def remedy(side: int, fits: int) -> str:
    better = (
        f"`--cell {fits}` fits" if fits else "choose names with fewer values, or a sheet for each of one: --z"
    )
    return f"of {side} pixels are too many for a sheet: {better}"


def frame_of(plan: Plan, wide: int) -> Frame:
    high = round(wide * steepness(plan.cells.values()))
    labels = max((font(label, TEXT).getlength(label) for _, label in plan.down if label), default=0)
    left = MARGIN + (min(int(labels) + 1, LABEL) + GAP if labels else 0)
    heads = max((len(wrapped(label, TEXT, wide, MOST_LINES)) for _, label in plan.across), default=1)
    top = MARGIN + TITLE + GAP + LINE + GAP + heads * LINE + GAP
    columns, rows = len(plan.across), len(plan.down)
    right = max(left + columns * (wide + GAP) - GAP, MARGIN + 320)
    return Frame(
        wide=wide,
        high=high,
        left=left,
        top=top,
        size=(right + MARGIN, top + rows * (high + GAP) - GAP + MARGIN),
    )


def steepness(cells: Iterable[Cell]) -> float:
    """A cell's height over its width: that of the first picture."""
    wide, high = next((cell.size for cell in cells if cell.path is not None), (1, 1))
    return min(max(high / wide, FLATTEST), STEEPEST)


def drawn(plan: Plan, frame: Frame, source: Source) -> Image.Image:
    """The sheet; one picture at a time is in memory beside it."""
    sheet = Image.new("RGB", frame.size, PAPER)
    pen = ImageDraw.Draw(sheet, "RGBA")
    write(pen, (MARGIN, MARGIN), [plan.title], TITLE, INK)
    write(pen, (MARGIN, MARGIN + TITLE + GAP), [plan.caption], TEXT, QUIET)
    heads(pen, plan, frame)
    for row, (down, _) in enumerate(plan.down):
        for column, (across, _) in enumerate(plan.across):
            fill(sheet, frame, frame.corner(column, row), plan.cells.get((across, down)), source)
    return sheet


def heads(pen: ImageDraw.ImageDraw, plan: Plan, frame: Frame) -> None:
    """The values of columns stand on them, those of rows beside them."""
    for column, (_, label) in enumerate(plan.across):
        left, top = frame.corner(column, 0)
        lines = wrapped(label, TEXT, frame.wide, MOST_LINES)
        write(pen, (left, top - GAP - LINE * len(lines)), lines, TEXT, INK)
    for row, (_, label) in enumerate(plan.down):
        _, top = frame.corner(0, row)
        lines = wrapped(label, TEXT, frame.left - MARGIN - GAP, max(1, frame.high // LINE))
        write(pen, (MARGIN, top), lines, TEXT, INK)


def write(
    pen: ImageDraw.ImageDraw, corner: tuple[int, int], lines: Sequence[str], size: int, colour: str
) -> None:
    left, top = corner
    for number, line in enumerate(lines):
        pen.text((left, top + number * LINE), line, fill=colour, font=font(line, size))


def fill(
    sheet: Image.Image, frame: Frame, corner: tuple[int, int], cell: Cell | None, source: Source
) -> None:
    """A cell with its picture, or with the reason that it has none."""
    pen = ImageDraw.Draw(sheet, "RGBA")
    if cell is None:
        pen.rectangle((corner, opposite(frame, corner)), outline=EMPTY)
        return say(pen, frame, corner, "no job", QUIET)
    try:
        picture = on_paper(shown(cell, frame, source), PAPER)
    except Unreadable as reason:
        is_wrong = cell.path is not None or ":" in cell.ended
        pen.rectangle((corner, opposite(frame, corner)), fill=WRONG if is_wrong else EMPTY)
        return say(pen, frame, corner, str(reason), RED if is_wrong else QUIET)
    sheet.paste(picture, middle(frame, corner, picture.size))
    return badge(pen, frame, corner, cell.pictures - 1)


def shown(cell: Cell, frame: Frame, source: Source) -> Image.Image:
    """Raises `Unreadable`, for whatever reason there is no picture."""
    if cell.path is None:
        raise Unreadable(cell.ended)
    try:
        return thumbnail(source(cell.path), (frame.wide, frame.high))
    except Unreadable as reason:
        raise Unreadable(f"its file {reason}") from reason


def opposite(frame: Frame, corner: tuple[int, int]) -> tuple[int, int]:
    return corner[0] + frame.wide - 1, corner[1] + frame.high - 1


def middle(frame: Frame, corner: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    return corner[0] + (frame.wide - size[0]) // 2, corner[1] + (frame.high - size[1]) // 2


def say(pen: ImageDraw.ImageDraw, frame: Frame, corner: tuple[int, int], words: str, colour: str) -> None:
    """In the middle of a cell."""
    lines = wrapped(words, TEXT, frame.wide - 2 * GAP, max(1, frame.high // LINE))
    top = corner[1] + (frame.high - LINE * len(lines)) // 2
    for number, line in enumerate(lines):
        left = corner[0] + (frame.wide - round(font(line, TEXT).getlength(line))) // 2
        write(pen, (left, top + number * LINE), [line], TEXT, colour)


def badge(pen: ImageDraw.ImageDraw, frame: Frame, corner: tuple[int, int], more: int) -> None:
    """How many pictures more the cell has, in its lower right corner."""
    if more < 1:
        return
    words = f"+{more:,}"
    right, bottom = opposite(frame, corner)
    left = right - round(font(words, TEXT).getlength(words)) - 2 * GAP
    pen.rounded_rectangle((left, bottom - LINE - GAP, right - 4, bottom - 4), 6, fill=BADGE)
    write(pen, (left + GAP - 2, bottom - LINE - GAP + 2), [words], TEXT, PAPER)
