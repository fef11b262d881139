"""Every combination of values: counted without being made, made without being kept."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import product
from math import prod
from typing import Any

from runner.value import value

Axes = Mapping[str, Sequence[Any]]
Combination = dict[str, Any]


def combinations(axes: Axes) -> Iterator[Combination]:
    """The last axis turns fastest; without axes there is one combination, of nothing."""
    names = tuple(axes)
    for values in product(*axes.values()):
        yield dict(zip(names, values, strict=True))


@value(kw_only=False)
class Grid:
    """Axes, and what CI matrices know beside them: combinations left out, values and combinations added."""

    axes: Axes = field(default_factory=dict)
    exclude: Sequence[Combination] = ()
    include: Sequence[Combination] = ()

    def __bool__(self) -> bool:
        return bool(self.axes or self.include)

    def __iter__(self) -> Iterator[Combination]:
        for combination in combinations(self.axes) if self.axes else ():
            if not any(holds(combination, pattern) for pattern in self.exclude):
                yield self.extended(combination)
        yield from (dict(added) for added in self.include if self.stands_alone(added))
        if not self:
            yield {}

    def count(self) -> int:
        """How many combinations there are; takes time by the axes' lengths, not by their product."""
        if not self:
            return 1
        alone = sum(1 for added in self.include if self.stands_alone(added))
        return self._left({}) + alone

    @property
    def possible(self) -> frozenset[int]:
        """Which of `exclude` a combination may be."""
        return frozenset(at for at, each in enumerate(self.exclude) if each.keys() <= self.axes.keys())

    def extended(self, combination: Combination) -> Combination:
        """With the values of each `include` that contradicts none of the combination's own."""
        own = dict(combination)
        for added in self.include:
            if holds(own, self._shared(added)):
                combination.update(added)
        return combination

    def _shared(self, added: Combination) -> Combination:
        return {name: value for name, value in added.items() if name in self.axes}

    def stands_alone(self, added: Combination) -> bool:
        """Whether it contradicts every combination there is."""
        return self._left(self._shared(added)) == 0

    def _left(self, fixed: Combination) -> int:
        """How many combinations hold `fixed` and none of `exclude`.

        Axis by axis, the partial combinations are told apart only by which of `exclude` they may still be.
        """
        if not self.axes:
            return 0
        partial: Counter[frozenset[int]] = Counter({self.possible: 1})
        free = 1
        for name, values in self.axes.items():
            allowed = [value for value in values if name not in fixed or value == fixed[name]]
            if not any(name in pattern for pattern in self.exclude):
                free *= len(allowed)
                continue
            partial = self._with_axis(partial, name, allowed)
        return free * partial[frozenset()]

    def _with_axis(
        self, partial: Counter[frozenset[int]], name: str, values: Sequence[Any]
    ) -> Counter[frozenset[int]]:
        longer: Counter[frozenset[int]] = Counter()
        for alive, times in partial.items():
            for taken in values:
                longer[frozenset(at for at in alive if self.exclude[at].get(name, taken) == taken)] += times
        return longer


def holds(combination: Combination, pattern: Combination) -> bool:
    """Whether the combination has all the pattern's values."""
    return all(name in combination and combination[name] == value for name, value in pattern.items())


def count(axes: Axes) -> int:
    return prod(len(values) for values in axes.values())
