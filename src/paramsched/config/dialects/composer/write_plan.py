"""From a plan to Composer's schedulers: guesses at each factor, kept where they are read as the same plan."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, product
from typing import Any, Final, NoReturn

from paramsched import curves
from paramsched.config.dialects.composer.plans import to_plan
from paramsched.config.dialects.composer.rows import SCHEDULERS
from paramsched.config.dialects.composer.times import UNITS_OF_TIMES
from paramsched.errors import ConfigError, InvalidArgument, PlanError
from paramsched.plan import Plan, resolve
from paramsched.schedules import Anneal, Constant, Exponential, Schedule, previous
from paramsched.schedules.cuts import Skip
from paramsched.schedules.cyclic import CosineRestarts
from paramsched.schedules.decays import PowerLaw
from paramsched.schedules.pointwise import Product, Sum
from paramsched.schedules.retimed import Every
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Calendar, Duration

_UNITS: Final = {ours: theirs for theirs, ours in UNITS_OF_TIMES.items()}
_EPOCH: Final = Duration.of("1 epoch")
_SOME_FACTS: Final = (
    Calendar(steps_per_epoch=7, batch_size=3, sequence_length=5),
    Calendar(steps_per_epoch=11, batch_size=2, sequence_length=3),
)
"""Two runs: lengths that agree in both agree in all."""

_MOST_TRIED: Final = 100

_Written = dict[str, Any]
"""The name of a scheduler and its arguments."""


def from_plan(plan: Plan) -> dict[str, Any]:
    """The schedulers that say a plan, with `max_duration` beside them; by llm-foundry's names where it has them.

    Raises:
        PlanError: Composer has no scheduler for it.

    >>> from paramsched.schedules import cosine, warmup
    >>> from_plan(Plan(lr=warmup("6%") >> cosine(to=0.1), horizon=4800))
    {'scheduler': {'name': 'cosine_with_warmup', 't_warmup': '288ba', 'alpha_f': 0.1}, 'max_duration': '4800ba'}
    """
    if len(plan.bindings) != 1 or plan.bindings[0].name != "lr" or plan.bindings[0].groups is not None:
        _refuse_for_composer(plan, "it schedules lr, of all groups alike, and nothing else")
    if plan.clock not in _UNITS:
        _refuse_for_composer(plan, "it counts batches, samples and tokens")
    longest = None if plan.horizon is None else _time_text(plan.horizon, plan)
    if longest is None:
        _refuse_for_composer(plan, "its runs are a whole number of epochs, batches, samples or tokens")
    schedule: Schedule = plan.bindings[0].schedule
    run: dict[str, Any] = {"max_duration": longest}
    if isinstance(schedule, Every) and schedule.period == _EPOCH:
        schedule, run = schedule.schedule, {**run, "step_schedulers_every_batch": False}
    factors = schedule.operands if isinstance(schedule, Product) else (schedule,)
    guesses = [list(_guesses_of_factor(factor, plan)) for factor in factors]
    for listed in islice(product(*guesses), _MOST_TRIED):
        said = {"scheduler": listed[0]} if len(listed) == 1 else {"schedulers": list(listed)}
        if _is_read_as({**said, **run}, plan):
            return {**said, **run}
    why = "none of its schedulers gives these values; ps.resolve(plan, calendar) may help"
    return _refuse_for_composer(plan, "its levels are multiples of base" if schedule.has_absolute else why)


def _refuse_for_composer(plan: Plan, why: str) -> NoReturn:
    raise PlanError(f"Composer cannot say {plan.bindings[0]}", why, 'Write it in the native format: format="yaml"')


def _is_read_as(found: dict[str, Any], plan: Plan) -> bool:
    """Whether schedulers are read as this plan, or as the same once lengths are amounts of its clock."""
    try:
        back = to_plan(found)
        return back == plan or all(resolve(back, facts) == resolve(plan, facts) for facts in _SOME_FACTS)
    except (ConfigError, InvalidArgument):
        return False


def _time_text(length: Duration, plan: Plan) -> str | None:
    """A length as Composer says it; per cent as the amount that they are of the run. None where it is no whole one."""
    if length.until or len(length.terms) > 1:
        return None
    if not length.terms:
        return f"0{_UNITS[str(plan.clock)]}"
    unit, amount = length.terms[0]
    if unit == "percent" and plan.horizon is not None and len(plan.horizon.terms) == 1:
        unit, amount = plan.horizon.terms[0][0], plan.horizon.terms[0][1] * amount / 100
    return f"{amount}{_UNITS[unit]}" if unit in _UNITS and Fraction(amount).denominator == 1 else None


def _guesses_of_factor(factor: Schedule, plan: Plan) -> Iterator[_Written]:
    """The schedulers that one factor might be."""
    stages = list(factor.stages) if isinstance(factor, Sequence) else [factor]
    for name, arguments, lengths in [*_plain_schedulers(stages), *_warm_schedulers(stages)]:
        times = {key: _time_text(length, plan) for key, length in lengths.items()}
        if None not in times.values():
            yield {"name": SCHEDULERS[name].registered or name, **times, **arguments}
    if len(stages) == 1 and isinstance(factor, MultiStep):
        yield from _at_times("MultiStepScheduler", factor, {}, plan)
    warm, rest = _split_warmup(stages)
    below = rest[0].schedule if len(rest) == 1 and isinstance(rest[0], Skip) else None
    if warm is not None and isinstance(below, MultiStep):
        yield from _at_times("MultiStepWithWarmupScheduler", below, {"t_warmup": _time_text(warm, plan)}, plan)


def _at_times(name: str, stairs: MultiStep, more: dict[str, Any], plan: Plan) -> Iterator[_Written]:
    """Stairs at milestones."""
    times = [_time_text(one, plan) for one in stairs.milestones]
    if None not in (*times, *more.values()):
        yield {"name": name, **more, "milestones": times, "gamma": stairs.gamma}


_Guessed = tuple[str, dict[str, float], dict[str, Duration]]
"""A class, its numbers, and its times."""


def _plain_schedulers(stages: list[Schedule]) -> Iterator[_Guessed]:
    """A scheduler of one stage, behind which its last level may stand."""
    match stages:
        case [Step() as stairs]:
            yield "StepScheduler", {"gamma": stairs.gamma}, {"step_size": stairs.every}
        case [Exponential() as decay]:
            yield "ExponentialScheduler", {"gamma": decay.gamma}, {"decay_period": decay.per}
        case [CosineRestarts(to=float() as floor) as cycles]:
            yield (
                "CosineAnnealingWarmRestartsScheduler",
                {"t_mult": cycles.mult, "alpha_f": floor},
                {"t_0": cycles.first},
            )
        case [Constant(value=float() as alpha, over=None)]:
            yield "ConstantScheduler", {"alpha": alpha}, {}
        case [Constant(value=float() as alpha, over=Duration() as over), Constant(value=1.0)]:
            yield "ConstantScheduler", {"alpha": alpha}, {"t_max": over}
        case [Anneal(start=float() as start, to=float() as to) as way]:
            times = {} if way.over is None else {"t_max": way.over}
            yield "LinearScheduler", {"alpha_i": start, "alpha_f": to}, times
            yield "CosineAnnealingScheduler", {"alpha_f": to}, times
            if isinstance(way.curve, curves.Polynomial):
                yield "PolynomialScheduler", {"power": way.curve.exponent, "alpha_f": to}, times


def _warm_schedulers(stages: list[Schedule]) -> Iterator[_Guessed]:
    """A scheduler with a warmup from 0."""
    warm, rest = _split_warmup(stages)
    if warm is None:
        return
    match rest:
        case [] | [Constant()]:
            first = stages[0]
            alpha = first.to if isinstance(first, Anneal) and isinstance(first.to, float) else 1.0
            yield "ConstantWithWarmupScheduler", {"alpha": alpha} if alpha != 1 else {}, {"t_warmup": warm}
        case [Anneal(start=float() as start, to=float() as to) as way]:
            times = {"t_warmup": warm} | ({} if way.over is None else {"t_max": warm + way.over})
            floor = {"alpha_f": to}
            yield "CosineAnnealingWithWarmupScheduler", floor, times
            yield "LinearWithWarmupScheduler", ({"alpha_i": start} if start != 1 else {}) | floor, times
            if isinstance(way.curve, curves.Polynomial):
                yield "PolynomialWithWarmupScheduler", {"power": way.curve.exponent, **floor}, times
    yield from _inverse_roots(warm, rest)


def _inverse_roots(warm: Duration, rest: list[Schedule]) -> Iterator[_Guessed]:
    """llm-foundry's inverse square root towards a level, and the line behind it."""
    falling = rest[0] if rest else None
    level = 0.0
    if isinstance(falling, Sum) and isinstance(falling.operands[0], Constant):
        level = falling.operands[0].value if isinstance(falling.operands[0].value, float) else 0.0
        inner = falling.operands[1]
        falling = inner.operands[-1] if isinstance(inner, Product) else inner
    if not isinstance(falling, PowerLaw):
        return
    last, cool = 0.0, Duration.of(0)
    if len(rest) == 2 and isinstance(rest[1], Anneal) and rest[1].start == previous and rest[1].over is not None:
        last, cool = rest[1].to if isinstance(rest[1].to, float) else 0.0, rest[1].over
    times = {"t_warmup": warm, "t_scale": falling.timescale, "t_cooldown": cool}
    yield "InverseSquareRootWithWarmupScheduler", {"alpha_f_decay": level, "alpha_f_cooldown": last}, times


def _split_warmup(stages: list[Schedule]) -> tuple[Duration | None, list[Schedule]]:
    """The length of a straight line from 0, and what follows it."""
    first = stages[0]
    if isinstance(first, Anneal) and first.start == 0 and first.over is not None and first.curve == curves.linear:
        return first.over, stages[1:]
    return None, stages
