"""The arguments of the drop-ins: what is no number, no length or no function is refused before anything is written.

Where torch refuses too, the error begins with torch's words, because code that catches its errors looks at them.
"""

import math
import sys
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from paramsched._number_checks import MOST_COUNT
from paramsched.errors import Asked, InvalidArgument, InvalidCall, shown


def refused_as_torch(theirs: str, instead: str = "") -> InvalidArgument:
    """An error that begins with torch's own text, and goes on with what to write.

    >>> print(refused_as_torch("Factor should be < 1.0.", "Write factor=0.1"))
    Factor should be < 1.0. Write factor=0.1
    """
    return InvalidArgument(theirs.removesuffix(".") if instead else theirs, "", instead)


def with_value(asked: Asked, value: object) -> Asked:
    """The call with the value that was given in the place of "…"."""
    return replace(asked, value=asked.value.replace("…", shown(value)))


def real_number(asked: Asked, value: Any, instead: str = "Write 0.1, say") -> float:
    """A number of Python for what torch takes as one: numbers of NumPy, tensors with one entry, bools.

    Args:
        asked: the argument, with "…" in the place of the value.

    Raises:
        InvalidCall: text, None, a complex number, a list: torch's own error for these is a TypeError.
    """
    if isinstance(value, (np.generic, np.ndarray, Tensor)) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, Real):
        raise InvalidCall(with_value(asked, value), f"a {type(value).__name__} is no number", instead)
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]  # numbers.Real is no float


def as_float(asked: Asked, value: Any) -> float:
    """`real_number` as a float, for a value that is computed with at once.

    Raises:
        InvalidArgument: an integer that no float holds.
    """
    try:
        return float(real_number(asked, value))
    except OverflowError:
        raise InvalidArgument(with_value(asked, value), "no float holds it", "Write 0.1, say") from None


def length_in_epochs(asked: Asked, amount: Any, least: int) -> float:
    """A length in epochs, whole or not; infinity for one that no run reaches the end of.

    A length that an epoch holds too many of for a float to say has no end either: to torch, which compares for
    equality, no epoch is the one at which it ends.

    Raises:
        InvalidArgument: below `least`, unless it is a part of an epoch above 0; NaN.
    """
    number = real_number(asked, amount, "Write 10, say")
    if not (number >= least or number > 0):
        raise InvalidArgument(with_value(asked, amount), f"not a length from {least} on", "Write 10, say")
    endless = number > MOST_COUNT or (0 < number < 1 / sys.float_info.max)
    return math.inf if endless else number


def require_epoch(asked: Asked, epoch: Any) -> None:
    """Refuse an epoch to go on from that is no finite number."""
    if type(epoch) is not int and not math.isfinite(as_float(asked, epoch)):
        raise InvalidArgument(with_value(asked, epoch), "no epoch", "Write the last epoch that is done, or -1 to begin")


def require_function(function: Any, name: str) -> None:
    """Refuse what cannot be called.

    Raises:
        InvalidCall: it cannot.
    """
    if not callable(function):
        instead = f"Write {name}=lambda epoch: 0.95 ** epoch"
        raise InvalidCall(f"{name} should be a function, but got {type(function).__name__}", "", instead)
