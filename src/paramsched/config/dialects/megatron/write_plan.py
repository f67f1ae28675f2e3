"""From a plan to the arguments of Megatron-LM, where they say it."""

from typing import Any, Final, NoReturn

from paramsched import curves
from paramsched.curves import Curve
from paramsched.errors import PlanError
from paramsched.plan import Plan, Target
from paramsched.schedules import Schedule
from paramsched.schedules.affine import Absolute, Level
from paramsched.schedules.anneal import Anneal
from paramsched.schedules.leaves import Constant
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import Stairs
from paramsched.time import Duration

_STYLES: Final = {"linear": curves.linear, "cosine": curves.cosine}
_WSD_STYLES: Final = {**_STYLES, "exponential": curves.exponential(0.5), "minus_sqrt": curves.one_minus_sqrt}


def from_plan(plan: Plan) -> dict[str, Any]:
    """The arguments that give what the plan gives.

    Raises:
        PlanError: Megatron has no arguments that do.

    >>> from paramsched import absolute, cosine, warmup
    >>> arguments = from_plan(Plan(lr=warmup(10) >> cosine(to=absolute(6e-6), over=990), horizon=1000))
    >>> arguments["lr_decay_style"], arguments["lr_warmup_iters"], arguments["lr_decay_iters"], arguments["min_lr"]
    ('cosine', 10, 1000, 6e-06)
    """
    if plan.clock not in ("updates", "samples") or plan.horizon is None:
        _refuse_for_megatron(plan, "its runs have a length, in updates or samples")
    unit = str(plan.clock)
    by = "iters" if unit == "updates" else "samples"
    found: dict[str, Any] = {f"train_{by}": _counts(plan.horizon, unit)}
    for binding in plan.bindings:
        schedule = binding.schedule
        if not isinstance(schedule, Schedule) or binding.groups is not None:
            _refuse_for_megatron(binding, "its schedules act on all groups alike, and none reacts to a metric")
        if isinstance(binding.field, Target):
            found |= _written_batch_size(binding.field, schedule, unit)
        elif binding.name == "lr":
            found |= _written_rate(schedule, unit, by, found[f"train_{by}"])
        elif binding.name == "weight_decay":
            found |= _written_weight_decay(schedule, unit, found[f"train_{by}"])
        else:
            _refuse_for_megatron(binding, "it schedules lr, weight_decay and batch_size")
    return found


def _refuse_for_megatron(what: object, why: str) -> NoReturn:
    raise PlanError(f"Megatron cannot say {what}", why, 'Write it in the native format: format="yaml"')


def _counts(length: Duration, unit: str) -> int:
    """A length as a whole number of updates or samples."""
    terms = length.terms
    if len(terms) != 1 or terms[0][0] != unit or terms[0][1].denominator != 1:
        _refuse_for_megatron(length, f"it is no whole number of {unit}; ps.resolve(plan, calendar) may say it so")
    return int(terms[0][1])


def _value(level: Level, what: object) -> float:
    if isinstance(level, Absolute):
        return level.value
    if level != 0:
        _refuse_for_megatron(what, "its levels below the peak are values; write absolute(…)")
    return 0.0


