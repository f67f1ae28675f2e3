"""Fit a loss law on the losses of earlier runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import log, sqrt
from typing import Any, final

import numpy as np

from paramsched.core.base.problem import Problem
from paramsched.core.base.user_warnings import warn_user
from paramsched.core.curves.arrays import Floats
from paramsched.core.plan.forms import FORMS
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, MissingDependency
from paramsched.tools.loss_law.inputs import Curve, Rates, first_fitted, losses_of, rates_of
from paramsched.tools.loss_law.law import NEAR_PEAK, FittedCurve, LossLaw
from paramsched.tools.loss_law.multi_power import CONSTANTS, Terms, terms_at

_DELTA = 0.001  # of the Huber loss, and the smallest standard deviation: two equal runs differ by about as much
_INDEPENDENT = 10  # points of a curve, however often it was logged
_MOST_POINTS = 400  # of a curve; more losses are averaged
_PRIOR, _PRIOR_WIDTH = 0.5, 0.2  # of beta and gamma, without which beta falls to 0.1 and other runs are predicted worse
_STEPS = 50  # of an optimization, which takes about ten; noise without a law could take hundreds
_STARTS = tuple(product((0.3, 0.5, 0.8), (0.002, 0.01, 0.05), (0.4, 0.7), (0.5,)))  # alpha, C, beta, gamma
_BOUNDS = ((1e-3, 1), (1e-6, 1e6), (0.01, 5), (1e-6, 1e6), (1e-7, 1e3), (0.02, 5), (0.02, 5))
"""The bounds of the constants, for rates divided by the largest one, and losses divided by the smallest one."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Objective:
    """The sum that a fit minimizes, as a function of the logarithms of the constants.

    It is the weighted Huber loss of the logarithms of the losses, and the prior of beta and gamma.

    Args:
        terms: the terms of the law for each curve.
        observed: the logarithms of the losses of all curves, divided by the smallest one.
        weights: the weight of each loss.
    """

    terms: Sequence[Terms]
    observed: Floats
    weights: Floats

    def differences(self, logs: Floats) -> tuple[Floats, Floats]:
        """Return ln predicted - ln observed for each loss, and the derivatives."""
        found = [one.losses(np.exp(logs)) for one in self.terms]
        loss = np.maximum(np.concatenate([loss for loss, _ in found]), 1e-9)
        return np.log(loss) - self.observed, (np.concatenate([slopes for _, slopes in found], axis=1) / loss).T

    def residuals(self, logs: Floats) -> Floats:
        return np.concatenate([self.differences(logs)[0] / _DELTA, (logs[-2:] - np.log(_PRIOR)) / _PRIOR_WIDTH])

    def slopes(self, logs: Floats) -> Floats:
        return np.concatenate([self.differences(logs)[1] / _DELTA, np.eye(7)[-2:] / _PRIOR_WIDTH])

    def huber(self, squares: Floats) -> Floats:
        """Return the loss of each squared residual and its two derivatives; that of the prior is quadratic."""
        size = np.sqrt(np.maximum(squares, 1.0))
        rho = np.array([2 * size - 1, 1 / size, -0.5 / size**3])
        rho = np.where(squares > 1, rho, [squares, np.ones_like(squares), np.zeros_like(squares)])
        rho[:, -2:] = squares[-2:], np.ones(2), np.zeros(2)
        rho[:, :-2] *= self.weights
        return rho

    def linear_columns(self, alpha: float, speed: float, beta: float, gamma: float) -> Floats:
        """Return the factors of L0, A and B in each loss: the derivatives by their logarithms where they are 1."""
        constants = (1, 1, alpha, 1, speed, beta, gamma)
        return np.concatenate([one.losses(constants)[1][[0, 1, 3]].T for one in self.terms])


