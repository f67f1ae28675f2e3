"""Fewer points than updates, without losing an extreme.

People look at a plot to find the value that only one update used. So nothing here takes samples: every column keeps
its minimum and its maximum.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from paramsched.show._curves import Floats, Times


class Envelope(NamedTuple):
    """Lowest and highest value in each column; nan where a column is empty."""

    low: Floats
    high: Floats


def _column_bounds(times: Times, edges: Times) -> tuple[Times, Times]:
    """Where each column begins and stops, as indices into `times`.

    With fewer updates than columns each column shows the one update it lies in.
    """
    first, stop = edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)
    if times.size == edges[-1]:  # every update is there, so indices are times
        return first, np.minimum(stop, times.size)
    stop[-1] += 1  # what was measured at the end of the run belongs to its last column
    return np.searchsorted(times, first), np.searchsorted(times, stop)


def envelope(times: Times, values: Floats, edges: Times) -> Envelope:
    """Reduce a curve to the lowest and highest value in each column.

    Args:
        times, values: of the curve.
        edges: the updates at which columns begin, and the end of the last.

    >>> flat = np.zeros(1_000_000)
    >>> flat[123_456] = 1.0
    >>> low, high = envelope(np.arange(1_000_000), flat, np.arange(0, 1_000_001, 100_000))
    >>> high
    array([0., 1., 0., 0., 0., 0., 0., 0., 0., 0.])
    """
    begin, stop = _column_bounds(times, edges)
    empty = begin >= stop
    # Pairs (begin, stop) for reduceat; one more element, so that stop may be the length.
    pairs = np.stack([begin, stop], axis=1).ravel()
    padded = np.append(values, np.nan)
    low = np.where(empty, np.nan, np.fmin.reduceat(padded, pairs)[::2])
    high = np.where(empty, np.nan, np.fmax.reduceat(padded, pairs)[::2])
    return Envelope(low, high)


def outline(times: Times, values: Floats, edges: Times, keep: tuple[int, ...] = ()) -> NDArray[np.intp]:
    """Choose the points that draw a curve exactly in columns between some edges, as indices.

    These are first, last, minimum and maximum of each column, at their own times (the M4 reduction: Jugel et al.
    2014), and the samples on both sides of every time in `keep`. With no more points than that to begin with,
    all are kept but the inside of runs of one value.

    >>> flat = np.zeros(1000)
    >>> flat[400] = 1.0
    >>> outline(np.arange(1000), flat, np.array([0, 500, 1000]))
    array([  0, 399, 400, 401, 999])
    """
    if values.size <= 4 * (edges.size - 1):
        return _corners(values)
    begin, stop = _column_bounds(times, edges)
    filled = begin < stop
    begin, stop = begin[filled], stop[filled]
    first, last = values[begin], values[stop - 1]
    low, high = (side[filled] for side in envelope(times, values, edges))
    chosen = [begin, stop - 1]
    # Only columns with an extreme inside need a search; in a smooth curve hardly any.
    for column in np.flatnonzero((low < np.fmin(first, last)) | (high > np.fmax(first, last))):
        part = values[begin[column] : stop[column]]
        for at in (int(np.nanargmin(part)), int(np.nanargmax(part))):
            # Its neighbors too, so that a spike of one update is one update wide.
            chosen.append(begin[column] + np.arange(max(at - 1, 0), min(at + 2, part.size)))
    # Both sides of a jump are kept, so that it is still steep when the reader zooms in.
    finite = values[np.isfinite(values)]
    with np.errstate(invalid="ignore", over="ignore"):
        wide = high - low > (0.01 * np.ptp(finite) if finite.size else 0.0)
        for column in np.flatnonzero(wide):
            jumps = np.abs(np.diff(values[begin[column] : stop[column] + 1]))
            if not np.isnan(jumps).all():
                chosen.append(begin[column] + np.nanargmax(jumps) + np.arange(2))
    inner = np.searchsorted(times, [t for t in keep if 0 < t < edges[-1]])
    chosen += [np.clip(inner, 0, values.size - 1), np.clip(inner - 1, 0, values.size - 1)]
    points = np.unique(np.concatenate(chosen))
    return points[_corners(values[points])]


def _corners(values: Floats) -> NDArray[np.intp]:
    """Indices of all but the inner points of runs of one value, which a line shows as well."""
    if values.size < 3:
        return np.arange(values.size)
    same = values[1:] == values[:-1]
    return np.flatnonzero(np.r_[True, ~(same[:-1] & same[1:]), True])
