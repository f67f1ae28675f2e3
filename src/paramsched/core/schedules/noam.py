"""Noam: the schedule of the Transformer."""

import math

from paramsched.core.base.params import Count, Positive
from paramsched.core.number_checks import positive_number, whole_number
from paramsched.core.schedules.anneal import warmup as warm_up
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.exponential import inverse_sqrt
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import positive_length
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument


@shape
def noam(width: Count, warmup: DurationLike, factor: Positive = 1.0) -> Schedule:
    """Follow the schedule of the Transformer, in absolute values.

    value(t) = factor * width ** -0.5 * min(k ** -0.5, k * W ** -1.5), k = t + 1, W = `warmup`

    Args:
        width: the model's width (`d_model`), above 0.
        warmup: W, the length of the warmup in updates, at least one.
        factor: a factor of the value, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Vaswani et al. 2017 (1706.03762).

    >>> round(noam(512, 4000)(3999), 9), round(noam(512, 4000)(15999), 9)
    (0.000698771, 0.000349386)
    """
    length = positive_length(CallSite("noam", "warmup"), Duration.of(warmup))
    scale = math.sqrt(whole_number(CallSite("noam", "width"), width))
    peak = positive_number(CallSite("noam", "factor"), factor) / scale
    if length.exact is None:
        found = "its peak depends on the number of updates"
        raise InvalidArgument(f'noam(…, warmup="{length}")', found, "Use the warmup in steps")
    # k / W up to k = W - 1, then sqrt(W / k). Both are 1 at k = W, which is update W - 1.
    before = length - Duration.of(1)
    level = constant(Absolute(peak / math.sqrt(length.exact)))
    return level * (warm_up(before, 0.0, 1.0, index="(t+1)/(n+1)") >> inverse_sqrt(length))
