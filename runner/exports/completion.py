"""Plain texts for training: a line for each, `{"prompt": …, "completion": …}`."""

from runner.exports.form import Format, texts
from runner.exports.sample import Sample
from runner.exports.talks import before, words_of
from runner.exports.traced import FILES, SUFFIX, TRACES, writer


def line(sample: Sample) -> dict[str, str]:
    """All that was said before the answer is its prompt."""
    return {
        "prompt": "\n\n".join(map(words_of, before(sample))),
        "completion": sample.outputs[0].value or "",
    }


FORMAT = Format(write=writer(line), cut=texts, files=FILES, suffixes=(SUFFIX,), traces=TRACES)
