"""Who is told of a run's end, and by which way."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from runner.endpoint import Part
from runner.reference import REFERENCE

WAYS = ("apprise", "webhook", "command")


Event = Literal["finished", "stopped", "alert", "always"]
"""What somebody wants to be told of."""


def secret_reference(value: str) -> str:
    if not REFERENCE.fullmatch(value):
        raise ValueError(
            "a secret is never written into a manifest: set a variable, and write ${HOOK_SECRET}"
        )
    return value


class Notice(Part):
    """One of `apprise`, `webhook` and `command`, and when it is used."""

    apprise: str | None = Field(
        None,
        min_length=1,
        description="An Apprise URL (mail, Slack, Telegram, …), from a `${VAR}` (runner[notify]).",
    )
    webhook: str | None = Field(
        None, min_length=1, description="An address that the numbers are sent to as JSON, by POST."
    )
    secret: Annotated[str, AfterValidator(secret_reference)] | None = Field(
        None, description="A `${VAR}` that a webhook is signed with, as Standard Webhooks do."
    )
    command: str | None = Field(
        None, min_length=1, description="A command for the shell; the numbers come as JSON on its stdin."
    )
    on: list[Event] = Field(
        default=["always"],
        min_length=1,
        description="When: `finished`, `stopped` (with work left), `alert` (a rule is broken), `always`.",
    )

    @model_validator(mode="after")
    def one_way(self) -> "Notice":
        if sum(getattr(self, way) is not None for way in WAYS) != 1:
            raise ValueError("one of 'apprise', 'webhook' and 'command' is needed")
        if self.secret is not None and self.webhook is None:
            raise ValueError("'secret' signs a webhook, and there is none")
        return self

    @property
    def way(self) -> str:
        """Which of the three it is."""
        return next(way for way in WAYS if getattr(self, way) is not None)

    def variables(self) -> list[str]:
        """The names of the environment's variables that it refers to; those of a command are the shell's."""
        texts = (self.apprise, self.webhook, self.secret)
        return [name for text in texts if text is not None for name in REFERENCE.findall(text)]
