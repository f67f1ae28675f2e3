"""Overlay: the first part of a schedule replaced by another one."""

from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.schedule import Schedule, schedule_of
from paramsched.core.schedules.take import skip
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration
from paramsched.errors import CallSite, InvalidArgument


@shape
def overlay(first: Schedule, curve: Schedule) -> Schedule:
    """Replace the first part of a schedule by another schedule, without moving the rest.

    value(t) = first(t) for the length of `first`, then curve(t)

    Args:
        first: the schedule at the start, which needs a length: `warmup("5%")`, which ends at the value that `curve` has
            there.
        curve: the schedule to continue with. Its time counts from the start of `first`, not from its end.

    Raises:
        InvalidArgument: `first` has no length.

    `overlay(first, curve)` is short for `first >> skip(curve, length of first)`.

    Source: the warmups of BERT, EfficientNet and timm.

    >>> print(overlay(warmup(1000), cosine()))
    warmup(1000) >> skip(cosine(), 1000)
    """
    over = schedule_of(first, "overlay(…)")
    below = schedule_of(curve, "overlay(…)")
    length = over.length
    if length is None:
        found = "expected a schedule with a length"
        raise InvalidArgument(CallSite("overlay", "first", short_line(over)), found, example='warmup("5%")')
    if length.until:
        found = 'its length must not be an "until"'
        site = CallSite("overlay", "first", short_line(over))
        raise InvalidArgument(site, found, example=f'"{Duration(length.terms)}"')
    return over >> skip(below, length)
