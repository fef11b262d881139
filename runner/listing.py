"""One JSON list, of objects or of texts, read item by item however long it is."""

import codecs
import json
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from runner.problems import Problems
from runner.row import PROMPT, Head, Row

CHUNK = 1 << 16
LONGEST_ITEM = 1 << 27
NEAR = 16
"""Characters before the end of what was read in which an error may only mean that there is more to read."""
BLANK = " \t\r\n"


class Bad(Exception):
    """What is no list of JSON; its text says why."""


def constant(name: str) -> Any:
    raise Bad(f"not JSON: {name}")


DECODER = json.JSONDecoder(parse_constant=constant)


class Scanner:
    """The text of a file, as far as it was read and not yet used."""

    def __init__(self, file: BufferedReader) -> None:
        self.line = 1
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next character that is not blank; nothing at the end."""
        while True:
            text, at = self._text, self._at
            while at < len(text) and text[at] in BLANK:
                at += 1
            self._pass(at)
            if at < len(text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, expected: str, said: str) -> None:
        if self.peek() != expected:
            raise Bad(said)
        self._pass(self._at + 1)

    def value(self) -> Any:
        """The JSON value that begins at the next character; raises `Bad`."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._may_go_on(error.pos) or not self._more():
                    raise Bad(f"not JSON: {error.msg}") from error
            except RecursionError as error:
                raise Bad("not JSON: nested too deep") from error
            except ValueError as error:
                raise Bad(f"not JSON: {error}") from error
            else:
                self._pass(end)
                return value

    def _may_go_on(self, at: int) -> bool:
        """Whether a value that ends too early there may be whole once more is read."""
        if len(self._text) - self._at > LONGEST_ITEM:
            return False
        return at >= len(self._text) - NEAR or self._text[at] == '"'

    def _pass(self, end: int) -> None:
        self.line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        """Reads on, as much again as is waiting; false at the end of the file."""
        if self._ended:
            return False
        waiting = self._text[self._at :]
        data = self._file.read(max(CHUNK, len(waiting)))
        self._ended = not data
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise Bad("not UTF-8") from error
        if "\0" in text:
            raise Bad("NUL (UTF-16? save it as UTF-8)")
        self._text, self._at = waiting + text, 0
        return True


def items(scanner: Scanner) -> Iterator[tuple[int, Any]]:
    """Lines and values; raises `Bad`."""
    scanner.take("[", "a JSON list expected: […]; JSON lines have names that end in .jsonl")
    while scanner.peek() != "]":
        yield scanner.line, scanner.value()
        if scanner.peek() == "]":
            break
        scanner.take(",", "not JSON: ',' or ']' expected")
        if scanner.peek() == "]":
            raise Bad("not JSON: a value expected after ','")
    scanner.take("]", "")
    if scanner.peek():
        raise Bad("something stands after the end of the list")


class Listing:
    """One list of objects or of texts."""

    are_alike = False

    def rows(self, file: BufferedReader, name: str, problems: Problems) -> Iterator[Row]:
        scanner = Scanner(file)
        try:
            for line, value in items(scanner):
                row = {PROMPT: value} if isinstance(value, str) else value
                if isinstance(row, dict):
                    yield f"{name}:{line}", row
                else:
                    problems.add(f"{name}:{line}", f'a text or a JSON object expected: {{"{PROMPT}": …}}')
        except Bad as error:
            problems.add(f"{name}:{scanner.line}", str(error))

    def count(self, file: BufferedReader, name: str) -> int:
        return sum(1 for _ in self.rows(file, name, Problems()))

    def head(self, file: BufferedReader, name: str, problems: Problems) -> Head | None:
        del problems
        first = next(self.rows(file, name, Problems()), None)
        return None if first is None else Head(first[0], tuple(first[1]))
