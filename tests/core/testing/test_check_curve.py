"""`check_curve` reports curves that break a law, with one wrong curve per law."""

from dataclasses import dataclass
from itertools import count

import numpy as np
import pytest

from paramsched import curves
from paramsched.core.curves import CONSTANTS, Curve
from paramsched.errors import InvalidArgument
from paramsched.testing import BrokenLaw, check_curve
from support.tables import table

_CALLS = count()


@dataclass(frozen=True, eq=False, repr=False)
class Straight(Curve):
    """The correct curve u; each class below breaks one law."""

    @property
    def serializable(self):
        return False

    def _rise(self, u, rest, ops):
        return u

    def __str__(self):
        return type(self).__name__


class WrongEnds(Straight):
    def _rise(self, u, rest, ops):
        return u * 0.9


class NotFinite(Straight):
    def _rise(self, u, rest, ops):
        return np.where(u == 0.5, np.nan, u)


class DependsOnOtherValues(Straight):
    def _rise(self, u, rest, ops):
        return u if u.size == 1 else u**2


class Decreases(Straight):
    def _rise(self, u, rest, ops):
        return u + 0.5 * np.sin(4 * np.pi * u)


class FallsDifferently(Straight):
    def _fall(self, u, rest, ops):
        return 1.0 - u**2


class LeavesTheLevels(Straight):
    """Ends within the tolerance of 1e-9 for functions, but values outside the levels between them."""

    _within = True

    def _rise(self, u, rest, ops):
        return np.minimum(u * 1.2, 1.0 + 5e-10)


class ReadsBackDifferently(Straight):
    @property
    def serializable(self):
        return True

    def __str__(self):
        return "curves.cosine"


@table(
    ("wrong", "law"),
    [
        (WrongEnds, "from 0 at u = 0 to 1 at u = 1"),
        (NotFinite, "a curve is finite"),
        (DependsOnOtherValues, "an array of u gives the same values as each u alone"),
        (Decreases, "never decreases"),
        (FallsDifferently, "the sum of _rise and _fall is 1"),
        (LeavesTheLevels, "stays between the levels"),
        (ReadsBackDifferently, "text reads back as an equal curve"),
    ],
)
def test_a_curve_that_breaks_a_law_is_reported(wrong, law):
    check_curve(Straight())

    with pytest.raises(BrokenLaw, match=law):
        check_curve(wrong())


def test_every_curve_of_the_library_obeys_the_laws():
    for name, curve in CONSTANTS.items():
        if not name.startswith("user_"):
            check_curve(curve)
    for curve in (curves.power(2), curves.power(0.3), curves.exponential(0.01)):
        check_curve(curve)


def test_a_function_is_checked_as_a_curve():
    check_curve(lambda u: u**3)
    with pytest.raises(InvalidArgument, match=r"curve\(1\) must be 1, got 0\.5"):
        check_curve(lambda u: u / 2)
