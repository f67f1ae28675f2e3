"""What a run reports: its checks, its warnings and its end."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, inf, isclose, isfinite
from typing import Any, Final, NamedTuple, final

import numpy as np

from paramsched.base.codes import (
    BASE_OF_ZERO,
    BEYOND_THE_PLAN,
    FACTOR_IN_GROUP,
    GROUPS_MADE_EQUAL,
    GROWS,
    LEVEL_AS_VALUE,
)
from paramsched.base.problem import Problem
from paramsched.core.curves.arrays import Array
from paramsched.core.entries import warnings_of
from paramsched.core.feedback import MetricRule
from paramsched.core.fields import Field, finite_or_none, is_number, recorded_base
from paramsched.core.plan.binding import Binding, Target, binding_key, selector_text
from paramsched.core.plan.lines import (
    BELOW_ONE_ADVICE,
    FINITE,
    FLOOR_ADVICE,
    Line,
    Place,
    RuleStates,
    UpdateTimes,
    ValueRange,
    Values,
    by_group,
    end_of_values,
    first_outside,
    has_field,
    limit_advice,
    range_of,
    values_at,
)
from paramsched.core.plan.optimizers import Scope
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import MAX_CONSUMED, Amount, RunAmounts
from paramsched.core.plan.usual import has_nothing_to_ask
from paramsched.core.run.processes import Processes, log
from paramsched.core.run.state import Group
from paramsched.core.run.values import LR, initial_value
from paramsched.core.schedules.own import has_open_function, require_values_until
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import MAX_LENGTH, evaluate
from paramsched.core.time.duration import amount_text, counts_in_unit, counts_whole, largest_on, times_on
from paramsched.core.time.run_facts import UPDATES
from paramsched.errors import InvalidArgument, MissingFact, PlanError


def run_is_over(t: int, total: int) -> Problem:
    """Return the warning that a run has completed more updates than its plan has: a new run was probably meant."""
    message = f"the optimizer has completed {t} updates, but the plan ends after {total}: its last values are kept"
    return Problem(code=BEYOND_THE_PLAN, found=message, advice="To restart the plan, call scheduler.seek(0).")


VALUES_SHOWN: Final = 4  # values of a field that a message has


def run_goes_on(
    in_force: ResolvedPlan, lines: Sequence[Line], times: UpdateTimes, states: RuleStates, last: Amount | None = None
) -> Problem:
    """Return the warning that a run goes on after the end of its plan.

    Args:
        in_force: the plan.
        lines: the lines whose values the warning has.
        times: the time of the next update.
        states: the states of the metric rules.
        last: what the last update has consumed, if the loop reported it.
    """
    length, epoch = None if in_force.unit is not None else in_force.total, in_force.facts.updates_per_epoch
    written = str(in_force.resolved.total) if length is None else f"{length} updates"
    if length is not None and epoch is not None:
        written += f" ({length / epoch:.3g} epochs)"
    now, by_field = values_at(lines, times, states), dict[str, dict[str, None]]()
    for index, line, _ in by_group(lines):
        held = line.schedule.piece.held
        is_held = held is not None and held <= times.on_clock(line.clock) and not line.schedule.metric_rules
        values = by_field.setdefault(f"{line.name} {'stays at' if is_held else 'is now'}", {})
        values[f"{now[index, line.field.slot]:g}"] = None
    shown = [f"{field} {', '.join([*values][:VALUES_SHOWN])}" for field, values in by_field.items()]
    is_short = length is not None and epoch is not None and length < epoch
    message = f"the plan is over after {written}, and the run goes on" + f": {'; '.join(shown)}" * bool(shown)
    planned, accumulation = in_force.plan.total, in_force.facts.accumulation or 1
    advice = f"{'Pass' if planned is None else 'Write'} the length of the run as total"
    if is_short:
        advice = f'For {length} epochs write total="{length} epochs"'
    elif last and times.first > 2 and _is_count_so_far(last, times):
        unit, count, size = str(in_force.unit), times.first, last / times.first
        message += f"; update {count - 1} reported {amount_text(unit, last)}, as if each report was the sum so far"
        advice = f"Report what one update consumes, such as scheduler.consumed({unit}={round(size)})"
    elif length is not None and accumulation > 1 and not (planned is not None and planned.is_resolved):
        advice += f", and omit accumulation={accumulation} if optimizer.step() follows each batch"
    return Problem(code=BEYOND_THE_PLAN, found=message, advice=advice)


def no_group_added(lines: Iterable[str], t: int) -> Problem:
    """Return the warning that no group of optional lines was added in a run of `t` updates."""
    message = f"the run has completed {t} updates, and it had no group for the optional lines {', '.join(lines)}"
    return Problem(found=message, advice='For example: optimizer.add_param_group({"params": params, "name": "head"})')


def report_optional_fields(
    in_force: ResolvedPlan, optimizers: Sequence[tuple[Scope, Sequence[Group]]], processes: Processes
) -> None:
    """Log the optional lines whose field no group has: they apply to a group that is added with this entry.

    Args:
        in_force: the plan.
        optimizers: the scope and the groups of each optimizer.
        processes: the processes that train together.

    Raises:
        UnknownField: an optional line selects a group that lacks its field.
    """
    for line in in_force.plan.bindings:
        if not line.optional:
            continue
        field, is_known = Field.of(line.name), False
        for scope, groups in optimizers:
            for index, (group, label) in enumerate(zip(groups, scope.labels(groups), strict=True)):
                is_known = is_known or has_field(field, group)
                if scope.applies(line.name, binding_key(line)) and scope.selects(line.groups, group, label, index):
                    field.within(group, f"group {label!r}")
        if not is_known:
            processes.log(
                "the optional line %s @ %s: no group of the optimizer has the field %r. It applies to a group that is "
                "added with this entry, and to no other", line.name, selector_text(line.groups), str(field),
            )  # fmt: skip


_NEAR_TWICE: Final = 0.05  # batches of different sizes differ from their mean


def _is_count_so_far(last: Amount, times: UpdateTimes) -> bool:
    """Return whether the last report is as large as if every report was the sum of all updates so far.

    The reports of n updates that consume c each are then c, 2c, …, nc. The last one is 2n / (n + 1) of their mean.
    """
    mean = times.listed()[0] / times.first
    return abs(last / mean * (times.first + 1) / (2 * times.first) - 1) <= _NEAR_TWICE


def idle_rules_problem(idle: Iterable[MetricRule[Any]], begin: str) -> Problem | None:
    """Return the problem of metric rules that have observed no metric; `begin` is the beginning of the sentence."""
    rules = list(idle)
    if not rules:
        return None
    names = sorted({rule.metric for rule in rules})
    call = ", ".join(f"{name}=…" if name.isidentifier() else f"**{{{name!r}: …}}" for name in names)
    message = f"{begin}, and no value of {', '.join(names)} was ever reported for {', '.join(map(str, rules))}"
    return Problem(found=f"{message}: call scheduler.observe({call})")


CHECKPOINT: Final = "the checkpoint"  # the source of a base; the other one is an initial value, such as `initial_lr`


@final
@dataclass(frozen=True, slots=True)
class OtherBase:
    """A base in another source that differs from the one in the code.

    Args:
        field: the field.
        group: the label of the group.
        code: the number in the code.
        base: the number in the other source.
        source: the other source.
        code_applies: True if the code's applies.
        own: what `code` is: the number in the code, or the one that the group has.
    """

    field: str
    group: str | int
    code: Any
    base: float
    source: str = CHECKPOINT
    code_applies: bool = False
    own: str = "the code"

    def text(self) -> str:
        """Return both numbers."""
        return f"{self.base!r} in {self.source}, {self.code!r} in {self.own}"


_SHOWN = 8  # groups, and pairs of numbers, that a message names


def problems_of_bases(found: Iterable[OtherBase], t: int) -> Iterator[tuple[Problem, bool]]:
    """Yield a problem for each field with bases that differ, and whether it is a warning.

    It is none if the code's apply, which was chosen.

    Args:
        found: the bases.
        t: the update from which on the code's apply.
    """
    alike: dict[tuple[str, str, bool], list[OtherBase]] = {}
    for other_base in found:
        alike.setdefault((other_base.field, other_base.source, other_base.code_applies), []).append(other_base)
    for (field, source, code_applies), mine in alike.items():
        where = where_in([str(one.group) for one in mine])
        numbers = listed(dict.fromkeys(one.text() for one in mine), "; ")
        if code_applies:
            which = f"From update {t} on, that of {mine[0].own} applies"
        elif source == CHECKPOINT:
            which = 'That of the checkpoint applies; for that of the code, pass on_base="code"'
        else:
            own = mine[0].own
            which = f'That of {source} applies; for that of {own}, first write del group["{source}"]'
        yield Problem(found=f"base of {field} in {where}: {numbers}", advice=which), not code_applies


def report_bases(found: Iterable[OtherBase], t: int, processes: Processes) -> None:
    """Warn of bases that differ from those in the code, or log them if those of the code apply."""
    for problem, is_warning in problems_of_bases(found, t):
        if is_warning:
            processes.warn(problem)
        else:
            processes.log("%s", problem)


def where_in(labels: Sequence[str]) -> str:
    """Return the text that names one group, or several."""
    return f"group {labels[0]}" if len(labels) == 1 else f"{len(labels)} groups ({listed(labels, ', ')})"


def listed(texts: Iterable[str], separator: str) -> str:
    """Return the first texts, joined."""
    found = list(texts)
    return separator.join(found[:_SHOWN] + ["…"] * (len(found) > _SHOWN))


def log_initial_values(
    parts: Iterable[tuple[Iterable[Line], Sequence[Group], Sequence[str | int]]],
    processes: Processes,
    *,
    has_state: bool,
    code: Values | None = None,
    is_continued: bool = False,
) -> bool:
    """Log the initial values of an earlier scheduler that are used as bases, and that the groups do not have.

    Args:
        parts: the lines, the groups and their labels, of each optimizer.
        processes: the processes that train together.
        has_state: True if an optimizer has a state.
        code: the bases in the code, which are compared in place of the present values, if they are known.
        is_continued: True if the user has said that an earlier scheduler has changed the present values.

    Returns:
        True if there are any, and the run may have started: an optimizer has a state, or a value has moved.
    """
    known, own = code or {}, "the group" if code is None else "the code"
    found = [
        OtherBase(
            str(line.field),
            labels[index],
            known.get((index, line.field.slot), line.field.read(groups[index])),
            base,
            f"initial_{line.field}",
            own=own,
        )
        for lines, groups, labels in parts
        for index, line, base in by_group(lines)
        if initial_value(line.field, groups[index]) is not None
    ]
    moved = [other_base for other_base in found if other_base.code != other_base.base]
    for problem, _ in problems_of_bases([] if is_continued else moved, 0):
        processes.log("%s", problem)
    return bool(moved) or (has_state and bool(found))


def report_position(
    lines: Iterable[Line], taken: int | None, count: int | None, processes: Processes, *, whose: str
) -> None:
    """Report that the plan starts at 0, which may not be the position of the run.

    Args:
        lines: the lines whose bases the message names.
        taken: the number of updates in the optimizer's own state.
        count: the count that the groups carry, or None.
        processes: the processes that train together.
        whose: the values that are the bases: the initial ones, the present ones or those recorded.
    """
    text = (
        f"{found_count('the optimizer', count)}; starting the plan at update 0, with "
        f"{_bases(lines, whose)}. "
        f"If the run has completed n updates, write ps.Scheduler(optimizer, plan, t=n){optimizer_count(taken)}; if it "
        "had a plan, attach the plan before the checkpoint is loaded. t=0 turns this message off"
    )
    if taken is not None and taken > HIDDEN and whose != "initial":  # then the bases are wrong too
        processes.warn(Problem(found=text))
    elif count is None:
        processes.log(text)


_NEAR: Final = 0.01
"""The relative difference of two values that may come from another index, such as t/(n-1) in place of t/n."""
_SAME: Final = 1e-6
"""The relative difference of two values that print alike, and of one that was rounded to float32."""


def log_jumps(
    lines: Sequence[Line], times: UpdateTimes, states: RuleStates, before: Mapping[Place, Any], processes: Processes
) -> None:
    """Log the values at which a plan continues the run of another scheduler, if they are not those of that scheduler.

    Args:
        lines: the lines.
        times: the time of the next update.
        states: the states of the metric rules.
        before: the values of that scheduler for the next update. One that is the base is of a new optimizer.
        processes: the processes that train together.
    """
    now, found = values_at(lines, times, states), dict[str, None]()
    for index, line, base in by_group(lines):
        place = index, line.field.slot
        value = finite_or_none(before.get(place))
        if value is not None and value != base and not isclose(value, now[place], rel_tol=_NEAR):
            found[f"{line.name} {now[place]:g} (base {base:g}) in place of {value:g}"] = None
    if found:
        shown = ", ".join([*found][:VALUES_SHOWN])
        processes.log(
            "the plan continues at update %d with %s. If that is not meant, correct the number of updates, the line or "
            "the base, such as group['initial_lr'] = 0.1", times.first, shown,
        )  # fmt: skip


def texts_of_values(
    lines: Sequence[Line], position: UpdateTimes, states: RuleStates, before: Mapping[Place, float]
) -> list[str]:
    """Return a sentence for each value of the next update that differs from that of a checkpoint.

    Args:
        lines: the lines.
        position: the time of the next update.
        states: the states of the metric rules.
        before: the values in the checkpoint, by group and field; those that it lacks are not compared.
    """
    values = values_at(lines, position, states)
    texts: dict[str, None] = {}
    for index, line, base in by_group(lines):
        place = index, line.field.slot
        if place in before and not isclose(before[place], values[place], rel_tol=_SAME, abs_tol=_SAME**2 * abs(base)):
            texts[
                f"{line.name} at update {position.first}: {before[place]:g} in the checkpoint, {values[place]:g} now"
            ] = None
    return [*texts]


def without_initial(lines: Iterable[Line], groups: Sequence[Group]) -> list[Line]:
    """Return the lines in groups to which neither an earlier scheduler nor a plan has given a base."""
    kept = {index for index, group in enumerate(groups) if not any(str(key).startswith("initial_") for key in group)}
    found = []
    for line in lines:
        mine = line.only(
            {at for at in line.groups if at in kept and recorded_base(groups[at], line.field.slot) is None}
        )
        found += [mine] if mine.groups else []
    return found


def warn_of_present_bases(present: Sequence[Line], t: int, processes: Processes) -> None:
    """Warn that an earlier scheduler may have changed these bases, because their groups had no initial value."""
    if present:
        instead = (
            "If a scheduler has changed them since update 0, write those of update 0 first: "
            'group["initial_lr"] = 0.1 for the lr of each group. '
            'If they are right, group["initial_lr"] = group["lr"] turns this warning off'
        )
        message = f"the plan starts at update {t} with {_bases(present, 'present')}"
        processes.warn(Problem(found=message, advice=instead))


HIDDEN = 1  # updates in an optimizer's own state after the hidden step of torch's distributed checkpoint


def found_count(where: str, count: int | None) -> str:
    """Return what was found in place of a count of the run: none, or a count of 0."""
    if count is None:
        return f"no update count found in {where}"
    return f"{where} carries a count of 0 updates"


_BASES_SHOWN = 4  # bases that a message names


def _bases(lines: Iterable[Line], whose: str) -> str:
    """Return a text with the source of the bases and their distinct values."""
    bases = list(dict.fromkeys(f"{line.field} {base!r}" for _, line, base in by_group(lines)))
    listed = ", ".join(bases[:_BASES_SHOWN]) + (", …" if len(bases) > _BASES_SHOWN else "")
    return f"the {whose} values as bases ({listed})"


def log_takeover(t: int) -> None:
    """Log that a second Scheduler with the same plan replaces one that is still referenced.

    It is information, because that is usual: a cell of a notebook is run again.
    """
    log.info(
        "this Scheduler replaces an earlier one with the same plan at update %d. The earlier one is detached and "
        "raises when it is used", t,
    )  # fmt: skip


def optimizer_count(taken: int | None) -> str:
    """Return the count in the optimizer's own state, in brackets; "" if it has none."""
    return "" if taken is None else f" (its own state counts {taken})"


