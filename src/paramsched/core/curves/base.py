"""Curve: the base class of functions from 0 to 1, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeAlias, TypeVar, final, overload

import numpy as np

from paramsched.core.base.frozen_values import frozen_value, shown_fields
from paramsched.core.base.near_names import closest
from paramsched.core.base.params import argument_kind
from paramsched.core.base.signatures import short_name
from paramsched.core.builders import built_class, example_call, register_builder
from paramsched.core.curves.arrays import NUMPY, Array, Arrays, Floats, require_numbers
from paramsched.core.number_checks import check_fields
from paramsched.errors import InvalidArgument

NAME_OF_CLASS: dict[type, str] = {}
"""A dict from each class of curves to its name in a schedule's text, such as `rex`."""


@argument_kind("curve")
@frozen_value
class Curve(ABC):
    """A function from [0, 1] onto [0, 1] with `curve(0) = 0` and `curve(1) = 1`.

    A curve never decreases unless its class overrides `monotone`.

    A subclass implements `_rise`, the curve itself. It overrides `_fall`, which is `1 - curve(u)`, if a formula is more
    accurate near `u = 1` than the subtraction. The argument `rest` of both methods is `1 - u`, computed without a
    rounding error. If the arguments are NumPy arrays, both methods may write the result into them. The metadata of a
    field may contain a check of the parameter, `checked(positive_number)`.
    """

    __slots__ = ()
    _needs: ClassVar[tuple[str, str]] = ("both", "both")
    """The arguments that `_rise` and `_fall` use: "u", "rest" or "both". With NumPy, an unused argument is None."""
    _within: ClassVar[bool] = False
    """True if rounding never takes a value above 1. A schedule along the curve then needs no clipping."""
    _takes_numbers: ClassVar[bool] = False
    """True if both methods also take a number, with the operations `NUMBERS`. It takes a third of an array's time."""

    def __post_init__(self) -> None:
        check_fields(self, f"curves.{NAME_OF_CLASS.get(type(self), type(self).__name__)}")
        self.check_together()

    def check_together(self) -> None:  # noqa: B027  # optional
        """Raise an error if parameters that are valid alone contradict each other."""

    @overload
    def __call__(self, u: float) -> float: ...
    @overload
    def __call__(self, u: Floats) -> Floats: ...
    def __call__(self, u: Any) -> Any:
        """Evaluate the curve.

        Args:
            u: the progress, a number or an array of any shape with values in [0, 1].
        """
        if isinstance(u, (int, float)):
            return float(self(np.array([float(u)]))[0])
        require_numbers(u)
        u = np.array(u, dtype=np.float64)
        return self._rise(u, 1.0 - u, NUMPY)

    @property
    def monotone(self) -> bool:
        """True if the curve never decreases."""
        return True

    @abstractmethod
    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array: ...

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return 1.0 - self._rise(u, rest, ops)

    @property
    def serializable(self) -> bool:
        """True if the curve can be written as text and read back."""
        return type(self) in NAME_OF_CLASS

    def __str__(self) -> str:
        name = NAME_OF_CLASS.get(type(self))
        if name is None:
            return f"<{shown_fields(self)}>"
        arguments = [repr(getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]  # all are dataclasses
        return f"curves.{name}({', '.join(arguments)})" if arguments else f"curves.{name}"


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
short_name("CurveLike", CurveLike)
"""A curve as users write it: `curves.cosine`, a registered name such as `"cosine"`, or a function of `u`."""
