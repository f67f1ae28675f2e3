"""Every law of curves, for a curve of your own."""

from itertools import pairwise

import numpy as np

from paramsched._arrays import NUMPY, Floats
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.schedules import anneal, parse
from paramsched.testing.broken_law import BrokenLaw

_SHARES = np.unique(np.concatenate([np.linspace(0, 1, 201), 1e-9 * np.arange(1, 4), 1 - 1e-9 * np.arange(1, 4)]))


def check_curve(curve: CurveLike) -> None:
    """Check every law of curves.

    A curve goes from 0 at u = 0 to 1 at u = 1 and stays finite between; one that says that it is monotone never turns
    back; many u give the value at each of them; `_fall` is 1 - `_rise`; in a schedule the levels at its two ends are
    exact; the text of one that can be saved reads back.

    Args:
        curve: a curve, or a function of u.

    Raises:
        BrokenLaw: a law is not kept.
        InvalidArgument: no curve, or a function whose ends are not 0 and 1.

    >>> check_curve(lambda u: u**3)
    >>> check_curve(lambda u: u / (1.5 - u) * 0.5 if (u < 0.9).all() else u)
    Traceback (most recent call last):
        ...
    paramsched.testing.broken_law.BrokenLaw: <curve <function <lambda> at ...>> breaks a law: many u give ...
      at u = ...: alone it is ...
    """
    known = curve_of(curve)
    values = np.asarray(known(_SHARES), dtype=np.float64)
    _require_ends_and_finite(known, values)
    for u, value in zip(_SHARES.tolist(), values.tolist(), strict=True):
        alone = known(u)
        if abs(alone - value) > 4e-16:  # a library's sin may differ in the last bit between one and many
            found = f"alone it is {alone!r}, among others {value!r}"
            raise BrokenLaw("many u give the value at each of them", known, f"at u = {u!r}", found)
    if known.monotone:
        for (u, before), (_, behind) in pairwise(zip(_SHARES.tolist(), values.tolist(), strict=True)):
            if behind < before:
                found = f"{before!r}, and behind it {behind!r}"
                raise BrokenLaw("a curve that is monotone never turns back", known, f"at u = {u!r}", found)
    _require_fall_beside_rise(known)
    _require_exact_levels(known)
    if known.serializable and parse(str(anneal(curve=known))) != anneal(curve=known):
        raise BrokenLaw("text reads back as an equal curve", known, f"parse({str(anneal(curve=known))!r})", "another")


def _require_ends_and_finite(curve: Curve, values: Floats) -> None:
    for place, end in ((0, 0.0), (-1, 1.0)):
        if abs(values[place] - end) > 1e-9:
            law = "a curve goes from 0 at u = 0 to 1 at u = 1"
            raise BrokenLaw(law, curve, f"at u = {end:g}", repr(values[place].item()))
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        found = repr(values[bad[0]].item())
        raise BrokenLaw("a curve is finite", curve, f"at u = {_SHARES[bad[0]].item()!r}", found)


def _require_fall_beside_rise(curve: Curve) -> None:
    """`_fall` is what `_rise` leaves of 1."""
    inside = _SHARES[1:-1]
    rise = np.asarray(curve._rise(inside.copy(), 1.0 - inside, NUMPY))
    fall = np.asarray(curve._fall(inside.copy(), 1.0 - inside, NUMPY))
    differ = np.flatnonzero(~(np.abs(rise + fall - 1.0) <= 1e-12))
    if differ.size:
        place = differ[0]
        found = f"_rise {rise[place].item()!r} and _fall {fall[place].item()!r}"
        raise BrokenLaw("_rise and _fall together are 1", curve, f"at u = {inside[place].item()!r}", found)


def _require_exact_levels(curve: Curve) -> None:
    """A schedule along the curve begins and ends at its levels, and a monotone one stays between them."""
    for start, to in ((1.0, 0.1), (0.0, 0.3), (0.7, 0.7)):
        schedule = anneal(start, to, 37, curve)
        values = schedule(np.arange(40))
        if values[0] != start or (values[37:] != to).any():
            found = f"it begins at {values[0].item()!r} and ends at {values[37].item()!r}"
            raise BrokenLaw("levels are exact at both ends", curve, f"in {schedule}", found)
        if curve.monotone and not ((values >= min(start, to)) & (values <= max(start, to))).all():
            found = f"values from {values.min().item()!r} to {values.max().item()!r}"
            raise BrokenLaw("a monotone curve stays between the levels", curve, f"in {schedule}", found)
