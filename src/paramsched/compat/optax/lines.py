"""Calls of optax's schedules, for lines of text that contain one. Each function has the parameters of one of them."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Final

from paramsched.core import curves
from paramsched.core.base.ranges import Ge
from paramsched.core.files.arguments import joined_at, to_level
from paramsched.core.schedules import (
    Schedule,
    anneal,
    clamp,
    constant,
    cosine,
    exponential,
    linear,
    piecewise,
    polynomial,
    step,
)
from paramsched.core.schedules.sequence import in_order
from paramsched.core.schedules.text.peer_lines import PeerCall, call_named, computed

CALLS: Final[dict[str, PeerCall]] = {}
"""The schedules by the name of their function."""
_Steps = Annotated[int, Ge(1)]
_Begin = Annotated[int, Ge(0)]


@call_named(CALLS, "constant_schedule")
def _constant(value: float) -> Schedule:
    return constant(to_level(value))


@call_named(CALLS, "linear_schedule")
def _linear(init_value: float, end_value: float, transition_steps: _Steps, transition_begin: _Begin = 0) -> Schedule:
    line = linear(to_level(init_value), to_level(end_value), transition_steps)
    return _delayed(line, init_value, transition_begin)


@call_named(CALLS, "polynomial_schedule")
def _polynomial(
    init_value: float, end_value: float, power: float, transition_steps: _Steps, transition_begin: _Begin = 0
) -> Schedule:
    line = polynomial(power, to_level(init_value), to_level(end_value), transition_steps)
    return _delayed(line, init_value, transition_begin)


@call_named(CALLS, "cosine_decay_schedule")
def _cosine(init_value: float, decay_steps: _Steps, alpha: float = 0.0, exponent: float = 1.0) -> Schedule:
    first, last = to_level(init_value), to_level(computed(init_value * alpha))
    if exponent == 1:
        return cosine(first, last, decay_steps)
    return anneal(first, last, decay_steps, curves.cosine_power(exponent))


@call_named(CALLS, "exponential_decay")
def _exponential(
    init_value: float,
    transition_steps: _Steps,
    decay_rate: float,
    transition_begin: _Begin = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:
    rate = step(transition_steps, decay_rate) if staircase else exponential(decay_rate, transition_steps)
    whole = constant(to_level(init_value)) * rate
    if end_value is not None:
        falls = decay_rate < 1
        if (init_value < end_value) if falls else (init_value > end_value):
            raise ValueError  # optax sets all values to the end
        whole = clamp(whole, low=to_level(end_value)) if falls else clamp(whole, high=to_level(end_value))
    return _delayed(whole, init_value, transition_begin)


@call_named(CALLS, "warmup_constant_schedule")
def _warmup_constant(init_value: float, peak_value: float, warmup_steps: _Steps) -> Schedule:
    return _linear(init_value, peak_value, warmup_steps)


@call_named(CALLS, "warmup_cosine_decay_schedule")
def _warmup_cosine(
    init_value: float,
    peak_value: float,
    warmup_steps: _Steps,
    decay_steps: _Steps,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> Schedule:
    if decay_steps <= warmup_steps:
        raise ValueError  # as in optax
    ramp = _linear(init_value, peak_value, warmup_steps)
    return ramp >> _cosine(peak_value, decay_steps - warmup_steps, end_value / peak_value, exponent)


@call_named(CALLS, "warmup_exponential_decay_schedule")
def _warmup_exponential(
    init_value: float,
    peak_value: float,
    warmup_steps: _Steps,
    transition_steps: _Steps,
    decay_rate: float,
    transition_begin: _Begin = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:
    decay = _exponential(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return _linear(init_value, peak_value, warmup_steps) >> decay


@call_named(CALLS, "linear_onecycle_schedule")
def _linear_one_cycle(
    transition_steps: _Steps,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    low = peak_value / div_factor
    levels, shares = [low, peak_value, low, low / final_div_factor], [pct_start, pct_final, 1.0]
    return _interpolated(linear, levels, shares, transition_steps)


@call_named(CALLS, "cosine_onecycle_schedule")
def _cosine_one_cycle(
    transition_steps: _Steps,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    levels = [peak_value / div_factor, peak_value, peak_value / (div_factor * final_div_factor)]
    return _interpolated(cosine, levels, [pct_start, 1.0], transition_steps)


@call_named(CALLS, "piecewise_constant_schedule")
def _piecewise(init_value: float, boundaries_and_scales: Sequence[tuple[int, float]] = ()) -> Schedule:
    values, begins = [init_value], [0]
    for begin, scale in sorted(boundaries_and_scales):
        begins.append(begin)
        values.append(computed(values[-1] * scale))
    return piecewise(tuple((begin, to_level(value)) for begin, value in zip(begins, values, strict=True)))


@call_named(CALLS, "join_schedules")
def _joined(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    return joined_at(schedules, boundaries)


def _delayed(schedule: Schedule, value: float, begin: int) -> Schedule:
    """Return a schedule after a stage with its first value."""
    return constant(to_level(value), begin) >> schedule if begin else schedule


def _interpolated(shape: Callable[..., Schedule], levels: list[float], shares: list[float], steps: int) -> Schedule:
    """Return a stage from each level to the next, which ends after a share of the steps, rounded down."""
    ends = [0, *(int(share * steps) for share in shares)]
    lengths = [end - begin for begin, end in pairwise(ends)]
    pairs = pairwise(to_level(computed(one)) for one in levels)
    return in_order(shape(first, last, length) for (first, last), length in zip(pairs, lengths, strict=True))
