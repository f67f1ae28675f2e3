"""Poly: a power of the ticks that are left, down to a floor."""

from paramsched.config.dialects.mmengine.rows.argument_checks import number_faults, ticks_in_window, window_of_rule
from paramsched.config.dialects.mmengine.rows.arguments import WINDOW_ARGUMENTS, Argument, Arguments
from paramsched.config.dialects.mmengine.rows.closed_form import ClosedForm, FormNeeds
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
from paramsched.curves import Linear, Polynomial
from paramsched.schedules import Schedule, absolute, polynomial, rules
from paramsched.schedules.affine import Absolute
from paramsched.schedules.anneal import Anneal
from paramsched.schedules.rules import Rule


def _poly_rule(arguments: Arguments) -> Rule:
    floor = absolute(float(arguments["eta_min"]))
    return rules.polynomial(float(arguments["power"]), floor, **window_of_rule(arguments))


def _poly_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    if needs.endless or needs.single:
        return None
    floor = absolute(float(arguments["eta_min"]))
    descent = polynomial(float(arguments["power"]), to=floor, over=needs.ticks.last(needs.size))
    return ClosedForm(needs.ticks.changing(descent), "towards", ends_itself=True)


def _from_poly_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    if isinstance(rule, rules.PolynomialRule) and rule.over is None and isinstance(rule.to, Absolute):
        return {"eta_min": rule.to.value, "power": rule.power}
    return None


def _from_power(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """A power of what is left, down to a value or to 0, over the whole window."""
    found = part.stretched
    if found is None or not isinstance(schedule, Anneal) or schedule.start != part.level or not found.whole:
        return None
    if not isinstance(schedule.curve, (Linear, Polynomial)):
        return None
    if not isinstance(schedule.to, Absolute) and schedule.to != 0.0:
        return None
    floor = schedule.to.value if isinstance(schedule.to, Absolute) else 0.0
    power = 1.0 if isinstance(schedule.curve, Linear) else schedule.curve.exponent
    return {"eta_min": floor, "power": power, **found.window}


POLY = SchedulerRow(
    "Poly",
    "let {it} fall to `eta_min` as a power of the ticks left, reached at the last tick of the window",
    (Argument("eta_min", 0, "floor, as a value"), Argument("power", 1.0, "exponent"), *WINDOW_ARGUMENTS),
    faults=lambda arguments: number_faults(arguments, "eta_min", "power"),
    derived=ticks_in_window,
    rule=_poly_rule,
    schedule=_poly_form,
    from_rule=_from_poly_rule,
    from_schedule=_from_power,
    length_from=(),
)
