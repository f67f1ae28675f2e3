"""The lines of a resolved plan, each of which becomes a function."""

import keyword
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np

from paramsched.core.base.problem import Advice, Option
from paramsched.core.curves.arrays import Array
from paramsched.core.curves.registry import Custom
from paramsched.core.fields import Field
from paramsched.core.plan import Binding, Plan, Target, selector_text
from paramsched.core.plan.bases import Bases
from paramsched.core.plan.binding import UPDATES, clock_of_field
from paramsched.core.plan.plan import require_calendar
from paramsched.core.plan.resolve import counted_plan, planned_amounts, updates_of_horizon
from paramsched.core.plan.run_amounts import UnknownAmounts
from paramsched.core.schedules.base import Schedule, leaves_of_fields
from paramsched.core.schedules.leaves import FromFunction
from paramsched.core.schedules.rules.base import Rule
from paramsched.core.schedules.table import MOST_WRITTEN, Table
from paramsched.core.time import Calendar
from paramsched.core.time.amounts import times_on
from paramsched.core.time.progress import PROGRESS, WHOLE
from paramsched.errors import PlanError, UnknownField, did_you_mean, shown

MOST_CHECKED: Final = 100_000
"""The number of updates at which all values are compared; of a longer run, as many places are."""

_NO_BASES: Final[Mapping[str, float]] = MappingProxyType({})
_RESERVED = frozenset(
    [
        *("math", "min", "max", "abs", "round", "int", "float", "sum", "zip", "t", "base", "x", "tokens", "samples"),
        *("frames", "batches", "seconds", "progress", "SCHEDULES", "LRScheduler", "make_scheduler"),
    ]
)
"""Names that a function must not have, because the module uses them."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of a plan and its function.

    Args:
        key: its name in `SCHEDULES`: `lr`, `lr/head`, `betas[0]`, or the name of a target.
        function: the name of the function.
        schedule: the resolved schedule, with lengths in the unit of the clock.
        clock: the clock of the line.
        base: the default of the argument `base`.
        field: the name of the field.
        groups: the selector of the groups; None for all groups without their own line, and for targets.
        is_target: True for a target.
    """

    key: str
    function: str
    schedule: Schedule
    clock: str
    base: float
    field: str
    groups: Any
    is_target: bool

    @property
    def parameter(self) -> str:
        return "t" if self.clock == UPDATES else self.clock

    def times(self, amounts: Array) -> Array:
        """Return the times at which the schedule is evaluated for amounts on the clock."""
        return times_on(self.clock, amounts)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A plan, resolved for export.

    Args:
        plan: the plan as it was written.
        calendar: the run facts.
        resolved: the plan with lengths in updates, or in the unit of its clock.
        lines: the lines, in the order of the plan.
    """

    plan: Plan
    calendar: Calendar
    resolved: Plan
    lines: tuple[Line, ...]

    @property
    def total(self) -> int | None:
        """The number of updates of the run; None if it is not known."""
        if self.resolved.clock == PROGRESS:
            return self.calendar.horizon
        run = planned_amounts(self.resolved, self.calendar)
        return None if isinstance(run, UnknownAmounts) else updates_of_horizon(self.resolved, run)

    def end_of(self, line: Line) -> float:
        """Return the end of the run, in the times of a schedule."""
        if line.clock == PROGRESS:
            return WHOLE
        if line.clock == UPDATES:
            return self.total or MOST_CHECKED
        horizon = self.resolved.horizon
        if horizon is None:
            return MOST_CHECKED
        ((unit, count),) = horizon.terms
        if unit == line.clock:
            return math.ceil(count)
        run = planned_amounts(self.resolved, self.calendar)
        assert run is not None
        return math.ceil(run.amount_at(int(count)))

    def places(self, line: Line, most: int = MOST_CHECKED) -> Array:
        """Return the updates or amounts at which a line is compared: all of a short run, else boundaries and `most`."""
        total, end = self.total, self.end_of(line)
        if line.clock == UPDATES and end <= most:
            return np.arange(int(end))
        bounds = np.array(line.schedule.breakpoints(math.ceil(end)), dtype=np.float64)
        near = np.concatenate([bounds - 1, bounds, bounds + 1, np.linspace(0, end, most)])
        near = np.unique(np.clip(near if line.clock == "seconds" else np.rint(near), 0, end))
        near = near if line.clock == "seconds" else near.astype(np.int64)
        if line.clock == UPDATES:
            return near[near < end]
        found = near / WHOLE if line.clock == PROGRESS else near
        if total is not None and total <= most and (run := planned_amounts(self.resolved, self.calendar)) is not None:
            return np.concatenate([run.amounts_from(0, 0, total), found])
        return found


def exported_plan(
    call: str,
    plan: Plan,
    calendar: Calendar | None,
    *,
    groups: Sequence[Mapping[str, Any]] = (),
    bases: Mapping[str, float] = _NO_BASES,
    field: str | None = None,
) -> Exported:
    """Resolve a plan for export.

    Args:
        call: the call, for errors.
        plan: the plan.
        calendar: the run facts.
        groups: parameter groups with the bases of the fields.
        bases: the bases of lines, such as `lr/head`, or of fields; they take precedence.
        field: the only field to export; None for all.

    Raises:
        PlanError: some lines cannot be exported. The error names all of them.
    """
    facts = Calendar() if calendar is None else calendar
    if facts.deadline is not None:
        raise PlanError(f"{call}(…, {shown(facts)})", "the end of the run is a deadline", "Use Calendar(total=…)")
    require_calendar(f"{call}(…, {shown(facts)})", facts)
    if field is not None:
        plan = _lines_of_field(plan, field)
    refused = [Refusal(key_of(one), why) for one in plan.as_written() if (why := _refusal(one)) is not None]
    refuse_lines(f"{call}(…)", refused)
    resolved = plan.resolve(facts)
    defaults = _default_bases(resolved, groups, bases)
    taken = set(_RESERVED)
    lines = []
    for binding in counted_plan(resolved).as_written():
        key = key_of(binding)
        lines.append(
            Line(
                key,
                _function_name(key, taken),
                binding.schedule,
                clock_of_field(resolved.clock, binding.name),
                binding.field.initial if isinstance(binding.field, Target) else defaults(binding),
                binding.name,
                binding.groups,
                isinstance(binding.field, Target),
            )
        )
    keys = Counter(line.key for line in lines)
    twice = [Refusal(key, "two lines have this name") for key, number in keys.items() if number > 1]
    refuse_lines(f"{call}(…)", twice)
    return Exported(plan, facts, resolved, tuple(lines))


@final
@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that cannot be exported, and why."""

    key: str
    why: str


