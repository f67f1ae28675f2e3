"""The arguments of torch's schedulers: read and checked in one way, with torch's words where torch refuses too."""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.base.number_checks import MOST_COUNT
from paramsched.base.user_warnings import warn_user
from paramsched.compat.group_fields import Number, by_value
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown


def optimizer_of(candidate: object) -> Optimizer:
    """Return the optimizer itself; raise torch's TypeError for anything else."""
    if not isinstance(candidate, Optimizer):
        raise TypeError(f"{type(candidate).__name__} is not an Optimizer")
    return candidate


def as_floats(values: Iterable[Any]) -> list[float]:
    """Return Python floats."""
    return [float(value) for value in values]


def like_entry(value: Any, there: Any) -> Number:
    """Return a value in the type of what a group holds; never that tensor itself."""
    if isinstance(there, Tensor):
        return there.detach().clone().fill_(float(value))
    return float(value) if isinstance(value, Tensor) else value


def one_per_group(scheduler: Any, argument: str, value: Any) -> list[Any]:
    """Return one entry for each group, tensors by value; refuse what is not a number."""
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
    """Repeat the last entry of a list until there is one for each group; warn if the entries differ."""
    groups = len(optimizer.param_groups)
    if len(entries) >= groups:
        return
    if any(entry is not entries[0] and not equal_values(entry, entries[0]) for entry in entries):
        warn_user(
            f"{name} has {len(entries)} entries and the optimizer now {groups} param groups: "
            f"the groups added use the last one, {entries[-1]!r}. Write {name} anew to say otherwise.",
        )
    entries.extend(by_value(entries[-1]) for _ in range(groups - len(entries)))


def nearly_equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Return whether two lists have the same numbers, except for rounding."""
    if len(one) != len(other):
        return False
    for x, y in zip(one, other, strict=True):
        narrow = any(isinstance(v, Tensor) and v.element_size() < 8 for v in (x, y))
        a, b = float(x), float(y)
        if a != b and abs(a - b) > (1e-6 if narrow else 1e-9) * max(abs(a), abs(b)):
            return False
    return True


def equal_values(one: Any, other: Any) -> bool:
    """Return whether two values are equal; those that cannot be compared are not."""
    try:
        return bool(one == other)
    except (TypeError, ValueError, RuntimeError):
        return False


# Wrong arguments are refused before anything is written. Where torch refuses too, the error begins with torch's words,
# because code that catches its errors looks at them.


def refused_as_torch(theirs: str, instead: str = "") -> InvalidArgument:
    """Make an error of torch's own text, and of what to write instead.

    >>> print(refused_as_torch("Factor should be < 1.0.", "Write factor=0.1"))
    Factor should be < 1.0. Write factor=0.1
    """
    return InvalidArgument(theirs.removesuffix(".") if instead else theirs, "", instead)


def with_value(site: CallSite, value: object) -> CallSite:
    """Return the call with the value in the place of "…"."""
    return replace(site, value=site.value.replace("…", shown(value)))


def real_number(site: CallSite, value: Any, instead: str = "Write 0.1, say") -> float:
    """Return a Python number for what torch accepts as one: NumPy's numbers, tensors with one entry, bools.

    Anything else is a TypeError, as torch's own; "…" in `site` stands for the value.
    """
    if isinstance(value, (np.generic, np.ndarray, Tensor)) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, Real):
        raise InvalidCall(with_value(site, value), f"expected a number, got {type(value).__name__}", instead)
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]  # numbers.Real is no float


def as_float(site: CallSite, value: Any) -> float:
    """Return `real_number` as a float, for a value that is used at once."""
    try:
        return float(real_number(site, value))
    except OverflowError:
        raise InvalidArgument(with_value(site, value), "no float holds it", "Write 0.1, say") from None


def length_in_epochs(site: CallSite, amount: Any, least: int) -> float:
    """Return a length in epochs, whole or not; infinity for one that no run reaches.

    Below `least` only a part of an epoch above 0 is allowed. So short a part that no float holds how many an epoch has
    has no end either: torch, which compares for equality, never finds it.
    """
    number = real_number(site, amount, "Write 10, say")
    if not (number >= least or number > 0):
        raise InvalidArgument(with_value(site, amount), f"not a length from {least} on", "Write 10, say")
    endless = number > MOST_COUNT or (0 < number < 1 / sys.float_info.max)
    return math.inf if endless else number


def require_epoch(site: CallSite, epoch: Any) -> None:
    """Refuse an epoch to go on from that is not a finite number."""
    if type(epoch) is not int and not math.isfinite(as_float(site, epoch)):
        raise InvalidArgument(with_value(site, epoch), "no epoch", "Write the last epoch that is done, or -1 to begin")


def require_function(function: Any, name: str) -> None:
    """Refuse what cannot be called."""
    if not callable(function):
        instead = f"Write {name}=lambda epoch: 0.95 ** epoch"
        raise InvalidCall(f"{name} should be a function, but got {type(function).__name__}", "", instead)
