"""Calls of builders: registered by name, and one that it does not take is told in our words."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar, cast

from paramsched._peer_keywords import instead_of, our_word
from paramsched._vocabulary import with_other_names
from paramsched.errors import Asked, InvalidArgument, InvalidCall, nearest, shown
from paramsched.near_names import closest

_LONGEST = 120  # characters of a call that is written for the user

_Builder = TypeVar("_Builder", bound=Callable[..., Any])


def explain_wrong_calls(builder: _Builder, prefix: str = "") -> _Builder:
    """The same function, which tells a call that it does not take: `cosine(T_max=100)` says `over`.

    `inspect.signature`, the type and the documentation are those of `builder`; a call costs 0.1 µs more.
    """
    name, refuse, tell, known = prefix + builder.__name__, refused_call, _in_words_of_call, InvalidArgument

    def call(*positional: Any, **named: Any) -> Any:
        """Call the builder; what it refuses is told in the words of this call."""
        try:
            return builder(*positional, **named)
        except known as refusal:
            tell(refusal, builder, name, positional, named)
            raise
        except TypeError:
            unknown = refuse(builder, name, positional, named)
            if unknown is None:
                raise
        raise unknown

    # In the builder's own module, where doctest looks for examples: a function belongs where its globals are.
    here = cast(Any, call)
    same = FunctionType(here.__code__, builder.__globals__, builder.__name__, None, here.__closure__)
    return cast(_Builder, wraps(builder)(same))


_Class = TypeVar("_Class", bound=type)


def explain_wrong_construction(made: _Class) -> _Class:
    """The same class, which tells a call that it does not take: `Calendar(max_steps=100)` says `total`."""
    init: Callable[..., None] = made.__init__  # type: ignore[misc]  # of a dataclass, and nothing inherits from it

    @wraps(init)
    def call(self: Any, *positional: Any, **named: Any) -> None:
        """Fill a new value; what it refuses is told in the words of this call."""
        try:
            init(self, *positional, **named)
        except InvalidArgument as refusal:
            _in_words_of_call(refusal, made, made.__name__, positional, named)
            raise
        except TypeError:
            unknown = refused_call(made, made.__name__, positional, named)
            if unknown is None:
                raise
            raise unknown from None

    made.__init__ = call  # type: ignore[misc]  # as above
    return made


def build_from_call(builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]) -> Any:
    """Call a builder for a text or a config: whatever it raises is told as what it is."""
    positional = list(positional)
    try:
        return builder(*positional, **named)
    except InvalidArgument:
        raise
    except (TypeError, AttributeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
        refusal = refused_call(builder, name, positional, named)
        raise refusal or InvalidArgument(f"{name}(…)", str(error), f"Write {example_call(builder, name)}") from None


def refused_call(
    builder: Callable[..., Any], name: str, positional: Iterable[Any], named: Mapping[str, Any]
) -> InvalidCall | None:
    """Why a builder does not take these arguments; None where it does, and the fault is in it."""
    positional = list(positional)
    try:
        inspect.signature(builder).bind(*positional, **named)
    except TypeError as error:
        parameters = inspect.signature(builder).parameters
        unknown = [key for key in named if key not in parameters]
        if not unknown:
            return InvalidCall(f"{name}(…)", str(error), f"Write {example_call(builder, name)}")
        ours = {key: our_word(key, parameters, name) for key in unknown}
        found = "; ".join(
            f'no argument "{key}"; ' + (f'here it is "{word}"' if word else instead_of(key) or nearest(key, parameters))
            for key, word in ours.items()
        )
        renamed = {ours.get(key) or key: value for key, value in named.items()}
        works = len(renamed) == len(named) and _call_works(builder, positional, renamed)
        written = [shown(value) for value in positional] + [f"{key}={shown(value)}" for key, value in renamed.items()]
        line = f"{name}({', '.join(written)})" if works else example_call(builder, name)
        refusal = InvalidCall(f"{name}(…)", found, f"Write {line}")
        meant = [word or closest(key, parameters) for key, word in ours.items()]
        return refusal.classify(refusal.code, (unknown[0], meant[0]) if len(meant) == 1 and meant[0] else None)
    return None


def _in_words_of_call(
    refusal: InvalidArgument,
    builder: Callable[..., Any],
    name: str,
    positional: Iterable[Any],
    named: Mapping[str, Any],
) -> None:
    """Name the call that the user wrote, not one behind it: `cosine(to=…)`, not `anneal(to=…)`."""
    signature = inspect.signature(builder)
    arguments = signature.bind_partial(*positional, **named).arguments
    refused = _argument_of_value(refusal.refused, arguments) or refusal.call
    if refused is None or refused.argument not in signature.parameters:
        return
    refusal.ask(replace(refused, call=name))
    if refusal.sample is None:
        return
    given = arguments | {refused.argument: refusal.sample}
    plain = all(one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in signature.parameters.values())
    line = f"{name}({', '.join(f'{key}={_argument_text(value)}' for key, value in given.items())})"
    works = plain and len(line) <= _LONGEST and _call_works(getattr(builder, "__wrapped__", builder), [], given)
    refusal.advise(f"Write {line if works else example_call(builder, name)}")


def _argument_of_value(refused: object, arguments: Mapping[str, Any]) -> Asked | None:
    if refused is None:
        return None
    mine = [key for key, value in arguments.items() if type(value) is type(refused) and value == refused]
    return Asked("", mine[0], shown(refused)) if len(mine) == 1 else None


def _argument_text(value: object) -> str:
    """A value as code and text have it; of ours a call, a name, or a length, with its unit in quotes."""
    if type(value).__module__.partition(".")[0] != __package__:
        return repr(value)
    text = str(value)
    plain = "(" in text or text.replace(".", "").isidentifier() or text.isdecimal()
    return text if plain else f'"{text}"'


def _call_works(builder: Callable[..., Any], positional: list[Any], named: Mapping[str, Any]) -> bool:
    try:
        builder(*positional, **named)
    except (TypeError, AttributeError, ValueError, ArithmeticError, LookupError, RecursionError):
        return False
    return True


def example_call(builder: Callable[..., Any], name: str) -> str:
    """A call that works: the first one of the builder's own examples; its parameters where it has none.

    >>> example_call(cosine, "cosine")
    'cosine(to=0.1, over=100)'
    """
    documented = inspect.getdoc(builder) or ""
    for _, _, line in (line.partition(">>> ") for line in documented.splitlines() if line.startswith(">>> ")):
        begin = line.find(f"{name.rpartition('.')[2]}(")
        if begin >= 0 and (end := _closing_bracket(line, begin)) is not None:
            return name.rpartition(".")[0] + "." * ("." in name) + line[begin:end]
    return f"{name}({', '.join(str(p).split(':')[0] for p in inspect.signature(builder).parameters.values())})"


def _closing_bracket(line: str, begin: int) -> int | None:
    """Where the bracket that opens first behind `begin` is closed."""
    depth = 0
    for place in range(begin, len(line)):
        depth += (line[place] in "([{") - (line[place] in ")]}")
        if line[place] in ")]}" and depth == 0:
            return place + 1
    return None


Builder = TypeVar("Builder", bound=Callable[..., Any])


def register_builder(table: dict[str, Callable[..., Any]], builder: Builder, *, kind: str, prefix: str) -> Builder:
    """The same function, kept in a table under its own name; its docstring has others' names, and wrong calls are told.

    Args:
        builder: its return annotation is the class that it builds.
        kind: what it builds, for messages: `shape`.
        prefix: what stands before its name in text: `rules.`.
    """
    name = builder.__name__
    if name in table:
        raise InvalidArgument(f"{kind} {name!r}", "the name is taken", "Choose another name")
    if not isinstance(built_class(builder), type):
        made = "Curve" if kind == "curve" else "Schedule"
        raise InvalidArgument(f"{kind} {name!r}", "its return annotation is missing", f"Write def {name}(…) -> {made}:")
    known = explain_wrong_calls(builder, prefix)
    known.__doc__ = with_other_names(known.__doc__, prefix + name)
    table[name] = known
    return known


def built_class(builder: Callable[..., Any]) -> Any:
    """The class that a function says it returns; None where it says nothing."""
    return builder.__annotations__.get("return")  # not by `inspect.signature`, which takes as long as the rest
