"""Which night a manifest is read for: its date, and the how-manieth of its kind it is."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from runner import templates
from runner.value import value

DATE, YESTERDAY, RUN = NAMES = ("date", "yesterday", "run")
"""The variables that are always there."""
ANY: Mapping[str, Any] = {DATE: "{{ date }}", YESTERDAY: "{{ yesterday }}", RUN: 0}
"""What stands for them in a pattern, the same every night."""


@value(kw_only=False)
class Night:
    """A day of the calendar, and a counter over the batches of one pattern, from 1."""

    today: date
    run: int = 1

    def values(self) -> dict[str, Any]:
        """The variables of templates."""
        yesterday = self.today - timedelta(days=1)
        return {DATE: self.today.isoformat(), YESTERDAY: yesterday.isoformat(), RUN: self.run}


def pattern(name: str, sets: Mapping[str, str]) -> str:
    """What the names of all nights have in common: the template with all but the night filled in."""
    try:
        return str(templates.render(name, {**ANY, **sets}))
    except templates.BadTemplate:
        return name
