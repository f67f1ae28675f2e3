"""Checks of the values of a plan, independent of the format and the shapes it is written in."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from typing import Final

import numpy as np

from paramsched.core.base import codes
from paramsched.core.base.codes import GROWS, LEVEL_AS_VALUE, NEGATIVE, RISES_TO_THE_END
from paramsched.core.base.problem import Problem
from paramsched.core.plan import Target
from paramsched.core.plan.value_ranges import BELOW_ONE_ADVICE, ValueRange, first_outside, range_of, with_floor
from paramsched.core.rules.line import FieldCurve
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.schedule import durations_in, is_kind, parts_inside

PRACTICALLY_ZERO: Final = 1e-5  # of the peak
LONG_END: Final = 0.1  # of the run
LATE: Final = 0.9  # of the run; a rate that rises until then has no time left to fall
IS_HIGH: Final = 0.5  # of the peak
NEARLY: Final = 0.98  # of the peak
MOST_TIMES_BASE: Final = 50.0


def check_values(line: Sequence[FieldCurve], bases: Sequence[float] = ()) -> Iterator[Problem]:
    """Yield diagnostics of the values of one line of a plan; `bases` are those of all of its groups, if known."""
    (curve,) = line
    bad = ~np.isfinite(curve.values)
    if np.any(bad) and not curve.run.states_times and curve.peak == inf:
        yield from grows(curve)  # the value may be finite in a run of another length
        return
    if np.any(bad):
        value, first = _first_with(curve, int(np.argmax(bad)), lambda value: not np.isfinite(value))
        found = f"the value is {value} at {_when(curve, first)}"
        yield Problem(curve.path, found, "Use a ratio below 1, or a longer period", code=codes.NOT_FINITE)
        return
    name = curve.binding.name
    allowed = None if isinstance(curve.binding.field, Target) else range_of(name)
    # A line without a known base has a sign, and no value.
    if allowed is not None and allowed.below == 1 < curve.peak and curve.base is None and curve.share == "all":
        least = f"{curve.peak:.3g} × base, which is 1 or more for a base of {1 / curve.peak:.3g} or more"
        yield Problem(curve.path, f"{name} reaches {least}", BELOW_ONE_ADVICE, code=LEVEL_AS_VALUE)
    if allowed is not None and not curve.real:
        allowed = allowed._replace(below=inf) if curve.share == "all" else None
    if allowed is not None and (outside := _first_outside(curve, allowed, bases)) is not None:
        at, value = outside
        found = f"{name} {allowed.problem(value)}: it is {_in_words(curve, value)} at {_when(curve, at)}"
        if value < 0:
            yield Problem(curve.path, found, with_floor(curve.binding.schedule), code=NEGATIVE)
        else:
            yield Problem(curve.path, found, BELOW_ONE_ADVICE, code=codes.MOMENTUM_OF_ONE)
    yield from grows(curve)


def grows(curve: FieldCurve) -> Iterator[Problem]:
    """Yield a diagnostic if the rate grows to many times its base.

    Reason: no published recipe exceeds 2 × base, and a ratio above 1, applied at each update, has no limit.
    """
    base = 1.0 if curve.base is None else curve.base
    if (
        curve.binding.name == "lr"
        and curve.share == "all"
        and base > 0
        and curve.peak > MOST_TIMES_BASE * base
        and not any(is_kind(part, "as_factor") for part in parts_inside(curve.schedule))  # the lr of one sample
    ):
        multiple = f"{curve.peak / base:.3g}" if curve.run.states_times else f"more than {MOST_TIMES_BASE:g}"
        found = f"it grows to {multiple} × base at {_when(curve, int(curve.times[np.argmax(curve.values)]))}"
        advice = "Use a ratio below 1, or a smaller multiple of base"
        yield Problem(curve.path, found, advice, code=GROWS)


def found_in_all(
    runs: Sequence[Sequence[FieldCurve]], find: Callable[[Sequence[FieldCurve]], Iterable[Problem]]
) -> Iterator[Problem]:
    """Yield the diagnostics that are equal in all runs: with times in updates, else in epochs, else without times.

    A diagnostic without times is only for lines of which nothing else is said.

    Args:
        runs: for each run the values of the same lines.
        find: returns the diagnostics of one run.
    """
    found = set[tuple[str, str]]()
    for counts in ("updates", "epochs", "nothing") if len(runs) > 1 else ("nothing",):
        known = {path for path, _ in found} if counts == "nothing" else set[str]()
        first, *others = (list(find([one.counted_in(counts) for one in curves])) for curves in runs)
        for one in first:
            is_in_all = all(str(one) in map(str, several) for several in others)
            if is_in_all and (one.path, one.code) not in found and one.path not in known:
                found.add((one.path, one.code))
                yield one


def check_rates(curves: Iterable[FieldCurve]) -> Iterator[Problem]:
    """Yield diagnostics of the learning rates of all groups together, because one group may be 0 on purpose.

    Reason: a run whose rate is 0 trains nothing, and one whose rate rises until its end never anneals.
    """
    rates = [one for one in curves if one.binding.name == "lr" and np.all(np.isfinite(one.values))]
    if not rates:
        return
    first = next((one for one in rates if one.binding.groups is None), rates[0])
    if all(not np.any(one.values) for one in rates):
        found = "the learning rate is 0 during the entire run"
        yield Problem(first.path, found, "Use lr: cosine(), or remove the line", code=codes.NEVER_ABOVE_ZERO)
        return
    if all(_zero_at_last(one) for one in rates) and (problem := _zero_at_last(first)):
        yield Problem(first.path, *problem, code=codes.ZERO_AT_THE_END)
    if first.binding.groups is None and first.comparable:
        yield from _rises_to_the_end(first)


def _zero_at_last(curve: FieldCurve) -> tuple[str, str] | None:
    """Return a diagnostic's text and advice if the rate is nearly 0 long before the end, otherwise None."""
    limit = PRACTICALLY_ZERO * np.max(np.abs(curve.values))
    above = np.flatnonzero(np.abs(curve.values) > limit)
    if not len(above) or not curve.run.to_scale or not curve.comparable or curve.end < 20:
        return None
    last = int(curve.times[above[-1]]) + 1
    if 1 - last / curve.end < LONG_END:
        return None
    written = [*durations_in(curve.binding.schedule)]
    if written and all([unit for unit, _ in length.terms] == ["percent"] for length in written):
        return None  # a decay whose length is a percentage of the run ends early on purpose
    if above[-1] + 1 < len(curve.times):
        _, last = _first_with(curve, int(above[-1] + 1), lambda value: abs(value) <= limit)
    left = 1 - last / curve.end
    found = f"the learning rate is nearly 0 from {_when(curve, last)} on, for {left:.0%} of the run"
    return found, "Extend the decay to the end of the run, or end it above 0"


