"""Read and check the arguments of torch's schedulers, with torch's error text if torch raises an error too."""

import math
import pickle
import sys
import types
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.dropins.group_fields import Number, by_value
from paramsched.core.number_checks import MOST_COUNT
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown


def optimizer_of(candidate: object) -> Optimizer:
    """Return the optimizer; raise torch's TypeError for any other object."""
    if not isinstance(candidate, Optimizer):
        raise TypeError(f"{type(candidate).__name__} is not an Optimizer")
    return candidate


def as_floats(values: Iterable[Any]) -> list[float]:
    """Convert the values to Python floats."""
    return [float(value) for value in values]


def like_entry(value: Any, there: Any) -> Number:
    """Convert a value to the type of `there`, the present value of a group. A tensor result is a new tensor."""
    return there.detach().clone().fill_(float(value)) if isinstance(there, Tensor) else value


def one_per_group(scheduler: Any, argument: str, value: Any) -> list[Any]:
    """Return a list with one number per group, from an argument that is a number or a list; tensors are copied."""
    groups = len(scheduler.optimizer.param_groups)
    entries = value if isinstance(value, (list, tuple)) else [value] * groups
    if len(entries) != groups:
        raise ValueError(
            f"{argument} must have the same length as optimizer.param_groups. "
            f"{argument} has {len(entries)} values, param_groups has {groups}."
        )
    for entry in entries:
        as_float(CallSite(type(scheduler).__name__, argument), entry)
    return [by_value(entry) for entry in entries]


def extend_per_group(optimizer: Optimizer, name: str, entries: list[Any]) -> None:
    """Repeat the last entry of a per-group list until each group has one; warn if the entries are not all equal."""
    groups = len(optimizer.param_groups)
    if len(entries) >= groups:
        return
    if any(entry is not entries[0] and not equal_values(entry, entries[0]) for entry in entries):
        found = (
            f"{name} has {len(entries)} entries, but the optimizer now has {groups} param groups: "
            f"the new groups use the last entry, {entries[-1]!r}"
        )
        warn_user(Problem(found=found, advice=f"Set {name} again for other values."))
    entries.extend(by_value(entries[-1]) for _ in range(groups - len(entries)))


def nearly_equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether two lists contain the same numbers, up to rounding."""
    if len(one) != len(other):
        return False
    for x, y in zip(one, other, strict=True):
        narrow = any(isinstance(v, Tensor) and v.element_size() < 8 for v in (x, y))
        a, b = float(x), float(y)
        if abs(a - b) > (1e-6 if narrow else 1e-9) * max(abs(a), abs(b)):
            return False
    return True


def equal_values(one: Any, other: Any) -> bool:
    """Return whether two values are equal; False if they cannot be compared."""
    try:
        return bool(one == other)
    except (TypeError, ValueError, RuntimeError):
        return False


# Invalid arguments raise before anything is written. If torch raises too, the message starts with torch's text, because
# code that catches torch's errors may check it.


def torch_error(theirs: str, instead: str = "") -> InvalidArgument:
    """Return an error with torch's own text, followed by what to write instead.

    >>> print(torch_error("Factor should be < 1.0.", "Write factor=0.1"))
    Factor should be < 1.0. Write factor=0.1
    """
    return InvalidArgument(theirs.removesuffix(".") if instead else theirs, "", instead)


def with_value(site: CallSite, value: object) -> CallSite:
    """Return `site` with "…" in its text replaced by the value."""
    return replace(site, value=site.value.replace("…", shown(value)))


def real_number(site: CallSite, value: Any, instead: str = "For example: 0.1") -> float:
    """Convert a value that torch accepts as a number to a Python number.

    NumPy's numbers, tensors with one element and bools are accepted. Anything else raises a TypeError, as in torch;
    its message shows the value in place of "…" in `site`.
    """
    if isinstance(value, (np.generic, np.ndarray, Tensor)) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, Real):
        raise InvalidCall(with_value(site, value), f"expected a number, got {type(value).__name__}", instead)
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]  # numbers.Real is not a float


def as_float(site: CallSite, value: Any) -> float:
    """Convert a value that torch accepts as a number to a float."""
    try:
        return float(real_number(site, value))
    except OverflowError:
        raise InvalidArgument(with_value(site, value), "too large for a float", "For example: 0.1") from None


def length_in_epochs(site: CallSite, amount: Any, *, or_zero: bool) -> float:
    """Return a length in epochs, integer or fractional; infinity if no run reaches it.

    The length is greater than 0, or at least 0 if `or_zero` is true. A fraction by which no epoch can be divided also
    counts as infinite, because torch compares epochs for equality and never reaches it.
    """
    number = real_number(site, amount, "For example: 10")
    if not (number > 0 or (or_zero and number == 0)):
        least = "at least 0" if or_zero else "greater than 0"
        raise InvalidArgument(with_value(site, amount), f"the length must be {least}", "For example: 10")
    endless = number > MOST_COUNT or (0 < number < MOST_COUNT / sys.float_info.max)
    return math.inf if endless else number


def require_epoch(site: CallSite, epoch: Any) -> None:
    """Raise an error if the epoch to resume from is not a finite number."""
    if type(epoch) is not int and not math.isfinite(as_float(site, epoch)):
        raise InvalidArgument(
            with_value(site, epoch), "the epoch must be finite", "Pass the last completed epoch, or -1 to start"
        )


def require_function(function: Any, name: str) -> None:
    """Raise an error if an object is not callable."""
    if not callable(function):
        instead = f"For example: {name}=lambda epoch: 0.95 ** epoch"
        raise InvalidCall(f"{name} should be a function, but got {type(function).__name__}", "", instead)


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, partial, type)


def attributes_of(function: Any) -> dict[str, Any] | None:
    """Return the attributes of a callable object, copied for a state; None for a function and for no function."""
    return by_value(dict(function.__dict__)) if _is_object(function) else None


def restore_attributes(function: Any, saved: dict[str, Any] | None) -> None:
    """Set the saved attributes of a callable object; a function is not changed."""
    if saved and _is_object(function):
        function.__dict__.update(saved)


def _is_object(function: Any) -> bool:
    """Return whether a callable stores its data in its `__dict__`."""
    wraps = isinstance(getattr(function, "__wrapped__", None), _FUNCTIONS)  # a cached function
    return hasattr(function, "__dict__") and not isinstance(function, _FUNCTIONS) and not wraps


def require_named_functions(scheduler: object) -> None:
    """Raise a clear error for a function that pickle cannot find by its name."""
    for attribute, value in vars(scheduler).items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, types.FunctionType):
                continue
            if getattr(sys.modules.get(one.__module__), one.__qualname__, None) is not one:
                raise pickle.PicklingError(
                    f"{type(scheduler).__name__}.{attribute} contains {one.__module__}.{one.__qualname__}, "
                    "which pickle cannot find by its name. Use a function at the top of a module, or save "
                    "scheduler.state_dict() instead."
                )
