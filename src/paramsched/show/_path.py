"""A curve as the `d` of an SVG path."""

import numpy as np

from paramsched.show._drawable import Floats, Times

_STEP = 5.0  # pixels for an update from which on each is drawn as a step


def path(times: Times, fractions: Floats, *, total: int, width: float, height: float, held: bool) -> str:
    """Draw points (time, fraction of the height) on `width` x `height`, to a tenth of a pixel.

    An update's value counts until the next one. Where that can be seen, neighbours are joined by a step, else by a
    line; nan is a gap.

    Args:
        held: the last value counts to the end of its update; for a log of every tenth update it does not.

    >>> path(np.arange(2), np.array([0.0, 1.0]), total=2, width=20, height=10, held=True)
    'M0 10H10V0H20'
    """
    steps = width / total >= _STEP
    end = float(times[-1] + 1) if held and times.size else None
    xs = np.rint(times * (width / total) * 10).astype(np.int64)
    known = np.isfinite(fractions)
    ys = np.rint((1 - np.where(known, fractions, 0)) * height * 10).astype(np.int64)
    parts = []
    borders = np.flatnonzero(np.diff(known.astype(np.int8))) + 1
    for piece in np.split(np.arange(times.size), borders):
        if piece.size == 0 or not known[piece[0]]:
            continue
        if not steps:
            piece = piece[_bends(xs[piece], ys[piece])]
        parts.append(_piece(times[piece], xs[piece], ys[piece], steps))
        last = round(width / total * 10 * (float(times[piece[-1]]) + 1))
        if (end is not None and times[piece[-1]] + 1 == end) or steps:
            parts.append(f"H{_tenths(last)}")
        elif piece.size == 1:
            parts.append("h0")  # with round ends: a dot
    return "".join(parts)


def _piece(times: Times, xs: Times, ys: Times, steps: bool) -> str:
    words = [f"M{_tenths(xs[0])} {_tenths(ys[0])}"]
    for i in range(1, xs.size):
        if ys[i] == ys[i - 1]:
            words.append(f"H{_tenths(xs[i])}")
        elif steps and times[i] - times[i - 1] == 1:
            words.append(f"H{_tenths(xs[i])}V{_tenths(ys[i])}")
        else:
            words.append(f"L{_tenths(xs[i])} {_tenths(ys[i])}")
    return "".join(words)


def _bends(xs: Times, ys: Times) -> Times:
    """Points without which the line would be another: not those on the way between two others."""
    if xs.size < 3:
        return np.arange(xs.size)
    dx, dy = np.diff(xs), np.diff(ys)
    straight = (dx[:-1] * dy[1:] == dy[:-1] * dx[1:]) & (dx[:-1] * dx[1:] + dy[:-1] * dy[1:] >= 0)
    # A point equal to its neighbour has no direction; dropping it must not straighten the corner it stands in.
    still = (dx == 0) & (dy == 0)
    straight &= ~still[:-1] & ~still[1:]
    return np.flatnonzero(np.r_[True, ~straight, True] & np.r_[True, ~still])


def _tenths(value: int) -> str:
    whole, rest = divmod(abs(int(value)), 10)
    return f"{'-' if value < 0 else ''}{whole}.{rest}" if rest else f"{'-' if value < 0 else ''}{whole}"
