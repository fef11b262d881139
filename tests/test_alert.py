import pytest

from runner.alert import NUMBERS, Number, broken, rule


def numbers(**given):
    return {name: given.get(name, Number(amount=None)) for name in NUMBERS}


NOW = numbers(
    failed=Number(amount=3, among=100),
    succeeded=Number(amount=97, among=100),
    cost_usd=Number(amount=5.5),
    latency_p95=Number(amount=4.0),
    refused=Number(amount=0, among=0),
)
LAST = numbers(latency_p95=Number(amount=1.5), cost_usd=Number(amount=None))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("failed", "> 2%", "failed: 3 % is more than 2 %"),
        ("failed", "> 3 %", None),
        ("failed", ">2", "failed: 3 is more than 2"),
        ("succeeded", "< 98%", "succeeded: 97 % is less than 98 %"),
        ("succeeded", "< 97", None),
        ("cost_usd", "> 5", "cost_usd: 5.5 is more than 5"),
        ("latency_p95", "> 2x last", "latency_p95: 4 is more than 2 times the last, 3"),
        ("latency_p95", "> 3 x last", None),
        ("cost_usd", "> 2x last", None),
        ("refused", "> 0%", None),
        ("flat", "> 0", None),
    ],
)
def test_a_rule_is_broken_by_a_number_beyond_its_bound(name, text, words):
    found = broken({name: text}, NOW, LAST, finished=True)
    assert [each.words for each in found] == ([] if words is None else [words])


def test_without_a_batch_before_it_nothing_is_held_against_the_last():
    assert broken({"latency_p95": "> 1x last"}, NOW, None, finished=True) == []


def test_what_must_not_be_too_small_is_asked_of_a_finished_batch_alone():
    rules = {"succeeded": "< 1000", "failed": "> 1"}
    assert [each.name for each in broken(rules, NOW, None, finished=False)] == ["failed"]


@pytest.mark.parametrize("text", ["", "2", "= 2", "> x", "> 2 percent", "> -1", "> 2x", ">= 3"])
def test_what_is_no_rule_is_refused_in_words(text):
    with pytest.raises(ValueError, match="is no rule such as"):
        rule("failed", text)
