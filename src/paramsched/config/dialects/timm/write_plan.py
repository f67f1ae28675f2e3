"""From a plan to arguments of timm: a guess at the scheduler, kept where it gives the same values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Any, Final, final

import numpy as np

from paramsched import curves
from paramsched._arrays import Floats
from paramsched.config.dialects.timm.arguments import DECAY_CURVES, DEFAULTS
from paramsched.config.dialects.timm.plans import to_plan
from paramsched.config.peer_arguments import PeerWords, value_of_level
from paramsched.config.plan_files import durations_in, units_of_plan, values_inside
from paramsched.errors import ConfigError, InvalidArgument
from paramsched.feedback.base import Guided
from paramsched.feedback.plateau import Plateau
from paramsched.plan import Plan, resolve
from paramsched.schedules import Anneal, Constant, Schedule
from paramsched.schedules.cuts import Skip
from paramsched.schedules.decays import PowerLaw
from paramsched.schedules.pointwise import Clamp, Product, Sum
from paramsched.schedules.restarts import Restarts
from paramsched.schedules.retimed import Every
from paramsched.schedules.sequence import stages_of
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.time import Calendar

_WORDS: Final = PeerWords("timm")
_UPDATES_IN_EPOCH: Final = 3
"""Of the run in which two plans by epochs are compared: enough to see what changes within an epoch."""

_ALWAYS: Final = ("sched", "num_epochs")
_BASES: Final = (1.0, 0.37)
_MOST_COMPARED: Final = 20_000
_CLOSE: Final = 1e-12


def from_plan(plan: Plan) -> dict[str, Any]:
    """The arguments of `create_scheduler_v2` that give what a plan gives; those at their default are left out.

    A plan in epochs has to change between epochs only. One in updates is written with `updates_per_epoch`, the greatest
    number that divides all its lengths: what timm then calls an epoch need not be one of the run. A plateau has
    `eval_metric` beside the arguments, which `create_scheduler_v2` does not take.

    Raises:
        PlanError: timm has no scheduler for it.

    >>> from paramsched.schedules import absolute, cosine, every, warmup
    >>> from_plan(Plan(lr=every(warmup("5 epochs", absolute(1e-6)) >> cosine(), "epoch"), horizon="95 epochs"))
    {'sched': 'cosine', 'num_epochs': 90, 'warmup_lr': 1e-06, 'warmup_epochs': 5, 'warmup_prefix': True}
    """
    _WORDS.schedule_of_lr(plan)
    if plan.clock != "updates" or plan.horizon is None:
        _WORDS.refuse(plan.bindings[0], "its runs have a length, in epochs or updates")
    ticks = _in_ticks(plan)
    for guess in _guesses_of_plan(ticks):
        found = _with_cooldown(guess, ticks)
        if found is not None and _gives_the_same(found, plan):
            named = [name for name in DEFAULTS if name in found]
            return {name: found[name] for name in named if name in _ALWAYS or found[name] != DEFAULTS[name]}
    why = "none of its schedulers gives these values"
    ways = [part for part in values_inside(ticks.schedule) if isinstance(part, Anneal)]
    if any(isinstance(way.to, float) and way.to not in (0.0, 1.0) for way in ways):
        why = "a level between 0 and base is a value there; write absolute(1e-5) for it"
    elif ticks.by_epoch:
        why += '; what is in epochs changes between epochs there, as every(…, "epoch") does'
    return _WORDS.refuse(plan.bindings[0], why)


@final
@dataclass(frozen=True, slots=True)
class _TickPlan:
    """A plan with every length in what timm's scheduler counts."""

    schedule: Schedule
    horizon: int
    size: int  # counts in an epoch
    by_epoch: bool  # whether a count is an epoch

    def epochs(self, ticks: int | Fraction) -> float:
        number = Fraction(ticks) / self.size
        return int(number) if number.denominator == 1 else float(number)


def _in_ticks(plan: Plan) -> _TickPlan:
    """The plan by epochs, where it is in epochs; else by updates."""
    by_epoch = "epochs" in units_of_plan(plan)
    if by_epoch and "updates" in units_of_plan(plan):
        _WORDS.refuse(plan.bindings[0], "it is in epochs and in updates; ps.resolve(plan, calendar) is in updates")
    try:
        resolved = resolve(plan, Calendar(steps_per_epoch=1) if by_epoch else Calendar())
    except InvalidArgument as refusal:
        _WORDS.refuse(plan.bindings[0], str(refusal))
    assert resolved.horizon is not None
    schedule, horizon = resolved.bindings[0].schedule, resolved.horizon.updates
    size = 1 if by_epoch else gcd(horizon, *_whole_lengths(schedule))
    return _TickPlan(schedule, horizon, size, by_epoch)


