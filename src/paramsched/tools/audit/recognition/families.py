"""The curves that a stage of a recognized schedule may follow, and their least-squares fits to logged values.

Each curve is v = a + b * f(t, p): for parameters p, one linear least-squares solution gives a and b.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from paramsched.core.curves.arrays import Floats
from paramsched.tools.records.log_values import Flags

_ITERATIONS = 25
_HALVES = 0.5 ** np.arange(6)[:, np.newaxis]  # the shares of a step that are tried
_BALANCED, _ALMOST = 30, 1.4
_PARTS = (0.5, 0.25, 0.2, 0.1, 0.05, 0.01)  # of an update: the length of a part of a wave
ROUND_UNITS = [factor * 10**power for power in range(9, -1, -1) for factor in (5, 1)]
"""The units of round integers, the roundest first."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Logged values, sorted by time.

    Args:
        t: the times; shape (n,).
        v: the values divided by the largest absolute value; shape (n,).
        tol: the difference up to which a fitted curve explains a value, in the unit of `v`; shape (n,).
        share: the part of `tol` up to which a plan explains a value: half of it for rounded values, because a curve
            that was fitted to such values is not exactly the one that was rounded.
    """

    t: Floats
    v: Floats
    tol: Floats
    share: float = 1.0

    def take(self, rows: "slice | np.ndarray[Any, Any]") -> "Rows":
        return Rows(self.t[rows], self.v[rows], self.tol[rows], self.share)

    def weights(self, factors: Floats | None = None) -> Floats:
        """Return the weights of the rows in a least-squares fit, each multiplied by a factor; their sum is 1."""
        weights: Floats = (self.tol.min() / self.tol) ** 2
        weights = weights if factors is None else weights * factors
        weights /= weights.sum()
        return weights

    @property
    def strict(self) -> "Rows":
        """These rows with the difference up to which a plan explains a value."""
        return Rows(self.t, self.v, self.share * self.tol)

    def matches(self, values: Floats) -> Flags:
        """Return a flag for each row: True if its value is explained."""
        return np.abs(self.v - values) <= self.tol


@final
@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A family of curves a + b * f(t, p).

    Args:
        kinds: what each parameter is: a "time", a "length", a "power" or a "rate".
        curve: f, for parameters of shape (k, many, 1) and times of shape (n,).
        starts: parameters of starting points, for a stage whose length is 1; shape (many, k).
        shifted: whether a may differ from 0.
    """

    kinds: tuple[str, ...]
    curve: Callable[[Floats, Floats], Floats]
    starts: Floats
    shifted: bool = True

    @property
    def size(self) -> int:
        return len(self.kinds) + 1 + self.shifted

    def units(self, length: float) -> Floats:
        return np.array([{"power": 1.0, "rate": 1 / length}.get(kind, length) for kind in self.kinds])

    def solve(self, p: Floats, t: Floats, rows: Rows, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """Return a, b and the differences in units of the tolerance, for parameters of shape (many, k)."""
        f = self.curve(p.T[:, :, np.newaxis], t)
        if not self.shifted:
            b = (f @ (weight * rows.v)) / (f**2 @ weight)
            return np.zeros(len(f)), b, (rows.v - b[:, np.newaxis] * f) / rows.tol
        mean, middle = f @ weight, rows.v @ weight
        apart = f - mean[:, np.newaxis]
        b = (apart @ (weight * (rows.v - middle))) / (apart**2 @ weight)
        a = middle - b * mean
        return a, b, (rows.v - a[:, np.newaxis] - b[:, np.newaxis] * f) / rows.tol

    def fit(self, rows: Rows, near: "Fit | None" = None) -> "Fit | None":
        """Return a curve that explains all rows, or None.

        Args:
            rows: at least `size + 1` rows.
            near: a fit to some of these rows.
        """
        free = range(len(self.kinds))
        found = None if near is None else near.refined(near.p, rows, free)
        origin, length = float(rows.t[0]), float(rows.t[-1] - rows.t[0])
        if found is None:
            starts = self.starts * self.units(length)
            sizes = (self.solve(starts, rows.t - origin, rows, rows.weights())[2] ** 2).mean(axis=1)
            sizes = np.where(np.isfinite(sizes), sizes, np.inf)
            for place in np.argsort(sizes)[:2].tolist():
                if found is None:
                    found = Fit(self, starts[place], 0.0, 0.0, origin).refined(starts[place], rows, free)
        if found is None:
            return None
        gap = length / (rows.t.size - 1)
        if self is COSINE:
            begin, half = float(found.p[0]) + found.origin - origin, abs(float(found.p[1]))
            waves = np.ceil((begin - 0.1 * length) / half)
            b = float(found.b * (-1.0) ** waves)
            found = replace(found, p=np.array([found.p[0] - waves * half, half]), b=b)
        limits = {"length": (3 * gap, np.inf), "power": (0.05, np.inf), "rate": (0, 3 / gap), "time": (0, np.inf)}
        sizes = zip((limits[kind] for kind in self.kinds), np.abs(found.p), strict=True)
        wild = (not low <= one <= high for (low, high), one in sizes)
        return None if any(wild) else found


@final
@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A curve that was fitted to rows: a + b * f(t - origin, p)."""

    family: Family
    p: Floats
    a: float
    b: float
    origin: float

    def at(self, t: Floats) -> Floats:
        curve: Floats = self.family.curve(self.p[:, np.newaxis, np.newaxis], t - self.origin)[0]
        return self.a + self.b * curve

    @property
    def natural(self) -> tuple[float | None, float | None]:
        """The times at which the curve begins and ends by itself."""
        if self.family is COSINE:
            return self.origin + float(self.p[0]), self.origin + float(self.p.sum())
        at = self.origin + float(self.p[0]) if self.family in (FALL, RISE) else None
        return (at, None) if self.family is RISE else (None, at)

    def refined(self, p: Floats, rows: Rows, free: Collection[int] = (), *, balanced: bool = False) -> "Fit | None":
        """Return the least-squares fit near parameters by Gauss-Newton steps; None if it does not explain all rows.

        Args:
            p: the first parameters.
            rows: the rows to fit.
            free: the places of the parameters to change.
            balanced: whether to look for a curve with smaller largest differences if the least squares leave a value
                just outside its tolerance.
        """
        if not rows.t.size:
            return None
        t, weight = rows.t - self.origin, rows.weights()
        a, b, left = self.family.solve(p[np.newaxis], t, rows, weight)
        size = float((left[0] ** 2).sum())
        length = float(rows.t[-1] - rows.t[0]) or 1.0  # the rows that a curve explains may be a single one
        moves = np.diag(1e-6 * self.family.units(length))[list(free)]
        for _ in range(_ITERATIONS if free else 0):
            around = self.family.solve(np.concatenate([p + moves, p - moves]), t, rows, weight)[2]
            slopes = (around[: len(free)] - around[len(free) :]) / 2
            if not np.isfinite(slopes).all():
                return None
            scale = np.sqrt((slopes**2).sum(axis=1, keepdims=True)) + 1e-300
            step = (np.linalg.lstsq((slopes / scale).T, -left[0], rcond=None)[0] / scale[:, 0]) @ moves
            tried = p + step * _HALVES
            a_tried, b_tried, differences = self.family.solve(tried, t, rows, weight)
            sizes = (differences**2).sum(axis=1)
            best = int(np.where(np.isfinite(sizes), sizes, np.inf).argmin())
            if not sizes[best] < size:
                break
            gain, size = 1 - float(sizes[best]) / size, float(sizes[best])
            p, a, b, left = tried[best], a_tried[[best]], b_tried[[best]], differences[[best]]
            if gain < 1e-4:
                break
        is_close = balanced and 1 < np.abs(left).max() < _ALMOST
        if is_close and not self.family.shifted:  # the middle of the factors that explain every row, if there are any
            f = self.family.curve(p[:, np.newaxis, np.newaxis], t)[0]
            factors = np.array([rows.v - rows.tol, rows.v + rows.tol])[:, f != 0] / f[f != 0]
            b = np.array([(factors.min(axis=0).max() + factors.max(axis=0).min()) / 2])
            left = (rows.v - b[:, np.newaxis] * f) / rows.tol
        weights = np.ones(t.size)
        for _ in range(_BALANCED if is_close and self.family.shifted else 0):
            weights *= np.abs(left[0]) + 1e-3
            a, b, left = self.family.solve(p[np.newaxis], t, rows, rows.weights(weights))
            if not np.abs(left).max() > 1:
                break
        explains = np.isfinite(size) and np.abs(left).max() <= 1
        return Fit(self.family, p, float(a[0]), float(b[0]), self.origin) if explains else None

    @property
    def digits(self) -> int:
        """The number of digits of the parameters, without zeros at an end."""
        zero = {"time": self.origin}
        values = zip((zero.get(kind, 0.0) for kind in self.family.kinds), self.p.tolist(), strict=True)
        return sum(len(f"{abs(start + one):.12f}".replace(".", "").strip("0")) for start, one in values)

    def with_round_floor(self, rows: Rows) -> "Fit | None":
        """Return a curve that falls to a round level, 0 first, and explains all rows; None if there is none."""
        if self.family is COSINE and self.b > 0:
            for floor in _FLOORS:
                to_floor = replace(self, family=_cosine_to(floor))
                near = to_floor.refined(self.p, rows, range(2), balanced=True)
                fallen = None if near is None else near.with_round_numbers(rows)
                if fallen is not None:
                    high = fallen.b
                    return replace(fallen, family=COSINE, a=high * (1 + floor) / 2, b=high * (1 - floor) / 2)
            return None
        if self.family is FALL:
            to_zero = replace(self, family=replace(FALL, shifted=False))
            near = to_zero.refined(self.p, rows, range(2), balanced=True)
            fallen = None if near is None else near.with_round_numbers(rows)
            return None if fallen is None else replace(fallen, family=FALL, a=0.0)
        if self.family is not RISE:
            return None
        alone, power = replace(self, family=replace(RISE, shifted=False)), round(2 * float(self.p[1])) / 2
        times = _round_values("time", float(self.p[0]), self.origin)
        tried = (alone.refined(np.array([time, power]), rows, balanced=True) for time in times)
        found = next((one for one in tried if one is not None), None)
        return None if found is None else replace(found, family=RISE, a=0.0)

    def with_round_numbers(self, rows: Rows) -> "Fit | None":
        """Return a curve that explains all rows, with the roundest parameters; None if no parameter can be rounded."""
        fit, free = self, set(range(len(self.p)))
        order = sorted(free, key=lambda place: self.family.kinds[place] != "power")
        # A start of few digits may explain rounded values only next to the length of few digits.
        for place in (one for one in (*order, *order[:-1]) if one in free):
            for value in _round_values(self.family.kinds[place], float(fit.p[place]), self.origin):
                p = np.where(np.arange(len(fit.p)) == place, value, fit.p)
                if (found := fit.refined(p, rows, free - {place}, balanced=True)) is not None:
                    fit, free = found, free - {place}
                    break
        return None if fit is self else fit


def _round_values(kind: str, value: float, origin: float) -> Iterator[float]:
    """Yield values near a parameter, the roundest first."""
    if kind in ("time", "length"):
        zero = origin if kind == "time" else 0.0
        near = [float(round((value + zero) / unit) * unit) - zero for unit in (*ROUND_UNITS, *_PARTS)]
        yield from (one for one in near if abs(one - value) < max(0.1 * abs(value + zero), 5.0))
    for digits in range(1, 16):
        if kind == "power":
            yield float(f"{value:.{digits}g}")
        elif kind == "rate":
            yield -float(np.log(float(f"{np.exp(-value):.{digits}g}")))


_RATES = np.geomspace(0.003, 300, 40)
_AWAY = (0, 0.003, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
CONSTANT = Family((), lambda _, t: 0 * t[np.newaxis], np.zeros((1, 0)), False)
LINE = Family((), lambda _, t: t[np.newaxis], np.zeros((1, 0)))
COSINE = Family(
    ("time", "length"),
    lambda p, t: np.cos(np.pi * (t - p[0]) / p[1]),
    np.array([(n * phase / 6, n) for n in np.geomspace(0.15, 30, 36) for phase in range(6)]),
)
DECAY = Family(("rate",), lambda p, t: np.exp(-np.clip(p[0] * t, -600, 600)), np.array([[*_RATES, *-_RATES]]).T, False)
EXPONENTIAL = replace(DECAY, shifted=True)
FALL = Family(
    ("time", "power"),
    lambda p, t: np.maximum(p[0] - t, 0.0) ** p[1],
    np.array([(1 + away, power) for away in _AWAY for power in (0.5, 0.9, 1.5, 2, 3)]),
)
RISE = Family(
    ("time", "power"),
    lambda p, t: np.maximum(t - p[0], 0.0) ** p[1],
    np.array([(-away, power) for away in _AWAY for power in (-0.5, 0.5, -1, 1.5, 2, 3)]),
)
CURVES = (LINE, COSINE, DECAY, EXPONENTIAL, FALL, RISE)


_FLOORS = (0.0, 0.1, 0.01, 0.001, 0.2, 0.05, 0.5, 0.02)  # shares of the highest value, the likeliest first


def _cosine_to(floor: float) -> Family:
    """Return the cosines that fall to a share of their highest value."""

    def curve(p: Floats, t: Floats) -> Floats:
        return (1 + floor) / 2 + (1 - floor) / 2 * COSINE.curve(p, t)

    return replace(COSINE, curve=curve, shifted=False)
