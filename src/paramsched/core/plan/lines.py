"""Lines: one schedule on one field of one group, and the range of its values."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import islice
from math import ceil, inf, isfinite
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.groups.fields import Field, Group, recorded_base
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.binding import (
    Binding,
    Target,
    binding_key,
    is_only_name,
    refuse_unmatched,
    selector_text,
)
from paramsched.core.plan.messages import lines as messages
from paramsched.core.plan.optimizers import WHOLE, OptimizerScope
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.schedules.anneals import require_positive_base
from paramsched.core.schedules.cost import cost_of_edge, cost_of_value
from paramsched.core.schedules.level import split_level
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import factor_of_number
from paramsched.core.schedules.span import MAX_LENGTH, evaluate, factors_at, product, rows_at
from paramsched.core.schedules.user_shapes import has_own_shape
from paramsched.core.time.duration import times_on
from paramsched.core.time.run_facts import UPDATES
from paramsched.errors import ParamschedError

_NOT_NEGATIVE: Final = ("lr", "weight_decay", "eps", "alpha", "betas", "momentum", "dampening")
_BELOW_ONE: Final = ("betas", "momentum", "dampening")


@final
class ValueRange(NamedTuple):
    """The values of a field that an optimizer can use: finite ones from `least` to less than `below`."""

    below: float
    least: float = 0.0

    def outside(self, values: Array, base: float) -> Array:
        """Return which values are outside; a value that rounding moved below `least` is not."""
        finite = np.isfinite(values)
        rounding = 1e-9 * max(abs(base), float(np.max(np.abs(values), initial=0.0, where=finite)))
        return ~finite | (values < self.least - rounding) | (values >= self.below)

    def problem(self, value: float) -> str:
        """Return the words for a value outside."""
        if not isfinite(value):
            return "is not finite"
        return "falls below 0" if value < 0 else f"reaches {self.below:g}"


FINITE: Final = ValueRange(inf, -inf)
"""The values of a target, and of a field without a range of its own."""


@cache
def range_of(name: str) -> ValueRange | None:
    """Return the range of a field; None if every finite number is accepted.

    >>> range_of("betas[1]"), range_of("lr"), range_of("temperature")
    (ValueRange(below=1.0, least=0.0), ValueRange(below=inf, least=0.0), None)
    """
    key = Field.of(name).key
    return ValueRange(1.0 if key in _BELOW_ONE else inf) if key in _NOT_NEGATIVE else None


_OF_PARTS: Final = ("sequence", "product", "maximum", "minimum", "guided", "absolute")
"""Schedules with no value below 0 if none of their parts has one."""


def is_never_negative(schedule: Schedule) -> bool:
    """Return whether the formula of a resolved schedule shows that no value is below 0, for any base that is not.

    >>> is_never_negative(linear(1, 0.1, over=10)), is_never_negative(linear(1, -0.1, over=10))
    (True, False)
    """
    args = schedule.args
    if schedule.kind in _OF_PARTS:
        return all(map(is_never_negative, schedule.parts()))
    if schedule.kind in ("anneal", "warmup"):
        return args["curve"].monotone and _is_at_least_zero(args["start"]) and _is_at_least_zero(args["to"])
    return schedule.kind == "constant" and _is_at_least_zero(args["value"])


def _is_at_least_zero(level: Any) -> bool:
    """Return whether a level is not below 0 for any base; an open one is that of its neighbor, or the shape's own."""
    return level is None or all((value or 0.0) >= 0 for value in split_level(level))


_MOST_UPDATES: Final = 65_536
"""The updates of a run at which all values are computed."""
_MOST_COST: Final = 8_000_000
"""The cost of all values together: of a costly schedule, fewer are computed."""
_MOST_EDGE_COST: Final = 320_000
"""The cost of all edges together, likewise."""
_GRID: Final = 16_384
"""The evenly spaced updates of a longer run at which values are computed, besides its edges."""
_EACH: Final = 32
"""The first and the last updates of a longer run, at which all values are computed."""
_MOST_OF_FUNCTIONS: Final = 16_384  # updates at which a function of the user is called; each call may take microseconds


