"""Registration of the functions that a schedule's text may call, and an example of a call."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

from paramsched.base.messages import name_is_taken
from paramsched.base.params import Param, params_of
from paramsched.core.calls.messages import calls as messages
from paramsched.errors import InvalidCall

_Builder = TypeVar("_Builder", bound=Callable[..., Any])
_Parameters = ParamSpec("_Parameters")
_Built = TypeVar("_Built")


def example_call(builder: Callable[..., Any], name: str) -> str:
    """Return the first call of a builder in its doctest; without one, a call with its required arguments.

    >>> example_call(cosine, "cosine")
    'cosine(to=0.1, over=100)'
    """
    documentation = inspect.getdoc(builder) or ""
    last = name.rpartition(".")[2]
    for line in documentation.splitlines():
        if not line.startswith(">>> ") or f"{last}(" not in line:
            continue
        begin = line.index(f"{last}(")
        end = _closing_bracket(line, begin)
        if end is not None:
            return name + line[begin + len(last) : end]
    required = (param for param in params_of(builder).values() if param.required)
    return f"{name}({', '.join(_example_argument(param) for param in required)})"


_EXAMPLES: Final = {"number": "1.0", "count": "1", "text": '"x"', "bool": "True", "length": "100", "list": "[1.0]"}


def _example_argument(param: Param) -> str:
    """Return an argument of a call, with a value if it is passed by name."""
    if param.form is not inspect.Parameter.KEYWORD_ONLY:
        return param.name
    choice = repr(param.choices[0]) if param.choices else "1.0"
    return f"{param.name}={_EXAMPLES.get(param.kind, choice)}"


def _closing_bracket(line: str, begin: int) -> int | None:
    """Return the index after the bracket that closes the first one after `begin`; None if it is not closed."""
    depth = 0
    for index in range(begin, len(line)):
        depth += (line[index] in "([{") - (line[index] in ")]}")
        if line[index] in ")]}" and depth == 0:
            return index + 1
    return None


Builder = TypeVar("Builder", bound=Callable[..., Any])

SHAPES: Final[dict[str, Callable[..., Any]]] = {}
"""Every function that builds a schedule, by its name in text, configs and the command line.

The table is global, as Python's table of codecs is, because a text must mean the same everywhere in the process.
"""


def refused_call(name: str, builder: Callable[..., Any], error: Exception) -> InvalidCall:
    """Return the error about arguments that do not fit the signature of a builder."""
    return InvalidCall(f"{name}(…)", str(error), example=example_call(builder, name))


def register_builder(builder: Builder) -> Builder:
    """Register a builder of schedules by its name.

    Args:
        builder: the function to register. Its return annotation is the class that it builds.

    Raises:
        InvalidArgument: the name is taken, unless by the same function, which a cell of a notebook has defined again.
    """
    name = builder.__name__
    require_free_name(SHAPES, builder, noun="shape")
    if not isinstance(built_class(builder), type):
        raise messages.without_return_annotation(name)
    SHAPES[name] = builder
    return builder


def require_free_name(table: Mapping[str, Callable[..., Any]], function: Callable[..., Any], *, noun: str) -> None:
    """Raise InvalidArgument if a name is taken by another function than this one before it was defined again."""
    name = function.__name__
    if name in table and not _is_defined_again(table[name], function):
        raise name_is_taken(f"{noun} {name!r}")


def _is_defined_again(before: Callable[..., Any], now: Callable[..., Any]) -> bool:
    """Return whether two functions come from the same `def`: of one module, or of one file that is two modules."""
    first = cast(Any, inspect.unwrap(before))
    second = cast(Any, inspect.unwrap(now))
    if not (inspect.isfunction(first) and first.__qualname__ == second.__qualname__):
        return False
    return first.__module__ == second.__module__ or bool(first.__code__.co_filename == second.__code__.co_filename)


def constructor(name: str, built_class: Callable[_Parameters, _Built]) -> Callable[_Parameters, _Built]:
    """Return the constructor of a dataclass as a function called `name`, with the documentation of the class.

    Keywords that the class inherits are the last ones, as in its documentation.
    """

    def build(*positional: _Parameters.args, **named: _Parameters.kwargs) -> _Built:
        return built_class(*positional, **named)

    built: Any = built_class
    signature = inspect.signature(built)
    parameters = sorted(
        signature.parameters.values(),
        key=lambda parameter: parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in built.__annotations__,
    )
    function = cast(Any, build)
    function.__name__ = name
    function.__qualname__ = name
    function.__module__ = built.__module__
    function.__doc__ = built.__doc__
    function.__annotations__ = {**built.__init__.__annotations__, "return": built}
    function.__signature__ = signature.replace(parameters=parameters, return_annotation=built)
    return build


def builder_like(
    function: Callable[..., Any], build: Callable[..., Any], parameters: Sequence[inspect.Parameter], built: type
) -> Any:
    """Give a builder the name, the documentation and the arguments of the function from which it builds values.

    Args:
        function: the function, whose first arguments are not passed by users.
        build: the builder.
        parameters: the arguments that users pass.
        built: the class of the values.
    """
    builder = cast(Any, wraps(function)(build))
    builder.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": built}
    builder.__signature__ = inspect.Signature(parameters, return_annotation=built)
    return builder


def built_class(builder: Callable[..., Any]) -> Any:
    """Return the annotated return type of a function; None if there is none."""
    return builder.__annotations__.get("return")  # `inspect.signature` would double the time
