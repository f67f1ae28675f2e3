"""Metric rules: pure state machines that react to what training reports."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeAlias, TypeVar, final

import numpy as np

from paramsched.base.arrays import Array, Arrays
from paramsched.base.number_checks import finite_number, positive_number, require_choice
from paramsched.errors import CallSite, InvalidArgument, StateError, shown
from paramsched.schedules.affine import Absolute, Affine, Level
from paramsched.schedules.base import Schedule
from paramsched.schedules.leaves import schedule_of
from paramsched.schedules.one_operand import OneOperand
from paramsched.schedules.registry import combine_operands
from paramsched.schedules.text.writing import CALL, PRODUCT, call_text, in_brackets

State = TypeVar("State")
"""A frozen dataclass of JSON scalars."""


class MetricRule(ABC, Generic[State]):
    """Reacts to a metric: `init()`, `observe(state, value)` and `apply(state, value, base)` are pure.

    It multiplies into a schedule: `cosine() * plateau("loss")`. A reduction acts from the next update on.

    A rule of your own is a frozen dataclass with these four methods, whose state is another one, of JSON scalars or a
    tuple of them; `@ps.shape` on the function that makes it lets text, files and saved plans say it by name:

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class SpikeState:
    ...     last: float = float(10**9)
    ...     spikes: int = 0
    >>> @dataclass(frozen=True)
    ... class Spikes(MetricRule[SpikeState]):
    ...     metric: str
    ...     above: float
    ...     def init(self):
    ...         return SpikeState()
    ...     def observe(self, state, value):
    ...         return SpikeState(value, state.spikes + (value > self.above * state.last))
    ...     def apply(self, state, value, base=1.0):
    ...         return value if state.spikes == 0 else value * 0.5**state.spikes
    ...     def restore(self, data):
    ...         return SpikeState(**data)
    >>> rule = Spikes("loss", above=2.0)
    >>> state = rule.init()
    >>> for loss in (1.0, 5.0, 1.0):
    ...     state = rule.observe(state, loss)
    >>> rule.apply(state, 0.1)
    0.05
    """

    __slots__ = ()
    _precedence = CALL
    metric: str

    @abstractmethod
    def init(self) -> State:
        """The state before anything was observed."""

    @abstractmethod
    def observe(self, state: State, value: float) -> State:
        """The state after one more value of the metric."""

    @abstractmethod
    def apply(self, state: State, value: Any, base: Any = 1.0) -> Any:
        """What the rule makes of a planned value; exactly that value where it has not reacted yet."""

    @abstractmethod
    def restore(self, data: dict[str, Any]) -> State:
        """A state from its JSON scalars; StateError for anything else."""

    def __mul__(self, other: Schedule | float) -> "Guided":
        return _guide_schedule(other, self, first=False)

    def __rmul__(self, other: Schedule | float) -> "Guided":
        return _guide_schedule(other, self, first=True)

    def __str__(self) -> str:
        return call_text(self)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Guided(OneOperand):
    """A schedule and the metric rules that multiply into it; called by itself it shows the rules neutral."""

    schedule: Schedule
    guides: tuple[MetricRule[Any], ...]
    _precedence = PRODUCT

    @property
    def metric_rules(self) -> tuple[MetricRule[Any], ...]:
        return self.guides

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return self.schedule._at(t, base, ops)

    def __mul__(self, other: Any) -> Schedule:
        return _multiply_guided(self, other, swapped=False)

    def __rmul__(self, other: Any) -> Schedule:
        return _multiply_guided(self, other, swapped=True)

    def __str__(self) -> str:
        return " * ".join([in_brackets(self.schedule, PRODUCT), *(str(rule) for rule in self.guides)])


def _multiply_guided(guided: Guided, other: Any, *, swapped: bool) -> Schedule:
    """Schedules are multiplied, rules put side by side."""
    if isinstance(other, MetricRule):
        return Guided(guided.schedule, (*guided.guides, other))
    inner, more = (other.schedule, other.guides) if isinstance(other, Guided) else (other, ())
    pair = (inner, guided.schedule) if swapped else (guided.schedule, inner)
    return Guided(combine_operands("product", *pair), (*guided.guides, *more))


def _guide_schedule(other: Schedule | float, rule: MetricRule[Any], *, first: bool) -> Guided:
    """A rule times something; `first` where the rule stands on the right."""
    if isinstance(other, MetricRule):
        rules = (other, rule) if first else (rule, other)
        return Guided(schedule_of(1.0, ""), rules)
    if isinstance(other, Guided):
        return Guided(other.schedule, (*other.guides, rule))
    if isinstance(other, (Schedule, int, float)):
        return Guided(schedule_of(other, f"{other} * {rule}"), (rule,))
    raise InvalidArgument(f"{other!r} * {rule}", "no schedule", "Write cosine() * plateau()")


Mode: TypeAlias = Literal["min", "max"]
ThresholdMode: TypeAlias = Literal["rel", "abs"]
Nonfinite: TypeAlias = Literal["count", "ignore", "raise"]
Against: TypeAlias = Literal["best", "previous"]
"""What a value of the metric is compared with: the best one so far, or the one before."""


def require_metric(name: str, metric: Any) -> None:
    """Refuse what is no name of a metric."""
    if not isinstance(metric, str) or not metric:
        raise InvalidArgument(CallSite(name, "metric", repr(metric)), "no name", f'Write {name}("val_loss")')


def require_choices(name: str, rule: Any, choices: Mapping[str, Any]) -> None:
    """Refuse an option that is none of its choices."""
    for option, choice in choices.items():
        require_choice(CallSite(name, option), getattr(rule, option), choice, "not one of its choices")


def not_negative(site: CallSite, given: Any) -> float:
    """An option that is 0 or more."""
    value = finite_number(site, given)
    if value < 0:
        refusal = InvalidArgument(replace(site, value=str(value)), "below 0", f"Write {site.argument}=0.1")
        raise refusal.changed(sample=0.1)
    return value


def factor_below_one(site: CallSite, given: Any) -> float:
    """The factor of a reduction."""
    value = not_negative(site, given)
    if not 0 < value < 1:
        refusal = InvalidArgument(replace(site, value=str(value)), "it would not reduce", "Write factor=0.1")
        raise refusal.changed(sample=0.1)
    return value


def lowest_level(name: str, given: Level) -> float | Absolute:
    """The level below which a rule does not reduce."""
    return _checked_bound(CallSite(name, "min"), given, not_negative, "absolute(1e-5)", 0.01)


def highest_level(name: str, given: Level | None) -> float | Absolute | None:
    """The level above which a rule does not raise."""
    return (
        None if given is None else _checked_bound(CallSite(name, "max"), given, positive_number, "absolute(0.1)", 10.0)
    )


def _checked_bound(
    site: CallSite, given: Level, check: Callable[[CallSite, Any], float], absolute: str, sample: float
) -> float | Absolute:
    """A bound by its check, with examples for an error."""
    if isinstance(given, Absolute):
        check(site, given.value)
        return given
    if not isinstance(given, (int, float)):
        found = f"not a multiple of base or a value as it stands, like {absolute}"
        instead = f"Write {site.argument}={sample}"
        raise InvalidArgument(replace(site, value=str(given)), found, instead, sample=sample)
    return check(site, given)


def metric_number(name: str, metric: str, value: Any, nonfinite: Nonfinite) -> float | None:
    """A value as a float; None for one that is passed over.

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
            raise InvalidArgument(f"observe({metric}={number})", "must be finite", instead)
        if nonfinite == "ignore":
            return None
    return number


