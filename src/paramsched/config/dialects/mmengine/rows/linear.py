"""Linear: a straight line between two factors."""

from collections.abc import Iterator

from paramsched.config.dialects.mmengine.rows.argument_checks import (
    factor_faults,
    one_tick_caution,
    ticks_in_window,
    window_of_rule,
)
from paramsched.config.dialects.mmengine.rows.arguments import WINDOW_ARGUMENTS, Argument, ArgumentFault, Arguments
from paramsched.config.dialects.mmengine.rows.closed_form import ClosedForm, FormNeeds
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
from paramsched.curves import Linear
from paramsched.schedules import Schedule, constant, linear, rules
from paramsched.schedules.anneal import Anneal
from paramsched.schedules.rules import Rule


def _linear_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from factor_faults(arguments, "start_factor")
    yield from factor_faults(arguments, "end_factor")


def _linear_rule(arguments: Arguments) -> Rule:
    return rules.linear(float(arguments["start_factor"]), float(arguments["end_factor"]), **window_of_rule(arguments))


def _linear_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    """The line over the window; with a single tick its first factor only."""
    start, to = float(arguments["start_factor"]), float(arguments["end_factor"])
    if needs.endless:
        return None
    if start == 0 and not needs.single and not needs.alone:
        return None  # nothing is left of what others do meanwhile
    if needs.single:
        return ClosedForm(constant(start), ends_itself=True)
    line = needs.ticks.changing(linear(start, to, over=needs.ticks.last(needs.size)))
    return ClosedForm(line, ends_itself=True, undone=arguments["end_factor"] == 1)


def _from_linear_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    if isinstance(rule, rules.LinearRule) and rule.over is None:
        return {"start_factor": rule.start, "end_factor": rule.to}
    return None


def _from_straight_line(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """A straight line between multiples of the base."""
    level, found = part.level, part.stretched
    if found is None or not isinstance(schedule, Anneal) or not isinstance(schedule.curve, Linear):
        return None
    start, to = schedule.start, schedule.to
    if not isinstance(to, float) or not isinstance(level, float):
        return None
    if not found.whole:
        part.refuse(schedule, "its line ends with the window")
    if not isinstance(start, float) or level == 0:
        part.refuse(schedule, "its line scales the value it finds")
    factors = start / level, to / level
    if not all(0 <= factor <= 1 for factor in factors):
        part.refuse(schedule, "its factors are in [0, 1]")
    if factors[0] == 0:
        part.refuse(schedule, "its line divides by the first factor, so that it cannot begin at 0; begin at 1e-6")
    return {"start_factor": factors[0], "end_factor": factors[1], **found.window}


def _linear_cautions(arguments: Arguments, _: bool) -> Iterator[str]:
    return one_tick_caution(arguments, arguments["start_factor"])


LINEAR = SchedulerRow(
    "Linear",
    "scale {it} along a straight line from `start_factor` to `end_factor`, reached at the last tick of the window",
    (
        Argument("start_factor", 1 / 3, "in [0, 1]"),
        Argument("end_factor", 1.0, "in [0, 1]"),
        *WINDOW_ARGUMENTS,
    ),
    faults=_linear_faults,
    derived=ticks_in_window,
    rule=_linear_rule,
    schedule=_linear_form,
    from_rule=_from_linear_rule,
    from_schedule=_from_straight_line,
    cautions=_linear_cautions,
    length_from=(),
)
