"""The registry of curves: each by the name it has in code, text, configs and commands."""

from collections.abc import Callable
from typing import TypeVar

from paramsched._builders import built_class, register_builder
from paramsched._calls import example_call
from paramsched._names_elsewhere import with_other_names
from paramsched.curves.base import NAME_OF_CLASS, Curve
from paramsched.errors import InvalidArgument
from paramsched.near_names import closest

CONSTANTS: dict[str, Curve] = {}
"""Curves without a parameter, and those a user registered, by name."""

FAMILIES: dict[str, Callable[..., Curve]] = {}
"""Functions that build curves with parameters, by name."""

_Builder = TypeVar("_Builder", bound=Callable[..., Curve])
_Curve = TypeVar("_Curve", bound=Curve)


def curve(builder: _Builder) -> _Builder:
    """Register a function that builds a curve under its own name: `curves.power(2)` in code, text and configs.

    Its parameters are floats; the class it returns is written by this name.

    Raises:
        InvalidArgument: the name is taken, or the return annotation is missing.
    """
    if builder.__name__ in CONSTANTS:
        raise InvalidArgument(f"curve {builder.__name__!r}", "the name is taken", "Choose another name")
    known = register_builder(FAMILIES, builder, kind="curve", prefix="curves.")
    NAME_OF_CLASS[built_class(builder)] = builder.__name__
    return known


def constant_curve(name: str, value: _Curve) -> _Curve:
    """Register a curve without a parameter: `rex = constant_curve("rex", Rex())`."""
    CONSTANTS[name] = value
    NAME_OF_CLASS[type(value)] = name
    type(value).__doc__ = with_other_names(type(value).__doc__, f"curves.{name}")
    return value


def curve_text(name: str) -> str:
    """How a curve of a known name is written: `curves.cosine`, `curves.power(2)`."""
    return f"curves.{name}" if name in CONSTANTS else example_call(FAMILIES[name], f"curves.{name}")


def unknown_curve(name: str) -> tuple[str, str]:
    """What is wrong with a name that no curve has, and a curve to write instead: the nearest one.

    >>> unknown_curve("cosin")
    ('"cosin" is no curve; nearest: "cosine"', 'Write curves.cosine')
    """
    known = [*CONSTANTS, *FAMILIES]
    near = closest(name, known)
    if near is None:
        return f'"{name}" is no curve; known: {", ".join(sorted(known))}', "Write curves.cosine"
    return f'"{name}" is no curve; nearest: "{near}"', f"Write {curve_text(near)}"