_WITHOUT_END = 2**20  # updates of a run without a total whose schedule has no end
_AMOUNTS = 65_536  # evaluated if the amounts of the updates are unknown


def refuse_values_outside(
    in_force: ResolvedPlan, lines: Iterable[Line], labels: Sequence[str | int], now: UpdateTimes
) -> None:
    """Raise if a value will be outside of its range, such as a beta of 1, a negative rate or an infinite target.

    The values of a schedule for the lowest and the highest base decide. Metric rules may change all values but the next
    one. What was found inside is not checked again for the same plan and bases. The values that an update uses after
    the updates that are known here are checked before it (`Run.refuse_not_finite`).

    Args:
        in_force: the plan.
        lines: the lines of some groups.
        labels: the label of each group.
        now: the time of the coming update.

    Raises:
        PlanError: a value is outside of its range at an update from the coming one to the end of the plan.
        InvalidArgument: a function of the user has no value for the last update of the plan.
    """
    if in_force.unit is None and in_force.total is not None and now.first < in_force.total:
        for binding in in_force.counted.bindings:
            require_values_until(binding.schedule, in_force.total)
    for line in (*lines, *_target_lines(in_force.counted)):
        allowed = range_of(line.name) if line.groups else None
        allowed = allowed or FINITE
        low, high = min(line.bases), max(line.bases)
        key = id(line.schedule), line.name, line.clock, low, high
        if in_force.inside.get(key, inf) <= now.first:
            continue
        found = [(base, _first_outside(in_force, line, base, allowed, now)) for base in dict.fromkeys((low, high))]
        outside = [(base, one) for base, one in found if one is not None]
        if outside and all(_may_be_unused(in_force, line, one) for _, one in outside):
            continue
        if outside:
            base, (_, value, when, _) = min(outside, key=lambda pair: pair[1].at)
            problem = f"it {allowed.problem(value)}: it is {value:g} at {when}"
            raise PlanError(_place(line, base, labels), problem, _advice_for(in_force, line, value))
        if line.clock == UPDATES and not line.schedule.metric_rules:
            in_force.inside[key] = now.first