def first_outside(
    schedule: Schedule,
    allowed: ValueRange,
    base: float,
    times_of: Callable[[Array], Array],
    start: int,
    end: int,
    most_cost: int = _MOST_COST,
) -> tuple[int, float] | None:
    """Return the first update at which a schedule is outside of a range, and its value; None if there is none.

    The values of a run of up to 65,536 updates are computed at each of them. In a longer run they are computed at some
    evenly spaced updates, and beside the updates at which the formula changes. Metric rules are not applied: they may
    change all values but the first.

    Args:
        schedule: a resolved schedule.
        allowed: the range.
        base: the base.
        times_of: returns the times of updates on the clock of the schedule.
        start, end: the first update, and the one after the last.
        most_cost: the cost of the computed values (`cost_of_value`).
    """
    if schedule.metric_rules:
        end = min(end, start + 1)
    if end <= start or (allowed.below == inf and base >= 0 and is_never_negative(schedule)):
        return None
    updates = _updates_to_look_at(schedule, times_of, start, end, most_cost)
    values = evaluate(schedule, times_of(updates), base)
    bad = allowed.outside(values, base)
    if not bad.any():
        return None
    place = int(np.argmax(bad))
    update = int(updates[place])
    before = int(updates[place - 1]) if place else start
    if place and update - before > 1:  # an update between them may be outside too
        inside = first_outside(schedule, allowed, base, times_of, before + 1, update, most_cost // 2)
        if inside is not None:
            return inside
    return update, float(values[place])


def _updates_to_look_at(
    schedule: Schedule, times_of: Callable[[Array], Array], start: int, end: int, most_cost: int
) -> Array:
    first = int(times_of(np.array([start]))[0])
    last = int(times_of(np.array([end - 1]))[0])
    affordable = max(most_cost // cost_of_value(schedule, last + 1), _EACH)
    most = min(_MOST_OF_FUNCTIONS if has_own_shape(schedule) else _MOST_UPDATES, affordable)
    if end - start <= most:
        return np.arange(start, end)
    count = min(_GRID, affordable)
    # Three updates are computed at each edge, which costs as much as they do.
    most = min(most, affordable // 6, _MOST_EDGE_COST // cost_of_edge(schedule))
    updates = np.linspace(start, end - 1, count).astype(np.int64)
    edges = np.array([float(min(edge, last + 1)) for edge in islice(schedule.planned.edges(first, last + 1), most)])
    # The updates just before and after each edge, on any clock: times do not decrease.
    after = np.searchsorted(times_of(updates), edges)
    near = updates[np.clip(after, 0, updates.size - 1)]
    is_counted = np.array_equal(times_of(updates), updates)
    beside = np.ceil(edges).astype(np.int64) if is_counted else near
    # Not np.unique, which hashes integers: that takes ten times as long, and a repeated update does no harm.
    each = np.arange(_EACH)
    several = [updates, beside - 1, beside, beside + 1, start + each, end - 1 - each]
    values = np.sort(np.concatenate(several), kind="stable")
    return values[(values >= start) & (values < end)]


def end_of_values(schedule: Schedule) -> int | None:
    """Return the time after which a resolved schedule is constant, plus 1; None if it never is."""
    try:
        held = schedule.planned.held
    except ParamschedError:
        return None
    return None if held is None else min(ceil(held) + 1, MAX_LENGTH)


GroupField: TypeAlias = tuple[int, str]
"""The index of a group, and the flat name of a field (`Field.slot`)."""

GroupValues: TypeAlias = Mapping[GroupField, float]

BaseOf: TypeAlias = Callable[[Field, Group, int], float]
"""A function that returns the base of a field in a group, which has this index."""

RuleStates: TypeAlias = Mapping[MetricRule[Any], Any]


@final
class UpdateRange(NamedTuple):
    """The times of successive updates; a tuple, because one is constructed at many updates.

    Args:
        first: the number of the first update.
        amounts: an array with the amount before each update; a number if it is the same for all; None if the
            plan is by updates.
        size: the number of updates.
    """

    first: int
    amounts: Array | Amount | None
    size: int = 1

    def listed(self) -> list[Amount]:
        """Return the amount before each update."""
        amounts: Any = self.amounts
        if self.size == 1 and not isinstance(amounts, np.ndarray):
            return [amounts]
        return amounts.tolist() if isinstance(amounts, np.ndarray) else [amounts] * self.size

    def on_clock(self, clock: str) -> Any:
        """Return an array of the times as the schedules on a clock count them; one number if all are the same."""
        if clock == UPDATES or self.amounts is None:
            return self.first if self.size == 1 else np.arange(self.first, self.first + self.size)
        return times_on(clock, self.amounts)


@final
@dataclass(frozen=True, eq=False)
class BoundLine:
    """A field, its schedule, and the groups of one optimizer that follow it, each with its base.

    Args:
        name: the field's name in the plan.
        field: the entry of the groups.
        schedule: the schedule that the field follows.
        clock: the clock of the schedule.
        groups: the indices of the groups.
        bases: the base of each of them; empty if they are not known yet.
    """

    name: str
    field: Field
    schedule: Schedule
    clock: str
    groups: tuple[int, ...]
    bases: tuple[float, ...] = ()

    @property
    def by_amount(self) -> bool:
        """True if the clock of the field counts an amount, False if it counts updates."""
        return self.clock != UPDATES

    @property
    def places(self) -> Iterable[tuple[int, float]]:
        """Pairs of a group and its base."""
        return zip(self.groups, self.bases, strict=True)

    def with_bases(self, bases: GroupValues) -> "BoundLine":
        """Return the line with other bases, as far as they are known; the same object if they are equal."""
        slot = self.field.slot
        new = tuple(bases.get((index, slot), base) for index, base in self.places)
        if new != self.bases:
            for index, base in zip(self.groups, new, strict=True):
                require_positive_base(self.schedule, base, f"{self.field} of group {index}")
        return self if new == self.bases else replace(self, bases=new)

    def only(self, groups: Container[int]) -> "BoundLine":
        """Return the line with some of its groups only."""
        kept = [place for place in self.places if place[0] in groups]
        if len(kept) == len(self.groups):
            return self
        return replace(self, groups=tuple(index for index, _ in kept), bases=tuple(base for _, base in kept))

    # ------------------------------------------------------------------ values

    @cached_property
    def _affine(self) -> bool:  # depends on all parts of the schedule
        return self.schedule.affine and not self.schedule.metric_rules

    @cached_property
    def _has_zero(self) -> bool:
        return 0 in self.bases

    @cached_property
    def _factor_at(self) -> Callable[[float], float] | None:
        """The factor of base at one time, if the schedule has such a function."""
        return factor_of_number(self.schedule) if self._affine else None

    @cached_property
    def _range(self) -> ValueRange | None:
        """The range of a field whose values a start did not all look at, because it calls a function only sometimes."""
        return range_of(self.name) if has_own_shape(self.schedule) else None

    def _refuse_outside(self, values: Any, first: int) -> None:
        """Raise if a value of the updates from `first` on is outside of the range of the field."""
        rows = np.atleast_1d(values)
        if self._range is None or not rows.size:
            return
        # `ValueTable` notes those that are not finite, because the run may end before them.
        bad = self._range.outside(rows, max(self.bases, default=1.0)) & np.isfinite(rows)
        if bad.any():
            place = np.unravel_index(np.argmax(bad), rows.shape)
            value = float(rows[place])
            problem = self._range.problem(value)
            raise messages.value_is_outside(str(self.field), problem, value, int(first + place[0]))

    def factors(self, times: UpdateRange) -> list[float] | None:
        """Return a factor of base for each update; None if the schedule is not proportional to base."""
        if self._range is not None:
            return None  # because values are compared with the range
        times_on_clock = times.on_clock(self.clock)
        factor_at = self._factor_at
        if factor_at is not None and not self._has_zero and not isinstance(times_on_clock, np.ndarray):
            return [factor_at(times_on_clock)] * times.size
        factors = factors_at(self.schedule, times_on_clock) if self._affine else None
        if factors is None or (self._has_zero and not np.isfinite(factors).all()):
            return None  # a base of 0 stays 0, but 0 * inf would be NaN
        return repeated(factors, times.size)

    def values_of_one(self, times: UpdateRange, base: float, states: RuleStates) -> list[float]:
        """Return the value for one base at each update."""
        times_on_clock = times.on_clock(self.clock)
        if self._factor_at is not None and not isinstance(times_on_clock, np.ndarray):
            return [float(product(self._factor_at(times_on_clock), base))] * times.size
        values = repeated(values_of(self.schedule, times_on_clock, base, states), times.size)
        self._refuse_outside(values, times.first)
        return values

    def values_at(self, times: UpdateRange, states: RuleStates) -> list[float]:
        """Return the value of each group at one update."""
        time = times.on_clock(self.clock)
        if self._factor_at is not None and not isinstance(time, np.ndarray):
            # Without arrays, because a load asks often.
            factor = self._factor_at(time)
            return [float(product(factor, base)) for base in self.bases]
        values: list[float] = np.broadcast_to(self.rows(times, states), (1, len(self.groups)))[0].tolist()
        return values

    def rows(self, times: UpdateRange, states: RuleStates) -> Any:
        """Return an array with a row per update and a column per group, each equal to `values_of_one` of its base."""
        rows = self._rows(times, states)
        self._refuse_outside(rows, times.first)
        return rows

    def _rows(self, times: UpdateRange, states: RuleStates) -> Any:
        times_on_clock = times.on_clock(self.clock)
        bases = np.array(self.bases)
        if not self.schedule.metric_rules:
            return rows_at(self.schedule, times_on_clock, bases)
        values = {base: values_of(self.schedule, times_on_clock, base, states) for base in set(self.bases)}
        return np.stack([values[base] for base in self.bases], axis=1)


def values_of(schedule: Schedule, times: Any, base: float, states: RuleStates) -> Floats:
    """Return the values of a schedule for one base, after its metric rules are applied."""
    values = evaluate(schedule, np.atleast_1d(times), base)
    if schedule.kind == "absolute":
        base = 1.0  # its rules are inside of absolute(…) too, so their levels are values
    for rule in schedule.metric_rules:
        values = rule.apply(states[rule], values, base)
    return values


def repeated(column: Any, count: int) -> list[float]:
    """Return the values of an array, or one number repeated, as a list of `count` numbers."""
    if not isinstance(column, np.ndarray) or not column.ndim:  # `broadcast_to` costs 5 µs, a seventh of a seek
        return [float(column)] * count
    values: list[float] = np.broadcast_to(column, (count,)).tolist() if len(column) != count else column.tolist()
    return values


def rows_of(lines: Sequence[BoundLine], times: UpdateRange, states: RuleStates) -> Any:
    """Return an array with a row for each update, and the columns of one line after those of another."""
    block = np.empty((times.size, sum(len(line.groups) for line in lines)))
    begin = 0
    for line in lines:
        end = begin + len(line.groups)
        block[:, begin:end] = line.rows(times, states)
        begin = end
    return block


def values_at(lines: Iterable[BoundLine], times: UpdateRange, states: RuleStates) -> dict[GroupField, float]:
    """Return the value of each field in each group at one update."""
    values: dict[GroupField, float] = {}
    for line in lines:
        slot = line.field.slot
        for index, value in zip(line.groups, line.values_at(times, states), strict=True):
            values[index, slot] = value
    return values


def bases_of(lines: Iterable[BoundLine]) -> dict[GroupField, float]:
    """Return the base of each field in each group."""
    return {(index, line.field.slot): base for line in lines for index, base in line.places}


def by_group(lines: Iterable[BoundLine]) -> list[tuple[int, BoundLine, float]]:
    """Return the lines of each group with its base, one group after another."""
    places = [(index, line, base) for line in lines for index, base in line.places]
    return sorted(places, key=itemgetter(0))


def joined(lines: Sequence[BoundLine]) -> BoundLine:
    """Return lines of one field with one schedule as one line."""
    first, *rest = lines
    if not rest:
        return first
    places = sorted(place for line in lines for place in line.places)
    return replace(first, groups=tuple(index for index, _ in places), bases=tuple(base for _, base in places))


def base_in(field: Field, group: Group, _index: int) -> float:
    """Return the base of a field in a group: the recorded one, else the present value."""
    return field.base(group)


def lines_of(
    plan: Plan,
    groups: Sequence[Group],
    scope: OptimizerScope = WHOLE,
    base_of: BaseOf | None = None,
) -> tuple[BoundLine, ...]:
    """Return the lines of a plan in some groups. The groups are validated, but not changed.

    Args:
        plan: the resolved plan.
        groups: the groups of one optimizer.
        scope: the lines of the plan that concern the optimizer, from `scopes_of`.
        base_of: returns the base of a field in a group; without it, the lines have no bases.

    Raises:
        UnknownGroup: of a line that is not optional, a name, a pattern, an entry or an index matches no group.
        UnknownField: a selected group lacks the field, or all groups lack that of a line for all groups. An optional
            line does not apply to such a group.
        PlanError: two selectors match one group, a group has schedules for both momentum and betas[0], or its schedule
            needs a base above 0.
    """
    labels = scope.labels(groups)
    fields = {line.name: Field.of(line.name) for line in plan.bindings if not isinstance(line.field, Target)}
    places = _places_by_group(plan, fields, groups, labels, scope)
    texts = list(map(messages.named_group, labels))
    indices_of: dict[tuple[int, Field], list[int]] = {}
    for index, group in enumerate(groups):
        for field, place in _fields_of_group(group, texts[index], places[index], fields):
            indices_of.setdefault((place, field), []).append(index)
    lines: list[BoundLine] = []
    for place, field in sorted(indices_of, key=itemgetter(0)):
        line = plan.bindings[place]
        indices = indices_of[place, field]
        bases: list[float] = []
        if base_of is not None:
            for index in indices:
                base = base_of(field, groups[index], index)
                require_positive_base(line.schedule, base, f"{field} of {texts[index]}")
                bases.append(base)
        lines.append(BoundLine(line.name, field, line.schedule, plan.clock, tuple(indices), tuple(bases)))
    return tuple(lines)


def _fields_of_group(
    group: Group, text: str, places: Mapping[str, int], fields: Mapping[str, Field]
) -> Iterator[tuple[Field, int]]:
    """Yield the fields of a group, each with the place in the plan of the line that it follows.

    Args:
        group: the group.
        text: the text by which an error names it.
        places: the places of its lines by the name of the field in the plan.
        fields: the fields by this name.

    Raises:
        PlanError: two names mean one field of this group.
    """
    names: dict[Field, str] = {}
    for name, place in places.items():
        field = fields[name].within(group, text)
        if field in names:
            raise messages.field_is_scheduled_twice(text, name, names[field], str(field))
        names[field] = name
        yield field, place


def _places_by_group(
    plan: Plan,
    fields: Mapping[str, Field],
    groups: Sequence[Group],
    labels: Sequence[str | int],
    scope: OptimizerScope,
) -> list[dict[str, int]]:
    """Return, for each group, the place in the plan of the line that each field follows, by the name of the field.

    A line that selects a group has precedence over a line for all groups.

    Args:
        plan: the plan.
        fields: its fields by name.
        groups: the groups of the optimizer.
        labels: their labels.
        scope: the lines of the plan that concern the optimizer.

    Raises:
        PlanError: two selectors match one group.
    """
    places: list[dict[str, int]] = [{} for _ in groups]
    named: dict[str, list[int]] = {}  # a plan may have a line for each of a thousand groups
    for index, group in enumerate(groups):
        name = group.get("name")
        if isinstance(name, str):
            named.setdefault(name, []).append(index)
    for place, line in enumerate(plan.bindings):
        if isinstance(line.field, Target) or not scope.applies(line.name, binding_key(line)):
            continue
        for index in _groups_of_line(line, fields[line.name], groups, labels, scope, named):
            earlier = places[index].get(line.name)
            earlier_groups = None if earlier is None else plan.bindings[earlier].groups
            if earlier_groups is not None and line.groups is not None:
                label = labels[index]
                raise messages.two_selectors_match(
                    line.name, label, selector_text(earlier_groups), selector_text(line.groups)
                )
            if earlier is None or line.groups is not None:
                places[index][line.name] = place
    return places


def _groups_of_line(
    line: Binding,
    field: Field,
    groups: Sequence[Group],
    labels: Sequence[str | int],
    scope: OptimizerScope,
    named: Mapping[str, Sequence[int]],
) -> Iterable[int]:
    """Return the groups of an optimizer that a line of a plan selects.

    Args:
        line: the line.
        field: its field.
        groups: the groups of the optimizer.
        labels: their labels.
        scope: the lines of the plan that concern the optimizer.
        named: the groups by name.

    Raises:
        UnknownGroup: the line selects no group, and is not optional.
    """
    selector = line.groups
    if selector is None:
        return _with_field(field, groups)
    selected: Iterable[int]
    if scope.is_whole and isinstance(selector, str) and is_only_name(selector) and selector in named:
        selected = named[selector]
    elif isinstance(selector, int) and 0 <= selector < len(groups):
        selected = (selector,)
    else:
        if scope.is_whole and not line.optional:
            refuse_unmatched(line.name, selector, groups)
        selected = [index for index, group in enumerate(groups) if scope.selects(selector, group, labels[index], index)]
    if binding_key(line) in scope.derived:
        having = set(_with_field(field, groups))
        selected = [index for index in selected if index in having]
    return [index for index in selected if has_field(field, groups[index])] if line.optional else selected


def has_field(field: Field, group: Group) -> bool:
    """Return whether a group has a field, or had it when it was bound; `momentum` may mean `betas[0]`."""
    if field.key in group or recorded_base(group, field.slot) is not None:
        return True
    return field == Field("momentum", None) and "betas" in group


def _with_field(field: Field, groups: Sequence[Group]) -> Sequence[int]:
    """Return the groups of an optimizer that a line for all groups concerns: those that have its field.

    `momentum` means `betas[0]` only if no group has a momentum. A group without lr, one from which other code has
    removed the field, and all groups if none has it, are among them: binding them raises an error.
    """
    if field.key == "lr":
        return range(len(groups))
    for meant in (field, Field("betas", 0)) if field == Field("momentum", None) else (field,):
        indices = [
            index
            for index, group in enumerate(groups)
            if meant.key in group or recorded_base(group, meant.slot) is not None
        ]
        if indices:
            return indices
    return range(len(groups))


def bind(plan: Plan, groups: Sequence[Group], scope: OptimizerScope = WHOLE) -> tuple[tuple[BoundLine, ...], ...]:
    """Return, for each group, the lines of a plan that it follows; as `lines_of`."""
    lines: list[list[BoundLine]] = [[] for _ in groups]
    for line in lines_of(plan, groups, scope):
        for index in line.groups:
            lines[index].append(line)
    return tuple(map(tuple, lines))
