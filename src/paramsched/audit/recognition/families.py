"""The curves that a stage of a recognized schedule may follow, and their least-squares fits to logged values."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias, final

import numpy as np

from paramsched.curves.arrays import Floats

Vector: TypeAlias = Floats
_ITERATIONS = 25
_HALVINGS = 4


@final
@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Logged values, sorted by time.

    Args:
        t: the times; shape (n,).
        v: the values divided by the largest absolute value; shape (n,).
        tol: the difference up to which a value counts as explained, in the unit of `v`; shape (n,).
    """

    t: Vector
    v: Vector
    tol: Vector

    def take(self, rows: "slice | np.ndarray[tuple[int], np.dtype[np.int64]]") -> "Rows":
        return Rows(self.t[rows], self.v[rows], self.tol[rows])


Model: TypeAlias = Callable[[Vector, Vector, tuple[float, float]], Vector]
Starts: TypeAlias = Callable[[Vector, Vector], Iterator[list[float]]]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A family of curves.

    Args:
        name: the name of the family.
        size: the number of parameters.
        model: the values at times, for parameters and the first time and the length of the fitted rows.
        starts: starting points of the fit, for x = (t - first) / length from 0 to 1 and the values there.
    """

    name: str
    size: int
    model: Model
    starts: Starts


@final
@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A curve that was fitted to rows.

    Args:
        family: the family of the curve.
        p: the parameters; times are in units of `span`, relative to its start.
        span: the first time and the length of the fitted rows.
        sigma: the standard errors of the parameters.
    """

    family: Family
    p: Vector
    span: tuple[float, float]
    sigma: Vector

    def at(self, t: Vector) -> Vector:
        return self.family.model(self.p, (t - self.span[0]) / self.span[1], self.span)

    def time(self, place: int) -> float:
        """Return a parameter that is a time in updates."""
        return self.span[0] + float(self.p[place]) * self.span[1]


def _line(p: Vector, x: Vector, _: tuple[float, float]) -> Vector:
    out: Vector = p[0] + p[1] * x
    return out


def _cosine(p: Vector, x: Vector, _: tuple[float, float]) -> Vector:
    """Evaluate half waves of length p[1] from level p[2] at time p[0] to level p[3]."""
    out: Vector = p[3] + (p[2] - p[3]) * (1 + np.cos(np.pi * (x - p[0]) / p[1])) / 2
    return out


def _power(p: Vector, x: Vector, _: tuple[float, float]) -> Vector:
    """Evaluate p[2] + p[3] * |x - p[0]| ** p[1], on one side of p[0]."""
    z = np.maximum(p[0] - x if p[0] > 0.5 else x - p[0], 1e-12 if p[1] < 0 else 0.0)
    out: Vector = p[2] + p[3] * z ** p[1]
    return out


def _exponential(p: Vector, x: Vector, _: tuple[float, float]) -> Vector:
    out: Vector = p[1] + p[2] * np.exp(-np.clip(p[0], -600, 600) * x)
    return out


def _integral(x: Vector, v: Vector) -> Vector:
    out = np.zeros(x.size)
    np.cumsum(np.diff(x) * (v[1:] + v[:-1]) / 2, out=out[1:])
    return out


def solve(columns: list[Vector] | Vector, v: Vector) -> Vector:
    """Return the least-squares coefficients, with scaled columns."""
    matrix = np.column_stack(columns) if isinstance(columns, list) else columns
    size = np.sqrt((matrix**2).sum(axis=0))
    size[size == 0] = 1.0
    out: Vector = np.linalg.lstsq(matrix / size, v, rcond=1e-14)[0] / size
    return out


def _line_starts(_: Vector, v: Vector) -> Iterator[list[float]]:
    yield [float(v[0]), float(v[-1] - v[0])]


def _cosine_starts(x: Vector, v: Vector) -> Iterator[list[float]]:
    """Yield waves from v'' = -w**2 (v - m), integrated twice, and waves of common lengths."""
    one = np.ones(x.size)
    twice = _integral(x, _integral(x, v))
    w2 = -solve([one, x, x**2, twice], v)[3]
    for w in ([w2**0.5] if w2 > 1e-4 else []) + [np.pi, np.pi / 2, np.pi / 8]:
        m, a, b = solve([one, np.cos(w * x), np.sin(w * x)], v).tolist()
        phase, height = np.arctan2(b, a), np.hypot(a, b)
        half_waves = np.floor((0.1 * min(w, np.pi) - phase) / np.pi)
        sign = 1 - 2 * (half_waves % 2)
        yield [(phase + half_waves * np.pi) / w, np.pi / w, m + sign * height, m - sign * height]