def _advice_for(in_force: ResolvedPlan, line: Line, value: float) -> str:
    """Return the fragment for a value of a line outside of its range."""
    if not isfinite(value):
        return limit_advice(_written(in_force, line), value)
    return FLOOR_ADVICE if value < 0 else BELOW_ONE_ADVICE


def refuse_not_finite(
    in_force: ResolvedPlan,
    lines: Sequence[Line],
    labels: Sequence[str | int],
    now: UpdateTimes,
    states: RuleStates,
) -> None:
    """Raise for the first value of an update that is not finite, in the lines of an optimizer.

    Args:
        in_force: the plan.
        lines: the lines of some groups; none for the targets of the plan.
        labels: the label of each group.
        now: the time of the update.
        states: the states of the metric rules.

    Raises:
        PlanError: as `refuse_values_outside`.
    """
    values: dict[tuple[Line, float], float] = {}
    for line in lines or _target_lines(in_force.counted):
        for base in dict.fromkeys(line.bases):
            values[line, base] = replace(line, groups=(0,), bases=(base,)).values_at(now, states)[0]
    # If all numbers are finite, the largest one is not in the dtype of its tensor.
    line, base = max(values, key=lambda place: abs(values[place]) if isfinite(values[place]) else inf)
    value = values[line, base]
    problem = f"it is not finite: it is {value:g} at update {now.first}"
    if isfinite(value):
        problem = f"it is {value:g} at update {now.first}, which is not finite in the dtype of its tensor"
    raise PlanError(_place(line, base, labels), problem, limit_advice(_written(in_force, line), value))


