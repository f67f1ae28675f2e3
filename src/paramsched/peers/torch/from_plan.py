"""Conversion of a plan to a scheduler of torch."""

from typing import Any, Final

from paramsched.config.arguments import from_level
from paramsched.config.peer_exports import PeerExporter, begins_of_stages, schedules_lr_alone
from paramsched.curves import Cosine, Linear, Polynomial
from paramsched.plan import Plan
from paramsched.schedules import Absolute, Anneal, Constant, Exponential, Schedule
from paramsched.schedules.cuts import Take
from paramsched.schedules.cyclic import CosineRestarts, Cyclic
from paramsched.schedules.pointwise import Product
from paramsched.schedules.retimed import Chain, Every
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Duration

_EXPORTER: Final = PeerExporter("torch")
_ENDLESS: Final = 1_000_000_000  # steps
_EPOCH: Final = Duration.of("1 epoch")


def from_plan(plan: Plan) -> dict[str, Any]:
    """Return a plan as a scheduler of torch, with its class and arguments.

    Raises:
        PlanError: torch has no such scheduler.

    >>> from paramsched import cosine, warmup
    >>> from_plan(Plan(lr=warmup(5, 0.1) >> cosine(over=45), horizon=50))["SequentialLR"]["milestones"]
    [5]
    """
    if not schedules_lr_alone(plan) or plan.clock != "updates":
        _EXPORTER.refuse(plan, "its schedulers set lr of all groups and count updates or epochs")
    schedule = plan.bindings[0].schedule
    by_epoch = "epoch" in str(schedule)
    if by_epoch and isinstance(schedule, Every) and schedule.period == _EPOCH and schedule.phase == 0:
        schedule = schedule.schedule
    elif by_epoch and not _only_stairs(schedule):
        _EXPORTER.refuse(
            schedule, 'with a length in epochs torch changes lr between epochs only; write every(…, "epoch")'
        )
    unit = "epochs" if by_epoch else "updates"
    run = None if plan.horizon is None else _EXPORTER.count(plan.horizon, unit)
    written = _torch_written(schedule, unit, run)
    beside: dict[str, Any] = {"interval": "epoch"} if by_epoch else {}
    if plan.horizon is not None:
        beside["horizon"] = run if not by_epoch else str(plan.horizon)
    return {**written, **beside}


def _only_stairs(schedule: Schedule) -> bool:
    return isinstance(schedule, (Step, MultiStep)) or (
        isinstance(schedule, (Sequence, Product, Chain))
        and all(_only_stairs(one) or isinstance(one, Constant) for one in _parts(schedule))
    )


def _parts(schedule: Sequence | Product | Chain) -> tuple[Schedule, ...]:
    return tuple(schedule.stages if isinstance(schedule, Sequence) else schedule.operands)


def _torch_written(schedule: Schedule, unit: str, run: int | None) -> dict[str, Any]:
    """Return a scheduler by its name, with its arguments.

    Args:
        schedule: the schedule.
        unit: "epochs" or "updates", the unit of the scheduler's steps.
        run: the length of the run in steps, or None if unknown.
    """
    match schedule:
        case Step():
            return {"StepLR": {"step_size": _EXPORTER.count(schedule.every, unit), "gamma": schedule.gamma}}
        case MultiStep():
            times = [_EXPORTER.count(one, unit) for one in schedule.milestones]
            return {"MultiStepLR": {"milestones": times, "gamma": schedule.gamma}}
        case Exponential() if _EXPORTER.count(schedule.per, unit) == 1:
            return {"ExponentialLR": {"gamma": schedule.gamma}}
        case Constant() if isinstance(schedule.value, float) and 0 < schedule.value <= 1:
            return {"ConstantLR": {"factor": schedule.value, "total_iters": _ENDLESS}}
        case Anneal():
            return _written_decay(schedule, unit, run)
        case CosineRestarts() if schedule.gamma == 1 and schedule.mult == int(schedule.mult):
            periods = {"T_0": _EXPORTER.count(schedule.first, unit), "T_mult": int(schedule.mult)}
            return {"CosineAnnealingWarmRestarts": {**periods, "eta_min": _floor(schedule, schedule.to)}}
        case Cyclic(start=Absolute(low), to=Absolute(high)):
            sizes = {
                "step_size_up": _EXPORTER.count(schedule.up, unit),
                "step_size_down": _EXPORTER.count(schedule.down, unit),
            }
            arguments = {"base_lr": low, "max_lr": high, **sizes, "mode": schedule.mode, "gamma": schedule.gamma}
            return {"CyclicLR": {**arguments, "cycle_momentum": False}}
        case Take():
            return _torch_written(schedule.schedule, unit, _EXPORTER.count(schedule.over, unit))
        case Sequence():
            lengths = _EXPORTER.stage_sizes(schedule.stages, run, unit)
            begins = begins_of_stages(lengths)
            seen = [*lengths[:-1], None if run is None else run - (begins[-1] if begins else 0)]
            members = [_torch_written(one, unit, size) for one, size in zip(schedule.stages, seen, strict=True)]
            return {"SequentialLR": {"schedulers": members, "milestones": begins}}
        case Product() | Chain():
            members = [_torch_written(one, unit, run) for one in _parts(schedule)]
            # In torch a chain is exact for steps, exponentials and straight lines that never reach 0.
            if all(
                isinstance(one, (Step, MultiStep, Exponential, Constant))
                or (isinstance(one, Anneal) and isinstance(one.to, float) and one.to != 0)
                for one in _parts(schedule)
            ):
                return {"ChainedScheduler": {"schedulers": members}}
    return _EXPORTER.refuse(schedule, "it has no such scheduler")


def _written_decay(schedule: Anneal, unit: str, run: int | None) -> dict[str, Any]:
    """Return a decay over its own length, or over the run if it has none."""
    if schedule.index != "t/n":
        _EXPORTER.refuse(schedule, 'its schedulers use index="t/n"')
    length = run if schedule.over is None else _EXPORTER.count(schedule.over, unit)
    if length is None:
        _EXPORTER.refuse(schedule, "the schedule has no length of its own, and the plan has no horizon")
    start, to = schedule.start, schedule.to
    if length < 1 or not isinstance(start, float):
        _EXPORTER.refuse(schedule, "its schedulers start at a multiple of base and last at least one step")
    if isinstance(schedule.curve, Linear) and isinstance(to, float) and 0 < start <= 1 and 0 <= to <= 1:
        return {"LinearLR": {"start_factor": start, "end_factor": to, "total_iters": length}}
    if isinstance(schedule.curve, Polynomial) and start == 1 and to == 0:
        return {"PolynomialLR": {"total_iters": length, "power": schedule.curve.exponent}}
    if isinstance(schedule.curve, Cosine) and start == 1:
        if run is None or run > length + 1:
            why = f"its cosine rises again after {length} steps, and the plan stays at the end of the decay"
            _EXPORTER.refuse(schedule, why)
        return {"CosineAnnealingLR": {"T_max": length, "eta_min": _floor(schedule, to)}}
    return _EXPORTER.refuse(schedule, "it has no such curve between such levels")


def _floor(schedule: Schedule, to: Any) -> float:
    value = from_level(to)
    if value is None:
        _EXPORTER.refuse(schedule, "eta_min is an absolute value, not a multiple of base; write to=absolute(…)")
    return value
