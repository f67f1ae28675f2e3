"""Step: a factor every so many ticks."""

from collections.abc import Iterator
from fractions import Fraction

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
from paramsched.schedules import Schedule, rules, step
from paramsched.schedules.rules import Rule
from paramsched.schedules.staircases import Step


def _step_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    yield from number_faults(arguments, "step_size", "gamma")
    if is_real_number(arguments["step_size"]) and arguments["step_size"] <= 0:
        yield ArgumentFault("step_size", f"step_size={arguments['step_size']!r} is not above 0")


def _step_rule(arguments: Arguments) -> Rule:
    # `k % size == 0` for whole k: a size of 5/2 divides every fifth tick only.
    every = Fraction(arguments["step_size"]).numerator
    return rules.step(min(every, INF), float(arguments["gamma"]), **window_of_rule(arguments))


def _step_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm:
    return ClosedForm(step(needs.ticks.count(arguments["step_size"]), arguments["gamma"]))


def _from_step_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    return {"step_size": rule.every, "gamma": rule.gamma} if isinstance(rule, rules.StepRule) else None


def _from_step(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    if not isinstance(schedule, Step):
        return None
    size, by_epoch = part.ticks(schedule.every)
    return {"step_size": size, "gamma": schedule.gamma, **part.window(by_epoch, one_more=True)}


STEP = SchedulerRow(
    "Step",
    "multiply {it} by `gamma` every `step_size` ticks, counted from `begin`",
    (
        Argument("step_size", ..., "ticks between two of them", counted=True),
        Argument("gamma", 0.1, "factor"),
        *WINDOW_ARGUMENTS,
    ),
    faults=_step_faults,
    rule=_step_rule,
    schedule=_step_form,
    from_rule=_from_step_rule,
    from_schedule=_from_step,
)