def _place(line: Line, base: float, labels: Sequence[str | int]) -> str:
    if not line.groups:
        return f"target {line.name}"
    return f"{line.field} of group {labels[line.groups[line.bases.index(base)]]!r}"


def _target_lines(plan: Plan) -> list[Line]:
    """Return a line without groups for each target that changes with the updates."""
    return [
        Line(binding.name, Field(binding.name, None), binding.schedule, plan.clock, (), (binding.field.initial,))
        for binding in plan.bindings
        if isinstance(binding.field, Target)
    ]


def _written(in_force: ResolvedPlan, line: Line) -> Schedule:
    """Return the schedule of a line as the plan has it; the resolved one if the plan has another line for it."""
    keys = [binding_key(binding) for binding in in_force.counted.bindings if binding.schedule is line.schedule]
    return next((binding.schedule for binding in in_force.plan.bindings if binding_key(binding) in keys), line.schedule)


@final
class _Outside(NamedTuple):
    """The first update or amount with a value outside of a range, the value, and the words for the time.

    `is_next` is True for the coming update.
    """

    at: float
    value: float
    when: str
    is_next: bool


def _first_outside(
    in_force: ResolvedPlan, line: Line, base: float, allowed: ValueRange, now: UpdateTimes
) -> _Outside | None:
    if in_force.total is None and has_open_function(line.schedule):
        return None  # the updates of the run are unknown, and a function is only called for these
    if not line.groups and line.clock != UPDATES:  # the amounts of a run, which its sizes decide, take time
        return None
    try:
        times_of, end = _times_to_end(in_force, line, now)
        found = first_outside(line.schedule, allowed, base, times_of, now.first, end)
        return None if found is None else _Outside(*found, f"update {found[0]}", is_next=found[0] == now.first)
    except MissingFact:  # the amounts of the updates are known only during the run
        return _amount_outside(in_force, line, base, allowed, now)


