"""`check_curve` reports curves that break a law, with one wrong curve per law."""

from dataclasses import dataclass

import numpy as np
import pytest

from paramsched import curves
from paramsched.core.curves import CONSTANTS, Curve
from paramsched.core.schedules.anneal import anneal
from paramsched.errors import InvalidArgument
from support.laws import BrokenLaw, check_curve
from support.tables import table


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


class WrongStart(Straight):
    def _rise(self, u, rest, ops):
        return np.maximum(u, 0.25)


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


class FallsDifferentlyAtTheEnd(Straight):
    def _fall(self, u, rest, ops):
        return np.where(rest < 1.5e-9, 0.5, rest)


class FallsDifferentlyInTheMiddle(Straight):
    def _fall(self, u, rest, ops):
        return np.where(u == 0.5, 0.75, rest)


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
    ("wrong", "law", "found"),
    [
        (WrongStart, "from 0 at u = 0 to 1 at u = 1", "at u = 0: 0.25"),
        (WrongEnds, "from 0 at u = 0 to 1 at u = 1", "at u = 1: 0.9"),
        (NotFinite, "a curve is finite", "at u = 0.5: nan"),
        (
            DependsOnOtherValues,
            "an array of u gives the same values as each u alone",
            "at u = 1e-09: alone 1e-09, in an array 1e-18",
        ),
        (Decreases, "never decreases", "at u = 0.14: 0.6311436253643443, and after it 0.6292915805643156"),
        (FallsDifferently, "the sum of _rise and _fall is 1", "at u = 1e-09: _rise 1e-09 and _fall 1.0"),
        (FallsDifferentlyInTheMiddle, "the sum of _rise and _fall is 1", "at u = 0.5: _rise 0.5 and _fall 0.75"),
        (
            FallsDifferentlyAtTheEnd,
            "the sum of _rise and _fall is 1",
            "at u = 0.999999999: _rise 0.999999999 and _fall 0.5",
        ),
        (
            LeavesTheLevels,
            "stays between the levels",
            "in anneal(to=0.1, over=37, curve=LeavesTheLevels): values from 0.09999999954999997 to 1.0",
        ),
        (ReadsBackDifferently, "text reads back as an equal curve", "parse('anneal(curve=curves.cosine)'): not equal"),
    ],
)
def test_a_curve_that_breaks_a_law_is_reported(wrong, law, found):
    check_curve(Straight())

    with pytest.raises(BrokenLaw, match=law) as broken:
        check_curve(wrong())
    assert f"{broken.value.where}: {broken.value.found}" == found


def test_every_curve_of_the_library_obeys_the_laws():
    for curve in (*CONSTANTS.values(), curves.power(2), curves.power(0.3), curves.exponential(0.01)):
        check_curve(curve)


def test_a_function_is_checked_as_a_curve():
    check_curve(lambda u: u**3)
    with pytest.raises(InvalidArgument, match=r"curve\(1\) must be 1, got 0\.5"):
        check_curve(lambda u: u / 2)


@table(
    ("levels", "other", "found"),
    [
        ((1.0, 0.1), (0.9, 0.1, 37), "starts at 0.9 and ends at 0.1"),
        ((1.0, 0.1), (1.0, 0.1, 38), "starts at 1.0 and ends at 0.12368421052631577"),
        ((0.0, 0.3), (0.0, 0.2, 37), "starts at 0.0 and ends at 0.2"),
        ((0.7, 0.7), (0.7, 0.8, 37), "starts at 0.7 and ends at 0.8"),
    ],
)
def test_a_schedule_that_does_not_reach_its_levels_is_reported(monkeypatch, levels, other, found):
    def almost(start=1.0, to=0.0, over=None, curve=curves.linear):
        return anneal(*(other if (start, to) == levels else (start, to, over)), curve)

    monkeypatch.setattr("support.laws.curve_laws.anneal", almost)

    with pytest.raises(BrokenLaw, match="levels are exact at both ends") as broken:
        check_curve(Straight())
    assert broken.value.found == found


@pytest.mark.parametrize(("size", "shown"), [(300, "x" * 300), (301, "x" * 297 + "...")])
def test_a_long_text_is_cut(size, shown):
    error = BrokenLaw("the law", "x" * size, "at u = 1", "0.5")

    assert str(error) == f"{shown} breaks a law: the law.\n  at u = 1: 0.5"
