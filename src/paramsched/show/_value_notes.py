"""Sentences about values that have no place on an axis."""

from collections.abc import Iterator, Sequence

import numpy as np

from paramsched.show._picture import DrawnCurve, Note
from paramsched.show._reduce import Envelope
from paramsched.show._scale import Scales


def value_notes(curves: Sequence[DrawnCurve], envelopes: Sequence[Envelope]) -> Iterator[Note]:
    """Notes on infinities and nan, which have no place on an axis."""
    if any(np.isinf(side).any() for one in envelopes for side in one):
        yield Note("infinite values are drawn at the edge")
    if any(np.isnan(curve.values).any() for curve in curves):
        yield Note("gaps are values that are no number (nan)")


def log_notes(scales: Scales, envelopes: Sequence[Envelope]) -> Iterator[Note]:
    """Notes on values that have no place on a logarithmic axis."""
    lowest = min((float(np.nanmin(one.low)) for one in envelopes if not np.isnan(one.low).all()), default=1.0)
    if scales.log is None:
        yield Note("no value is above 0: the axis is linear")
    elif lowest < 0:
        yield Note("gaps are values below 0, which have no logarithm")
    if scales.log is not None and any((side == 0).any() for one in envelopes for side in one):
        yield Note("0 has no logarithm: it is drawn at the bottom edge")
