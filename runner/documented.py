"""What the provider documents of its image models: their names, and the parameters that they do not take."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

MODELS = ("stable-diffusion-xl-base-1.0", "FLUX.1-schnell", "FLUX.1-Fill-dev", "Seedream-3.0")
"""Without who made them."""
NOT_TAKEN: Mapping[str, Collection[str]] = {
    "stable-diffusion-xl": ("seed",),
    "flux.1-schnell": ("negative_prompt",),
    "seedream-3.0": ("num_steps", "seed"),
}
"""By what the model's name holds; as documented on 2026-02-18."""
PARAMETERS = (
    "negative_prompt",
    "width",
    "height",
    "num_steps",
    "guidance_scale",
    "seed",
    "image",
    "mask",
)
IN_SIXTEENS = "flux.1-fill-dev"
SIXTEEN = 16
ALIKE = 0.85
"""How alike two names are of which one may be a slip of the pen."""


def remarks(model: str, params: Mapping[str, Any]) -> Iterator[str]:
    """What the documentation has against such a request."""
    name = model.casefold()
    for part, parameters in NOT_TAKEN.items():
        for parameter in parameters if part in name else ():
            if parameter in params:
                yield f"{model} is documented not to take {parameter!r}"
    for parameter in params:
        if (meant := misspelt_parameter(parameter)) is not None:
            yield f"no parameter {parameter!r} is documented; did you mean {meant!r}?"
    for side in ("width", "height") if IN_SIXTEENS in name else ():
        pixels = params.get(side)
        if isinstance(pixels, int) and pixels % SIXTEEN:
            yield f"{model} is documented to want a {side} divisible by {SIXTEEN}, not {pixels}"


def misspelt(model: str) -> str | None:
    """The documented name that is probably meant, whoever made the model."""
    maker, slash, name = model.rpartition("/")
    meant = alike(name, MODELS)
    return None if meant is None else f"{maker}{slash}{meant}"


@lru_cache
def misspelt_parameter(name: str) -> str | None:
    return alike(name, PARAMETERS)


def alike(name: str, known: Iterable[str]) -> str | None:
    """The known name that is probably meant; None for one that is known, or like none: another version is."""
    names = {each.casefold(): each for each in known if numbers(each) == numbers(name)}
    if name.casefold() in names:
        return None
    found = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=ALIKE)
    return names[found[0]] if found else None


def numbers(name: str) -> list[str]:
    return re.findall(r"\d+", name)
