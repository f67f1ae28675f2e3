"""Check the arguments of torch's schedulers before anything is written.

If torch raises an error too, the message starts with torch's text, because code that catches the error may search it.
"""

import math
import types
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.compat.group_values import by_value
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown


def torch_error(text: str, advice: str = "") -> InvalidArgument:
    """Return an error with torch's own text, followed by what to write instead.

    >>> print(torch_error("Factor should be < 1.0.", "Write factor=0.1"))
    Factor should be < 1.0. Write factor=0.1
    """
    return InvalidArgument(text.removesuffix(".") if advice else text, "", advice)


def require_optimizer(candidate: object) -> None:
    """Raise torch's TypeError if an object is not an optimizer."""
    if not isinstance(candidate, Optimizer):
        raise TypeError(f"{type(candidate).__name__} is not an Optimizer")


def number(scheduler: object, name: str, value: Any, example: str = "0.1") -> Any:
    """Return an argument as a Python number, so that a state contains plain data.

    A NumPy number and a tensor with one element are converted.

    Raises:
        InvalidCall: a TypeError, if the value is not a number.
    """
    if isinstance(value, (np.generic, np.ndarray, Tensor)) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, Real):
        site = CallSite(type(scheduler).__name__, name, shown(value))
        raise InvalidCall(site, f"expected a number, got {type(value).__name__}", f"For example: {name}={example}")
    return value


def float_number(scheduler: object, name: str, value: Any) -> Any:
    """Return an argument as a Python number that a float can represent."""
    value = number(scheduler, name, value)
    try:
        float(value)
    except OverflowError:
        site = CallSite(type(scheduler).__name__, name, shown(value))
        raise InvalidArgument(site, "too large for a float", f"For example: {name}=0.1") from None
    return value


def length(scheduler: object, name: str, value: Any, *, or_zero: bool = False) -> Any:
    """Return a length in epochs, by which the scheduler divides later: greater than 0, or at least 0."""
    value = number(scheduler, name, value, "10")
    if not (value > 0 or (or_zero and value == 0)):
        site = CallSite(type(scheduler).__name__, name, shown(value))
        least = "at least 0" if or_zero else "greater than 0"
        raise InvalidArgument(site, f"the length must be {least}", f"For example: {name}=10")
    return value


def positive_integer(scheduler: object, name: str, value: Any) -> int:
    """Return an integer greater than 0, as OneCycleLR requires it."""
    if not isinstance(value, int) or value <= 0:
        raise torch_error(f"Expected positive integer {name}, but got {value}", f"For example: {name}=100")
    return int(float_number(scheduler, name, value))


def per_group(scheduler: object, optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """Return a list with one number per group, from a number or a list."""
    groups = len(optimizer.param_groups)
    entries = value if isinstance(value, (list, tuple)) else [value] * groups
    if len(entries) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(entries)} values, param_groups has {groups}."
        )
    return [number(scheduler, name, entry) for entry in entries]


def require_epoch(scheduler: object, epoch: Any) -> None:
    """Raise an error if the epoch to resume from is not a finite number."""
    if type(epoch) is not int and not math.isfinite(number(scheduler, "last_epoch", epoch, "-1")):
        site = CallSite(type(scheduler).__name__, "last_epoch", shown(epoch))
        raise InvalidArgument(site, "the epoch must be finite", "Pass the last completed epoch, or -1 to start")


def require_function(name: str, function: Any) -> None:
    """Raise torch's TypeError if an object is not callable."""
    if not callable(function):
        advice = f"For example: {name}=lambda epoch: 0.95 ** epoch"
        raise InvalidCall(f"{name} should be a function, but got {type(function).__name__}", "", advice)


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, partial, type)


def attributes_of(function: Any) -> dict[str, Any] | None:
    """Return a copy of the attributes of a callable object, for a state; None for a function of any kind."""
    if isinstance(function, _FUNCTIONS) or isinstance(getattr(function, "__wrapped__", None), _FUNCTIONS):
        return None
    return by_value(dict(vars(function))) if hasattr(function, "__dict__") else None


def restore_attributes(function: Any, saved: dict[str, Any] | None) -> None:
    """Set the saved attributes of a callable object."""
    if saved and attributes_of(function) is not None:
        vars(function).update(by_value(saved))
