"""The multi-power law: the loss of a run as a function of the learning rates of its updates.

With the rates η of all updates and S(t) = η[0] + … + η[t], the loss of update t is

    L(t) = L0 + A · S(t)**(-alpha) - B · Σ over k = 1 … t of (η[k-1] - η[k]) · G(η[k]**(-gamma) · (S(t) - S(k-1)))

with G(x) = 1 - (1 + C · x)**(-beta). The sum starts at the first update, so that it includes the warmup. Source: Luo et
al. 2025 (2503.12811).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import final

import numpy as np

from paramsched.core.curves.arrays import Floats, Integers

CONSTANTS = ("L0", "A", "alpha", "B", "C", "beta", "gamma")
"""The names of the constants, in the order of every array of constants."""

_LARGE_CHANGE, _MOST_LARGE = 0.005, 2_000  # of the peak; without single large changes, stairs are wrong by 0.4 %
_RECENT = 64  # changes before each point that are kept singly
_MOST_BOUNDARIES = 5_000
_GROWTH = 1.03  # the ratio of the distances at the two edges of a bin


@final
@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The terms of the law at some updates, which do not depend on the constants.

    The exact sum takes updates × points steps. Here old and small changes are merged into bins of similar distance
    S(t) - S(k-1) and similar rate, falls and rises apart. The loss is within 3e-5 of the exact one (relative), unless
    the rate swings over its whole range more than a hundred times.

    Args:
        sums: S(t) of each point.
        settled: for each point, the sum of the changes to a rate of 0, whose G is 1.
        point: for each term, the index of its point.
        change, distance, log_rate: for each term, η[k-1] - η[k], S(t) - S(k-1) and ln η[k].
    """

    sums: Floats
    settled: Floats
    point: Integers
    change: Floats
    distance: Floats
    log_rate: Floats

    def losses(self, constants: Sequence[float] | Floats) -> tuple[Floats, Floats]:
        """Return the loss at each point, and its derivatives by the logarithms of the constants, of shape (7, n)."""
        level, height, alpha, drop, speed, beta, gamma = constants
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # the loss is infinite while S(t) is 0
            power = height * self.sums**-alpha
            effect = speed * self.distance * np.exp(-gamma * self.log_rate)
            grown = np.log1p(effect)
            rest = np.exp(-beta * grown)
            slope = beta * rest * -np.expm1(-grown)  # dG / d ln C
            fallen = self._sum(1 - rest) + self.settled
            slopes = [
                np.full_like(power, level),
                power,
                -alpha * np.log(self.sums) * power,
                -drop * fallen,
                -drop * self._sum(slope),
                -drop * self._sum(beta * grown * rest),
                drop * self._sum(gamma * self.log_rate * slope),
            ]
        return level + power - drop * fallen, np.array(slopes)

    def _sum(self, values: Floats) -> Floats:
        return np.bincount(self.point, self.change * values, minlength=self.sums.size).astype(np.float64)


def terms_at(rates: Floats, at: Integers) -> Terms:
    """Return the terms of the law at the updates `at` of a run with these rates."""
    sums = np.cumsum(rates)
    before = np.concatenate([[0.0], sums[:-1]])
    changes = np.concatenate([[0.0], rates[:-1] - rates[1:]])
    to_zero = np.flatnonzero((rates == 0) & (changes > 0))
    settled_at = np.searchsorted(sums, before[to_zero], side="right")
    settled = np.cumsum(np.bincount(settled_at, changes[to_zero], minlength=rates.size)[: rates.size], dtype=np.float64)
    small = np.where(rates > 0, changes, 0.0)
    log_rates = np.log(np.where(rates > 0, rates, 1.0))

    large = np.flatnonzero(np.abs(small) > _LARGE_CHANGE * rates.max())
    large = large[: large.size if large.size <= _MOST_LARGE else 0]  # of falls and rises, the errors of bins cancel
    of_large, place = np.nonzero(large <= at[:, None])
    change_of_large = small[large]
    small[large] = 0.0
    recent = at[:, None] - np.arange(_RECENT)
    of_recent, back = np.nonzero((recent > 0) & (small[np.maximum(recent, 0)] != 0))
    single = np.concatenate([large[place], recent[of_recent, back]])
    points = [of_large, of_recent]
    weights = [change_of_large[place], small[recent[of_recent, back]]]
    distances = [sums[at[np.concatenate(points)]] - before[single]]
    logs = [log_rates[single]]

    of_bin, first, stop = _bins(sums, before, at, _boundaries_of_levels(rates))
    nearest, farthest = sums[at[of_bin]] - before[stop - 1], sums[at[of_bin]] - before[first]
    for sign in (1, -1):  # falls and rises
        part = np.maximum(sign * small, 0.0)
        sums_of = [np.concatenate([[0.0], np.cumsum(one)]) for one in (part, part * before, part * log_rates)]
        filled = np.flatnonzero(sums_of[0][stop] > sums_of[0][first])
        total, of_before, of_log = (one[stop[filled]] - one[first[filled]] for one in sums_of)
        point = of_bin[filled]
        points.append(point)
        weights.append(sign * total)
        # A mean is clipped, because differences of sums have rounding errors.
        mean = sums[at[point]] - of_before / total
        distances.append(np.clip(mean, nearest[filled], farthest[filled]))
        logs.append(np.clip(of_log / total, log_rates.min(), log_rates.max()))
    joined = (np.concatenate(parts) for parts in (points, weights, distances, logs))
    return Terms(sums[at], settled[at], *joined)


def _boundaries_of_levels(rates: Floats) -> Integers:
    """Return the updates at which the rate enters another level, so that no bin has rates of different magnitudes.

    The levels are equally wide in the cube root of the rate, because changes at small rates have little effect.
    """
    roots = np.cbrt(rates / rates.max())
    for levels in (32, 16, 8, 4, 2):
        found = np.flatnonzero(np.diff(np.floor(levels * roots))) + 1
        if found.size <= _MOST_BOUNDARIES:
            return found
    return np.zeros(0, dtype=np.int64)


def _bins(sums: Floats, before: Floats, at: Integers, boundaries: Integers) -> tuple[Integers, Integers, Integers]:
    """Return the point, the first change and the stop of each bin of old changes that is not empty."""
    # Changes after which no rate was above 0 have the distance 0 and no effect.
    end = np.minimum(at - _RECENT + 1, np.searchsorted(before, sums[at]))
    old = np.flatnonzero(end > 1)
    if not old.size:
        return (np.zeros(0, dtype=np.int64),) * 3
    nearest = sums[at[old]] - before[end[old] - 1]
    count = int(log(float(np.max(sums[at[old]] / nearest))) / log(_GROWTH)) + 2
    edges = np.searchsorted(before, sums[at[old]] - nearest * _GROWTH ** np.arange(count)[:, None], side="right")
    edges[0], edges[-1] = end[old], 1
    between = np.broadcast_to(boundaries[:, None], (boundaries.size, old.size))
    edges = np.sort(np.minimum(np.concatenate([edges, between]), end[old]), axis=0)[::-1]
    place, column = np.nonzero(edges[:-1] > edges[1:])
    return old[column], edges[place + 1, column], edges[place, column]
