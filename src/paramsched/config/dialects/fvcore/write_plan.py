"""From a plan to param schedulers of fvcore, where they say it."""

from typing import Any, Final, NoReturn

from paramsched.curves import Cosine, Linear, Polynomial
from paramsched.errors import PlanError
from paramsched.plan import Plan
from paramsched.schedules import Schedule
from paramsched.schedules.anneal import Anneal
from paramsched.schedules.leaves import Constant
from paramsched.schedules.sequence import Sequence
from paramsched.time import Duration

_UNIT: Final = "updates"


def from_plan(plan: Plan) -> dict[str, Any]:
    """The param scheduler that gives what the plan gives, with `max_iter` beside it.

    Raises:
        PlanError: fvcore has no scheduler that does.

    >>> from paramsched import cosine, warmup
    >>> from_plan(Plan(lr=warmup(10, 0.1) >> cosine(over=90), horizon=100))["CompositeParamScheduler"]["lengths"]
    [0.1, 0.9]
    """
    binding = plan.bindings[0]
    alone = len(plan.bindings) == 1 and binding.name == "lr" and binding.groups is None
    if not alone or plan.clock != _UNIT or plan.horizon is None:
        _refuse_for_fvcore(plan, "it drives lr of all groups, in a run of so many updates")
    total, schedule = _updates(plan.horizon), binding.schedule
    if not isinstance(schedule, Schedule):
        _refuse_for_fvcore(schedule, "it reacts to a metric")
    if not isinstance(schedule, Sequence):
        return {**_fvcore_written(schedule, total), "max_iter": total}
    lengths = [None if stage.length is None else _updates(stage.length) for stage in schedule.stages]
    if lengths.count(None) > 1:
        _refuse_for_fvcore(
            schedule, "several stages take the time they are given; ps.resolve(plan, calendar) says how much"
        )
    sizes = [total - sum(one or 0 for one in lengths) if one is None else one for one in lengths]
    if sum(sizes) != total or min(sizes) < 1:
        _refuse_for_fvcore(schedule, f"its stages do not sum up to the run, {total:,} updates")
    stages = [_fvcore_written(stage, size) for stage, size in zip(schedule.stages, sizes, strict=True)]
    shares = [size / total for size in sizes]
    parts = {"schedulers": stages, "lengths": shares, "interval_scaling": ["rescaled"] * len(shares)}
    return {"CompositeParamScheduler": parts, "max_iter": total}


def _refuse_for_fvcore(what: object, why: str) -> NoReturn:
    raise PlanError(f"fvcore cannot say {what}", why, 'Write it in the native format: format="yaml"')


def _updates(length: Duration) -> int:
    terms = length.terms
    if len(terms) != 1 or terms[0][0] != _UNIT or terms[0][1].denominator != 1:
        _refuse_for_fvcore(length, "it is no whole number of updates; ps.resolve(plan, calendar) makes it one")
    return int(terms[0][1])


def _fvcore_written(schedule: Schedule, size: int) -> dict[str, Any]:
    """One shape that takes just so many updates."""
    if isinstance(schedule, Constant) and isinstance(schedule.value, float):
        return {"ConstantParamScheduler": {"value": schedule.value}}
    if not isinstance(schedule, Anneal) or schedule.index != "t/n":
        _refuse_for_fvcore(schedule, 'it says constants, lines, cosines and powers, index="t/n"')
    if schedule.over is not None and _updates(schedule.over) != size:
        _refuse_for_fvcore(schedule, f"it has to take all of its {size:,} updates")
    start, to = schedule.start, schedule.to
    if not isinstance(start, float) or not isinstance(to, float):
        _refuse_for_fvcore(schedule, "its values are multiples of base")
    if isinstance(schedule.curve, (Linear, Cosine)):
        name = "Linear" if isinstance(schedule.curve, Linear) else "Cosine"
        return {f"{name}ParamScheduler": {"start_value": start, "end_value": to}}
    if isinstance(schedule.curve, Polynomial) and to == 0:
        return {"PolynomialDecayParamScheduler": {"base_value": start, "power": schedule.curve.exponent}}
    return _refuse_for_fvcore(schedule, "it has no such curve")
