"""What is wrong with what a user wrote: said with its place, all of it at once, and with no key in it."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator

from runner.value import value

MOST_SHOWN = 20
"""Problems that a message lists; the others it counts."""
MOST_KEPT = 1000
CREDENTIAL = re.compile(
    r"\b(?:sk|pk|rk|nb|gsk|xai|hf|r8|nvapi|pplx|ghp|gho|ghs|glpat|xox[abp])[-_](?=[\w-]*\d)[\w-]{12,}"
    r"|\b(?:AKIA|AIza)[0-9A-Za-z_-]{16,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"|\b[Bb]earer\s+(?=\S*\d)[\w.~+/-]{12,}=*"
)
"""What keys and tokens look like, as their makers cut them."""


@value(kw_only=False)
class Problem:
    """One thing to mend, and where: `jobs.yaml:14:7`."""

    where: str
    message: str

    def __str__(self) -> str:
        return masked(f"{self.where}: {self.message}")


class ManifestError(Exception):
    """A manifest, or a file it names, that cannot be run as it stands. Carries every problem found."""

    def __init__(self, problems: Iterable[Problem], *, more: int = 0) -> None:
        self.problems = tuple(problems)
        self.count = len(self.problems) + more
        """All there are, those too many to be kept included."""
        shown = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        rest = self.count - len(shown)
        super().__init__("\n".join([*shown, f"and {rest:,} more"] if rest else shown))


class Problems:
    """Collects problems, and no more of them than anybody reads."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._places: set[str] = set()
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def __contains__(self, where: str) -> bool:
        return where in self._places

    def add(self, where: str, message: str) -> None:
        if len(self._found) >= MOST_KEPT:
            self._more += 1
            return
        self._found.setdefault(Problem(where, message))
        self._places.add(where)

    def check(self) -> None:
        """Raises `ManifestError` where there is a problem; they are listed in the order of their lines."""
        if self._found:
            raise ManifestError(sorted(self._found, key=in_order), more=self._more)


def in_order(problem: Problem) -> tuple[str, list[int]]:
    """Sorts `jobs.yaml:9:5` before `jobs.yaml:10:1`, and `a.parquet:row 9` before `a.parquet:row 10`."""
    name, *numbers = re.split(r":(?:row )?(?=\d+(?::|$))", problem.where)
    return name, [int(number) for number in numbers]


def masked(text: str) -> str:
    """The text with whatever looks like a key cut to its last four characters."""
    return CREDENTIAL.sub(lambda match: f"…{match[0][-4:]}", text)


def meant(name: str, known: Collection[str]) -> str:
    """The end of a message about a name that is not known: what was probably meant, or all there is."""
    near = nearest(name, known)
    if near is not None:
        return f". Did you mean {near!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that is spelt alike, or is a word of this one (`base_url`: `url`)."""
    words = set(re.split(r"[-_\s]", name.casefold()))
    alike = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.65)
    return next(iter((*alike, *(other for other in known if other in words))), None)
