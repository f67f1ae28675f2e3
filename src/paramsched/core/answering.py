"""Functions that answer a call of another library's form with the call to write."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from paramsched.core.tracebacks import shortened
from paramsched.errors import ParamschedError

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)


def answering(function: _Function) -> _Function:
    """Return a function that says what to write for an argument of another library, and for a call of another form.

    An error of this library that it raises has no frames of the library between the function and the user's line.
    """
    return _answering(function, function.__name__)


def answering_method(prefix: str, examples: Callable[[Any], Mapping[str, str]]) -> Callable[[_Function], _Function]:
    """Return a decorator for a method that says what to write, as `answering`.

    Args:
        prefix: what is written before the name of the method, such as `plan.`.
        examples: returns the text of arguments that a call needs, by name, for the object of the method.
    """
    return lambda method: _answering(method, method.__name__, prefix, examples)


def answering_class(kind: _Class) -> _Class:
    """Let a class say what to write for an argument of another library.

    It replaces `__init__`, because that of a dataclass is generated, so that no decorator can stand above it.
    """
    made = cast(Any, kind)
    made.__init__ = _answering(made.__init__, kind.__name__)
    return kind


def _answering(
    function: _Function,
    call: str,
    prefix: str = "ps.",
    examples: Callable[[Any], Mapping[str, str]] | None = None,
) -> _Function:
    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (ParamschedError, TypeError) as error:
            answer = None
            if isinstance(error, TypeError):  # an InvalidCall, which is both, too
                from paramsched.core.foreign_calls import answer_to_call

                answer = answer_to_call(call, function, args, kwargs, prefix=prefix, examples=examples)
            if answer is None and not isinstance(error, ParamschedError):
                raise
            refused = answer or shortened(error)
        raise refused

    return cast(_Function, called)
