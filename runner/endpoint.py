"""A server to talk to, as a manifest describes it."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from runner import templates
from runner.problems import meant
from runner.reference import REFERENCE

DEMO = "demo"
"""The URL of the embedded provider."""
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
SECRET_NAME = re.compile(
    r"(?i)(?:^|[-_])(?:authorization|cookie|(?:api|access|secret|auth|subscription)?[-_]?key|apikey|"
    r"(?:api|access|auth|secret|bearer)[-_]?token|x-token|secret|password|credentials?)$"
)
"""Names of headers and parameters that hold what nobody else may know."""
SECRET_PART = re.compile(r"(?i)[?&][^=&#]*(?:key|token|secret|password|sig(?:nature)?)=(?!\$\{)[^&#]")
DOWNLOAD = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")

Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Part(BaseModel):
    """A part of a manifest: closed, of exact types, and not changed once read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def kind(value: Any) -> str:
    """Which branch of `text or mapping` a value belongs to, so that one branch's errors are told."""
    return "mapping" if isinstance(value, dict | BaseModel) else "text"


def key_reference(value: str) -> str:
    if not REFERENCE.fullmatch(value):
        raise ValueError(
            "a key is never written into a manifest: set a variable, and write ${NEBULA_API_KEY}"
        )
    return value


def web_address(value: str) -> str:
    """`demo`, or where requests go, without a slash at its end."""
    if value == DEMO:
        return value
    if re.match(r"https?://[^/]*@", value) or SECRET_PART.search(value):
        raise ValueError("a URL holds no key or password: they go into 'key' or 'headers', as ${VAR}")
    if not re.match(r"(?:https?://|\$\{\w+\})[^\s/?#]*(?:/[^\s?#]*)?$", value) or value.endswith("://"):
        raise ValueError("a URL begins with http:// or https:// and ends with its path; or it is demo")
    return value.rstrip("/")


def safe_headers(values: dict[str, str]) -> dict[str, str]:
    for name, value in values.items():
        if not HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise ValueError(f"the header {name!r} holds a line break or control character")
        if SECRET_NAME.search(name) and not REFERENCE.search(value):
            raise ValueError(f"the header {name!r} holds a key: set a variable, and write ${{VAR}} here")
    return values


def header_name(value: str) -> str:
    if not HEADER_NAME.fullmatch(value):
        raise ValueError("not the name of a header")
    return value


def template(value: Any) -> Any:
    """A tree of templates that can be read."""
    try:
        for _, text in templates.texts(value):
            templates.names(text)
    except templates.BadTemplate as error:
        raise ValueError(str(error)) from error
    return value


def host_and_port(value: str) -> str:
    if not DOWNLOAD.fullmatch(value):
        raise ValueError("'host:port' expected, such as 127.0.0.1:9000")
    return value


class HeaderAuth(Part):
    """The key in a header of its own, without `Bearer`."""

    header: Annotated[str, AfterValidator(header_name)] = Field(
        description="Name of the header, such as `x-api-key`."
    )


class Limits(Part):
    """What the provider allows. What is left out is not limited, and learned from its answers."""

    requests_per_minute: Count | None = Field(None, description="Requests a minute.")
    tokens_per_minute: Count | None = Field(None, description="Tokens a minute, in and out together.")
    requests_per_day: Count | None = Field(None, description="Requests a day.")
    resets_at: str = Field(
        "00:00",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="When the provider's day begins, in UTC: `HH:MM`.",
    )


PRESETS: Mapping[str, Limits] = {
    "nebula-engineer-1": Limits(
        requests_per_minute=60, tokens_per_minute=60_000, requests_per_day=200, resets_at="00:00"
    ),
    "nebula-engineer-2": Limits(
        requests_per_minute=300, tokens_per_minute=150_000, requests_per_day=1_000, resets_at="00:00"
    ),
    "nebula-engineer-3": Limits(
        requests_per_minute=600, tokens_per_minute=200_000, requests_per_day=2_000, resets_at="00:00"
    ),
    "nebula-expert-1": Limits(requests_per_minute=1_500, tokens_per_minute=500_000),
    "nebula-expert-2": Limits(requests_per_minute=3_000, tokens_per_minute=800_000),
}
"""Nebula Block's account tiers, as documented on 2026-02-18; its day begins at 00:00 UTC."""
Preset = Literal[
    "nebula-engineer-1", "nebula-engineer-2", "nebula-engineer-3", "nebula-expert-1", "nebula-expert-2"
]


def spelt_out(value: Any) -> Any:
    """The limits that a preset's name stands for."""
    if not isinstance(value, str):
        return value
    if value not in PRESETS:
        raise ValueError(f"no such preset of limits{meant(value, tuple(PRESETS))}")
    return PRESETS[value]


class Rates(Part):
    """What a request costs, in US dollars. What is not known is never taken for 0."""

    image: Usd | None = Field(None, description="USD for an image.")
    sizes: dict[str, Usd] = Field({}, description="USD for an image by its size: `{1024x1024: 0.04}`.")
    step: Usd | None = Field(None, description="USD for a step of an image, times `num_steps`.")
    input: Usd | None = Field(None, description="USD for a million input tokens.")
    output: Usd | None = Field(None, description="USD for a million output tokens.")
    request: Usd | None = Field(None, description="USD for a request, whatever it brings.")


class Price(Rates):
    """What a request costs, in US dollars, and what it costs of single models."""

    models: dict[str, Rates] = Field(
        {}, description="Prices of single models by name; they hold in place of all others."
    )


