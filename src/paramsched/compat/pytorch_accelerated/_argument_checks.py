"""Checks of arguments that both lr schedulers make."""

from typing import Any

from paramsched._number_checks import finite_number, whole_number
from paramsched.errors import AssertedArgument
from paramsched.user_warnings import warn_user


def require_positive_count(asked: str, amount: float, times: float = 1) -> int:
    """A whole number of updates above 0.

    Raises:
        AssertedArgument: it is not above 0.
        InvalidArgument: it is not whole.
    """
    if not (amount > 0 and times > 0):
        found = f"{amount!r} of {times!r} updates" if times != 1 else f"{amount!r} updates"
        raise AssertedArgument(asked, f"{found} is no length above 0", "Write 10")
    return whole_number(f"{asked}: updates", amount * times)


def require_at_least(low: float, asked: str, number: float, high: float | None = None) -> float:
    """A finite number from `low` on, and at most `high` where that is given.

    Raises:
        AssertedArgument: it is outside.
    """
    value = finite_number(asked, number)
    if value < low or (high is not None and value > high):
        bounds = f"below {low!r}" if high is None else f"not between {low!r} and {high!r}"
        raise AssertedArgument(f"{asked} got {number!r}", bounds, f"Write {max(low, 0.1)!r}")
    return number


def warn_of_reversals(call: str, bases: list[Any], first: list[float], last: list[float]) -> None:
    """Warn, once, of groups whose warm-up falls or whose descent rises; the formula stays as it is."""
    found = []
    for i, (base, start, end) in enumerate(zip(bases, first, last, strict=True)):
        if start > float(base):
            found.append(f"param_groups[{i}] warms up downwards, from {start!r} to {float(base)!r}")
        if end > float(base):
            found.append(f"param_groups[{i}] descends upwards, from {float(base)!r} to {end!r}")
    if found:
        warn_user(f"{call}: {'; '.join(found)}. Write the minimum and the start as ratios of the group's own lr.")
