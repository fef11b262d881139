import pytest

from runner import templates
from runner.templates import BadTemplate, is_static, names, render, texts

FOX = {"animal": "fox", "n": 3, "deep": {"list": [1, 2]}, "no": None}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{ not one }", "{ not one }"),
        ("a {{ animal }}", "a fox"),
        ("{{ n }}", 3),
        ("{{n}}", 3),
        ("{{- n -}}", 3),
        (" {{ n }}", " 3"),
        ("{{ deep.list }}", [1, 2]),
        ("{{ deep.list[0] + n }}", 4),
        ("{{ no }}", None),
        ("{{ animal | upper }}", "FOX"),
        ("{{ style | default('oil') }}", "oil"),
        ("{{ '}}' }}", "}}"),
        ("{% if n > 2 %}many{% endif %}\n", "many\n"),
        ("{{ animal }}{{ n }}", "fox3"),
        ("{{ 6 * 7 }}", 42),
        ("{# nothing #}", ""),
    ],
)
def test_a_lone_expression_keeps_the_type_of_its_value(template, expected):
    found = render(template, FOX)
    assert found == expected
    assert type(found) is type(expected)


def test_trees_are_filled_in_at_every_depth():
    tree = {"seed": "{{ n }}", "parts": [{"text": "a {{ animal }}"}, 1, None, True]}
    assert render(tree, FOX) == {"seed": 3, "parts": [{"text": "a fox"}, 1, None, True]}
    assert not is_static(tree)
    assert is_static({"a": ["b", 1]})
    assert list(texts({"a": ["b", 1], "c": "d"})) == [(("a", 0), "b"), (("c",), "d")]


def test_data_is_never_a_template():
    assert render("{{ animal }}", {"animal": "{{ n }}"}) == "{{ n }}"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ anmal }}", "'anmal' is undefined"),
        ("a {{ anmal }}", "'anmal' is undefined"),
        ("{{ deep.nothing }}", "has no attribute 'nothing'"),
        ("{{ deep.nothing.more }}", "has no attribute 'nothing'"),
        ("{{ a", "not a template: "),
        ("{{ n | nosuch }}", "No filter named 'nosuch'"),
        ("{{ [1] | random }}", "No filter named 'random'"),
        ("{% include 'x' %}", "cannot load another one"),
        ("{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "nested too deep"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deep"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ n() }}", "not callable"),
        ("{{ animal + n }}", "can only concatenate"),
    ],
)
def test_a_template_that_cannot_be_filled_in_says_why(template, said):
    with pytest.raises(BadTemplate, match=r".") as caught:
        render(template, FOX)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "x{{ ''.__class__.__mro__ }}",
        "{{ animal.__init__.__globals__ }}",
        "{{ 'a' * 100000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ range(100000000) | list }}",
        "{{ lipsum() }}",
        "{{ cycler.__init__ }}",
    ],
)
def test_x6_a_template_reaches_nothing_but_its_variables(template):
    with pytest.raises(BadTemplate):
        render(template, FOX)


@pytest.mark.parametrize(
    ("template", "used", "needed"),
    [
        ("plain", set(), set()),
        ("{{ a }} {{ b.c }}", {"a", "b"}, {"a", "b"}),
        ("{{ a | default('x') }}", {"a"}, set()),
        ("{% if a is defined %}{{ a }}{% endif %}", {"a"}, set()),
        ("{% for x in xs %}{{ x }}{% endfor %}", {"xs"}, {"xs"}),
        ("{% set y = 1 %}{{ y }}", set(), set()),
    ],
)
def test_the_variables_of_a_template(template, used, needed):
    assert names(template) == templates.Names(frozenset(used), frozenset(needed))
