"""Calls of Keras' schedules, for lines of text that contain one. Each function has the parameters of one of them."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from paramsched.core.base.ranges import Ge
from paramsched.core.feedback.plateau import plateau
from paramsched.core.files.arguments import to_level
from paramsched.core.schedules import (
    Schedule,
    constant,
    cosine,
    cosine_restarts,
    every,
    exponential,
    inverse_time,
    linear,
    piecewise,
    polynomial,
    step,
)
from paramsched.core.schedules.text.peer_lines import PeerCall, call_named, computed

CALLS: Final[dict[str, PeerCall]] = {}
"""The schedules by the name of their class."""
_Steps = Annotated[int, Ge(1)]


@call_named(CALLS, "CosineDecay")
def _cosine(
    initial_learning_rate: float,
    decay_steps: _Steps,
    alpha: float = 0.0,
    name: str = "CosineDecay",
    warmup_target: float | None = None,
    warmup_steps: Annotated[int, Ge(0)] = 0,
) -> Schedule:
    first = initial_learning_rate if warmup_target is None else warmup_target
    decay = cosine(to_level(first), to_level(computed(first * alpha)), decay_steps)
    if warmup_target is None or not warmup_steps:
        return decay
    return linear(to_level(initial_learning_rate), to_level(warmup_target), warmup_steps) >> decay


@call_named(CALLS, "CosineDecayRestarts")
def _restarts(
    initial_learning_rate: float,
    first_decay_steps: _Steps,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
    name: str = "SGDRDecay",
) -> Schedule:
    peak, floor = computed(initial_learning_rate * (1 - alpha)), computed(initial_learning_rate * alpha)
    cycles = cosine_restarts(first_decay_steps, t_mul, gamma=m_mul, lengths="exact")
    whole = constant(to_level(peak)) * cycles
    return whole + constant(to_level(floor)) if floor else whole


@call_named(CALLS, "ExponentialDecay")
def _exponential(
    initial_learning_rate: float,
    decay_steps: _Steps,
    decay_rate: float,
    staircase: bool = False,
    name: str = "ExponentialDecay",
) -> Schedule:
    rate = step(decay_steps, decay_rate) if staircase else exponential(decay_rate, decay_steps)
    return constant(to_level(initial_learning_rate)) * rate


@call_named(CALLS, "InverseTimeDecay")
def _inverse_time(
    initial_learning_rate: float,
    decay_steps: _Steps,
    decay_rate: float,
    staircase: bool = False,
    name: str = "InverseTimeDecay",
) -> Schedule:
    rate = inverse_time(decay_rate, decay_steps)
    return constant(to_level(initial_learning_rate)) * (every(rate, decay_steps) if staircase else rate)


@call_named(CALLS, "PolynomialDecay")
def _polynomial(
    initial_learning_rate: float,
    decay_steps: _Steps,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: Literal[False] = False,
    name: str = "PolynomialDecay",
) -> Schedule:
    return polynomial(power, to_level(initial_learning_rate), to_level(end_learning_rate), decay_steps)


@call_named(CALLS, "PiecewiseConstantDecay")
def _piecewise(boundaries: Sequence[int], values: Sequence[float], name: str = "PiecewiseConstant") -> Schedule:
    begins = [0, *(one + 1 for one in boundaries)]  # a boundary acts one update late
    return piecewise(tuple((begin, to_level(value)) for begin, value in zip(begins, values, strict=True)))


@call_named(CALLS, "ReduceLROnPlateau")
def _plateau(
    monitor: str = "val_loss",
    factor: float = 0.1,
    patience: Annotated[int, Ge(0)] = 10,
    verbose: int = 0,
    mode: Literal["auto", "min", "max"] = "auto",
    min_delta: float = 1e-4,
    cooldown: Annotated[int, Ge(0)] = 0,
    min_lr: float = 0.0,
) -> Schedule:
    better = ("max" if "acc" in monitor else "min") if mode == "auto" else mode
    # Keras reduces at value number `patience`, and its cooldown includes its last value.
    waits, cools = max(0, patience - 1), max(0, cooldown - 1)
    return constant() * plateau(monitor, better, factor, waits, min_delta, "abs", cools, to_level(min_lr))
