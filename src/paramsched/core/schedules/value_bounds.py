"""Bounds of the values of a schedule, from its levels, without evaluating it."""

from collections.abc import Iterable
from functools import reduce
from math import inf
from typing import NamedTuple, final

from paramsched.core.curves.elementary import power
from paramsched.core.schedules.absolute_schedule import AbsoluteSchedule
from paramsched.core.schedules.affine import Level, NeighborLevel, split_level
from paramsched.core.schedules.anneal import Anneal
from paramsched.core.schedules.as_factor import AsFactor
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.cuts import InSeconds, Skip, Take
from paramsched.core.schedules.cyclic import CosineRestarts, Cyclic
from paramsched.core.schedules.decays import Exponential, InverseTime, PowerLaw
from paramsched.core.schedules.leaves import Constant
from paramsched.core.schedules.named_anneals import CosineWave
from paramsched.core.schedules.one_operand import Jagged, Raised
from paramsched.core.schedules.pointwise import Clamp, Maximum, Minimum, Product, Sum
from paramsched.core.schedules.restarts import Restarts
from paramsched.core.schedules.retimed import Chain, Every, Shift, Window
from paramsched.core.schedules.sequence import Sequence, WithLengths
from paramsched.core.schedules.staircases import MultiStep, Stairs, Step
from paramsched.core.schedules.table import Table


@final
class Bounds(NamedTuple):
    """Numbers from `low` to `high`."""

    low: float
    high: float

    def around(self, other: "Bounds") -> "Bounds":
        return Bounds(min(self.low, other.low), max(self.high, other.high))

    def times(self, other: "Bounds") -> "Bounds":
        ends = [one * another for one in self for another in other]
        return Bounds(min(ends), max(ends))


def value_bounds(schedule: Schedule, bases: Bounds) -> Bounds | None:
    """Return numbers between which all values of a resolved schedule are, for every base between two numbers.

    None if the levels of the schedule do not determine them. Values may differ from a bound by rounding errors.

    >>> value_bounds(warmup(10) >> cosine(to=0.1, over=90), Bounds(0.1, 0.3))
    Bounds(low=0.0, high=0.3)
    """
    match schedule:
        case Anneal(start=start, to=to, curve=curve):
            return _of_levels((start, to), bases) if curve.monotone else None
        case Sequence(stages=parts) | Minimum(operands=parts) | Maximum(operands=parts):
            return _around_all(value_bounds(part, bases) for part in parts)
        case Constant(value=level):
            return _of_levels((level,), bases)
        case Product(operands=parts):
            main = next((part for part in parts if part.has_absolute), parts[0])
            factors = [value_bounds(part, bases if part is main else _ONE) for part in parts]
            known = [one for one in factors if one is not None]
            return reduce(Bounds.times, known) if len(known) == len(factors) else None
        case Sum(operands=parts):
            found = [value_bounds(part, bases) for part in parts]
            known = [one for one in found if one is not None]
            return Bounds(*map(sum, zip(*known, strict=True))) if len(known) == len(found) else None
        case AbsoluteSchedule(schedule=inner):
            return value_bounds(inner, _ONE)
        case Chain(operands=parts):
            chained: Bounds | None = bases
            for part in parts:
                chained = None if chained is None else value_bounds(part, chained)
            return chained
        case Table(values=values, curve=curve) if curve is None or curve.monotone:
            levels = Bounds(float(values.array.min()), float(values.array.max()))
            return levels if schedule.absolute else levels.times(bases)
        case Cyclic(start=start, to=to, gamma=gamma):
            return _of_levels((start, to), bases) if gamma <= 1 else None
        case CosineWave(start=start, to=to) | Stairs(start=start, to=to):
            return _of_levels((start, to), bases)
        case CosineRestarts(to=to, gamma=gamma, to_gamma=to_gamma) if gamma <= 1 and to_gamma <= 1:
            return _of_levels((0.0, 1.0, to), bases)
        case Exponential(gamma=gamma) | Step(gamma=gamma) | MultiStep(gamma=gamma) if gamma <= 1:
            return _FROM_ZERO_TO_ONE.times(bases)
        case PowerLaw(exponent=exponent) if exponent > 0:
            return _FROM_ZERO_TO_ONE.times(bases)
        case InverseTime():
            return _FROM_ZERO_TO_ONE.times(bases)
        case Restarts(schedule=inner, gamma=gamma) if gamma <= 1:
            return value_bounds(inner, bases if gamma == 1 else _FROM_ZERO_TO_ONE.times(bases))
        case Window(schedule=inner, begin=begin):
            found_inside = value_bounds(inner, bases)
            return _around_all((found_inside, bases)) if begin.terms else found_inside
        case Jagged(schedule=inner):
            return _around_all((value_bounds(inner, bases), _ZERO))
        case AsFactor(schedule=inner, initial=initial):
            factor = value_bounds(inner, Bounds(initial, initial))
            return None if factor is None else factor.times(bases)
        case Raised(schedule=inner, exponent=exponent) if exponent > 0:
            factor = value_bounds(inner, _ONE)
            if factor is None or factor.low < 0:
                return None
            low, high = (power(float(one), exponent) for one in (factor.low, factor.high))
            return Bounds(low, high).times(bases)
        case Clamp(schedule=inner, low=low, high=high):
            return _of_clamp(value_bounds(inner, bases), low, high, bases)
        case (
            Every(schedule=inner)
            | Shift(schedule=inner)
            | Take(schedule=inner)
            | Skip(schedule=inner)
            | WithLengths(schedule=inner)
            | InSeconds(schedule=inner)
        ):
            return value_bounds(inner, bases)
    return None


_ONE, _ZERO, _FROM_ZERO_TO_ONE = Bounds(1.0, 1.0), Bounds(0.0, 0.0), Bounds(0.0, 1.0)


def _of_levels(levels: Iterable[Level], bases: Bounds) -> Bounds | None:
    ends: list[float] = []
    for level in levels:
        if isinstance(level, float):
            ends += [level * bases.low, level * bases.high]
        elif isinstance(level, NeighborLevel):
            return None
        else:
            factor, offset = (part or 0.0 for part in split_level(level))
            ends += [factor * bases.low + offset, factor * bases.high + offset]
    return Bounds(min(ends), max(ends))


def _around_all(found: Iterable[Bounds | None]) -> Bounds | None:
    around: Bounds | None = None
    for one in found:
        if one is None:
            return None
        around = one if around is None else around.around(one)
    return around


def _of_clamp(inner: Bounds | None, low: Level | None, high: Level | None, bases: Bounds) -> Bounds | None:
    lowest = Bounds(-inf, -inf) if low is None else _of_levels((low,), bases)
    highest = Bounds(inf, inf) if high is None else _of_levels((high,), bases)
    if lowest is None or highest is None:
        return None
    values = Bounds(-inf, inf) if inner is None else inner
    raised = (max(value, least) for value, least in zip(values, lowest, strict=True))
    return Bounds(*(min(value, most) for value, most in zip(raised, highest, strict=True)))
