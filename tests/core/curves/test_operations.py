"""The elementwise operations of arrays and numbers."""

from dataclasses import dataclass, replace
from math import inf, nan, nextafter
from typing import final

import numpy as np
import pytest
import torch

from paramsched import curves
from paramsched.core.curves.arrays import (
    FARTHEST,
    NUMBERS,
    NUMPY,
    equal_up_to_rounding,
    interpolated,
    last_of_each,
    require_numbers,
)
from paramsched.core.schedules.anneal import anneal
from paramsched.errors import InvalidArgument
from support.tables import table


def test_the_number_of_reached_bounds_includes_a_bound_at_its_time():
    assert NUMPY.reached([2, 5, 5, 9], np.array([0, 1, 2, 4, 5, 9, 10])).tolist() == [0, 0, 1, 1, 3, 4, 4]
    assert NUMPY.reached([0.5, 2.0], np.array([0.25, 0.5, 2.0, 3.0])).tolist() == [0, 1, 2, 2]
    assert NUMPY.reached([2**53 + 1], np.array([2**53, 2**53 + 1])).tolist() == [0, 1]
    assert NUMPY.reached([3, FARTHEST], np.array([2, FARTHEST - 1, FARTHEST])).tolist() == [0, 1, 2]


def test_the_number_of_complete_periods_is_exact():
    for n in (1, 3, 7, 10, 49):
        times = [float(k * n) for k in range(20)] + [nextafter(float(k * n), -inf) for k in range(1, 20)]
        assert NUMPY.periods(np.array(times, dtype=np.float64), n).tolist() == [t // n for t in times]
        assert NUMPY.periods(np.array([0, n - 1, n, 2 * n]), n).tolist() == [0, (n - 1) // n, 1, 2]


def test_limits_keep_integers():
    times = np.array([0, 5, 9])

    assert NUMPY.at_most(times, 6).tolist() == [0, 5, 6]
    assert NUMPY.at_least(times, 3).tolist() == [3, 5, 9]
    assert NUMPY.is_whole(NUMPY.at_most(times, 6))
    assert NUMPY.smaller(np.array([1.0, 4.0]), 2.0).tolist() == [1.0, 2.0]
    assert NUMPY.larger(np.array([1.0, 4.0]), 2.0).tolist() == [2.0, 4.0]


def test_differences_of_seconds_have_no_rounding_error():
    seconds = replace(NUMPY, in_seconds=True)

    assert seconds.since(np.array([0.57, 1.1], dtype=np.float64), 0.3).tolist() == [0.27, 0.8]
    assert NUMPY.since(np.array([5, 7]), 3).tolist() == [2, 4]


def test_the_bounds_of_times():
    times = np.array([3, 1, 2])

    assert NUMPY.bounds(times) == (1, 3)
    assert NUMPY.bounds(times[:1]) == (3, 3)
    assert NUMPY.bounds(times[:0]) is None
    assert NUMPY.with_bounds(times, 0, 9).bounds(times) == (0, 9)
    assert NUMPY.with_bounds(times, 0, 9).bounds(times.copy()) == (1, 3)
    assert NUMPY.with_bounds(times[:1], 0, 9).bounds(times[:1]) == (3, 3)
    seconds = replace(NUMPY, in_seconds=True)
    assert seconds.with_bounds(times, 0, 9) is seconds


def test_the_operations_of_a_number_are_those_of_an_array():
    assert (NUMBERS.smaller(1.0, 2.0), NUMBERS.larger(1.0, 2.0)) == (1.0, 2.0)
    assert NUMBERS.quarter_sine(0.3) == NUMPY.quarter_sine(0.3)
    assert NUMPY.whole([2.7, -0.5]).tolist() == [2, -1]
    assert NUMPY.whole(2**53 + 1) == 2**53 + 1
    assert NUMPY.whole(True).dtype == np.int64
    assert NUMPY.floating(3).dtype == NUMPY.floating([1, 2]).dtype == np.float64


@table("values", [[None, "x"], [torch.zeros(1), 1j], [torch.zeros(1), "x"], [object()]])
def test_values_of_other_kinds_are_refused(values):
    with pytest.raises(InvalidArgument) as refusal:
        require_numbers(3, *values)

    kinds = ", ".join(type(value).__name__ for value in values)
    assert str(refusal.value).startswith(f"a value of {kinds}: expected a number or a NumPy array. For example: 3")


def test_a_curve_does_not_write_into_the_array_of_a_caller():
    for size in (2048, 2049):
        progress = np.linspace(0.0, 1.0, size)

        curves.cosine(progress)

        assert progress.tolist() == np.linspace(0.0, 1.0, size).tolist()


@table(
    ("value", "planned", "tolerance", "equal"),
    [
        (0.5, 0.5, 0.0, True),
        (0.5 + 1e-12, 0.5, 0.0, False),
        (0.5 + 1e-12, 0.5, 1e-9, True),
        (0.5 + 1e-6, 0.5, 1e-9, False),
        (-0.5, 0.5, 1e-9, False),
        (nan, nan, 0.0, True),
        (nan, 0.5, 1e-9, False),
        (inf, inf, 1e-9, True),
        (inf, 0.5, 1e-9, False),
        (0.5, inf, 1e-9, False),
        (1e-14, 0.0, 1e-9, True),
        (1e-11, 0.0, 1e-9, False),
    ],
)
def test_values_are_equal_up_to_rounding(value, planned, tolerance, equal):
    found = equal_up_to_rounding(np.array([value, 1.0]), np.array([planned, 1.0]), tolerance)

    assert found.tolist() == [equal, True]


def test_each_row_of_values_has_its_own_rounding():
    planned = np.array([[1e6, 0.0, inf], [1.0, 0.0, inf], [1.0, 1.0, 2.0]])
    offset = np.array([[9e-4, 9e-7, 0.0], [9e-10, 1e-11, 0.0], [2e-9, 0.5e-9, 1.9e-9]])

    assert equal_up_to_rounding(planned + offset, planned).tolist() == [
        [True, True, True],
        [True, False, True],
        [False, True, True],
    ]
    assert equal_up_to_rounding(np.array([1.0625]), np.array([1.0]), 0.0625).all()
    assert not equal_up_to_rounding(np.array([1e-13]), np.array([2e-13]), 1e-9).any()


def test_the_last_value_of_each_time_is_kept():
    times, values = last_of_each(np.array([4, 0, 1, 1, 0]), np.array([0.5, 0.1, 0.2, 0.3, 0.4]))

    assert (times.tolist(), values.tolist()) == ([0, 1, 4], [0.4, 0.3, 0.5])


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bent(curves.Curve):
    knee: float

    def _rise(self, u, rest, ops):
        return u


def test_a_curve_of_an_unregistered_class_is_shown_by_its_fields():
    assert (str(Bent(0.5)), repr(Bent(0.5))) == ("<Bent(knee=0.5)>", "<Bent(knee=0.5)>")
    assert str(anneal(curve=Bent(0.5))) == "anneal(curve=<Bent(knee=0.5)>)"
    assert not Bent(0.5).serializable


def test_the_text_of_a_curve_of_a_function():
    assert str(curves.curve_of(abs)) == "<curve <built-in function abs>>"
    assert not curves.curve_of(abs).serializable
    assert curves.cosine.serializable


@table(
    "points",
    [[0.0, 1.0, 4.0], [0.0, 1.0, 1.0, 3.0], [2.0], [-1.0, 0.0], [0.0, 0.1, 0.2, 0.7]],
)
def test_interpolation_is_that_of_numpy_up_to_rounding(points):
    points = np.array(points)
    values = np.cumsum(np.arange(points.size) + 0.3)
    x = np.array([[-5.0, 0.0, 0.05, 0.5], [1.0, 2.5, 9.0, nan]])

    found = interpolated(x, points, values)

    np.testing.assert_allclose(found, np.where(x == x, np.interp(x, points, values), found), rtol=1e-15)
    assert interpolated(points, points, values)[-1] == values[-1]
