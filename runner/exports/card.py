"""A dataset's card: what is in an export, where it comes from, and how `datasets` opens it."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from runner import results
from runner.exports.features import listed
from runner.exports.survey import Survey
from runner.value import value

NAME = "README.md"
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
LARGER = "n>10M"
UNKNOWN = "unknown"
"""The licence that nobody has named yet."""
BODY = """\
# {batch}

{samples} samples made by models: exported by {made_by}, as `{format}`.

| split | samples | shards |
| --- | --- | --- |
{shares}

## How it was made

* Prompts: from {source}
* Models: {models}
* Served by: {servers}
* Requests: from {began} to {ended}
* Cost: {cost}, all attempts of these jobs together

{traces}:
`request` is the body as it was sent, `seed` the one in it, `key` the hash of what was asked, `sha256` that of
what came, `cost_usd` the price of the whole job.
"""


@value
class Origin:
    """Where an export comes from."""

    batch: str
    format: str
    source: str
    """Of the prompts: the manifest."""
    licence: str
    made_by: str


def card(origin: Origin, survey: Survey, sizes: Mapping[str, int]) -> str:
    """The whole file; `sizes` are the bytes of each split's files."""
    head = yaml.safe_dump(front(origin, survey, sizes), sort_keys=False, allow_unicode=True)
    if origin.licence == UNKNOWN:
        head = head.replace("license: unknown", "license: unknown  # fill in", 1)
    return f"---\n{head}---\n\n{body(origin, survey)}"


def front(origin: Origin, survey: Survey, sizes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "license": origin.licence,
        "pretty_name": origin.batch,
        "size_categories": [size_of(survey.samples)],
        "tags": ["synthetic", *sorted(survey.kinds)],
        "configs": [{"config_name": "default", "data_files": list(files(survey))}],
        "dataset_info": {**typed(survey), "splits": list(splits(survey, sizes))},
    }


def size_of(samples: int) -> str:
    return next((name for bound, name in SIZES if samples < bound), LARGER)


def files(survey: Survey) -> Iterator[dict[str, str]]:
    for name in filled(survey):
        yield {"split": name, "path": survey.format.glob(survey.parts(name)[0])}


def splits(survey: Survey, sizes: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    for name in filled(survey):
        yield {"name": name, "num_bytes": sizes[name], "num_examples": survey.examples(name)}


def filled(survey: Survey) -> list[str]:
    """The splits that have something."""
    return [name for name, share in survey.shares.items() if share.shards]


def typed(survey: Survey) -> dict[str, Any]:
    features = survey.format.features
    return {} if features is None else {"features": list(listed(features(survey.columns)))}


def body(origin: Origin, survey: Survey) -> str:
    return BODY.format(
        batch=origin.batch,
        samples=f"{survey.samples:,}",
        format=origin.format,
        made_by=origin.made_by,
        shares="\n".join(shares(survey)),
        source=origin.source,
        models=told(survey.models),
        servers=told(survey.servers),
        began=results.moment(survey.began_at),
        ended=results.moment(survey.ended_at),
        cost=cost(survey.cost_nusd),
        traces=survey.format.traces,
    )


def shares(survey: Survey) -> Iterator[str]:
    for name, share in survey.shares.items():
        yield f"| {name} | {share.samples:,} | {len(share.shards):,} |"


def told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"`{name}` ({number:,} jobs)" for name, number in sorted(counts.items()))


def cost(nusd: int | None) -> str:
    return "not known" if nusd is None else f"${results.usd(nusd):,.4f}"