def _whole_lengths(schedule: Schedule) -> Iterator[int]:
    """The whole numbers of updates in a schedule; a milestone acts an update early."""
    early = {time for part in values_inside(schedule) if isinstance(part, MultiStep) for time in part.milestones}
    for length in durations_in(schedule):
        if length.is_resolved:
            yield length.updates + (length in early)


def _with_cooldown(guess: dict[str, Any], ticks: _TickPlan) -> dict[str, Any] | None:
    """All arguments, with the epochs at the floor that are left behind the cycles; None where those are too long."""
    clock = {} if ticks.by_epoch else {"step_on_epochs": False, "updates_per_epoch": ticks.size}
    found = {**guess, **clock}
    try:
        length = to_plan(found).horizon
    except (ConfigError, InvalidArgument):
        return None
    assert length is not None
    left = ticks.horizon - (int(length.terms[0][1]) if length.terms else 0)
    if left < 0 or left % ticks.size:
        return None
    return {**found, "cooldown_epochs": left // ticks.size} if left else found


def _gives_the_same(found: dict[str, Any], plan: Plan) -> bool:
    """Whether arguments are read as a plan of the same length and values."""
    back = to_plan(found)
    if back == plan:
        return True
    facts = Calendar(steps_per_epoch=_UPDATES_IN_EPOCH)
    ours, theirs = resolve(plan, facts), resolve(back, facts)
    if ours.horizon != theirs.horizon or ours.horizon is None:
        return False
    one, other = ours.bindings[0].schedule, theirs.bindings[0].schedule
    if one.metric_rules != other.metric_rules:
        return False
    times = _times_to_compare(one, other, ours.horizon.updates)
    return all(np.allclose(one(times, base), other(times, base), rtol=0, atol=_CLOSE * base) for base in _BASES)


def _times_to_compare(one: Schedule, other: Schedule, total: int) -> Floats:
    """Every update; of a long run those beside changes of a formula, and many in between."""
    if total <= _MOST_COMPARED:
        return np.arange(total, dtype=np.float64)
    changes = {t + near for s in (one, other) for t in s.breakpoints(total)[:_MOST_COMPARED] for near in (-1, 0, 1)}
    inside = [t for t in changes if 0 <= t < total]
    return np.union1d(inside, np.linspace(0, total - 1, _MOST_COMPARED).round())


# ---- guesses, any of which may be wrong

_Guess = dict[str, Any]


def _guesses_of_plan(ticks: _TickPlan) -> Iterator[_Guess]:
    """What each scheduler would be told."""
    schedule = ticks.schedule
    if isinstance(schedule, Guided):
        yield from _guesses_of_plateau(schedule, ticks)
        return
    if isinstance(schedule, Every):
        schedule = schedule.schedule
    stages = stages_of(schedule)
    yield from _guesses_of_body(stages, ticks, 0)
    first, rest = stages[0], stages[1:]
    if len(rest) == 1 and first == Constant(1.0, first.length) and isinstance(rest[0], Skip):
        yield from _guesses_of_body(stages_of(rest[0].schedule), ticks, 0)  # tanh, whose first value is base
    if not isinstance(first, Anneal) or first.curve != curves.linear or first.index != "t/n" or first.over is None:
        return
    start, warm = value_of_level(first.start), first.over.updates
    if start is None:
        return
    ramp = {"warmup_epochs": ticks.epochs(warm), "warmup_prefix": True, "warmup_lr": start}
    if not rest:
        over = {**ramp, "warmup_prefix": False}
        floor = value_of_level(first.to)
        yield {"sched": "constant", **over, "num_epochs": ticks.epochs(ticks.horizon)}
        yield {"sched": "tanh", **over, "num_epochs": ticks.epochs(ticks.horizon), "min_lr": floor or 0.0}
    yield from ({**ramp, **guess} for guess in _guesses_of_body(rest, ticks, warm))
    if len(rest) == 1 and isinstance(rest[0], Skip):
        below = _guesses_of_body(stages_of(rest[0].schedule), ticks, 0)
        yield from ({**ramp, **guess, "warmup_prefix": False} for guess in below)


def _guesses_of_body(stages: Sequence[Schedule], ticks: _TickPlan, warm: int) -> Iterator[_Guess]:
    """What follows a warmup of so many counts, or runs below it."""
    left = {"num_epochs": ticks.epochs(ticks.horizon - warm)}
    match stages:
        case [Constant(value=1.0)]:
            whole = ticks.epochs(ticks.horizon)
            yield {"sched": "constant", "num_epochs": whole, "warmup_prefix": False}
        case [Step() as stairs]:
            every = ticks.epochs(Fraction(stairs.every.number))
            yield {"sched": "step", "decay_epochs": every, "decay_rate": stairs.gamma, **left}
        case [MultiStep() as stairs]:
            times = [ticks.epochs(one.updates + 1) for one in stairs.milestones]
            yield {"sched": "multistep", "decay_milestones": sorted(times), "decay_rate": stairs.gamma, **left}
        case [Anneal() | Restarts() as cycles, *tail] if len(tail) < 2:
            yield from _guesses_of_cycles(cycles, tail, ticks)
    yield from _guesses_of_stable(stages, ticks)


def _guesses_of_cycles(cycles: Anneal | Restarts, tail: Sequence[Schedule], ticks: _TickPlan) -> Iterator[_Guess]:
    """Along cosine, a power or tanh; behind them may stand the floor."""
    one: Schedule = cycles
    if isinstance(cycles, Restarts):
        one = cycles.schedule
        if cycles.every is None or cycles.times is None:
            return
        run, more = (
            cycles.every.number,
            {"cycle_limit": cycles.times, "cycle_mul": cycles.mult, "cycle_decay": cycles.gamma},
        )
    else:
        run, more = (0 if cycles.over is None else cycles.over.number), {}
    if not isinstance(one, Anneal):
        return
    level = tail[0].value if tail and isinstance(tail[0], Constant) else one.to
    floor, way = value_of_level(level), _descent_arguments(one.curve)
    if floor is not None and way is not None:
        yield {"num_epochs": ticks.epochs(Fraction(run)), "min_lr": floor, **way, **more}


def _descent_arguments(curve: curves.Curve) -> _Guess | None:
    """The scheduler of a curve."""
    match curve:
        case curves.Cosine():
            return {"sched": "cosine"}
        case curves.CosineKDecay():
            return {"sched": "cosine", "k_decay": curve.k}
        case curves.Linear():
            return {"sched": "poly", "decay_rate": 1.0}
        case curves.Polynomial():
            return {"sched": "poly", "decay_rate": curve.exponent}
        case curves.PolynomialKDecay():
            return {"sched": "poly", "decay_rate": curve.exponent, "k_decay": curve.k}
        case curves.Tanh():
            return {"sched": "tanh"}
    return None


def _guesses_of_stable(stages: Sequence[Schedule], ticks: _TickPlan) -> Iterator[_Guess]:
    """Base or its inverse root, then a descent."""
    if len(stages) == 1:
        yield from _guesses_of_root(stages[0], ticks)
    match stages:
        case [Constant(value=1.0, over=stable), Anneal(start=1.0) as way, *tail] if stable is not None and way.over:
            whole = stable.updates + way.over.updates
        case [Anneal(start=1.0) as way, *tail] if way.over:
            whole = way.over.updates
        case _:
            return
    floor = value_of_level(way.to)
    assert way.over is not None
    for word, curve in DECAY_CURVES.items():  # by each name that its curve has
        if floor is not None and len(tail) < 2 and curve == way.curve:
            decay = {"decay_epochs": ticks.epochs(way.over.updates), "decay_fn": word, "warmup_prefix": True}
            yield {"sched": "wsd", "num_epochs": ticks.epochs(whole), "min_lr": floor, **decay}


def _guesses_of_root(stage: Schedule, ticks: _TickPlan) -> Iterator[_Guess]:
    """An inverse root times a descent; with a floor, the way to it beside, and a bound."""
    floor = 0.0
    if isinstance(stage, Clamp) and isinstance(stage.schedule, Sum) and stage.low is not None:
        floor, stage = value_of_level(stage.low) or 0.0, stage.schedule.operands[0]
    if not isinstance(stage, Product) or len(stage.operands) != 2:
        return
    root, inner = stage.operands
    if not isinstance(root, PowerLaw) or root.exponent != 0.5:
        return
    timescale = {"stable_timescale": ticks.epochs(Fraction(root.timescale.number))}
    for guess in _guesses_of_stable(stages_of(inner), ticks):
        yield {**guess, **timescale, "sched": "rsqrt", "min_lr": floor}


def _guesses_of_plateau(schedule: Guided, ticks: _TickPlan) -> Iterator[_Guess]:
    """torch's rule; timm leaves its other settings as they are."""
    rule = schedule.guides[0]
    if len(schedule.guides) != 1 or not isinstance(rule, Plateau):
        return
    floor = value_of_level(rule.min)
    if floor is not None:
        yield {
            "sched": "plateau",
            "num_epochs": ticks.epochs(ticks.horizon),
            "decay_rate": rule.factor,
            "patience_epochs": rule.patience,
            "min_lr": floor,
            "plateau_mode": rule.mode,
            "eval_metric": rule.metric,
        }
