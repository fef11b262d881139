"""The pictures of a batch on one sheet: `python -m docs.sheet outputs/example docs/demo.png`."""

import sys
from collections.abc import Iterable
from pathlib import Path

import orjson
from PIL import Image

WIDE, HIGH, GAP = 1284, 200, 12
"""Pixels of the sheet's width, a picture's height, and between two pictures."""
PAPER = "#fbfaf7"
COLOURS = 256


def pictures(folder: Path) -> list[Image.Image]:
    """All of them at one height, in the order of the batch's results."""
    jobs = map(orjson.loads, (folder / "results.jsonl").read_bytes().splitlines())
    paths = [folder / output["path"] for job in jobs for output in job["outputs"] if "path" in output]
    return [scaled(path) for path in paths]


def scaled(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB").resize((picture.width * HIGH // picture.height, HIGH))


def rows(shown: Iterable[Image.Image]) -> list[list[Image.Image]]:
    """As many side by side as there is room for."""
    made: list[list[Image.Image]] = [[]]
    for picture in shown:
        if sum(other.width + GAP for other in made[-1]) + picture.width + 2 * GAP > WIDE:
            made.append([])
        made[-1].append(picture)
    return made


def sheet(shown: Iterable[Image.Image]) -> Image.Image:
    lines = rows(shown)
    paper = Image.new("RGB", (WIDE, GAP + len(lines) * (HIGH + GAP)), PAPER)
    for number, line in enumerate(lines):
        left = (WIDE - sum(picture.width + GAP for picture in line) + GAP) // 2
        for picture in line:
            paper.paste(picture, (left, GAP + number * (HIGH + GAP)))
            left += picture.width + GAP
    return paper


def main() -> None:
    folder, target = map(Path, sys.argv[1:])
    sheet(pictures(folder)).quantize(COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main()
