"""Conversations for fine-tuning: a line for each answer, `{"messages": […]}`, and `tools` it could call."""

from typing import Any

from runner.exports.form import Format
from runner.exports.sample import Sample
from runner.exports.talks import answer, before, choices, tools
from runner.exports.traced import FILES, SUFFIX, TRACES, writer


def line(sample: Sample) -> dict[str, Any]:
    said = {"messages": [*before(sample), answer(sample)]}
    offered = tools(sample)
    return said if offered is None else {**said, "tools": offered}


FORMAT = Format(write=writer(line), cut=choices, files=FILES, suffixes=(SUFFIX,), traces=TRACES)
