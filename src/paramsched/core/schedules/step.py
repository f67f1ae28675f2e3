"""Steps: step, multistep, and stairs from one level to another."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import Annotated, Any, Final, TypeAlias

import numpy as np

from paramsched.core.base.params import Count
from paramsched.core.curves.arrays import Array, power_of
from paramsched.core.number_checks import positive_number
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.period import multiples, split
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import Check, Over, Period, Role, formula, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.time import Duration, DurationLike
from paramsched.core.time.duration import Number, count_of, durations_of
from paramsched.errors import CallSite, InvalidArgument


def _refuse_gamma_of_zero(call: Schedule) -> None:
    """Raise for a ratio 0, after which every value is 0."""
    since = call.args["every"] if "every" in call.args else next(iter(call.args["milestones"]), Duration.of(0))
    if call.args["gamma"] == 0:
        instead = f"Write piecewise([(0, 1), ({since.written()}, 0)])"
        raise InvalidArgument(CallSite(call.kind, "gamma", "0"), "must be greater than 0", instead)


def _ratio(site: CallSite, gamma: object) -> float:
    """Check a ratio; 0 is refused with the line to write."""
    return 0.0 if not isinstance(gamma, bool) and gamma == 0 else positive_number(site, gamma)


Ratio: TypeAlias = Annotated[float, Check(_ratio)]
"""The ratio of two steps, above 0."""


@formula(check=_refuse_gamma_of_zero)
def step(t: Array, every: Period, gamma: Ratio = 0.1) -> Array:
    """Multiply by `gamma` each `every`.

    value(t) = base * gamma ** floor(t / every)

    Args:
        every: the period, in any unit of time, at least one update. It may be fractional: the k-th step is at
            ceil(k * every).
        gamma: the ratio of two consecutive steps, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or `every` is not a length above 0.

    Source: He et al. 2016 (1512.03385); torch `StepLR`.

    >>> step(30, 0.5)(29), step(30, 0.5)(30), step(30, 0.5)(60)
    (1.0, 0.5, 0.25)
    >>> step("2.5 steps").breakpoints(until=10)
    (0, 3, 5, 8, 10)
    """
    return power_of(gamma, split(t, every)[0])


def _checked_milestones(_site: CallSite, milestones: Any) -> tuple[Duration, ...]:
    if isinstance(milestones, (str, bytes, Duration, Mapping)) or not isinstance(milestones, Iterable):
        found = f"expected a list of times, got {type(milestones).__name__}"
        raise InvalidArgument(f"multistep({milestones!r})", found, example="multistep([30, 80])")
    return durations_of(milestones)


Milestones: TypeAlias = Annotated[tuple[DurationLike, ...], Role("time"), Check(_checked_milestones)]
"""A list of times from the start of the stage."""


@planned(check=_refuse_gamma_of_zero)
def multistep(call: Schedule, span: Span, milestones: Milestones, gamma: Ratio = 0.1) -> Piece:
    """Multiply by `gamma` at each milestone.

    value(t) = base * gamma ** (number of milestones at or before t)

    Args:
        milestones: a list of times from the start of the stage, in any unit and order. A repeated milestone multiplies
            twice.
        gamma: the ratio at each milestone, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or a milestone is not a time. At `resolve`: a milestone
            is at or after the end of its stage.

    Source: torch `MultiStepLR`.

    >>> steps = multistep([30, 80], 0.5)
    >>> steps(29), steps(30), steps(80)
    (1.0, 0.5, 0.25)
    """
    reached = [span.time(one) for one in milestones]
    if span.staged and span.available is not None:
        for one, update in zip(milestones, reached, strict=True):
            if update >= span.available:
                at, length = map(span.units.count_text, (Fraction(update), Fraction(span.available)))
                raise InvalidArgument(
                    str(call),
                    f'milestone "{one}" is at {at} of a stage of {length}: '
                    "milestones count from the start of the stage",
                    "To count from the start of the run, multiply: warmup(…) * multistep(…)",
                )
    made = call.with_args(milestones=tuple(map(Duration.of_updates, reached)))
    steps = np.array(sorted(map(count_of, reached)))
    return Piece(
        made,
        None,
        None,
        lambda t, base: base.times(power_of(gamma, np.searchsorted(steps, t, side="right"))),
        lambda *_: reached,
    )


_FINEST_TREAD: Final = Fraction(1, 4)  # updates; breakpoints of shorter steps are merged


def _treads(since: Number, until: Number, over: Number, rises: int, **_: Any) -> Iterable[Number]:
    if not over:
        return ()
    # With many more steps than updates this would take too long, and each update has a step anyway.
    tread = max(Fraction(over) / rises, _FINEST_TREAD)
    return (rise for rise in multiples(tread, since, min(until, ceil(over))) if rise <= over)


@formula(edges=_treads, exact=True)
def stairs(t: Array, start: Level, to: Level, rises: Count, over: Over = None) -> Array:
    """Change from one level to another in equal steps.

    value(t) = start + (to - start) * floor(t * rises / n) / rises; exactly `to` from t = n on

    Args:
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the last level, likewise.
        rises: the number of steps, an integer of at least 1; in Megatron it is (to - start) / increment.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: an argument is out of range.

    The k-th step is at k * n / rises, rounded up. The last step, which reaches `to`, is at the end.

    Source: Megatron-LM `--rampup-batch-size start increment over`.

    >>> [stairs(16, 64, 3, over=10)(t) for t in (0, 3, 4, 6, 7, 9, 10)]
    [16.0, 16.0, 32.0, 32.0, 48.0, 48.0, 64.0]
    """
    length: Any = over
    end, first, last = count_of(length), np.asarray(start), np.asarray(to)
    k = split(np.minimum(t, end), Fraction(length) / rises)[0] if end else 0
    return np.where(t >= end, last, first + (last - first) * k / rises)  # multiplied first, so that integers are exact
