"""Functions whose calls are refused in the words of this library, with the frames of the user only.

The tracebacks of mistakes in one line lack the frames of this library between those of the user.
"""

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from types import TracebackType
from typing import Any, Final, TypeVar, cast, get_args, is_typeddict

from paramsched.base.params import params_of
from paramsched.base.words import KNOWN
from paramsched.core.calls.builders import SHAPES, example_call
from paramsched.core.calls.messages import calls as messages
from paramsched.errors import InvalidCall, ParamschedError

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)
_Error = TypeVar("_Error", bound=BaseException)

_FULL: Final = "PARAMSCHED_TRACEBACK"
"""The environment variable that keeps all frames if it is "full"."""


def shortened(error: _Error) -> _Error:
    """Return an error whose traceback has no frame of this library; functions of users that it called are kept.

    A public function raises the result where it catches the error, so that its own frame is the only one of the library
    below the user's line. With `PARAMSCHED_TRACEBACK=full` in the environment, the error keeps all frames.
    """
    if os.environ.get(_FULL) == "full":
        return error
    entries = list[TracebackType]()
    entry = error.__traceback__
    while entry is not None:
        if entry.tb_frame.f_globals.get("__name__", "").partition(".")[0] != "paramsched":
            entries.append(entry)
        entry = entry.tb_next
    short: TracebackType | None = None
    for entry in reversed(entries):
        short = TracebackType(short, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return error.with_traceback(short)


def with_short_errors(function: _Function) -> _Function:
    """Return a public function whose errors have a short traceback. It is not for functions that an update calls."""

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ParamschedError as error:
            raise shortened(error)  # noqa: B904  # the same error

    return cast(_Function, called)


def unknown_argument(call: str, key: str, names: Mapping[str, object] | list[str], value: object = None) -> InvalidCall:
    """Return the error about an argument that a function does not have, with what another library's name is here.

    Args:
        call: the name of the function in the call.
        key: the name of the argument.
        names: the arguments of the function.
        value: the value that was given.
    """
    here = _name_here(call, key, value)
    if here is not None:
        return messages.argument_of_another_library(call, key, here + _shape_with(here, call, names))
    example = example_call(SHAPES[call], call) if call in SHAPES else ""
    return messages.unknown_argument(call, key, names, example)


def _name_here(call: str, key: str, value: object = None) -> str | None:
    """Return what to write for an argument of another library; None if it is unknown."""
    from paramsched.base.foreign_names import name_here  # only errors need its tables

    return name_here(call, key, value)


def _shape_with(here: str, call: str, names: Mapping[str, object] | list[str]) -> str:
    """Return the words for a shape with the argument to write, if the shape of the call lacks it; else ""."""
    argument = re.match(r"Write (\w+)=\S+$", here)
    if call not in SHAPES or argument is None or argument[1] in names:
        return ""
    shape = next((shape for shape in SHAPES if argument[1] in params_of(SHAPES[shape])), None)
    return "" if shape is None else f" of {shape}()"


def refused_keyword(
    call: str, function: Callable[..., Any], kwargs: Mapping[str, Any], *, prefix: str = ""
) -> InvalidCall | None:
    """Return the error about the first keyword that a function does not have; None if it has all."""
    names = _names_of(function)
    if names is None:
        return None
    key = next((key for key in kwargs if key not in names), None)
    return None if key is None else unknown_argument(f"{prefix}{call}", key, names, kwargs[key])


def is_foreign_entry(name: str, value: Any) -> bool:
    """Return whether an entry of a plan is an argument of another library, rather than a field with a schedule.

    So is the name of a shape with text that calls nothing.

    >>> is_foreign_entry("max_steps", 100), is_foreign_entry("max_lr", "cosine()"), is_foreign_entry("alpha", 0.9)
    (True, False, False)
    >>> is_foreign_entry("warmup", "5%"), is_foreign_entry("lr_scheduler_type", "cosine")
    (True, True)
    """
    is_line = isinstance(value, str) and "(" in value
    if name in KNOWN or is_line or not isinstance(value, (str, bool, int, float, list, tuple)):
        return False
    is_constant = value in (0, 1) and not isinstance(value, bool)  # the value of any field
    return (isinstance(value, str) and name in SHAPES) or (not is_constant and _name_here("", name) is not None)


def entry_here(name: str, value: object) -> str:
    """Return what to write for an entry of a plan that is an argument of another library, or the name of a shape."""
    if name in SHAPES:
        return messages.shape_to_write(example_call(SHAPES[name], name))
    return f"{_name_here('', name, value)}"


def answering(function: _Function) -> _Function:
    """Return a function that refuses arguments which do not fit its signature with an error of this library.

    An error of this library that it raises has no frames of the library between the function and the user's line.
    """
    return _answering(function, function.__name__)


def answering_method(prefix: str) -> Callable[[_Function], _Function]:
    """Return a decorator for a method, as `answering`. The prefix is written before its name, such as `plan.`."""
    return lambda method: _answering(method, method.__name__, prefix)


def answering_class(decorated: _Class) -> _Class:
    """Let a class refuse arguments which do not fit its signature with an error of this library.

    It replaces `__init__`, because that of a dataclass is generated, so that no decorator can stand above it.
    """
    any_class = cast(Any, decorated)
    any_class.__init__ = _answering(any_class.__init__, decorated.__name__)
    return decorated


def _answering(function: _Function, call: str, prefix: str = "") -> _Function:
    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ParamschedError as error:
            refusal: ParamschedError = shortened(error)
        except TypeError:
            misfit = _misfit(call, function, args, kwargs, prefix)
            if misfit is None:
                raise
            refusal = misfit
        raise refusal

    return cast(_Function, called)


def _misfit(
    call: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], prefix: str
) -> InvalidCall | None:
    """Return the error about arguments that do not fit the signature of a function; None if they fit."""
    unknown = refused_keyword(call, function, kwargs, prefix=prefix)
    if unknown is not None:
        return unknown
    site = f"{prefix}{call}"
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as reason:
        unnamed = _unnamed(site, function, args, kwargs)
        return messages.does_not_fit(site, str(reason), _required_names(function)) if unnamed is None else unnamed
    return None