def _may_be_unused(in_force: ResolvedPlan, line: Line, outside: _Outside) -> bool:
    """Return whether perhaps no update uses a value: growth without end in a run whose end is unknown."""
    if isfinite(outside.value) or outside.is_next or in_force.resolved.total is not None:
        return False
    return end_of_values(line.schedule) is None


def _times_to_end(in_force: ResolvedPlan, line: Line, now: UpdateTimes) -> tuple[Callable[[Array], Array], int]:
    """Return a function from updates to times on the clock of a line, and the update at which the plan ends.

    Raises:
        MissingFact: the amounts of the updates are unknown.
    """
    amounts = in_force.amounts
    if amounts is None or line.clock == UPDATES:
        end, held = in_force.total, end_of_values(line.schedule)
        return lambda updates: updates, end or held or now.first + _WITHOUT_END
    total = in_force.total
    if total is None:
        held = end_of_values(line.schedule)
        total = (
            now.first + _WITHOUT_END
            if held is None
            else amounts.updates_until(Fraction(held, counts_in_unit(line.clock)))
        )
    start = amounts.amount_at(now.first)
    return _times_of_amounts(amounts, line.clock, now.first, start if now.amounts is None else now.amounts), total


def _times_of_amounts(amounts: RunAmounts, clock: str, first: int, start: float | Array) -> Callable[[Array], Array]:
    def times_of(updates: Array) -> Array:
        run = amounts.amounts_at(updates, first, start)
        if run.dtype.kind not in "if":  # integers of more than 64 bits
            message = f"more than {MAX_CONSUMED:.0e} {amounts.clock} before update {updates[-1]}"
            raise InvalidArgument("the amounts of the run", message, "Plan smaller sizes, or a shorter run")
        return UpdateTimes(first, run, len(updates)).on_clock(clock)

    return times_of


