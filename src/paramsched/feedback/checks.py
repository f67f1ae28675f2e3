"""What all metric rules check: their options, the metric they are told, the level it is held against, a saved state."""

import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from paramsched._number_checks import finite_number, positive_number
from paramsched.errors import Asked, InvalidArgument, StateError, nearest, shown
from paramsched.schedules.affine import Absolute, Level

Mode: TypeAlias = Literal["min", "max"]
ThresholdMode: TypeAlias = Literal["rel", "abs"]
Nonfinite: TypeAlias = Literal["count", "ignore", "raise"]
Against: TypeAlias = Literal["best", "previous"]
"""What a value of the metric is compared with: the best one so far, or the one before."""


def require_metric(name: str, metric: Any) -> None:
    """Refuse what is no name of a metric."""
    if not isinstance(metric, str) or not metric:
        raise InvalidArgument(Asked(name, "metric", repr(metric)), "no name", f'Write {name}("val_loss")')


def require_choices(name: str, rule: Any, choices: Mapping[str, Any]) -> None:
    """Refuse an option that is none of its choices."""
    for option, choice in choices.items():
        given, known = getattr(rule, option), get_args(choice)
        if given not in known:
            found = f"not one of its choices; {nearest(str(given), known)}"
            refusal = InvalidArgument(Asked(name, option, repr(given)), found, f'Write {option}="{known[0]}"')
            raise refusal.suggest(known[0])


def not_negative(name: str, option: str, given: Any) -> float:
    """An option that is 0 or more."""
    value = finite_number(Asked(name, option), given)
    if value < 0:
        raise InvalidArgument(Asked(name, option, str(value)), "below 0", f"Write {option}=0.1").suggest(0.1)
    return value


def factor_below_one(name: str, given: Any) -> float:
    """The factor of a reduction."""
    value = not_negative(name, "factor", given)
    if not 0 < value < 1:
        raise InvalidArgument(Asked(name, "factor", str(value)), "it would not reduce", "Write factor=0.1").suggest(0.1)
    return value


def lowest_level(name: str, given: Level) -> float | Absolute:
    """The level below which a rule does not reduce: a multiple of base, or a value as it stands."""
    if isinstance(given, Absolute):
        not_negative(name, "min", given.value)
        return given
    if not isinstance(given, (int, float)):
        found = "not a multiple of base or a value as it stands, like absolute(1e-5)"
        raise InvalidArgument(Asked(name, "min", str(given)), found, "Write min=0.01").suggest(0.01)
    return not_negative(name, "min", given)


def highest_level(name: str, given: Level | None) -> float | Absolute | None:
    """The level above which a rule does not raise; None where there is none."""
    if given is None:
        return None
    if isinstance(given, Absolute):
        positive_number(Asked(name, "max"), given.value)
        return given
    if not isinstance(given, (int, float)):
        found = "not a multiple of base or a value as it stands, like absolute(0.1)"
        raise InvalidArgument(Asked(name, "max", str(given)), found, "Write max=10.0").suggest(10.0)
    return positive_number(Asked(name, "max"), given)


def metric_number(name: str, metric: str, value: Any, nonfinite: Nonfinite) -> float | None:
    """A value of the metric as a float; None for one that is passed over.

    Raises:
        InvalidArgument: it is not finite, and that is an error.
    """
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf if value > 0 else -math.inf
    if not math.isfinite(number):
        if nonfinite == "raise":
            instead = f'Write {name}(…, nonfinite="ignore") to pass over it'
            raise InvalidArgument(f"observe({metric}={number})", "not finite", instead)
        if nonfinite == "ignore":
            return None
    return number


def improves_on(value: float, than: float | None, mode: Mode, threshold: float, threshold_mode: ThresholdMode) -> bool:
    """Whether a value of the metric is better than another by more than a threshold; the first one always is."""
    if not math.isfinite(value):
        return False
    if than is None:
        return True
    # The margin is in the direction of improvement also where best is negative (torch's is turned round there).
    sign = -1 if mode == "min" else 1
    if threshold_mode == "abs":
        bar = than + sign * threshold
    else:
        bar = than * (1 + math.copysign(threshold, sign * than))
    return value < bar if mode == "min" else value > bar


def require_state(rule: Any, data: Any, kinds: Mapping[str, tuple[type, ...]], signed: tuple[str, ...]) -> None:
    """Refuse a saved state that a rule cannot go on from.

    Args:
        rule: whose state it is.
        data: what was saved.
        kinds: for each key what its value may be.
        signed: the keys whose values may be below 0.

    Raises:
        StateError: with the key and what was found.
    """
    if not isinstance(data, dict) or set(data) != set(kinds):
        raise StateError(f"state of {rule}: {data!r} does not have the keys {', '.join(kinds)}")
    for name, kind in kinds.items():
        value = data[name]
        numbers = value if isinstance(value, (list, tuple)) and list in kind else [value]
        for number in numbers:
            sound = isinstance(number, kind) and not isinstance(number, (bool, list, tuple))
            if sound and isinstance(number, int):
                sound = abs(number) < 10**300  # one of more than 308 digits is no float
            if not sound or (number is not None and not (math.isfinite(number) and (name in signed or number >= 0))):
                raise StateError(f"state of {rule}: {name} is {shown(value)}")
