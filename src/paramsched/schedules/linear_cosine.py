"""Linear cosine decay: cosine waves below a straight line."""

from paramsched._number_checks import finite_number
from paramsched.errors import Asked
from paramsched.schedules.anneal import linear
from paramsched.schedules.base import Schedule
from paramsched.schedules.registry import shape
from paramsched.schedules.wave import cosine_wave
from paramsched.time import DurationLike


@shape
def linear_cosine(
    periods: float = 0.5, alpha: float = 0.0, beta: float = 0.001, over: DurationLike | None = None
) -> Schedule:
    """Cosine waves whose height falls along a straight line: (alpha + 1 - u) * (1 + cos(2 pi periods u)) / 2 + beta.

    value(t) = base * that, u = t / n

    Args:
        periods: how many waves there are in n, above 0; half a one is a descent.
        alpha: what is added to the line.
        beta: what is added to the whole.
        over: n, any unit of time; None takes the time it is given.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Bello et al. 2017 (1709.07417); TensorFlow 1 `linear_cosine_decay`, whose `num_periods` is `periods`.

    >>> print(linear_cosine(over=1000))
    linear(over=1000) * cosine_wave(0.5, over=1000) + constant(0.001)
    """
    above = finite_number(Asked("linear_cosine", "alpha"), alpha)
    return linear(1.0 + above, above, over) * cosine_wave(periods, over=over) + finite_number(
        Asked("linear_cosine", "beta"), beta
    )