def _power_starts(x: Vector, v: Vector) -> Iterator[list[float]]:
    """Yield powers from (E - x) v' = -p (v - a), integrated once, and common powers."""
    one = np.ones(x.size)
    end, more, _ = solve([v - v[0], _integral(x, v), -x], x * v).tolist()
    guesses = [(end, more - 1)]
    if (v > 0).all():
        c, m = solve([one, x], v**-2.0).tolist()
        if m != 0:
            guesses.append((-c / m, -0.5))
    half, quarter = solve([one, x, x**2], v)[1:].tolist()
    guesses += [(-half / (2 * quarter), 2.0)] if quarter else []
    guesses += [(1.0, 0.5), (0.0, 0.5), (1.0, 3.0)]
    for e, p in guesses:
        if abs(p) > 1e-3 and abs(p) < 20 and np.isfinite(e):
            e = e if not 0 < e < 1 else float(e > 0.5)
            if p < 0 and 0 <= e <= 1:
                e = e + 0.01 if e > 0.5 else e - 0.01
            z = np.abs(x - e) ** p
            a, c = solve([one, z], v).tolist()
            yield [e, p, a, c]


def _exponential_starts(x: Vector, v: Vector) -> Iterator[list[float]]:
    """Yield exponentials from v' = -k (v - a), integrated once, and those with a = 0."""
    one = np.ones(x.size)
    if (v > 0).all():
        c, k = solve([one, x], np.log(v)).tolist()
        yield [-k, 0.0, float(np.exp(c))]
    k = -float(solve([_integral(x, v), x], v - v[0])[0])
    if 1e-6 < abs(k) < 500:
        yield [k, *solve([one, np.exp(-k * x)], v).tolist()]


LINE = Family("line", 2, _line, _line_starts)
COSINE = Family("cosine", 4, _cosine, _cosine_starts)
POWER = Family("power", 4, _power, _power_starts)
EXPONENTIAL = Family("exponential", 3, _exponential, _exponential_starts)
CURVES = (LINE, COSINE, EXPONENTIAL, POWER)


def refine(
    family: Family, start: Vector, rows: Rows, span: tuple[float, float], free: list[int] | None = None
) -> Fit | None:
    """Return the least-squares fit from a starting point by Gauss-Newton steps; None if it does not explain all rows.

    Args:
        family: the family of the curve.
        start: the first parameters.
        rows: the rows to fit.
        span: the unit of times.
        free: the places of the parameters to change; None for all.
    """
    x, weight = (rows.t - span[0]) / span[1], 1 / rows.tol
    p = np.array(start, dtype=np.float64)
    free = list(range(family.size)) if free is None else free

    def residual(p: Vector) -> Vector:
        out: Vector = (rows.v - family.model(p, x, span)) * weight
        return out

    left = residual(p)
    size = float(left @ left)
    jacobian = np.zeros((x.size, len(free)))
    for iteration in range(_ITERATIONS if free else 0):
        if not np.isfinite(size):
            return None
        for column, place in enumerate(free):
            step = np.zeros(p.size)
            step[place] = 1e-6 * max(abs(p[place]), 1e-3)
            jacobian[:, column] = (residual(p - step) - residual(p + step)) / (2 * step[place])
        if not np.isfinite(jacobian).all():
            return None
        delta = np.zeros(p.size)
        delta[free] = solve(jacobian, left)
        for halving in range(_HALVINGS):
            new = p + delta * 0.5**halving
            after = residual(new)
            if (new_size := float(after @ after)) < size:
                break
        else:
            break
        gain, p, left, size = (size - new_size) / size, new, after, new_size
        if gain < 1e-4 or (gain < 0.1 and iteration > 4 and np.abs(left).max() > 1):
            break  # steps to a curve that explains the rows become smaller much faster
    if not np.isfinite(size) or np.abs(left).max(initial=0.0) > 1:
        return None
    sigma = np.zeros(p.size)
    if free and jacobian.any():
        scale = np.sqrt((jacobian**2).sum(axis=0))
        scale[scale == 0] = 1
        inverse = np.linalg.pinv((jacobian / scale).T @ (jacobian / scale), rcond=1e-13, hermitian=True)
        sigma[free] = np.sqrt(np.maximum(np.diag(inverse), 0) * (size / max(x.size - len(free), 1) + 1e-14)) / scale
    return Fit(family, p, span, sigma)


def fit_rows(family: Family, rows: Rows, near: Fit | None = None) -> Fit | None:
    """Return a curve of the family that explains all rows, or None.

    Args:
        family: the family.
        rows: at least `family.size + 1` rows.
        near: a fit to some of these rows.
    """
    span = (float(rows.t[0]), float(rows.t[-1] - rows.t[0]))
    x = (rows.t - span[0]) / span[1]
    if near is not None and (found := refine(family, near.p, rows, near.span)) is not None:
        return found
    with np.errstate(all="ignore"):
        for start in islice(family.starts(x, rows.v), None if near is None else 1):
            if np.isfinite(start).all() and (found := refine(family, np.array(start), rows, span)) is not None:
                return found
    return None