def _unnamed(
    call: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> InvalidCall | None:
    """Return the error about one argument that must be named: the total, or the first that only has a name."""
    parameters = inspect.signature(function).parameters.values()
    kinds = [parameter.kind for parameter in parameters]
    if len(args) != sum(kind in _BY_PLACE for kind in kinds) + 1 or inspect.Parameter.VAR_POSITIONAL in kinds:
        return None
    value = args[-1]
    names = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    if not names and _takes_fields(parameters):
        return messages.field_not_named(call, value)
    is_length = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    name = "total" if is_length and "total" in (_names_of(function) or ()) else next(iter(names), None)
    if name is None or name in kwargs:
        return None
    return messages.value_not_named(call, name, value) if is_length else messages.argument_not_named(call, name)


def _takes_fields(parameters: Iterable[inspect.Parameter]) -> bool:
    """Return whether a function takes the numbers of fields as keywords."""
    return any(parameter.kind is parameter.VAR_KEYWORD and parameter.annotation is float for parameter in parameters)


def _required_names(function: Callable[..., Any]) -> list[str]:
    """Return the names of the arguments that a call must pass, in their order."""
    return [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.name != "self" and parameter.kind in _BY_PLACE
    ]


_BY_PLACE: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _names_of(function: Callable[..., Any]) -> list[str] | None:
    """Return the names of the arguments of a function, with those of the run facts; None if it takes any keyword."""
    names = list[str]()
    for name, parameter in inspect.signature(function).parameters.items():
        facts = next(iter(get_args(parameter.annotation)), None)
        if is_typeddict(facts):
            names += facts.__annotations__
        elif parameter.kind is parameter.VAR_KEYWORD:
            return None
        elif name != "self":
            names.append(name)
    return names
