"""Metric rules: pure state machines that react to what training reports, and the schedule they multiply into."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, final

from paramsched._arrays import Array, Arrays
from paramsched.errors import InvalidArgument
from paramsched.schedules.affine import Affine
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
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

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return self.schedule._at(t, base, xp)

    def __mul__(self, other: Any) -> Schedule:
        return _multiply_guided(self, other, swapped=False)

    def __rmul__(self, other: Any) -> Schedule:
        return _multiply_guided(self, other, swapped=True)

    def __str__(self) -> str:
        return " * ".join([in_brackets(self.schedule, PRODUCT), *(str(rule) for rule in self.guides)])


def _multiply_guided(guided: Guided, other: Any, *, swapped: bool) -> Schedule:
    """A guided schedule times what may be guided itself: schedules are multiplied, rules put side by side."""
    if isinstance(other, MetricRule):
        return Guided(guided.schedule, (*guided.guides, other))
    inner, more = (other.schedule, other.guides) if isinstance(other, Guided) else (other, ())
    pair = (inner, guided.schedule) if swapped else (guided.schedule, inner)
    return Guided(combine_operands("product", *pair), (*guided.guides, *more))


def _guide_schedule(other: Schedule | float, rule: MetricRule[Any], *, first: bool) -> Guided:
    """A rule times a schedule, a number, or another rule; `first` where the rule stands on the right."""
    if isinstance(other, MetricRule):
        rules = (other, rule) if first else (rule, other)
        return Guided(schedule_of(1.0, ""), rules)
    if isinstance(other, Guided):
        return Guided(other.schedule, (*other.guides, rule))
    if isinstance(other, (Schedule, int, float)):
        return Guided(schedule_of(other, f"{other} * {rule}"), (rule,))
    raise InvalidArgument(f"{other!r} * {rule}", "no schedule", "Write cosine() * plateau()")
