"""The combination of any number of a grid, found without making those before it."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from runner.combinations import Axes, Combination, Grid

Alive = frozenset[int]
"""Which of `exclude` the values so far do not contradict."""


def nth(axes: Axes, number: int) -> Combination:
    """Of plain axes, the last turning fastest."""
    digits: dict[str, int] = {}
    for name in reversed(tuple(axes)):
        number, digits[name] = divmod(number, len(axes[name]))
    return {name: axes[name][digits[name]] for name in axes}


@dataclass(slots=True)
class Ranking:
    """The combinations of a grid by their numbers, from 0, in the order in which it makes them."""

    grid: Grid
    _axes: tuple[tuple[str, Sequence[Any]], ...] = field(init=False)
    _possible: Alive = field(init=False)
    _among: int = field(init=False)
    _alone: list[Combination] = field(init=False)
    """Those of `include` that are no value of any other."""
    _sums: dict[tuple[int, Alive], list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        grid = self.grid
        self._axes = tuple(grid.axes.items())
        self._possible = grid.possible
        self._among = self._left(0, self._possible) if self._axes else 0
        self._alone = [added for added in grid.include if grid.stands_alone(added)]

    @property
    def count(self) -> int:
        return max(self._among + len(self._alone), 0 if self.grid else 1)

    def nth(self, number: int) -> Combination:
        among = self._among
        if number >= among:
            return dict(self._alone[number - among]) if self._alone else {}
        combination: Combination = {}
        alive = self._possible
        for depth, (name, _) in enumerate(self._axes):
            combination[name], alive, number = self._step(depth, alive, number)
        return self.grid.extended(combination)

    def _step(self, depth: int, alive: Alive, number: int) -> tuple[Any, Alive, int]:
        """The value of the axis, what it leaves of `exclude`, and the number among those that have it."""
        _, values = self._axes[depth]
        if not self._is_bound(depth, alive):
            at, rest = divmod(number, self._left(depth + 1, alive))
            return values[at], alive, rest
        sums = self._summed(depth, alive)
        at = bisect_right(sums, number)
        return values[at], self._with(depth, alive, values[at]), number - (sums[at - 1] if at else 0)

    def _left(self, depth: int, alive: Alive) -> int:
        """How many combinations have the values so far and are not excluded."""
        if depth == len(self._axes):
            return 0 if alive else 1
        if self._is_bound(depth, alive):
            return self._summed(depth, alive)[-1]
        return len(self._axes[depth][1]) * self._left(depth + 1, alive)

    def _summed(self, depth: int, alive: Alive) -> list[int]:
        """The same for the axis's values up to each."""
        if (depth, alive) not in self._sums:
            _, values = self._axes[depth]
            each = (self._left(depth + 1, self._with(depth, alive, value)) for value in values)
            self._sums[depth, alive] = list(accumulate(each))
        return self._sums[depth, alive]

    def _is_bound(self, depth: int, alive: Alive) -> bool:
        """Whether the axis decides on any that is left of `exclude`."""
        name, _ = self._axes[depth]
        return any(name in self._pattern(at) for at in alive)

    def _with(self, depth: int, alive: Alive, value: Any) -> Alive:
        name, _ = self._axes[depth]
        return frozenset(at for at in alive if self._pattern(at).get(name, value) == value)

    def _pattern(self, at: int) -> Mapping[str, Any]:
        return self.grid.exclude[at]
