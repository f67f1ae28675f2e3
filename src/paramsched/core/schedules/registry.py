"""The shapes by their names in text, and the readings of two numbers in a row."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, wraps
from typing import Any, Final, cast

from paramsched.base.params import params_of, readable
from paramsched.core.calls.builders import SHAPES as SHAPES
from paramsched.core.calls.builders import Builder, built_class, refused_call, register_builder
from paramsched.core.calls.checked_calls import shortened, unknown_argument
from paramsched.core.calls.messages.calls import not_a_function
from paramsched.core.calls.number_checks import is_real_number
from paramsched.core.curves.curve import Curve
from paramsched.core.schedules.messages import text as messages
from paramsched.errors import InvalidArgument, InvalidCall, ParamschedError, shown

_SHAPES: Final = frozenset({"linear", "cosine", "anneal"})
"""The shapes whose first arguments are `start, to, over`, all optional."""

_MOST_LEVEL: Final = 100
"""The largest second level by position. A larger number is probably a length, as in `linear(1, 500)`."""


def refuse_two_readings_of_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise for levels in a list, one level by position, or a large second one, in a call of a shape in `_SHAPES`."""
    if name not in _SHAPES:
        return
    levels = args[0] if args and isinstance(args[0], (list, tuple)) else None
    readings = _readings(args, kwargs) if levels is None else []
    if levels is None and not readings:
        return
    site = f"{name}({', '.join([*map(_text, args), *_written(kwargs)])})"
    if levels is not None:
        are_two = len(levels) == 2 and all(map(is_real_number, levels)) and not may_be_length(levels[1])
        meant = list(map(_text, levels)) if are_two else []
        raise messages.levels_in_a_list(site, name, type(levels).__name__, meant)
    texts = [", ".join(_written(reading)) for reading in readings]
    raise messages.level_not_named(site, texts[0]) if len(texts) == 1 else messages.several_readings(site, texts)


def _readings(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the arguments by position could mean; nothing if they have one meaning."""
    match args:
        case [str() as length] if "over" not in kwargs:
            return [{"over": length}]
        case [level] if kwargs.keys().isdisjoint({"start", "to"}):
            return _readings_of_one(level, has_length="over" in kwargs)
        case [level, str() as length] if kwargs.keys().isdisjoint({"start", "to", "over"}):
            return [{"start": level, "over": length}, {"to": level, "over": length}]
        case [level, second] if may_be_length(second) and kwargs.keys().isdisjoint({"start", "to", "over"}):
            return [{"start": level, "over": second}, {"to": level, "over": second}, {"start": level, "to": second}]
    return []


def may_be_length(level: object) -> bool:
    """Return whether a second level is a large number, which is probably a length."""
    return isinstance(level, (int, float)) and level > _MOST_LEVEL


def _readings_of_one(level: object, *, has_length: bool) -> list[dict[str, Any]]:
    if isinstance(level, Curve):
        return []  # it is no level
    levels = [{"start": level}, {"to": level}]
    if has_length or not isinstance(level, int) or level <= 1:
        return levels
    return [{"over": level}] if level > _MOST_LEVEL else [*levels, {"over": level}]


def _written(arguments: Mapping[str, Any]) -> list[str]:
    return [f"{key}={_text(value)}" for key, value in arguments.items()]


def _text(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else shown(value)


BUILDER_OF_CLASS: dict[type, tuple[str, Callable[..., Any]]] = {}
"""A dict from each class of metric rules to the pair (name in text, function that builds its values)."""

_OPERATORS: dict[str, Callable[..., Any]] = {}


def registered(builder: Builder) -> Builder:
    """Register a function that builds a schedule of other shapes, or a metric rule. Its name is its name in text.

    Text, configs, the command line and the property tests read the annotations of its parameters: `Level`,
    `DurationLike`, `float`, … A metric rule of the returned class is written in text as a call of this function.

    Raises:
        InvalidArgument: the name is taken, or the return annotation is missing.
    """
    if not inspect.isfunction(builder):
        raise not_a_function(builder)
    return readable(_keep_class(register_builder(_answering(builder))))


def _answering(builder: Builder) -> Builder:
    """Return the builder with an error that says what to write for an unknown argument."""

    @wraps(builder)
    def build(*args: Any, **kwargs: Any) -> Any:
        try:
            refuse_two_readings_of_call(builder.__name__, args, kwargs)
            try:
                return builder(*args, **kwargs)
            except TypeError:
                misfit = misfit_of_call(builder, args, kwargs, builder.__name__)
                if misfit is None:
                    raise
                raise misfit from None
        except ParamschedError as error:
            raise shortened(_of_call(error, builder, args, kwargs))  # noqa: B904  # the same error

    return cast(Builder, build)


def _of_call(
    error: ParamschedError, builder: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> ParamschedError:
    """Return an error about an argument with the name of the function that was called, not of one that it calls."""
    if not isinstance(error, InvalidArgument) or error.problem.call is None or error.problem.refused is None:
        return error
    name = builder.__name__
    site = error.problem.call
    passed = {**dict(zip(params_of(builder), args, strict=False)), **kwargs}
    if site.call == name:
        return error
    for argument, value in passed.items():
        if value is error.problem.refused:
            advice = error.problem.advice.replace(f"{site.argument}=", f"{argument}=")
            return error.changed(site=replace(site, call=name, argument=argument), advice=advice)
        if _contains(value, error.problem.refused):
            advice = error.problem.advice.replace(f"{site.argument}=", "")
            return error.changed(site=replace(site, call=name, argument=argument, entry=True), advice=advice)
    return error


def _contains(items: object, refused: object) -> bool:
    """Return whether a list, or a list of pairs, contains a value itself."""
    return isinstance(items, (list, tuple)) and any(item is refused or _contains(item, refused) for item in items)


signature_of: Final = lru_cache(maxsize=1024)(inspect.signature)  # which takes longer than the rest of a call


def misfit_of_call(
    builder: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], name: str
) -> InvalidCall | None:
    """Return the error about arguments that do not fit the signature of a builder, `name` in text; None if they fit."""
    params = params_of(builder)
    takes_any = any(param.free for param in params.values())
    for key in kwargs:
        if key not in params and not takes_any:
            return unknown_argument(name, key, params, kwargs[key])
    try:
        signature_of(builder).bind(*args, **kwargs)
    except (TypeError, ValueError) as error:
        return refused_call(name, builder, error)
    return None


def operator_builder(name: str) -> Callable[[Builder], Builder]:
    """Return a decorator that registers the function that implements the operator `name`.

    Schedule calls the function by that name. Schedule cannot import the function, because the function's
    module imports Schedule.
    """

    def keep(function: Builder) -> Builder:
        _OPERATORS[name] = function
        return function

    return keep


def combine_operands(name: str, *operands: Any) -> Any:
    """Apply the operator `name`. Return the schedule, or NotImplemented if an operand has an unknown type."""
    return _OPERATORS[name](*operands)


def builder_name(value: Any) -> str:
    """Return the name of the function that builds values of the class of `value`, or the name of that class."""
    return BUILDER_OF_CLASS[type(value)][0] if type(value) in BUILDER_OF_CLASS else type(value).__name__


def _keep_class(builder: Builder) -> Builder:
    """Let text contain values of the built class as calls of `builder`, unless an earlier function builds them."""
    BUILDER_OF_CLASS.setdefault(built_class(builder), (builder.__name__, builder))
    return builder
