"""Registration of builders by name, and errors that suggest a corrected call."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from functools import WRAPPER_ASSIGNMENTS, wraps
from types import FunctionType, MethodType
from typing import Any, Final, ParamSpec, TypeVar, cast

from paramsched.core.advice.peer_words import line_in_code, with_other_names
from paramsched.core.base.entries import load_entry
from paramsched.core.base.params import expanded_signature
from paramsched.errors import InvalidArgument, InvalidCall, shown

_Builder = TypeVar("_Builder", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)
_Parameters = ParamSpec("_Parameters")
_Built = TypeVar("_Built")


def explain_wrong_keywords(
    function: _Builder, name: str = "", *, builder: Callable[..., Any] | None = None, is_shape: bool = False
) -> _Builder:
    """Wrap a function so that wrong arguments raise an error that suggests the corrected call.

    The wrapper keeps the signature, the type and the documentation. It adds 0.1 µs to a call. The signature lists the
    keywords of a record, `**facts: Unpack[Facts]`, by name.

    Args:
        function: the function to wrap.
        name: the name in messages; by default the function's name after `ps.`.
        builder: the class, if `function` is the `__init__` of a class.
        is_shape: True for a registered function, whose calls the reader of schedules explains.
    """
    called, known = name or f"ps.{function.__name__}", InvalidArgument
    accepted: frozenset[str] = frozenset()
    if (signature := expanded_signature(function)) is not None:
        cast(Any, function).__signature__ = signature  # `wraps` copies it
        accepted = frozenset(signature.parameters)
    selves = int(cast(Any, function).__code__.co_varnames[:1] == ("self",))
    site = builder or (MethodType(function, function) if selves else function)  # a bound method has no `self`
    explain, mismatch = _explained if is_shape else _corrected, _mismatch

    def call(*positional: Any, **named: Any) -> Any:
        """Call the function. Errors about its arguments show this call."""
        error: InvalidArgument | None
        try:
            if accepted and not named.keys() <= accepted:  # Python accepts any keyword of a record
                raise TypeError
            return function(*positional, **named)
        except known as refusal:
            error = explain(refusal, site, called, positional[selves:], named)
            if error is refusal:
                raise
        except TypeError:
            error = mismatch(site, called, positional[selves:], named)
            if error is None:
                raise
            error = explain(error, site, called, positional[selves:], named)
        raise error

    # The wrapper gets the globals of the function, because doctest uses them to find the module of an example.
    here = cast(Any, call)
    same = FunctionType(here.__code__, function.__globals__, function.__name__, None, here.__closure__)
    # From Python 3.14 on, `wraps` copies the function that computes annotations, which `constructor` has replaced.
    return cast(_Builder, wraps(function, (*WRAPPER_ASSIGNMENTS, "__annotations__"))(same))


def _mismatch(
    builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidArgument | None:
    """Return the error for arguments that do not match the signature of `builder`; None if they match."""
    try:
        inspect.signature(builder).bind(*positional, **named)
    except TypeError as error:
        return InvalidCall(f"{name}(…)", str(error))
    return None


def _explained(
    error: InvalidArgument, builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidArgument:
    """Return the error of a call of a registered function, as the reader of schedules explains it."""
    explained: InvalidArgument = load_entry("packages", "calls").explained(error, builder, name, positional, named)
    return explained


def _corrected(
    error: InvalidArgument, builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidArgument:
    """Return the error of a call of another function, with the corrected call."""
    module = load_entry("packages", "python calls")
    corrected: InvalidArgument = module.corrected(error, builder, name, positional, named)
    return corrected


def explain_wrong_keywords_of(name: str = "") -> Callable[[_Class], _Class]:
    """Return a class decorator that applies `explain_wrong_keywords` to the constructor."""

    def explained(made: _Class) -> _Class:
        init: Any = made.__init__  # type: ignore[misc]  # the class has no subclasses
        made.__init__ = explain_wrong_keywords(init, name or made.__name__, builder=made)  # type: ignore[misc]
        return made

    return explained


CODE: Final = (
    "ps.", "plan.", "planned", "scheduler.", "accelerate.", "pytorch_accelerated.", "PlanCallback",
    "PlanScheduler", "AmountCallback", "AmountHook", "register",
)  # fmt: skip
"""The starts of names of functions and methods that are called in Python only, not in the text of a schedule."""

_STRING = re.compile('("[^"]*")')
EXAMPLE_ARGUMENTS: Final = {
    "at": '"50%"',
    "base": '{"lr": 3e-4}',
    "calendar": "ps.Calendar(total=100)",
    "field": '"lr"',
    "groups": '"head"',
    "initial": "1.0",
    "optimizer": "optimizer",
    "over": '"10%"',
    "plan": 'ps.Plan(lr="cosine()", horizon=100)',
    "schedule": '"cosine()"',
    "t": "0",
    "trainer": "Trainer",
}
"""Example values of required arguments."""


def example_call(builder: Callable[..., Any], name: str) -> str:
    """Return the first call of a builder in its doctest; the signature if there is no doctest.

    >>> example_call(cosine, "cosine")
    'cosine(to=0.1, over=100)'
    """
    documented, last = inspect.getdoc(builder) or "", name.rpartition(".")[2]
    for _, _, line in (line.partition(">>> ") for line in documented.splitlines() if line.startswith(">>> ")):
        begin = line.find(f"{last}(")
        if begin >= 0 and (end := _closing_bracket(line, begin)) is not None:
            inside = _STRING.split(line[begin + len(last) : end])
            if name.startswith(CODE) and "." in name:
                inside = [one if one.startswith('"') else line_in_code(one) for one in inside]
            return name + "".join(inside)
    parameters = inspect.signature(builder).parameters.values()
    if name.startswith(CODE):
        needed = [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]
        return f"{name}({', '.join(f'{one}={EXAMPLE_ARGUMENTS.get(one, one)}' for one in needed)})"
    return f"{name}({', '.join(str(one).split(':')[0] for one in parameters)})"


def _closing_bracket(line: str, begin: int) -> int | None:
    """Return the index after the bracket that closes the first one after `begin`; None if it is not closed."""
    depth = 0
    for place in range(begin, len(line)):
        depth += (line[place] in "([{") - (line[place] in ")]}")
        if line[place] in ")]}" and depth == 0:
            return place + 1
    return None


Builder = TypeVar("Builder", bound=Callable[..., Any])


def register_builder(
    table: MutableMapping[str, Callable[..., Any]], builder: Builder, *, kind: str, prefix: str
) -> Builder:
    """Register a builder in a table, and wrap it so that an unknown keyword suggests the right one.

    The names that other libraries use for the same schedule are appended to its docstring.

    Args:
        table: the registry, a dict from name to builder.
        builder: the function to register. Its return annotation is the class that it builds.
        kind: the kind of value that it builds, for messages: `shape`, `curve` or `rule`, the name of its decorator.
        prefix: the prefix of its name in schedule text, such as `rules.`.
    """
    if not inspect.isfunction(builder):
        found = f"expected a function, got {type(builder).__name__}"
        raise InvalidArgument(f"{kind} {shown(builder)}", found, f"Write @ps.extend.{kind} above a def")
    name = builder.__name__
    if name in table:
        raise InvalidArgument(f"{kind} {name!r}", "the name is taken", "Choose another name")
    if not isinstance(built_class(builder), type):
        made = {"curve": "Curve", "rule": "Rule"}.get(kind, "Schedule")
        raise InvalidArgument(
            f"{kind} {name!r}", "its return annotation is missing", f"For example: def {name}(…) -> {made}:"
        )
    known = explain_wrong_keywords(builder, prefix + name, is_shape=True)
    known.__doc__ = with_other_names(known.__doc__, prefix + name)
    table[name] = known
    _PLAIN[known] = builder
    return known


_PLAIN: dict[Callable[..., Any], Callable[..., Any]] = {}


def plain_builder(builder: Callable[..., Any]) -> Callable[..., Any]:
    """Return a registered function without its wrapper, so that an error in it is explained once."""
    return _PLAIN.get(builder, builder)


def constructor(name: str, kind: Callable[_Parameters, _Built]) -> Callable[_Parameters, _Built]:
    """Return the constructor of a dataclass as a function called `name`, with the documentation of the class."""

    def build(*positional: _Parameters.args, **named: _Parameters.kwargs) -> _Built:
        return kind(*positional, **named)

    made, known = cast(Any, build), cast(Any, kind)
    made.__name__ = made.__qualname__ = name
    made.__module__, made.__doc__ = known.__module__, known.__doc__
    made.__annotations__ = {**known.__init__.__annotations__, "return": known}
    made.__signature__ = inspect.signature(known).replace(return_annotation=known)
    return build


def built_class(builder: Callable[..., Any]) -> Any:
    """Return the annotated return type of a function; None if there is none."""
    return builder.__annotations__.get("return")  # `inspect.signature` would double the time
