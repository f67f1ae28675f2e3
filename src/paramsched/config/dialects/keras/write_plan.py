"""From a plan to a config of Keras, where one of its classes says it."""

from typing import Any, Final

from paramsched.config.peer_arguments import PeerWords, begins_of_stages, ratio_as_written
from paramsched.curves import Cosine, Linear, Polynomial
from paramsched.feedback.plateau import Plateau
from paramsched.plan import Plan
from paramsched.schedules import Absolute, Anneal, Constant, Exponential, Schedule
from paramsched.schedules.cyclic import CosineRestarts
from paramsched.schedules.decays import InverseTime
from paramsched.schedules.named_anneals import PolynomialCycle
from paramsched.schedules.pointwise import Product, Sum
from paramsched.schedules.retimed import Every
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step

_WORDS: Final = PeerWords("Keras")
_RATE: Final = "initial_learning_rate"


def from_plan(plan: Plan) -> dict[str, Any]:
    """The config that gives what the plan gives; a horizon stands beside it.

    Raises:
        PlanError: Keras has no schedule that does.

    >>> from paramsched.schedules import absolute, cosine
    >>> from_plan(Plan(lr=cosine(absolute(0.5), absolute(0.25), 100)))["config"]
    {'initial_learning_rate': 0.5, 'decay_steps': 100, 'alpha': 0.5}
    """
    schedule, rule = _WORDS.schedule_and_rule(plan)
    if schedule is not None and rule is not None:
        _WORDS.refuse(plan.bindings[0].schedule, "it takes no ReduceLROnPlateau beside a schedule")
    horizon = None if plan.horizon is None else _WORDS.updates(plan.horizon)
    if schedule is not None:
        written = _class_for(schedule, horizon)
    else:
        assert rule is not None
        written = _written_for_keras("ReduceLROnPlateau", **_rule_for_keras(rule))
    return written if horizon is None else {**written, "horizon": horizon}


def _written_for_keras(name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": name, "config": config}


def _class_for(schedule: Schedule, size: int | None) -> dict[str, Any]:
    """`size` is the time it is given, where that is known."""
    match schedule:
        case Anneal():
            return _descent_for_keras(schedule, size)
        case PolynomialCycle():
            ends = {_RATE: _WORDS.value(schedule.start), "end_learning_rate": _WORDS.value(schedule.to)}
            steps, power = _WORDS.updates(schedule.every), schedule.power
            return _written_for_keras("PolynomialDecay", **ends, decay_steps=steps, power=power, cycle=True)
        case Product(operands=(Constant(value=Absolute(value), over=None), shape)):
            return _times_for_keras(value, shape)
        case Sum(operands=(Product(operands=(Constant(value=Absolute(value)), CosineRestarts() as shape)), floor)):
            if isinstance(floor, Constant) and floor.over is None:
                low = _WORDS.value(floor.value)
                return _restarts_for_keras(value + low, shape, ratio_as_written(low, value + low))
        case Sequence():
            return _stages_for_keras(schedule, size)
    return _WORDS.refuse(schedule, "it has no such schedule in values as they stand")


def _descent_for_keras(schedule: Anneal, size: int | None) -> dict[str, Any]:
    steps = _WORDS.steps_of(schedule, size)
    start, to = _WORDS.value(schedule.start), _WORDS.value(schedule.to)
    match schedule.curve:
        case Linear() | Polynomial() if steps:
            power = schedule.curve.exponent if isinstance(schedule.curve, Polynomial) else 1.0
            ends = {_RATE: start, "decay_steps": steps, "end_learning_rate": to}
            return _written_for_keras("PolynomialDecay", **ends, power=power)
        case Cosine() if steps and (start or not to):
            share = ratio_as_written(to, start) if start else 0.0
            return _written_for_keras("CosineDecay", **{_RATE: start}, decay_steps=steps, alpha=share)
    return _WORDS.refuse(schedule, "it has no such curve between such values")


def _times_for_keras(value: float, shape: Schedule) -> dict[str, Any]:
    """A value times what is multiplied again and again."""
    stairs = isinstance(shape, (Step, Every))
    match shape:
        case Exponential(gamma=rate, per=period) | Step(gamma=rate, every=period):
            name = "ExponentialDecay"
        case InverseTime(gamma=rate, per=period):
            name = "InverseTimeDecay"
        case Every(schedule=InverseTime(gamma=rate, per=period), period=other) if period == other:
            name = "InverseTimeDecay"
        case MultiStep(milestones=times, gamma=rate):
            updates = sorted(map(_WORDS.updates, times))
            values = [value * rate**index for index in range(len(updates) + 1)]
            return _values_for_keras(updates, values)
        case CosineRestarts(to=float(share)) if shape.gamma == 1:
            return _restarts_for_keras(value, shape, share)
        case CosineRestarts(to=0.0):
            return _restarts_for_keras(value, shape, 0.0)
        case _:
            _WORDS.refuse(shape, "it has no schedule of a value times this")
    steps = _WORDS.period(period)
    return _written_for_keras(name, **{_RATE: value}, decay_steps=steps, decay_rate=rate, staircase=stairs)


def _restarts_for_keras(rate: float, shape: CosineRestarts, share: float) -> dict[str, Any]:
    if shape.to_gamma != 1 or shape.times is not None or (shape.mult != 1 and shape.lengths != "exact"):
        _WORDS.refuse(shape, 'its cycles go on, with lengths="exact" where they grow')
    return _written_for_keras(
        "CosineDecayRestarts",
        **{_RATE: rate},
        first_decay_steps=_WORDS.updates(shape.first),
        t_mul=shape.mult,
        m_mul=shape.gamma,
        alpha=share,
    )


def _stages_for_keras(schedule: Sequence, total: int | None) -> dict[str, Any]:
    """Held values, or a warmup and a cosine."""
    sizes = _WORDS.stage_sizes(schedule.stages, total)
    held = [stage for stage in schedule.stages if isinstance(stage, Constant)]
    if len(held) == len(sizes):
        return _values_for_keras(begins_of_stages(sizes), [_WORDS.value(one.value) for one in held])
    match schedule.stages:
        case (Anneal(curve=Linear()) as up, Anneal(curve=Cosine()) as down) if (
            up.index == "t/n" and up.to == down.start
        ):
            found = _descent_for_keras(down, sizes[1])["config"]
            peak = found.pop(_RATE)
            warm = {"warmup_target": peak, "warmup_steps": sizes[0]}
            return _written_for_keras("CosineDecay", **{_RATE: _WORDS.value(up.start)}, **found, **warm)
    return _WORDS.refuse(schedule, "of stages it has values that are held, and a line before a cosine")


def _values_for_keras(times: list[int], values: list[float]) -> dict[str, Any]:
    """Values from one update to the next; a boundary of Keras is the last update before."""
    return _written_for_keras("PiecewiseConstantDecay", boundaries=[time - 1 for time in times], values=values)


def _rule_for_keras(rule: Plateau) -> dict[str, Any]:
    """A plateau as `ReduceLROnPlateau`, whose counts are one greater."""
    if rule.threshold_mode != "abs" or rule.eps or rule.nonfinite != "count":
        _WORDS.refuse(rule, 'it has threshold_mode="abs", no eps, and counts what is not finite')
    return {
        "monitor": rule.metric,
        "mode": rule.mode,
        "factor": rule.factor,
        "patience": rule.patience + 1,
        "min_delta": rule.threshold,
        "cooldown": rule.cooldown + 1 if rule.cooldown else 0,
        "min_lr": _WORDS.value(rule.min),
    }
