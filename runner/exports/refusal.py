"""Why something cannot be exported as it was asked for."""


class Refusal(Exception):
    """What cannot be had; its text says why, and what can be done."""


class Missing(Refusal):
    """A picture that is not there any more, or not the one that was kept."""