def refuse_lines(call: str, refused: Sequence[Refusal]) -> None:
    """Raise an error that names all lines that cannot be exported, if there are any."""
    if refused:
        found = "; ".join(f"{one.key}: {one.why}" for one in refused)
        raise PlanError(call, f"cannot be exported: {found}", "Use ps.Scheduler(optimizer, plan) for these lines")


def _lines_of_field(plan: Plan, field: str) -> Plan:
    known = dict.fromkeys(one.name for one in plan.bindings)
    if field not in known:
        found, first = f"the plan schedules {', '.join(known)}", next(iter(known))
        raise PlanError(f"field={field!r}", found, Advice(Option("field", f'"{first}"')))
    clock = plan.clock if isinstance(plan.clock, str) else {field: clock_of_field(plan.clock, field)}
    return Plan(*(one for one in plan.as_written() if one.name == field), horizon=plan.horizon, clock=clock)


def key_of(binding: Binding) -> str:
    """Return the name of a line in `SCHEDULES`."""
    return binding.name if binding.groups is None else f"{binding.name}/{selector_text(binding.groups)}"


def _function_name(key: str, taken: set[str]) -> str:
    """Return an unused Python name for a line.

    >>> _function_name("betas[0]", set()), _function_name("lr/head", {"lr_head"})
    ('betas_0', 'lr_head_2')
    """
    # Python compares names in this normal form, in which two different names may be equal.
    name = re.sub(r"\W", "_", unicodedata.normalize("NFKC", key.removesuffix("]")))
    if not name.isascii() and not f"_{name}".isidentifier():
        name = re.sub("[^A-Za-z0-9_]", "_", name)
    name = re.sub("^_+", "_", name)  # because names such as __debug__ have a meaning
    name = f"_{name}" if not name.isidentifier() else f"{name}_" if keyword.iskeyword(name) else name
    tried, number = name, 2
    while tried in taken or tried.upper() in taken:
        tried, number = f"{name}_{number}", number + 1
    taken |= {tried, tried.upper()}  # its tables begin with its name in upper case
    return tried


def _refusal(binding: Binding) -> str | None:
    """Return why a line cannot be exported, or None."""
    if callable(binding.groups):
        return "its groups are selected by a function"
    rules = binding.schedule.metric_rules
    if rules:
        return f"{rules[0]} reacts to a metric"
    return next(_refusals(binding.schedule), None)


def _refusals(value: object) -> Iterator[str]:
    match value:
        case FromFunction() | Custom():
            yield f"{value} is a function of yours"
        case Table() if len(value.values) > MOST_WRITTEN:
            yield f"its table has {len(value.values):,} values, more than {MOST_WRITTEN:,}"
        case Schedule():
            for leaf in leaves_of_fields(value):
                yield from _refusals(leaf)
        case Rule():
            for field in fields(value):  # type: ignore[arg-type]  # every rule is a dataclass
                yield from _refusals(getattr(value, field.name))


def _default_bases(
    plan: Plan, groups: Sequence[Mapping[str, Any]], bases: Mapping[str, float]
) -> Callable[[Binding], float]:
    """Return a function of a line: the base with its name, or that of the only group or of the group with its name."""
    known = {one for binding in plan.bindings for one in (key_of(binding), binding.name)}
    for name in bases:
        if name not in known:
            instead = f'For example: bases={{"{next(iter(plan.bindings)).name}": 0.1}}'
            raise UnknownField(f"base of {name!r}", f"unknown line of the plan; {did_you_mean(name, known)}", instead)
    of_groups = Bases(
        tuple({key: tuple(v) if isinstance(v, list) else v for key, v in group.items()} for group in groups)
    )

    def base(binding: Binding) -> float:
        value = bases.get(key_of(binding), bases.get(binding.name))
        if value is None:
            group = of_groups.of(binding.groups if isinstance(binding.groups, str) else None)
            value = Bases.value(group, Field.of(binding.name))
        return 1.0 if value is None else float(value)

    return base
