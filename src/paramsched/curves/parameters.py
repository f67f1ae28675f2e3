"""Checks of the parameters of curves."""

import numpy as np

from paramsched.curves.base import NAME_OF_CLASS, Curve
from paramsched.errors import CallSite, InvalidArgument, shown

_MOST = float(np.finfo(np.float64).max)


def finite_parameter(curve: Curve, name: str, example: float) -> None:
    """Convert a parameter of a curve to a float.

    Raises:
        InvalidArgument: the parameter is not a finite number. The error suggests `example`.
    """
    value = getattr(curve, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_MOST <= value <= _MOST:
        site = CallSite(f"curves.{NAME_OF_CLASS[type(curve)]}", name, shown(value))
        raise InvalidArgument(site, "expected a finite number", write=f"{name}={example}", sample=example)
    object.__setattr__(curve, name, float(value))


def positive_parameter(curve: Curve, name: str, example: float) -> None:
    """Convert a parameter of a curve to a float that is greater than 0.

    Raises:
        InvalidArgument: the parameter is not a finite number greater than 0. The error suggests `example`.
    """
    finite_parameter(curve, name, example)
    if getattr(curve, name) <= 0:
        raise InvalidArgument(
            CallSite(f"curves.{NAME_OF_CLASS[type(curve)]}", name, str(getattr(curve, name))),
            "must be greater than 0",
            write=f"{name}={example}",
            sample=example,
        )
