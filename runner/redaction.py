"""Secrets: looked up when they are needed, and cut out of everything that is written or shown."""

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, quote_plus

from dotenv import dotenv_values

from runner import encoded
from runner.reference import REFERENCE

SHORTEST = 8
"""Characters from which on a value is worth hiding; `dev` or `8080` would cut texts to pieces."""
LAST = 4
DOTENV = ".env"
PLAIN = re.compile(r"[A-Za-z0-9._~-]+")
"""What neither JSON nor HTML nor a URL writes in another way."""
BASE64 = re.compile(r"[A-Za-z0-9+/]+")


class MissingVariable(Exception):
    """A variable of the environment that is not set; its text names it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"${{{name}}} is not set: put it into the environment, or into .env beside the manifest"
        )
        self.name = name


class Secrets:
    """The values of variables, by name; `repr` shows none."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"

    def resolve(self, text: str) -> str:
        """The text with its `${VAR}` replaced; raises `MissingVariable`."""
        return REFERENCE.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        try:
            return self._values[match[1]]
        except KeyError:
            raise MissingVariable(match[1]) from None

    def hint(self, text: str) -> str:
        """The end of the secret that a text refers to: enough for its owner to know it by."""
        value = self.resolve(text)
        return f"…{value[-LAST:]}" if len(value) >= SHORTEST else "…"

    def redact(self, text: str) -> str:
        """The text with each secret, however it is spelt, cut to its last four characters."""
        return self._pattern.sub(lambda match: self._cuts[match[0]], text) if self._cuts else text

    def redact_bytes(self, data: bytes) -> bytes:
        is_met = self._is_met_in_long(data) if len(data) > encoded.LONG else meets(data, self._signs)
        return self._pattern_of_bytes.sub(self._cut, data) if is_met else data

    def _is_met_in_long(self, data: bytes) -> bool:
        """Whether any is met; a picture's base64 is looked through as the picture, in a third of the time.

        But for its first `LONG` bytes: an answer's beginning may be kept as evidence as it came.
        """
        rest, copied = [], 0
        for run in encoded.runs(data):
            if meets(run.decoded, self._hidden):
                return True
            rest.append(data[copied : run.begin + encoded.LONG])
            copied = max(run.begin, run.end - encoded.LONG)
        rest.append(data[copied:])
        return meets(data, self._signs_in_base64) or any(meets(part, self._other_signs) for part in rest)

    def _cut(self, match: re.Match[bytes]) -> bytes:
        return self._cuts[match[0].decode()].encode()

    @cached_property
    def _cuts(self) -> dict[str, str]:
        """What stands in place of each spelling, the longest first."""
        cuts = {
            spelling: f"…{value[-LAST:]}" for value in self._worth_hiding for spelling in spellings(value)
        }
        return dict(sorted(cuts.items(), key=lambda cut: -len(cut[0])))

    @cached_property
    def _worth_hiding(self) -> list[str]:
        return sorted({value for value in self._values.values() if len(value) >= SHORTEST})

    @cached_property
    def _hidden(self) -> list[bytes]:
        return [value.encode() for value in self._worth_hiding]

    @cached_property
    def _signs(self) -> tuple[bytes, ...]:
        """As bytes: looked for one by one, which is far faster than by a pattern."""
        return tuple({sign.encode(): None for value in self._worth_hiding for sign in sorted(signs(value))})

    @cached_property
    def _signs_in_base64(self) -> list[bytes]:
        """Those that can stand in base64 as they are."""
        found = {sign for value in self._worth_hiding for sign in signs(value) - in_base64(value)}
        return [sign.encode() for sign in sorted(found) if BASE64.fullmatch(sign)]

    @cached_property
    def _other_signs(self) -> list[bytes]:
        return [sign for sign in self._signs if sign not in self._signs_in_base64]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self._cuts)))

    @cached_property
    def _pattern_of_bytes(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(re.escape(spelling.encode()) for spelling in self._cuts))


def meets(data: bytes, forms: Iterable[bytes]) -> bool:
    """Whether any of them stands in it.

    `in` takes bytes for a number first, and finds by an exception that they are none: half the price of a
    search through a short answer.
    """
    return max(map(data.find, forms), default=-1) >= 0


def spellings(value: str) -> set[str]:
    """The forms in which a secret may be met: bare, in JSON, in a page, in a URL, in base64."""
    escaped = {json.dumps(value, ensure_ascii=ascii_alone)[1:-1] for ascii_alone in (True, False)}
    escaped |= {html.escape(value), *(text.replace("/", r"\/") for text in escaped)}
    return {value, *escaped, quote(value, safe=""), quote(value), quote_plus(value), *in_base64(value)}


def signs(value: str) -> set[str]:
    """One of these stands wherever the value is met, however it is spelt: as few as can be."""
    plain = max(PLAIN.findall(value), key=len, default="")
    return {plain, *in_base64(value)} if len(plain) >= SHORTEST else spellings(value)


def in_base64(value: str) -> set[str]:
    """The part of the value's base64 that is the same whatever stands before and after it."""
    data = value.encode()
    forms = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data)
        begin = -(-before * 8 // 6)
        end = (before + len(data)) * 8 // 6
        forms.add(encoded[begin:end].decode())
    return {form for form in forms if len(form) >= SHORTEST}


def read_environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment over what `.env` in `folder` says."""
    file = folder / DOTENV
    said = dotenv_values(file, interpolate=False) if file.is_file() else {}
    return {**{name: value for name, value in said.items() if value is not None}, **environ}
