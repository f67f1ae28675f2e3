"""Exponential: the same ratio at each tick."""

from collections.abc import Iterator

from paramsched.config.dialects.mmengine.rows.argument_checks import number_faults, window_of_rule
from paramsched.config.dialects.mmengine.rows.arguments import WINDOW_ARGUMENTS, Argument, Arguments
from paramsched.config.dialects.mmengine.rows.closed_form import ClosedForm, FormNeeds
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import EPOCH, UPDATE, WrittenPart
from paramsched.schedules import Schedule, exponential, rules
from paramsched.schedules.decays import Exponential
from paramsched.schedules.rules import Rule


def _exponential_rule(arguments: Arguments) -> Rule:
    return rules.exponential(float(arguments["gamma"]), **window_of_rule(arguments))


def _exponential_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm:
    return ClosedForm(needs.ticks.changing(exponential(arguments["gamma"], needs.ticks.one)))


def _from_exponential_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    return {"gamma": rule.gamma} if isinstance(rule, rules.ExponentialRule) else None


def _from_exponential(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    if not isinstance(schedule, Exponential):
        return None
    by_epoch = part.stepwise and schedule.per == EPOCH
    if not by_epoch and (part.stepwise or schedule.per != UPDATE):
        part.refuse(schedule, "its Exponential multiplies once a tick")
    return {"gamma": schedule.gamma, **part.window(by_epoch, one_more=True)}


def _exponential_cautions(arguments: Arguments, converted_from_epochs: bool) -> Iterator[str]:
    if converted_from_epochs:
        yield (
            f"converted to iterations it multiplies by gamma={arguments['gamma']!r} in each of them, "
            "not in each epoch; write gamma ** (1 / epoch_length)"
        )


EXPONENTIAL = SchedulerRow(
    "Exponential",
    "multiply {it} by `gamma` at each tick",
    (Argument("gamma", ..., "ratio of one tick to the one before"), *WINDOW_ARGUMENTS),
    faults=lambda arguments: number_faults(arguments, "gamma"),
    rule=_exponential_rule,
    schedule=_exponential_form,
    from_rule=_from_exponential_rule,
    from_schedule=_from_exponential,
    cautions=_exponential_cautions,
)
