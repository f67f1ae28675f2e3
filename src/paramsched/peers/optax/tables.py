"""The constructors of optax's schedules: the arguments of each, in their order."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from paramsched.config.arguments import argument, argument_table


def _value(default: float | None = None) -> Any:
    return argument(example=0.1) if default is None else argument(default)


@argument_table
class _Constant:
    value: float = _value()


@argument_table
class Linear:
    """The arguments of `linear_schedule`."""

    init_value: float = _value()
    end_value: float = _value()
    transition_steps: int = argument(example=1000)
    transition_begin: int = argument(0)


@argument_table
class Polynomial:
    """The arguments of `polynomial_schedule`."""

    init_value: float = _value()
    end_value: float = _value()
    power: float = argument(low=0, example=1.0)
    transition_steps: int = argument(example=1000)
    transition_begin: int = argument(0)


@argument_table
class ExponentialDecay:
    """The arguments of `exponential_decay`."""

    init_value: float = _value()
    transition_steps: float = argument(example=1000)
    decay_rate: float = argument(low=0, example=0.9)
    transition_begin: int = argument(0)
    staircase: bool = argument(False)
    end_value: float | None = argument(None, example=0.0)


@argument_table
class CosineDecay:
    """The arguments of `cosine_decay_schedule`."""

    init_value: float = _value()
    decay_steps: int = argument(low=1, example=1000)
    alpha: float = argument(0.0)
    exponent: float = argument(1.0, low=0)


@argument_table
class PiecewiseConstant:
    """The arguments of `piecewise_constant_schedule`."""

    init_value: float = _value()
    boundaries_and_scales: Any = argument(None)


@argument_table
class _PiecewiseInterpolate:
    interpolate_type: Literal["linear", "cosine"] = argument(example="linear")
    init_value: float = _value()
    boundaries_and_scales: Any = argument(None)


@argument_table
class LinearOneCycle:
    """The arguments of `linear_onecycle_schedule`."""

    transition_steps: int = argument(low=1, example=1000)
    peak_value: float = _value()
    pct_start: float = argument(0.3, low=0)
    pct_final: float = argument(0.85, low=0)
    div_factor: float = argument(25.0, above=0)
    final_div_factor: float = argument(1e4, above=0)


@argument_table
class CosineOneCycle:
    """The arguments of `cosine_onecycle_schedule`."""

    transition_steps: int = argument(low=1, example=1000)
    peak_value: float = _value()
    pct_start: float = argument(0.3, low=0)
    div_factor: float = argument(25.0, above=0)
    final_div_factor: float = argument(1e4, above=0)


@argument_table
class WarmupConstant:
    """The arguments of `warmup_constant_schedule`, with which those of the other warmups begin."""

    init_value: float = argument(example=0.0)
    peak_value: float = _value()
    warmup_steps: int = argument(example=100)


@argument_table
class WarmupCosine(WarmupConstant):
    """The arguments of `warmup_cosine_decay_schedule`."""

    warmup_steps: int = argument(low=0, example=100)
    decay_steps: int = argument(low=1, example=1000)
    end_value: float = argument(0.0)
    exponent: float = argument(1.0, low=0)


@argument_table
class WarmupExponential(WarmupConstant):
    """The arguments of `warmup_exponential_decay_schedule`."""

    warmup_steps: int = argument(low=0, example=100)
    transition_steps: float = argument(example=1000)
    decay_rate: float = argument(low=0, example=0.9)
    transition_begin: int = argument(0)
    staircase: bool = argument(False)
    end_value: float | None = argument(None, example=0.0)


@argument_table
class Sgdr:
    """The arguments of `sgdr_schedule`."""

    cosine_kwargs: list[Any] = argument(
        example=[{"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 100, "decay_steps": 1000}]
    )


@argument_table
class Join:
    """The arguments of `join_schedules`."""

    schedules: list[Any] = argument(example=[{"constant_schedule": {"value": 0.1}}])
    boundaries: Any = argument(example=[])


@argument_table
class ReduceOnPlateau:
    """The arguments of `reduce_on_plateau`."""

    factor: float = argument(0.1, above=0)
    patience: int = argument(10, low=1)
    rtol: float = argument(1e-4, low=0)
    atol: float = argument(0.0, low=0)
    cooldown: int = argument(0, low=0)
    accumulation_size: Any = argument(1)
    min_scale: float = argument(0.0, low=0)


CONSTRUCTORS: Final[Mapping[str, Any]] = {
    "constant_schedule": _Constant,
    "linear_schedule": Linear,
    "polynomial_schedule": Polynomial,
    "exponential_decay": ExponentialDecay,
    "cosine_decay_schedule": CosineDecay,
    "piecewise_constant_schedule": PiecewiseConstant,
    "piecewise_interpolate_schedule": _PiecewiseInterpolate,
    "linear_onecycle_schedule": LinearOneCycle,
    "cosine_onecycle_schedule": CosineOneCycle,
    "warmup_constant_schedule": WarmupConstant,
    "warmup_cosine_decay_schedule": WarmupCosine,
    "warmup_exponential_decay_schedule": WarmupExponential,
    "sgdr_schedule": Sgdr,
    "join_schedules": Join,
}
"""The arguments of each constructor."""

PLATEAU: Final = "reduce_on_plateau"