def fit(
    curves: Sequence[Curve],
    plans: Sequence[Rates],
    *,
    base: Any = None,
    calendar: Calendar | Sequence[Calendar] | None = None,
    group: str | int | None = None,
) -> LossLaw:
    """Fit the multi-power law on the losses of two or more runs with different schedules. Experimental.

    The runs must have the model, the data and the batch size of the runs to predict, and their peak rate. One of the
    schedules must have a falling rate. Two or three runs are enough: one constant, one cosine, one with a drop.

    The logarithm of the loss is fitted by a Huber loss. Each curve counts as ten points, however often it was logged;
    curves of more than 400 losses are averaged. beta and gamma have a weak prior with the median 0.5. The result is
    deterministic.

    Args:
        curves: for each run, the path of a log with one column of losses, or a pair of updates and losses. `read`
            returns such a pair for a log with several columns.
        plans: for each run, its plan, its trace, or an array with the rate of every update.
        base: the bases of the plans, such as `{"lr": 3e-4}`; a list has one for each run.
        calendar: the run facts of the plans; a list has one for each run.
        group: the group whose rates are used. Required if the rates of the groups are not proportional.

    Raises:
        InvalidArgument: the curves cannot determine the law. The message names the run and the reason.
        MissingDependency: SciPy is not installed.

    Warns if the peak rates of the runs differ by more than a tenth. Laws that were fitted on runs at half and at twice
    a peak were wrong by 0.03 to 0.1 at that peak.

    Source: Luo et al. 2025 (2503.12811).
    """
    try:
        from scipy.optimize import least_squares, nnls
    except ImportError:
        raise MissingDependency("loss_law.fit", "scipy", "laws") from None
    many, plans_of = (len(one) if isinstance(one, (list, tuple)) else 1 for one in (curves, plans))
    if many != plans_of or not isinstance(curves, (list, tuple)) or not isinstance(plans, (list, tuple)):
        found = f"expected lists with one plan for each curve, got {many} curves and {plans_of} plans"
        raise InvalidArgument(
            "loss_law.fit(…)", found, 'For example: fit(["a.csv", "b.csv"], plans=[a, b], base={"lr": 3e-4})'
        )
    # One base is that of all plans, also if some of the runs are arrays.
    any_plan = any(isinstance(plan, FORMS) for plan in plans)
    bases, calendars = (
        one
        if isinstance(one, Sequence) or (isinstance(one, np.ndarray) and one.ndim)
        else [one if isinstance(plan, FORMS) or not any_plan else None for plan in plans]
        for one in (base, calendar)
    )
    if {len(bases), len(calendars)} != {len(plans)}:
        found = f"expected {len(plans)} bases and calendars, got {len(bases)} and {len(calendars)}"
        raise InvalidArgument("loss_law.fit(…)", found, 'For example: base={"lr": 3e-4} for all plans')
    rates, logged = [], []
    for index, (curve, plan) in enumerate(zip(curves, plans, strict=True)):
        rates.append(rates_of(f"loss_law.fit(plans[{index}])", plan, bases[index], calendars[index], group))
        logged.append(losses_of(f"loss_law.fit(curves[{index}])", curve, rates[-1]))
    used = [one[: at[-1] + 1] for one, (at, _) in zip(rates, logged, strict=True)]
    longest = max(used, key=len, default=np.zeros(0))
    if all(np.array_equal(one, longest[: one.size]) for one in used):
        found = "expected at least two runs with different rates over the updates with losses"
        raise InvalidArgument("loss_law.fit(…)", found, "Add a run with another schedule")
    if not any((np.diff(one) < 0).any() for one in used):
        found = "no rate falls over the updates with losses, so the effect of a decay is unknown"
        raise InvalidArgument("loss_law.fit(…)", found, "Add a run with a decay")
    peaks = sorted({float(one.max()) for one in rates})
    if peaks[-1] > (1 + NEAR_PEAK) * peaks[0]:
        found = f"the runs have peak rates from {peaks[0]:g} to {peaks[-1]:g}, but a law describes one peak"
        warn_user(Problem(found=found))
    unit = peaks[-1]

    averaged = []  # the mean of the logarithms of successive losses, at the middle update
    for at, losses in logged:
        parts = np.array_split(np.arange(at.size), min(at.size, _MOST_POINTS))
        means = np.exp([np.log(losses[part]).mean() for part in parts])
        averaged.append((at[[part[part.size // 2] for part in parts]], means))
    lowest = min(float(losses.min()) for _, losses in averaged)
    objective = _Objective(
        [terms_at(one / unit, at) for one, (at, _) in zip(rates, averaged, strict=True)],
        np.log(np.concatenate([losses for _, losses in averaged]) / lowest),
        np.concatenate([np.full(at.size, _INDEPENDENT / at.size) for at, _ in averaged]),
    )
    lower, upper = np.log(_BOUNDS).T
    starts = []
    for alpha, speed, beta, gamma in _STARTS:
        roots = np.sqrt(objective.weights)
        columns = objective.linear_columns(alpha, speed, beta, gamma)
        level, height, drop = nnls(columns * roots[:, None], np.exp(objective.observed) * roots)[0]
        with np.errstate(divide="ignore"):
            logs = np.log([level, height, alpha, drop, speed, beta, gamma])
        starts.append(np.clip(logs, lower + 1e-6, upper - 1e-6))
    starts.sort(key=lambda logs: float(objective.huber(objective.residuals(logs) ** 2)[0].sum()))
    options = {"bounds": (lower, upper), "loss": objective.huber, "x_scale": 0.1, "max_nfev": _STEPS}
    polished = [least_squares(objective.residuals, logs, objective.slopes, **options) for logs in starts[:4]]
    best = min(polished, key=lambda found: float(found.cost)).x
    differences, slopes = objective.differences(best)
    sigma = max(1.4826 * float(np.median(np.abs(differences))), _DELTA)
    # The noise of successive losses is independent, so that each of them counts; what remains is counted ten times.
    noise = 1.4826 * float(np.median(np.abs(np.diff(differences)))) / sqrt(2)
    variance = max(sigma**2 - noise**2, _DELTA**2) + noise**2 * float(np.median(objective.weights))
    information = (slopes.T * objective.weights) @ slopes / variance + np.diag([1e-4] * 5 + [_PRIOR_WIDTH**-2] * 2)
    # Rates in another unit: η -> u·η with A·u**alpha, B/u and C·u**(gamma - 1) predicts the same losses.
    alpha, gamma = np.exp(best[[2, 6]])
    logs, turn = best + log(unit) * np.array([0, alpha, 0, -1, gamma - 1, 0, 0]), np.eye(7)
    logs[[0, 1, 3]] += log(lowest)
    turn[1, 2], turn[4, 6] = alpha * log(unit), gamma * log(unit)
    covariance = turn @ np.linalg.inv(information) @ turn.T
    fitted = []
    for one, run, (at, _), (_, losses) in zip(objective.terms, rates, logged, averaged, strict=True):
        error = float(np.mean(np.abs(lowest * one.losses(np.exp(best))[0] - losses)))
        fitted.append(FittedCurve(run.size, at.size, error))
    return LossLaw(
        dict(zip(CONSTANTS, np.exp(logs).tolist(), strict=True)),
        tuple(tuple(row) for row in covariance.tolist()),
        sigma,
        tuple(peaks),
        max(one.size for one in rates),
        tuple(fitted),
        min(float(one[first_fitted(one) :].min()) for one in rates),
    )
