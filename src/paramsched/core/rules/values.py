"""The rules of the values of a plan, which do not depend on how it is written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Final

import numpy as np

from paramsched.core.base import codes
from paramsched.core.base.problem import Problem
from paramsched.core.curves.arrays import Array
from paramsched.core.plan.value_ranges import BELOW_ONE_ADVICE, ValueRange, first_outside, range_of, with_floor
from paramsched.core.rules.line import IS_HIGH, NEARLY, FieldCurve
from paramsched.core.rules.part import Part
from paramsched.core.rules.rules import MOST_TIMES_BASE, MOST_TIMES_BASE_OF_GROUP, SHORTEN_THE_WARMUP

PRACTICALLY_ZERO: Final = 1e-5  # of the peak
_LONG_END: Final = 0.1  # of the run
_MEANT_END: Final = 0.5  # of the run; such a long end is no use, even if it is written
_FEW_STEPS: Final = 20  # in a run; more of them were probably meant as longer ones
_LATE: Final = 0.9  # of the run; a rate that rises until then has no time left to fall
_SHORT_RUN: Final = 20  # updates
_FEWEST: Final = 4  # updates; in a shorter run each stage has one
_SHORT_CYCLE: Final = 0.1  # of the cycle before


def check_values(curve: FieldCurve) -> Iterator[Problem]:
    """Yield the problems of the values of one line of a plan."""
    bad = ~np.isfinite(curve.values)
    if np.any(bad):
        value, first = _first_with(curve, int(np.argmax(bad)), lambda value: not np.isfinite(value))
        found = f"the value is {value} at {_when(curve, first)}"
        yield Problem(curve.path, found, "Use a ratio below 1, or a longer period", code=codes.NOT_FINITE)
    else:
        yield from _outside_of_range(curve)
        yield from grows(curve)


def _outside_of_range(curve: FieldCurve) -> Iterator[Problem]:
    """Yield the problem of a field with values that an optimizer cannot use, such as a beta of 1 or a negative rate."""
    name = curve.line.name
    allowed = range_of(name) if curve.line.target is None else None
    if allowed is None:
        return
    # A line without a known base has a sign, and no value.
    if allowed.below == 1 < curve.peak and curve.base is None and curve.share == "all":
        least = f"{curve.peak:.3g} × base, which is 1 or more for a base of {1 / curve.peak:.3g} or more"
        yield Problem(curve.path, f"{name} reaches {least}", BELOW_ONE_ADVICE, code=codes.LEVEL_AS_VALUE)
    if not curve.is_real:
        allowed = allowed._replace(below=inf) if curve.share == "all" else None
    outside = None if allowed is None else _first_outside(curve, allowed, curve.line.bases)
    if allowed is not None and outside is not None:
        at, value = outside
        written = f"{value:.3g}" if curve.is_real else f"{value:.3g} × base"
        found = f"{name} {allowed.problem(value)}: it is {written} at {_when(curve, at)}"
        advice = with_floor(curve.line.binding.schedule) if value < 0 else BELOW_ONE_ADVICE
        yield Problem(curve.path, found, advice, code=codes.NEGATIVE if value < 0 else codes.MOMENTUM_OF_ONE)


def grows(curve: FieldCurve) -> Iterator[Problem]:
    """Yield the problem of a rate that grows to many times its base.

    Reason: no published recipe exceeds 2 × base, and a ratio above 1, applied at each update, has no limit.
    """
    base = 1.0 if curve.base is None else curve.base
    limit = MOST_TIMES_BASE if curve.line.is_for_all else MOST_TIMES_BASE_OF_GROUP
    if not curve.line.is_rate or curve.share != "all" or base <= 0 or curve.peak <= limit * base:
        return
    if not any(part.kind == "as_factor" for part in Part(curve.schedule).inside()):
        multiple = f"{curve.peak / base:.3g}" if curve.run.to_scale else f"more than {limit:g}"
        found = f"it grows to {multiple} × base at {_when(curve, int(curve.times[np.argmax(curve.values)]))}"
        yield Problem(curve.path, found, "Use a ratio below 1, or a smaller multiple of base", code=codes.GROWS)


def check_rates(curves: Iterable[FieldCurve]) -> Iterator[Problem]:
    """Yield the problems of the learning rates of all groups together, because one group may be 0 on purpose.

    Reason: a run whose rate is 0 trains nothing, and one whose rate rises until its end never anneals.
    """
    rates = [one for one in curves if one.line.is_rate and np.isfinite(one.values).all()]
    if not rates:
        return
    first = next((one for one in rates if one.line.is_for_all), rates[0])
    if not any(one.values.any() for one in rates):
        found = "the learning rate is 0 during the entire run"
        yield Problem(first.path, found, "Use lr: cosine(), or remove the line", code=codes.NEVER_ABOVE_ZERO)
        return
    # A group without a line keeps its rate, and so does one whose values are unknown.
    zeros = [zero_at_the_end(one) for one in rates] if first.line.is_for_all or len(rates) > 1 else []
    if zeros and None not in zeros and (zero := zeros[rates.index(first)]) is not None:
        yield zero
    if first.line.is_for_all and _is_comparable(first) and first.run.to_scale and first.end >= _FEWEST:
        yield from filter(None, (rule(first) for rule in (rises_to_the_end, restart_at_the_end)))


def zero_at_the_end(curve: FieldCurve) -> Problem | None:
    """Report a rate that is nearly 0 long before the end.

    A last `constant(0)` of less than half of the run is meant, and so are a few steps: `step("30 epochs")` of 300.
    """
    sizes = np.abs(curve.values)
    limit = PRACTICALLY_ZERO * sizes.max()
    if sizes[-1] > limit or not curve.run.to_scale or not _is_comparable(curve) or curve.end < _SHORT_RUN:
        return None
    above = np.flatnonzero(sizes > limit)
    if not len(above):
        return None
    last = int(curve.times[above[-1]]) + 1
    *others, stage = curve.line.stages
    has_few_steps = curve.values[-1] != 0 and np.count_nonzero(np.diff(curve.values)) <= _FEW_STEPS
    is_written = has_few_steps or (others and stage.number == 0)
    if 1 - last / curve.end < (_MEANT_END if is_written else _LONG_END):
        return None
    if above[-1] + 1 < len(curve.times):
        _, last = _first_with(curve, int(above[-1] + 1), lambda value: abs(value) <= limit)
    left = 1 - last / curve.end
    found = f"the learning rate is nearly 0 from {_when(curve, last)} on, for {left:.0%} of the run"
    advice = "Extend the decay to the end of the run, or end it above 0"
    return Problem(curve.path, found, advice, code=codes.ZERO_AT_THE_END)


def rises_to_the_end(curve: FieldCurve) -> Problem | None:
    """Report a rate that rises until the end: its warmup is too long or, without a warmup, its ends are swapped.

    Source: lightly-ai/lightly#1842, whose warmup took the run, so that the rate never reached its base.
    """
    is_early = curve.times < _LATE * curve.end
    # The peak is earlier, or, in a cyclic schedule, the rate has reached it before and has fallen since.
    if curve.values[0] >= IS_HIGH * curve.peak or np.any(curve.values[is_early] > NEARLY * curve.peak):
        return None
    line, run = curve.line, curve.run
    ramps = [part for part in line.parts if part.rises and part.over is not None]
    takes_run = any(when >= run.end for part in ramps for when, _ in line.times_of([part.args["over"]], part))
    if curve.end < _SHORT_RUN and not takes_run:
        return None
    top = int(curve.times[np.argmax(curve.values)])
    found = f"the learning rate rises until {_when(curve, top, of_all=True)}"
    if ramps or any(part.times("period") and part.level_names for part in line.parts):
        return Problem(line.path, found, SHORTEN_THE_WARMUP, code=codes.RISES_TO_THE_END)
    advice, (*others, last) = "Use a ratio below 1", line.stages
    if last.rises and last.ends is not None:
        swapped = last.written.with_args(start=last.ends[1], to=last.ends[0])
        advice = f"To fall write {line.with_stages([*(one.written for one in others), swapped])}"
    return Problem(line.path, f"{found}, without a warmup", advice, code=codes.ENDS_SWAPPED)


def restart_at_the_end(curve: FieldCurve) -> Problem | None:
    """Report a restart shortly before the end, after which the rate has no time to fall.

    The last cycle has at most a tenth of the updates of the one before. A period that divides the run has none.
    """
    values, times = curve.values, curve.times
    has_periods = any(part.times("period") for part in curve.line.parts)
    if values[-1] < IS_HIGH * curve.peak or curve.end < _SHORT_RUN or not has_periods:
        return None
    up = np.flatnonzero((values[1:] > 2 * values[:-1]) & (values[1:] >= IS_HIGH * curve.peak)) + 1
    if not len(up):
        return None
    _, begin = _first_with(curve, int(up[-1]), lambda value: value >= IS_HIGH * curve.peak)
    before = int(times[up[-2]]) if len(up) > 1 else 0
    left = curve.end - begin
    if left > _SHORT_CYCLE * (begin - before):
        return None
    updates = "1 update" if left == 1 else f"{left} updates"
    found = f"the rate restarts at {_when(curve, begin)}, {updates} before the end, and ends high"
    advice = "Choose a period that divides the run, such as restarts(cosine(), times=4)"
    return Problem(curve.path, found, advice, code=codes.RESTART_AT_THE_END)


def _is_comparable(curve: FieldCurve) -> bool:
    """Return whether the values are proportional to those of the real run: not a mix of multiples and values."""
    return curve.is_real or curve.share == "all"


def _first_with(curve: FieldCurve, place: int, holds: Callable[[float], bool]) -> tuple[float, int]:
    """Return the value and the update from which on `holds` is true, between an evaluated update and the one before."""
    low, high = int(curve.times[place - 1]) if place else -1, int(curve.times[place])
    value = float(curve.values[place])
    while high - low > 1:
        middle = (low + high) // 2
        here = curve.value_at(middle)
        low, high, value = (middle, high, value) if not holds(here) else (low, middle, here)
    return value, high


def _first_outside(curve: FieldCurve, allowed: ValueRange, bases: Sequence[float]) -> tuple[int, float] | None:
    """Return the first update at which the values of a group are outside of a range, and its value."""
    own = 1.0 if curve.base is None else curve.base
    bad = allowed.outside(curve.values, own)
    end = int(curve.times[np.argmax(bad)]) + 1 if bad.any() else curve.end
    ends = dict.fromkeys((own, min(bases, default=own), max(bases, default=own)))
    found = [first_outside(curve.schedule, allowed, base, _updates, 0, end) for base in ends]
    outside = [one for one in found if one is not None]
    if not outside and bad.any():  # a function, of which the values at some updates are known
        return end - 1, float(curve.values[np.argmax(bad)])
    return min(outside, default=None)


def _updates(updates: Array) -> Array:
    return updates


def _when(curve: FieldCurve, time: int, *, of_all: bool = False) -> str:
    """Return a time of a run in words, with the length of the run if `of_all`."""
    run = curve.run
    if not run.to_scale:
        return "a time that depends on steps_per_epoch"
    if run.known or (run.epoch is None and "updates" in run.units):
        return f"update {time}" + f" of {curve.end}" * of_all
    if run.epoch is not None:
        return f"epoch {time / run.epoch:.3g}" + f" of {curve.end / run.epoch:g}" * of_all
    return f"{time / curve.end:.0%} of the run"