def improves_on(value: float, than: float | None, mode: Mode, threshold: float, threshold_mode: ThresholdMode) -> bool:
    """Whether a value is better than another by more than a threshold; the first one always is."""
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


def reduced_factor(now: float, factor: float, floor: float | Absolute) -> float:
    """What a schedule is multiplied with after one more reduction.

    An absolute floor does not stop it: how many times base that is, only `reduced_value` knows.

    >>> reduced_factor(0.5, 0.1, 0.2), reduced_factor(0.1, 0.1, 0.2)
    (0.2, 0.1)
    """
    lowest = 0.0 if isinstance(floor, Absolute) else floor
    return max(now * factor, min(lowest, now))


def reduced_value(value: Any, factor: float, floor: float | Absolute, base: Any) -> Any:
    """A value of the schedule, reduced down to the floor. What the schedule itself takes below it is left alone.

    >>> reduced_value(0.5, 0.5, 2.0, base=0.2), reduced_value(0.5, 0.5, Absolute(1e-3), base=0.2)
    (0.4, 0.25)
    """
    if factor == 1.0:
        return value
    lowest = (
        floor.value
        if isinstance(floor, Absolute)
        else floor * (base if isinstance(base, (int, float)) else np.asarray(base))
    )
    if isinstance(value, (int, float)) and isinstance(lowest, (int, float)):
        return max(value * factor, min(value, lowest))
    return np.maximum(value * factor, np.minimum(value, lowest))


def require_reduction(rule: Any, factor: float) -> None:
    """Refuse a saved factor that raises.

    Raises:
        StateError: it is above 1.
    """
    if factor > 1:
        raise StateError(f"state of {rule}: factor is {factor!r}, and a rule only reduces")
