"""What can be a time and what can be a base, checked at the outermost call."""

from math import inf
from typing import Any

import numpy as np

from paramsched._arrays import Array, is_numpy
from paramsched.errors import InvalidArgument, InvalidTime

LONGEST = 10**18
"""Updates: the longest length there is."""

INSTEAD_OF_TIME = "Write the number of completed updates: 0, 1, 2, …"
_INSTEAD_OF_BASE = "Write the group's own value: 0.1, say"


def checked_times(t: Any) -> Array:
    """A Python or NumPy time as a NumPy array; what cannot be a time is refused."""
    if isinstance(t, (bool, str, bytes)):
        raise InvalidTime(f"time {t!r}", f"a {type(t).__name__} is no time", INSTEAD_OF_TIME)
    if isinstance(t, (int, float)):
        if not 0 <= t < inf:
            raise InvalidTime(f"time {t!r}", "negative or not finite", INSTEAD_OF_TIME)
        if isinstance(t, int) and t > LONGEST:
            raise InvalidTime(
                f"time {t:.6g}" if t < 10**300 else "time", "more updates than a clock counts", INSTEAD_OF_TIME
            )
        return np.asarray(t)
    times = np.asarray(t)
    if times.dtype.kind not in "iuf":
        raise InvalidTime(f"times of dtype {times.dtype}", "no numbers", INSTEAD_OF_TIME)
    first, last = (times.min(), times.max()) if times.size else (0, 0)
    if not (first >= 0 and np.isfinite(last)):
        raise InvalidTime(f"times from {first} to {last}", "negative or not finite", INSTEAD_OF_TIME)
    if times.dtype.kind == "f":
        return np.ascontiguousarray(times, dtype=np.float64).reshape(times.shape)
    if last > LONGEST:
        raise InvalidTime(f"times up to {last}", "more updates than a clock counts", INSTEAD_OF_TIME)
    return np.ascontiguousarray(times, dtype=np.int64).reshape(times.shape)


def checked_base(base: Any) -> Any:
    """A base of Python as a float, of NumPy as an array; what is no finite real number is refused."""
    if isinstance(base, (int, float)) and not isinstance(base, np.generic):
        try:
            value = float(base)
        except OverflowError:  # an integer of more than 308 digits
            value = inf
        if not -inf < value < inf:
            raise InvalidArgument(f"base {value!r}", "not finite", _INSTEAD_OF_BASE)
        return value
    if is_numpy(base):
        bases = np.asarray(base)
        if bases.dtype.kind not in "biuf":
            raise InvalidArgument(f"base {base!r}"[:80], f"{bases.dtype} is no real number", _INSTEAD_OF_BASE)
        if not np.isfinite(bases).all():
            raise InvalidArgument(f"base {base!r}"[:80], "not finite", _INSTEAD_OF_BASE)
        return bases
    if "complex" in str(getattr(base, "dtype", "")):
        raise InvalidArgument(f"base of dtype {base.dtype}", "no real number", _INSTEAD_OF_BASE)
    return base
