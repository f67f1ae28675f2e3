"""MultiStep: a factor at each milestone."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from paramsched.config.dialects.mmengine.rows.argument_checks import is_real_number, number_faults, window_of_rule
from paramsched.config.dialects.mmengine.rows.arguments import (
    INF,
    WINDOW_ARGUMENTS,
    Argument,
    ArgumentFault,
    Arguments,
)
from paramsched.config.dialects.mmengine.rows.closed_form import ClosedForm, FormNeeds
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
from paramsched.schedules import Schedule, multistep, rules
from paramsched.schedules.rules import Rule
from paramsched.schedules.staircases import MultiStep

_BEGIN, _END, _LAST_STEP, *_REST = WINDOW_ARGUMENTS


def _multi_step_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    milestones = arguments["milestones"]
    if isinstance(milestones, (str, bytes)) or not isinstance(milestones, Iterable):
        yield ArgumentFault("milestones", f"milestones={milestones!r} is no list of counts", TypeError)
    elif not all(map(is_real_number, milestones)):
        yield ArgumentFault("milestones", f"milestones={milestones!r} are not all numbers", TypeError)
    yield from number_faults(arguments, "gamma")


def _multi_step_derived(arguments: Arguments) -> dict[str, Any]:
    return {"milestones": Counter(arguments["milestones"])}


def _reached_milestones(arguments: Arguments) -> list[int]:
    """The milestones in order, repeated ones too; one that is no whole number, or below 0, is never reached."""
    milestones: Counter[float] = Counter(arguments["milestones"])
    return sorted(int(one) for one in milestones.elements() if one == int(one) and one >= 0)


def _multi_step_rule(arguments: Arguments) -> Rule:
    return rules.multistep(_reached_milestones(arguments), float(arguments["gamma"]), **window_of_rule(arguments))


def _multi_step_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    if needs.run is None and needs.endless:
        return None
    limit = min(arguments["end"], INF if needs.run is None else needs.run) - arguments["begin"]
    times = tuple(needs.ticks.count(one) for one in _reached_milestones(arguments) if one < limit)
    return ClosedForm(multistep(times, arguments["gamma"]), cut_at_end=True) if times else None


def _from_multi_step_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    if not isinstance(rule, rules.MultiStepRule):
        return None
    return {"milestones": list(rule.milestones), "gamma": rule.gamma}


def _from_multi_step(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """Milestones of one unit, in the unit of the window."""
    if not isinstance(schedule, MultiStep):
        return None
    counts = [part.ticks(milestone) for milestone in schedule.milestones]
    units = {by_epoch for count, by_epoch in counts if count}  # of 0 it may be any
    if len(units) > 1:
        part.refuse(schedule, "its milestones have one unit")
    by_epoch = units.pop() if units else part.bounds_by_epoch()
    milestones = [count for count, _ in counts]
    return {"milestones": milestones, "gamma": schedule.gamma, **part.window(by_epoch, one_more=False)}


MULTI_STEP = SchedulerRow(
    "MultiStep",
    "multiply {it} by `gamma` at each milestone, counted from `begin`",
    (
        Argument("milestones", ..., "ticks counted from `begin`; repeated ones count twice", counted=True),
        Argument("gamma", 0.1, "factor at a milestone"),
        # MMEngine's own order, which is not that of the others.
        _LAST_STEP,
        _BEGIN,
        _END,
        *_REST,
    ),
    faults=_multi_step_faults,
    derived=_multi_step_derived,
    rule=_multi_step_rule,
    schedule=_multi_step_form,
    from_rule=_from_multi_step_rule,
    from_schedule=_from_multi_step,
)
