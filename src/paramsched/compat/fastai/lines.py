"""Calls of fastai's schedules, for lines of text that contain one. Each function has the parameters of one of them.

A schedule of fastai is a function of the fraction of the run.
"""

from fractions import Fraction
from typing import Annotated, Final

from paramsched.core import curves
from paramsched.core.base.ranges import Gt
from paramsched.core.files.arguments import to_level
from paramsched.core.schedules import Schedule, anneal, constant, cosine, geometric, linear, with_lengths
from paramsched.core.schedules.text.peer_lines import PeerCall, call_named, computed

CALLS: Final[dict[str, PeerCall]] = {}
"""The schedules by the name of their function, and the methods of a Learner by their name."""
_Rate = Annotated[float, Gt(0)]


@call_named(CALLS, "SchedNo")
def _constant(start: float, end: float) -> Schedule:  # noqa: ARG001  # fastai has it too
    return constant(to_level(start))


@call_named(CALLS, "SchedLin")
def _linear(start: float, end: float) -> Schedule:
    return linear(to_level(start), to_level(end))


@call_named(CALLS, "SchedCos")
def _cosine(start: float, end: float) -> Schedule:
    return cosine(to_level(start), to_level(end))


@call_named(CALLS, "SchedExp")
def _geometric(start: _Rate, end: _Rate) -> Schedule:
    return geometric(to_level(start), to_level(end))


@call_named(CALLS, "SchedPoly")
def _power(start: float, end: float, power: float) -> Schedule:
    return anneal(to_level(start), to_level(end), curve=curves.power(power))


@call_named(CALLS, "combined_cos")
def _two_cosines(pct: float, start: float, middle: float, end: float) -> Schedule:
    if not 0 < pct < 1:
        raise ValueError
    rising = cosine(to_level(start), to_level(middle), f"{Fraction(repr(pct)) * 100} %")
    return with_lengths(rising >> cosine(to_level(middle), to_level(end)))


@call_named(CALLS, "fit_one_cycle")
def _one_cycle(
    n_epoch: int,  # noqa: ARG001  # the horizon of the plan
    lr_max: float,
    div: float = 25.0,
    div_final: float = 1e5,
    pct_start: float = 0.25,
) -> Schedule:
    return _two_cosines(pct_start, computed(lr_max / div), lr_max, computed(lr_max / div_final))


@call_named(CALLS, "fit_flat_cos")
def _flat_cosine(
    n_epoch: int,  # noqa: ARG001  # the horizon of the plan
    lr: float,
    div_final: float = 1e5,
    pct_start: float = 0.75,
) -> Schedule:
    return _two_cosines(pct_start, lr, lr, computed(lr / div_final))