def _written_rate(schedule: Schedule, unit: str, by: str, total: int) -> dict[str, Any]:
    """The arguments of the learning rate: a warmup, then one style."""
    stages = list(schedule.stages) if isinstance(schedule, Sequence) else [schedule]
    found: dict[str, Any] = {}
    warm = 0
    first = stages[0]
    if len(stages) > 1 and isinstance(first, Anneal) and first.to == 1 and first.start != 1:
        _check_line(first)
        assert first.over is not None
        warm = _counts(first.over, unit)
        found |= {f"lr_warmup_{by}": warm, "lr_warmup_init": _value(first.start, first)}
        stages = stages[1:]
    floor = stages[-1]
    if len(stages) > 1 and isinstance(floor, Constant) and isinstance(stages[-2], Anneal) and floor.over is None:
        if floor.value != stages[-2].to:
            _refuse_for_megatron(schedule, "behind its decay stands the floor of the decay")
        stages = stages[:-1]
    match stages:
        case [Constant(value=1.0)]:
            return found | {"lr_decay_style": "constant"}
        case [Anneal() as descent]:
            size = _length_of_descent(descent, unit, total - warm)
            style = _style(descent, _STYLES)
            decay = {f"lr_decay_{by}": warm + size, "min_lr": _value(descent.to, descent)}
            return found | {"lr_decay_style": style} | decay
        case [Constant(value=1.0) as stable, Anneal() as descent]:
            flat = None if stable.over is None else _counts(stable.over, unit)
            size = _length_of_descent(descent, unit, None if flat is None else total - warm - flat)
            end = total if flat is None else warm + flat + size
            wsd = {f"lr_wsd_decay_{by}": size, "lr_wsd_decay_style": _style(descent, _WSD_STYLES)}
            decay = {f"lr_decay_{by}": end, "min_lr": _value(descent.to, descent)}
            return found | {"lr_decay_style": "WSD"} | wsd | decay
    return _refuse_for_megatron(schedule, "it has a warmup, then constant, linear, cosine or WSD")


def _check_line(first: Anneal) -> None:
    if first.curve != curves.linear or first.index != "t/n" or first.over is None:
        _refuse_for_megatron(first, 'its warmup is a straight line of a length, index="t/n"')


def _length_of_descent(descent: Anneal, unit: str, rest: int | None) -> int:
    size = rest if descent.over is None else _counts(descent.over, unit)
    if size is None or (descent.over is not None and descent.over.until):
        _refuse_for_megatron(descent, "nothing says how long it is; ps.resolve(plan, calendar) does")
    if descent.start != 1 or descent.index != "t/n":
        _refuse_for_megatron(descent, 'it begins at the peak, index="t/n"')
    return size


def _style(descent: Anneal, styles: dict[str, Curve]) -> str:
    for name, curve in styles.items():
        if descent.curve == curve:
            return name
    return _refuse_for_megatron(descent, f"its styles are {', '.join(styles)}")


def _written_weight_decay(schedule: Schedule, unit: str, total: int) -> dict[str, Any]:
    if isinstance(schedule, Constant):
        value = _value(schedule.value, schedule)
        return {"start_weight_decay": value, "end_weight_decay": value}
    if not isinstance(schedule, Anneal) or schedule.index != "t/n":
        _refuse_for_megatron(schedule, "weight decay rises along a line or a cosine")
    if schedule.over is not None and _counts(schedule.over, unit) != total:
        _refuse_for_megatron(schedule, "weight decay rises over the whole run")
    start, end = _value(schedule.start, schedule), _value(schedule.to, schedule)
    if start > end:
        _refuse_for_megatron(schedule, "weight decay does not fall")
    style = _style(schedule, _STYLES)
    return {"weight_decay_incr_style": style, "start_weight_decay": start, "end_weight_decay": end}


def _written_batch_size(target: Target, schedule: Schedule, unit: str) -> dict[str, Any]:
    """The batch: a size, or a ramp by equal increments."""
    first = getattr(target, "initial", 1)
    if target.name != "batch_size" or first != 1 or unit != "samples":
        _refuse_for_megatron(target, "in a plan by samples it says batch_size, from an initial 1")
    if isinstance(schedule, Constant) and isinstance(schedule.value, float):
        return {"global_batch_size": int(schedule.value)}
    if not isinstance(schedule, Stairs) or schedule.over is None:
        _refuse_for_megatron(schedule, "the batch grows by stairs")
    if not isinstance(schedule.start, float) or not isinstance(schedule.to, float):
        _refuse_for_megatron(schedule, "the batch grows between multiples of its initial value, 1")
    rise = (schedule.to - schedule.start) / schedule.rises
    if rise <= 0 or rise != int(rise) or schedule.start != int(schedule.start):
        _refuse_for_megatron(schedule, "the batch grows by a whole number")
    ramp = [int(schedule.start), int(rise), _counts(schedule.over, unit)]
    return {"global_batch_size": int(schedule.to), "rampup_batch_size": ramp}
