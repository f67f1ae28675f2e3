"""The convex bound: a ranking of schedules that needs no earlier run."""

from dataclasses import dataclass
from math import inf, sqrt
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike

from paramsched.core.advice.number_checks import positive_number
from paramsched.core.time import Calendar
from paramsched.errors import CallSite, InvalidArgument, shown
from paramsched.tools.loss_law.inputs import Rates, rates_of

CONDITION = "the bound holds for a convex loss; it ranks runs of one length, each at its best peak rate"
"""When the order of some bounds has a meaning."""


@final
@dataclass(frozen=True, slots=True)
class Bound:
    """The convex bound of a schedule.

    Args:
        value: the bound at the best peak rate. It ranks schedules of one length, and does not depend on base.
        best_peak: the peak rate at which the bound is smallest. It is not a rate to train with, because the bound
            assumes a distance and gradients of 1.
        at_rates: the bound of the rates as they are.
    """

    value: float
    best_peak: float
    at_rates: float


def bound(
    plan: Rates,
    *,
    base: Any = None,
    calendar: Calendar | None = None,
    group: str | int | None = None,
    distance: float = 1,
    gradients: ArrayLike = 1,
) -> Bound:
    """Return the bound of the last loss for convex functions. It requires no fit.

    With the rates η, the distance D and the gradient norms G, and sums over updates 1 … T:

        D² / (2 Σ η) + Σ η² G² / (2 Σ η) + ½ Σ over k < T of η[k] / Σ_(t > k) η[t] · Σ_(t ≥ k) η[t]² G² / Σ_(t ≥ k) η[t]

    Rates of 0 at the end are omitted. Bounds of runs of different lengths are not comparable as losses.

    Args:
        plan: a plan, a trace, or an array with the rate of every update.
        base, calendar, group: as in `LossLaw.predict`. Without a base, `at_rates` is the bound for base 1.
        distance: the distance from the first weights to the optimum, above 0.
        gradients: the norm of the gradient, above 0: one number, or one for each update.

    Raises:
        InvalidArgument: the rates are unknown, or an argument is out of range.

    Source: Schaipp et al. 2025 (2501.18965); Defazio et al. 2023 (2310.07831), Theorem 10.

    >>> constant, falling = np.full(1000, 0.1), np.linspace(1, 0, 1000)
    >>> round(bound(constant).value, 4), round(bound(falling).value, 4)
    (0.0921, 0.0635)
    """
    rates = rates_of("loss_law.bound(…)", plan, base, calendar, group, scaled=False)
    span = positive_number(CallSite("loss_law.bound", "distance"), distance)
    try:
        norms = np.broadcast_to(np.asarray(gradients, dtype=np.float64), rates.shape)
    except (TypeError, ValueError):
        norms = np.zeros(1)
    if not (np.isfinite(norms).all() and (norms > 0).all()):
        found = f"expected a number above 0, or {rates.size} of them, got {shown(gradients)}"
        raise InvalidArgument("loss_law.bound(…, gradients=…)", found, "For example: gradients=1")
    rates = np.trim_zeros(rates, "b")
    peak = float(rates.max())
    shape = rates / peak
    with np.errstate(over="ignore"):  # refused below
        squares = (shape * norms[: rates.size]) ** 2
    rest, of_squares = np.cumsum(shape[::-1])[::-1], np.cumsum(squares[::-1])[::-1]
    by_distance = span * span / (2 * float(rest[0]))
    by_gradients = float(of_squares[0] / rest[0] + np.sum(shape[:-1] / rest[1:] * (of_squares / rest)[:-1])) / 2
    if not (0 < by_distance < inf and 0 < by_gradients < inf):
        found = "distance or gradients are too large or too small"
        raise InvalidArgument("loss_law.bound(…)", found, "For example: distance=1, gradients=1")
    best = sqrt(by_distance / by_gradients)
    return Bound(2 * sqrt(by_distance * by_gradients), best, by_distance / peak + peak * by_gradients)
