"""The factor of base at one time, as a function of a number: the same bits as an array, in a tenth of its time.

A run whose amounts are reported needs one value at each update.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from paramsched.core import curves
from paramsched.core.schedules.anneal import first_level, is_anneal, last_level, stage_fraction
from paramsched.core.schedules.constant import constant_level
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import stages_of
from paramsched.core.time.duration import count_of

Factor: TypeAlias = Callable[[float], float]

_OTHERS: Final = ("over", "curve", "index")


def factor_of_number(schedule: Schedule) -> Factor | None:
    """Return the factor of base of a resolved schedule at one time; None if it is no sequence of anneals."""
    if schedule.kind == "constant":
        value = constant_level(schedule)
        return None if isinstance(value, Absolute) else lambda _: value
    if is_anneal(schedule):
        return _factor_of_anneal(schedule)
    if schedule.kind != "sequence" or schedule.piece.schedule != schedule:
        return None
    return _factor_of_sequence(schedule)


def _factor_of_sequence(schedule: Schedule) -> Factor | None:
    begins, functions, begin = list[int](), list[Factor](), 0
    for stage in stages_of(schedule):
        length = stage.length
        if length is None or length.terms or (stage is stages_of(schedule)[-1] and not begins):
            function = factor_of_number(stage)
            if function is None:
                return None
            begins.append(begin)
            functions.append(function)
        if length is not None:
            if not length.is_resolved:
                return None
            begin += length.updates

    def factor_at(t: float) -> float:
        place = bisect_right(begins, t) - 1
        return functions[place](t - begins[place])

    return factor_at


def _factor_of_anneal(stage: Schedule) -> Factor | None:
    first, last, over, curve, index = first_level(stage), last_level(stage), *(stage.args[k] for k in _OTHERS)
    if isinstance(first, Absolute) or isinstance(last, Absolute) or curve.function is not None:
        return None
    rises = abs(first) <= abs(last)
    near, far = (first, last) if rises else (last, first)
    spread, n = far - near, count_of(over.number)
    may_warn = curve not in (curves.linear, curves.cosine)

    def share(k: float, whole: float) -> float:
        if not may_warn:
            return float(curve.share(k, whole, rises=rises))
        with np.errstate(all="ignore"):
            return float(curve.share(k, whole, rises=rises))

    def factor_at(t: float) -> float:
        k, whole = stage_fraction(index, t, n)
        if not 0 < k < whole:
            return last if k >= whole else first
        if near == 0:
            return share(k, whole) * far
        value = share(k, whole) * spread + near
        if not curve.monotone:
            return value
        return min(value, far) if far > near else max(value, far)

    return factor_at