class Poll(Part):
    """How an API that takes a job and works it out later is asked for it."""

    path: Annotated[str, AfterValidator(template)] = Field(
        min_length=1,
        description="Path or URL to ask at: a template over the answer that took the job, such as "
        "`/predictions/{{ id }}`.",
    )
    until: str = Field(description="JMESPath that is true once the job is done.")
    failed: str | None = Field(None, description="JMESPath that is true once the job has failed.")
    every: Positive = Field(2.0, description="Seconds between two questions.")
    fetch: Annotated[str, AfterValidator(template)] | None = Field(
        None,
        description="Path or URL of the result, where the last answer does not hold it: a template over it.",
    )


class Endpoint(Part):
    """A server to talk to: dialect, URL, key, limits, price."""

    dialect: Literal[
        "nebula-images",
        "openai-images",
        "openai-chat",
        "openai-embeddings",
        "openai-batch",
        "anthropic-messages",
        "json-http",
    ] = Field(
        description="How its API is spoken. `openai-batch`: any of OpenAI's, by the `url` of each line of a "
        "batch file."
    )
    url: Annotated[str, AfterValidator(web_address)] = Field(
        description="Base URL, or `demo`: the embedded provider, without key and cost. May hold `${VAR}`."
    )
    key: Annotated[str, AfterValidator(key_reference)] | None = Field(
        None,
        description="The key, as a reference to the environment or to `.env` beside the manifest: "
        "`${NEBULA_API_KEY}`. Never the key itself.",
    )
    auth: Annotated[
        Annotated[Literal["bearer", "none"], Tag("text")] | Annotated[HeaderAuth, Tag("mapping")],
        Discriminator(kind),
    ] = Field(
        "bearer",
        description="How the key is sent: `bearer`, `{header: NAME}` or `none`. anthropic-messages: left "
        "out, in `x-api-key`.",
    )
    headers: Annotated[dict[str, str], AfterValidator(safe_headers)] = Field(
        {}, description="More headers; their values may hold `${VAR}`."
    )
    model_field: str = Field(
        "model_name",
        min_length=1,
        description="nebula-images only: the name of the model's field on the wire, `model_name` or `model`.",
    )
    idempotency_header: Annotated[str, AfterValidator(header_name)] | None = Field(
        None, description="Name of a header that sends the job's key, the same over all its retries."
    )
    concurrency: Annotated[
        Annotated[Literal["auto"], Tag("text")] | Annotated[Count, Tag("number")],
        Discriminator(lambda value: "text" if isinstance(value, str) else "number"),
    ] = Field(
        16,
        description="Requests in flight at most, fewer where more are refused or only wait; or `auto`.",
    )
    limits: Annotated[Limits, BeforeValidator(spelt_out, json_schema_input_type=Limits | Preset)] = Field(
        Limits(), description="The provider's limits, or the name of a preset."
    )
    timeout: Positive = Field(120.0, description="Seconds for one attempt, counted from sending.")
    give_up: Positive = Field(
        3600.0, description="Seconds that an unreachable endpoint is probed before the run stops."
    )
    price: Price | None = Field(None, description="What it costs. Left out: not known.")
    max_answer_mb: Count = Field(64, description="Megabytes of an answer at most, after decompression.")
    downloads: list[Annotated[str, AfterValidator(host_and_port)]] = Field(
        [], description="`host:port` of servers inside your network that images may be fetched from."
    )
    method: Literal["GET", "POST", "PUT", "PATCH"] = Field("POST", description="json-http only: HTTP method.")
    path: Annotated[str, AfterValidator(template)] = Field(
        "", description="json-http only: path after the URL; a template, `model` and the body's fields in it."
    )
    body: Annotated[dict[str, Any], AfterValidator(template)] | None = Field(
        None,
        description="json-http only: the request body, a tree of templates over prompt, model, system, "
        "messages, and every variable and parameter. Left out: the parameters, model and prompt among them.",
    )
    texts: str | None = Field(None, description="json-http only: JMESPath to the answer's texts.")
    images: str | None = Field(None, description="json-http only: JMESPath to its base64 images.")
    image_urls: str | None = Field(None, description="json-http only: JMESPath to its image URLs.")
    poll: Poll | None = Field(
        None, description="json-http only: how a job is asked for where the API works it out later."
    )

    @property
    def key_header(self) -> str | None:
        """The header that the key stands in by itself, without `Bearer`."""
        if isinstance(self.auth, HeaderAuth):
            return self.auth.header
        return None if "auth" in self.model_fields_set else KEY_HEADERS.get(self.dialect)

    @property
    def is_demo(self) -> bool:
        return self.url == DEMO


KEY_HEADERS: Mapping[str, str] = {"anthropic-messages": "x-api-key"}
"""Where a key goes whose API knows no `Bearer`, unless `auth` says it."""
OF_ONE_DIALECT: Mapping[str, str] = {
    "model_field": "nebula-images",
    **dict.fromkeys(("method", "path", "body", "texts", "images", "image_urls", "poll"), "json-http"),
}
"""Keys of an endpoint that one dialect alone knows."""


def variables(endpoint: Endpoint) -> Iterator[str]:
    """The names of the environment's variables that the endpoint refers to."""
    key = "" if endpoint.is_demo or endpoint.auth == "none" else endpoint.key or ""
    for text in (endpoint.url, key, *endpoint.headers.values()):
        yield from REFERENCE.findall(text)