def _amount_outside(
    in_force: ResolvedPlan, line: Line, base: float, allowed: ValueRange, now: UpdateTimes
) -> _Outside | None:
    """Return the first amount at which a line is outside of its range.

    An update may skip a few amounts, so the value must be outside for a tenth of the run, or at the coming update.
    """
    start, end = now.amounts or 0, largest_on(line.clock)
    if end == inf:
        total = in_force.counted.total
        held = end_of_values(line.schedule) if total is None else ceil(total.terms[0][1])
        end = start + _WITHOUT_END if held is None else held / counts_in_unit(line.clock)
    amounts = np.linspace(start, max(start, end), _AMOUNTS, endpoint=False)
    if counts_whole(line.clock):
        amounts = np.unique(np.rint(amounts).astype(np.int64))
    if line.schedule.metric_rules:
        amounts = amounts[:1]
    values = evaluate(line.schedule, times_on(line.clock, amounts), base)
    bad = np.concatenate([[False], allowed.outside(values, base), [False]])
    begins, ends = np.flatnonzero(~bad[:-1] & bad[1:]), np.flatnonzero(bad[:-1] & ~bad[1:])
    for begin, past in zip(begins, ends, strict=True):
        if begin == 0 or past - begin >= amounts.size / 10:
            amount = amounts[begin].item()
            return _Outside(amount, float(values[begin]), amount_text(line.clock, amount), is_next=begin == 0)
    return None


def report_unlikely_values(
    parts: Sequence[tuple[Sequence[Line], list[Group], Sequence[str | int]]],
    in_force: ResolvedPlan,
    processes: Processes,
    *,
    counts_of_user: bool = True,
) -> None:
    """Warn of all probable mistakes and of a second warmup in a run that has written nothing yet.

    Args:
        parts: the lines, the groups and their labels, of each optimizer.
        in_force: the plan.
        processes: the processes that train together.
        counts_of_user: False if an engine counts the updates of the run.
    """
    keys = {binding_key(line): id(line.schedule) for line in in_force.counted.bindings}
    groups_of: dict[tuple[str, int | None], list[tuple[str | int, float]]] = {}
    for lines, _, labels in parts:
        for line in lines:
            groups = groups_of.setdefault((line.name, id(line.schedule)), [])
            groups += [(labels[index], base) for index, base in zip(line.groups, line.bases, strict=True)]

    def groups_of_line(line: Binding) -> Sequence[tuple[str | int, float]]:
        return groups_of.get((line.name, keys.get(binding_key(line))), ())

    plan, facts, counted = in_force.plan, in_force.facts, in_force.counted
    mistakes: Iterable[tuple[Binding | None, Problem]] = ()
    if not has_nothing_to_ask(plan, counted, facts, groups_of_line):
        mistakes = warnings_of(plan, facts, groups_of_line, counted=counted, counts_of_user=counts_of_user)
    for binding, problem in mistakes:
        names: list[str] = []
        if binding is not None:
            names += [] if problem.code in _NAMING_THE_FIELD or binding.name == "lr" else [binding.name]
            names += [] if binding.groups is None else [f"group {selector_text(binding.groups)}"]
        processes.warn(Problem(code=problem.code, found=problem.found, site=" of ".join(names), advice=problem.advice))
    for warned in (_second_warmup(parts), *_factors_in_groups(parts)):
        if warned is not None:
            processes.warn(warned)


