"""The check of the laws of curves; and `BrokenLaw`, the error that a check raises."""

from itertools import pairwise
from typing import final

import numpy as np

from paramsched.curves import CurveLike, curve_of
from paramsched.curves.arrays import NUMPY
from paramsched.schedules import anneal, parse

_SHARES = np.unique(np.concatenate([np.linspace(0, 1, 201), 1e-9 * np.arange(1, 4), 1 - 1e-9 * np.arange(1, 4)]))


def check_curve(curve: CurveLike) -> None:
    """Check every law of curves.

    - A curve goes from 0 at u = 0 to 1 at u = 1, and its values are finite.
    - A curve that is `monotone` never decreases.
    - An array of u gives the same values as each u alone.
    - `_fall` is 1 - `_rise`.
    - A schedule along the curve starts exactly at its first level and ends exactly at its last level.
    - The text of a serializable curve reads back as an equal curve.

    Args:
        curve: a curve, or a function of an array of u in [0, 1].

    Raises:
        BrokenLaw: the curve breaks a law.
        InvalidArgument: `curve` is not a curve, or a function that does not go from 0 to 1.

    >>> check_curve(lambda u: u**3)
    >>> check_curve(lambda u: u / (1.5 - u) * 0.5 if (u < 0.9).all() else u)
    Traceback (most recent call last):
        ...
    paramsched.testing.curve_laws.BrokenLaw: <curve <function <lambda> at ...>> breaks
      a law: an array of u gives ...
      at u = ...: alone ...
    """
    known = curve_of(curve)
    values = np.asarray(known(_SHARES), dtype=np.float64)
    for place, end in ((0, 0.0), (-1, 1.0)):
        if abs(values[place] - end) > 1e-9:
            law = "a curve goes from 0 at u = 0 to 1 at u = 1"
            raise BrokenLaw(law, known, f"at u = {end:g}", repr(values[place].item()))
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        found = repr(values[bad[0]].item())
        raise BrokenLaw("a curve is finite", known, f"at u = {_SHARES[bad[0]].item()!r}", found)
    for u, value in zip(_SHARES.tolist(), values.tolist(), strict=True):
        alone = known(u)
        if abs(alone - value) > 4e-16:  # the sine of an array may differ from that of a number in the last bit
            found = f"alone {alone!r}, in an array {value!r}"
            raise BrokenLaw("an array of u gives the same values as each u alone", known, f"at u = {u!r}", found)
    if known.monotone:
        for (u, value), (_, following) in pairwise(zip(_SHARES.tolist(), values.tolist(), strict=True)):
            if following < value:
                found = f"{value!r}, and after it {following!r}"
                raise BrokenLaw("a monotone curve never decreases", known, f"at u = {u!r}", found)
    inside = _SHARES[1:-1]
    rise = np.asarray(known._rise(inside.copy(), 1.0 - inside, NUMPY))
    fall = np.asarray(known._fall(inside.copy(), 1.0 - inside, NUMPY))
    differ = np.flatnonzero(~(np.abs(rise + fall - 1.0) <= 1e-12))
    if differ.size:
        place = differ[0]
        found = f"_rise {rise[place].item()!r} and _fall {fall[place].item()!r}"
        raise BrokenLaw("the sum of _rise and _fall is 1", known, f"at u = {inside[place].item()!r}", found)
    for start, to in ((1.0, 0.1), (0.0, 0.3), (0.7, 0.7)):
        schedule = anneal(start, to, 37, known)
        values = schedule(np.arange(40))
        if values[0] != start or (values[37:] != to).any():
            found = f"starts at {values[0].item()!r} and ends at {values[37].item()!r}"
            raise BrokenLaw("levels are exact at both ends", known, f"in {schedule}", found)
        if known.monotone and not ((values >= min(start, to)) & (values <= max(start, to))).all():
            found = f"values from {values.min().item()!r} to {values.max().item()!r}"
            raise BrokenLaw("a monotone curve stays between the levels", known, f"in {schedule}", found)
    if known.serializable and parse(str(anneal(curve=known))) != anneal(curve=known):
        raise BrokenLaw("text reads back as an equal curve", known, f"parse({str(anneal(curve=known))!r})", "not equal")


@final
class BrokenLaw(AssertionError):
    """A shape or a curve breaks a law.

    Args:
        law: the law, as a sentence.
        what: the schedule or the curve.
        where: the time and base, or the input.
        found: the wrong result.
    """

    def __init__(self, law: str, what: object, where: str, found: str) -> None:
        self.law, self.what, self.where, self.found = law, str(what), where, found
        super().__init__(law, self.what, where, found)

    def __str__(self) -> str:
        what = self.what if len(self.what) <= 300 else f"{self.what[:297]}..."
        return f"{what} breaks a law: {self.law}.\n  {self.where}: {self.found}"
