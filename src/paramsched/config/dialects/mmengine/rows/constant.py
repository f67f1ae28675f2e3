"""Constant: a factor for a while, taken back at the end."""

from collections.abc import Iterator

from paramsched.config.dialects.mmengine.rows.argument_checks import (
    factor_faults,
    one_tick_caution,
    ticks_in_window,
    window_of_rule,
)
from paramsched.config.dialects.mmengine.rows.arguments import WINDOW_ARGUMENTS, Argument, Arguments
from paramsched.config.dialects.mmengine.rows.closed_form import ClosedForm, FormNeeds
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import UPDATE, WrittenPart, whole_epochs, window_arguments
from paramsched.schedules import Schedule, constant, rules
from paramsched.schedules.leaves import Constant
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.time import Duration


def _constant_rule(arguments: Arguments) -> Rule:
    return rules.constant(float(arguments["factor"]), **window_of_rule(arguments))


def _constant_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    """The factor, and 1 from the last tick of the window on; with a single tick it is never taken back."""
    factor, ticks = arguments["factor"], needs.ticks
    if needs.endless:
        return None
    if needs.single:
        return ClosedForm(constant(factor), ends_itself=True)
    if factor == 0 and not needs.alone:
        return None  # nothing is left of what others do meanwhile
    held = constant(factor, over=ticks.last(needs.size)) >> constant(1.0, over=ticks.one)
    return ClosedForm(held, ends_itself=True, undone=True)


def _from_constant_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    return {"factor": rule.factor} if isinstance(rule, rules.ConstantRule) and rule.over is None else None


def _from_constant(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """A constant to the end of the run, or of one tick; or a factor for a while and then none."""
    match schedule:
        case Sequence(stages=(Constant(value=float() as factor, over=Duration() as over), Constant(value=1.0))) if (
            0 <= factor <= 1
        ):
            return {"factor": factor, **_window_taken_back(over, part)}
        case Constant():
            return {"factor": _factor_of(schedule, part), **_window_kept(schedule, part)}
    return None


def _factor_of(schedule: Constant, part: WrittenPart) -> float:
    value = schedule.value
    if not isinstance(value, float) or not 0 <= value <= 1:
        part.refuse(schedule, "its Constant multiplies by a factor in [0, 1]")
    return value


def _window_kept(schedule: Constant, part: WrittenPart) -> dict[str, object]:
    """The window of a factor that is not taken back."""
    if part.stop is not None and part.stop == part.begin:
        begin, by_epoch = part.ticks(part.begin)
        return window_arguments(begin, begin + 1, by_epoch)
    if part.horizon is None:
        part.refuse(schedule, "it needs an end, and the plan has no horizon")
    end, by_epoch = part.ticks(part.horizon)
    begin, _ = part.ticks(part.begin)
    # The last tick takes the factor back: that has to come after the run.
    return window_arguments(begin, end + 1, by_epoch)


def _window_taken_back(over: Duration, part: WrittenPart) -> dict[str, object]:
    """The window of a factor for so long, whose last tick takes it back."""
    first, size = whole_epochs(part.begin), whole_epochs(over + UPDATE)
    if size and first is not None:
        return window_arguments(first, first + size, True, converted=True)
    count, by_epoch = part.ticks(over)
    begin = part.first_tick(by_epoch)
    return window_arguments(begin, begin + count + 1, by_epoch)


def _constant_cautions(arguments: Arguments, _: bool) -> Iterator[str]:
    return one_tick_caution(arguments, arguments["factor"])


CONSTANT = SchedulerRow(
    "Constant",
    "multiply {it} by `factor`, and undo it at the last tick of the window",
    (Argument("factor", 1 / 3, "in [0, 1]"), *WINDOW_ARGUMENTS),
    faults=lambda arguments: factor_faults(arguments, "factor"),
    derived=ticks_in_window,
    rule=_constant_rule,
    schedule=_constant_form,
    from_rule=_from_constant_rule,
    from_schedule=_from_constant,
    cautions=_constant_cautions,
    length_from=(),
)