_NAMING_THE_FIELD = (LEVEL_AS_VALUE, GROWS, BASE_OF_ZERO, GROUPS_MADE_EQUAL)
"""Codes of problems whose text names the field."""


def _second_warmup(of_groups: Sequence[tuple[Sequence[Line], list[Group], Sequence[str | int]]]) -> Problem | None:
    """Return a warning if an optimizer warms up a rate that the plan warms up too; None otherwise."""
    for lines, groups, labels in of_groups:
        for index, line, base in by_group(lines):
            if line.field != LR:
                continue
            steps = groups[index].get("warmup_steps")
            if steps is None or not is_number(steps) or steps <= 0 or not base:
                continue
            values = evaluate(line.schedule, _first_times(line.schedule), base) / base
            if values[0] < 1 and values[0] < values.max():
                message = (
                    f"group {labels[index]!r} has warmup_steps={steps:g}, and the plan begins at {values[0]:g} × "
                    "base: the optimizer multiplies the planned lr by a warmup of its own"
                )
                instead = "Construct the optimizer with warmup_steps=0, or begin the plan at base"
                return Problem(found=message, advice=instead)
    return None


_FACTOR_NAMES = {"lr": ("lr", "learning_rate"), "weight_decay": ("wd", "weight_decay", "decay")}
_FACTORS = {
    field: tuple(f"{name}_{word}" for name in names for word in ("scale", "mult", "multiplier", "factor"))
    for field, names in _FACTOR_NAMES.items()
}
"""Entries of groups by which other programs multiply a field: timm, MAE, BEiT, DINOv2. Some Muons apply `lr_mul`."""


def _factors_in_groups(
    of_groups: Sequence[tuple[Sequence[Line], list[Group], Sequence[str | int]]],
) -> Iterator[Problem]:
    """Yield a warning for each planned field with groups whose factors differ and whose bases are equal."""
    for lines, groups, labels in of_groups:
        entries = set[str]().union(*groups)
        for field, factor_names in _FACTORS.items():
            keys = [*filter(entries.__contains__, factor_names)]
            mine = by_group(line for line in lines if line.name == field) if keys else []
            for key in keys:
                factors: dict[float, dict[float, str | int]] = {}  # the label of a group by base and factor
                for index, _, base in mine:
                    if base and is_number(factor := groups[index].get(key, 1.0)):
                        factors.setdefault(base, {}).setdefault(float(factor), labels[index])
                base, several = max(factors.items(), key=lambda one: len(one[1]), default=(0.0, {}))
                if len(several) < 2:
                    continue
                shown = ", ".join(f"{factor:g} in group {name!r}" for factor, name in [*several.items()][:3])
                message = f"{key} is {shown}, but their {field} is {base:g}: the plan does not multiply it by {key}"
                line = f'for group in optimizer.param_groups: group["{field}"] *= group.get("{key}", 1)'
                yield Problem(
                    code=FACTOR_IN_GROUP, found=message, advice=f"Before the Scheduler is constructed: {line}"
                )
                break


_FIRST = 64  # times that are evaluated one after another, and as many up to the end of a schedule


def _first_times(schedule: Schedule) -> Array:
    """Return times from the beginning of a resolved schedule to its end, among them the first 64."""
    held = schedule.piece.held
    end = _FIRST if held is None else min(ceil(held), MAX_LENGTH)
    return np.unique(np.append(np.arange(_FIRST), np.linspace(0, end, _FIRST).astype(np.int64)))
