"""Jinja2 in a sandbox, in which a missing variable is an error and a lone expression keeps its type.

A template is compiled once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.filling import BadTemplate, Incomparable, Names, Values
from runner.value import value

GUARDS = frozenset({"default", "d"})
"""Filters that a variable may be missing before."""
TESTS = frozenset({"defined", "undefined"})
LOADS: tuple[type[nodes.Node], ...] = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
RESULT = "result"
MOST_SHOWN = 200
"""Characters that a message repeats of what went wrong inside a template."""


class Environment(ImmutableSandboxedEnvironment):
    """Bounds what a line of a manifest can make the machine compute."""

    intercepted_binops = frozenset({"*", "**"})
    LARGEST = 1_000_000

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(side, int | float) for side in (left, right)):
            self._bound(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def _bound(self, operator: str, left: Any, right: Any) -> None:
        sizes = [len(side) if isinstance(side, str | list | tuple) else abs(side) for side in (left, right)]
        size = sizes[1] * 64 if operator == "**" else sizes[0] * sizes[1]
        if size > self.LARGEST:
            raise SecurityError(f"the result of {operator} would be too large")


def environment() -> Environment:
    """Without what gives another text each time: it would make a new job of an old one."""
    made = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    made.globals = {name: made.globals[name] for name in ("range", "namespace")}
    del made.filters["random"]
    return made


ENVIRONMENT = environment()


def filled(template: str, values: Values) -> Any:
    return made(compiled(template), values)


def made(filling: Callable[[Values], Any], values: Values) -> Any:
    """What comes of the values, whatever goes wrong told as `BadTemplate`."""
    try:
        return filling(values)
    except BadTemplate:
        raise
    except TemplateError as error:
        raise BadTemplate(shortened(error.message or type(error).__name__)) from error
    except TypeError as error:
        raise Incomparable(shortened(str(error))) from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, ValueError) as error:
        raise BadTemplate(shortened(str(error) or type(error).__name__)) from error


def shortened(message: str) -> str:
    return message if len(message) <= MOST_SHOWN else f"{message[:MOST_SHOWN]}…"


@lru_cache(maxsize=4096)
def names(template: str) -> Names:
    """The variables of a template; raises `BadTemplate` where it is not one."""
    tree = parsed(template)
    used = frozenset(meta.find_undeclared_variables(tree))
    return Names(used, used - guarded(tree))


def guarded(tree: nodes.Template) -> frozenset[str]:
    """The variables that are asked whether they are there."""
    asked = [each.node for each in tree.find_all(nodes.Filter) if each.name in GUARDS]
    asked += [each.node for each in tree.find_all(nodes.Test) if each.name in TESTS]
    return frozenset(node.name for node in asked if isinstance(node, nodes.Name))


def parsed(template: str, kind: str = "a template") -> nodes.Template:
    try:
        tree = ENVIRONMENT.parse(template)
        ENVIRONMENT.compile(ENVIRONMENT.parse(template))  # unknown filters and tests are found here
    except TemplateSyntaxError as error:
        raise BadTemplate(f"not {kind}: {shortened(error.message or '')}") from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise BadTemplate(f"not {kind}: nested too deep") from error
    if any(isinstance(node, LOADS) for node in tree.find_all(nodes.Stmt)):
        raise BadTemplate("not a template: it cannot load another one")
    return tree


@lru_cache(maxsize=4096)
def compiled(template: str) -> Callable[[Values], Any]:
    """What fills the template in."""
    match parsed(template).body:
        case [nodes.Output(nodes=[nodes.TemplateData()])]:
            pass
        case [nodes.Output(nodes=[nodes.Name(name=str(name))])]:
            return Lookup(name)
        case [nodes.Output(nodes=[nodes.Expr() as expression])]:
            return Expression(expression)
    return Text(ENVIRONMENT.from_string(template))


@value(kw_only=False)
class Lookup:
    """`{{ name }}`: the value itself."""

    name: str

    def __call__(self, values: Values) -> Any:
        try:
            return values[self.name]
        except KeyError:
            raise BadTemplate(f"'{self.name}' is undefined") from None


class Expression:
    """`{{ name.part | filter }}`: whatever comes of it, of any type."""

    def __init__(self, expression: nodes.Expr) -> None:
        body: list[nodes.Node] = [nodes.Assign(nodes.Name(RESULT, "store"), expression, lineno=1)]
        self._template = ENVIRONMENT.from_string(nodes.Template(body, lineno=1))

    def __call__(self, values: Values) -> Any:
        context = self._template.new_context(dict(values))
        for _ in self._template.root_render_func(context):
            pass
        value = context.vars[RESULT]
        if isinstance(value, Undefined):
            str(value)  # raises, and says which name is missing or forbidden
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """Text with expressions in it."""

    template: Template = field(repr=False)

    def __call__(self, values: Values) -> str:
        return "".join(self.template.root_render_func(self.template.new_context(dict(values))))


class Condition:
    """An expression as it is, without braces, and the variables that it uses."""

    def __init__(self, text: str) -> None:
        template = f"{{{{ ({text}) }}}}"
        match parsed(template, "an expression").body:
            case [nodes.Output(nodes=[nodes.Expr() as expression])] if text.strip():
                self._filling = Expression(expression)
            case _:
                raise BadTemplate("not an expression: one is expected, such as score > 0.5")
        self.names = names(template)

    def __call__(self, values: Values) -> Any:
        """Raises `BadTemplate`."""
        return made(self._filling, values)


@lru_cache(maxsize=256)
def condition(text: str) -> Condition:
    """Raises `BadTemplate` where the text is no expression."""
    return Condition(text)
