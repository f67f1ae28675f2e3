"""Curve: the base class of functions from 0 to 1."""

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar, overload

import numpy as np

from paramsched.core.base.frozen_values import frozen_value, shown_fields
from paramsched.core.base.params import argument_kind
from paramsched.core.curves.arrays import NUMPY, Array, Arrays, Floats, require_numbers
from paramsched.core.number_checks import check_fields

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
