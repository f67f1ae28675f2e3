"""The registry of curves, and curves made of users' functions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar, final

import numpy as np

from paramsched.core.base.near_names import closest
from paramsched.core.builders import built_class, example_call, register_builder
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.curves.base import NAME_OF_CLASS, Curve
from paramsched.errors import InvalidArgument

CONSTANTS: dict[str, Curve] = {}
"""A dict from name to curve, for the curves without parameters, including those that users registered."""

FAMILIES: dict[str, Callable[..., Curve]] = {}

_Builder = TypeVar("_Builder", bound=Callable[..., Curve])
_Curve = TypeVar("_Curve", bound=Curve)


def curve(builder: _Builder) -> _Builder:
    """Register a function that builds a curve under its own name: `curves.power(2)` in code, text and configs.

    Args:
        builder: a function of floats. Its return annotation is the class of the curve.

    Raises:
        InvalidArgument: the name is already in use, or the return annotation is missing.
    """
    if getattr(builder, "__name__", None) in CONSTANTS:
        raise InvalidArgument(f"curve {builder.__name__!r}", "the name is already in use", "Choose another name")
    known = register_builder(FAMILIES, builder, kind="curve")
    NAME_OF_CLASS[built_class(builder)] = builder.__name__
    return known


def constant_curve(name: str, value: _Curve) -> _Curve:
    """Register a curve without a parameter: `rex = constant_curve("rex", Rex())`."""
    CONSTANTS[name] = value
    NAME_OF_CLASS[type(value)] = name
    return value


def curve_text(name: str) -> str:
    """Return an example text of the curve with a registered name: `curves.cosine`, `curves.power(2)`."""
    return f"curves.{name}" if name in CONSTANTS else example_call(FAMILIES[name], f"curves.{name}")


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Custom(Curve):
    """A curve made of a user's function. Its values at u = 0 and u = 1 must be 0 and 1.

    Only a function that was registered with `curves.register` can be written as text.

    Args:
        function: takes an array of `u` in [0, 1] and returns an array of the same shape.
        name: the registered name; None if the function is not registered.
    """

    function: Callable[[Any], Any]
    name: str | None = None

    def __post_init__(self) -> None:
        for at in (0.0, 1.0):
            got = float(np.asarray(self.function(np.array([at])), dtype=np.float64).reshape(-1)[0])
            if not abs(got - at) <= 1e-9:
                raise InvalidArgument(
                    f"curve {self}",
                    f"curve({at:g}) must be {at:g}, got {got!r}",
                    "Scale the function so that it goes from 0 at u=0 to 1 at u=1",
                )

    @property
    def monotone(self) -> bool:
        return False  # because a user's function may decrease

    @property
    def serializable(self) -> bool:
        return self.name is not None

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return self.function(u)

    def __str__(self) -> str:
        return f"curves.{self.name}" if self.name is not None else f"<curve {self.function!r}>"


def register(name: str, function: Callable[[Any], Any]) -> Custom:
    """Register a function of `u` under a name, so that plans that use it can be written as text and read back.

    The registry is global, like that of Python's codecs, so that a text has the same meaning in the entire process.

    Args:
        name: an identifier that no other curve has. Text refers to the curve as `curves.<name>`.
        function: takes an array of `u` in [0, 1] and returns an array of the same shape, from 0 at 0 to 1 at 1.

    Raises:
        InvalidArgument: the name is in use or not an identifier, or the function does not go from 0 to 1.
    """
    if not name.isidentifier() or name in FAMILIES or name in CONSTANTS:
        found = "the name is already in use" if name.isidentifier() else "the name must be an identifier"
        raise InvalidArgument(f"curves.register({name!r})", found, "Choose another name")
    curve = Custom(function, name)
    CONSTANTS[name] = curve
    return curve


def curve_of(curve: "CurveLike") -> Curve:
    """Convert a curve, a registered name or a user's function to a Curve.

    Raises:
        InvalidArgument: the name is unknown, the curve needs arguments, or `curve` is of another type.
    """
    if isinstance(curve, Curve):
        return curve
    if isinstance(curve, str):
        name = curve.removeprefix("curves.")
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FAMILIES:
            raise InvalidArgument(f'curve "{curve}"', "the curve needs arguments", example=f"{curve_text(name)}")
        if name.partition("(")[0] in FAMILIES and name.endswith(")"):
            found = "a curve with arguments cannot be passed as text"
            raise InvalidArgument(f'curve "{curve}"', found, example=f"curves.{name}")
        known = [*CONSTANTS, *FAMILIES]
        near = closest(name, known)
        found = f'did you mean "{near}"?' if near else f"expected one of {', '.join(sorted(known))}"
        raise InvalidArgument(f'curve "{curve}"', f"unknown curve; {found}", example=curve_text(near or "cosine"))
    if (family := getattr(curve, "__name__", None)) in FAMILIES and FAMILIES[family] is curve:
        raise InvalidArgument(f"curve curves.{family}", "the curve needs arguments", example=f"{curve_text(family)}")
    if callable(curve):
        return Custom(curve)
    raise InvalidArgument(f"curve {curve!r}", f"expected a curve, got {type(curve).__name__}", example="curves.cosine")


CurveLike: TypeAlias = Curve | str | Callable[[Any], Any]
"""A curve as users write it: `curves.cosine`, a registered name such as `"cosine"`, or a function of `u`."""