def _rises_to_the_end(curve: FieldCurve) -> Iterator[Problem]:
    top = int(np.argmax(curve.values))
    if not curve.run.to_scale:
        return
    if curve.end >= 20 and curve.values[0] < IS_HIGH * curve.peak:
        # The peak is earlier, or, in a cyclic schedule, the rate has reached it before and has fallen since.
        if np.any(curve.values[curve.times < LATE * curve.end] > NEARLY * curve.peak):
            return
        found = f"the learning rate rises until {_when(curve, int(curve.times[top]), of_all=True)}"
        yield Problem(curve.path, found, 'Shorten the warmup: warmup("5%")', code=RISES_TO_THE_END)


def _first_with(curve: FieldCurve, place: int, holds: Callable[[float], bool]) -> tuple[float, int]:
    """Return the value and the update from which on `holds` is true, between an evaluated update and the one before."""
    low, high = int(curve.times[place - 1]) if place else -1, int(curve.times[place])
    value = float(curve.values[place])
    while high - low > 1:
        middle = (low + high) // 2
        here = float(evaluate(curve.schedule, np.array([middle]), 1.0 if curve.base is None else curve.base)[0])
        low, high, value = (middle, high, value) if not holds(here) else (low, middle, here)
    return value, high


def _first_outside(curve: FieldCurve, allowed: ValueRange, bases: Sequence[float]) -> tuple[int, float] | None:
    """Return the first update at which the values of a group are outside of a range, and its value."""
    own = 1.0 if curve.base is None else curve.base
    bad = allowed.outside(curve.values, own)
    end = int(curve.times[np.argmax(bad)]) + 1 if bad.any() else curve.end
    ends = dict.fromkeys((own, min(bases, default=own), max(bases, default=own)))
    found = [first_outside(curve.schedule, allowed, base, lambda updates: updates, 0, end) for base in ends]
    outside = [one for one in found if one is not None]
    if not outside and bad.any():  # a function, of which the values at some updates are known
        return end - 1, float(curve.values[np.argmax(bad)])
    return min(outside, default=None)


def _in_words(curve: FieldCurve, value: float) -> str:
    return f"{value:.3g}" if curve.real else f"{value:.3g} × base"


def _when(curve: FieldCurve, time: int, *, of_all: bool = False) -> str:
    """Return a time of a run in words, with the length of the run if `of_all`."""
    run = curve.run
    if not run.states_times:
        return "a time that depends on the length of an epoch"
    if run.known or (run.epoch is None and "updates" in run.units) or (not run.to_scale and run.counts == "updates"):
        return f"update {time}" + f" of {curve.end}" * of_all
    if run.epoch is not None:
        return f"epoch {time / run.epoch:.3g}" + f" of {curve.end / run.epoch:g}" * of_all
    return f"{time / curve.end:.0%} of the run"
