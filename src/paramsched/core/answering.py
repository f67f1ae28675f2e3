"""Functions whose calls are refused in the words of this library: an argument that they lack, or a wrong number."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, TypeVar, cast, get_args, is_typeddict

from paramsched.base.params import params_of
from paramsched.base.words import KNOWN, did_you_mean, shortened_text
from paramsched.core.builders import SHAPES, example_call
from paramsched.core.tracebacks import shortened
from paramsched.errors import CallSite, InvalidCall, ParamschedError, shown

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)


def unknown_argument(call: str, key: str, names: Mapping[str, object] | list[str], value: object = None) -> InvalidCall:
    """Return the error about an argument that a function does not have, with what another library's name is here.

    Args:
        call: the name of the function in the call.
        key: the name of the argument.
        names: the arguments of the function.
        value: the value that was given.
    """
    message = f'unknown argument "{shortened_text(key)}"'
    here = _name_here(call, key, value)
    if here is not None:
        return InvalidCall(CallSite(call, key), message, here + _shape_with(here, call, names))
    example = example_call(SHAPES[call], call) if call in SHAPES else ""
    return InvalidCall(CallSite(call, key), f"{message}; {did_you_mean(key, names)}", example=example)


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
    return f"Write lr: {example_call(SHAPES[name], name)}" if name in SHAPES else f"{_name_here('', name, value)}"


def answering(function: _Function) -> _Function:
    """Return a function that refuses arguments which do not fit its signature with an error of this library.

    An error of this library that it raises has no frames of the library between the function and the user's line.
    """
    return _answering(function, function.__name__)


def answering_method(prefix: str) -> Callable[[_Function], _Function]:
    """Return a decorator for a method, as `answering`. The prefix is written before its name, such as `plan.`."""
    return lambda method: _answering(method, method.__name__, prefix)


def answering_class(kind: _Class) -> _Class:
    """Let a class refuse arguments which do not fit its signature with an error of this library.

    It replaces `__init__`, because that of a dataclass is generated, so that no decorator can stand above it.
    """
    made = cast(Any, kind)
    made.__init__ = _answering(made.__init__, kind.__name__)
    return kind


def _answering(function: _Function, call: str, prefix: str = "") -> _Function:
    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ParamschedError as error:
            refused: ParamschedError = shortened(error)
        except TypeError:
            answer = refused_keyword(call, function, kwargs, prefix=prefix)
            try:
                inspect.signature(function).bind(*args, **kwargs)
            except TypeError as reason:
                answer = (
                    answer
                    or _unnamed(f"{prefix}{call}", function, args, kwargs)
                    or InvalidCall(f"{prefix}{call}(…)", str(reason), _required_call(f"{prefix}{call}", function))
                )
            if answer is None:
                raise
            refused = answer
        raise refused

    return cast(_Function, called)


def _unnamed(
    call: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> InvalidCall | None:
    """Return the error about one argument that must be named: the total, or the first that only has a name."""
    parameters = inspect.signature(function).parameters.values()
    by_place = sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters)
    if len(args) != by_place + 1 or any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return None
    value, names = args[-1], [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
    if not names and any(one.kind is one.VAR_KEYWORD and one.annotation is float for one in parameters):
        return InvalidCall(f"{call}(…)", "the number of a field must be named", f"Write lr={shown(value)}")
    is_length = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    name = "total" if is_length and "total" in (_names_of(function) or ()) else next(iter(names), None)
    if name is None or name in kwargs:
        return None
    return InvalidCall(
        f"{call}(…)", f"{name} must be named: {name}={value!r}" if is_length else f"{name} must be named"
    )


def _required_call(call: str, function: Callable[..., Any]) -> str:
    """Return the advice to write a call with its required arguments, in their order; "" if it has none."""
    parameters = inspect.signature(function).parameters.values()
    required = [one.name for one in parameters if one.default is one.empty and one.name != "self" and one.kind in _OWN]
    return f"Write {call}({', '.join(required)})" if required else ""


_OWN: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


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
