"""The elementwise operations of NumPy and torch arrays give the same results."""

from dataclasses import replace
from math import inf, nan, nextafter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from paramsched import curves
from paramsched.core.curves import elementary
from paramsched.core.curves.arrays import NUMBERS, NUMPY, arrays_of, equal_up_to_rounding, interpolated, last_of_each
from paramsched.errors import InvalidArgument
from support.tables import table

TORCH = arrays_of(torch.zeros(1))
KINDS = [(NUMPY, np.array), (TORCH, torch.tensor)]
LIBRARIES = pytest.mark.parametrize(("ops", "array"), KINDS, ids=["numpy", "torch"])


@LIBRARIES
def test_the_number_of_reached_bounds_includes_a_bound_at_its_time(ops, array):
    assert ops.reached([2, 5, 5, 9], array([0, 1, 2, 4, 5, 9, 10])).tolist() == [0, 0, 1, 1, 3, 4, 4]
    assert ops.reached([0.5, 2.0], array([0.25, 0.5, 2.0, 3.0])).tolist() == [0, 1, 2, 2]
    assert ops.reached([2**53 + 1], array([2**53, 2**53 + 1])).tolist() == [0, 1]
    assert ops.reached([3, ops.far], array([2, ops.far - 1, ops.far])).tolist() == [0, 1, 2]


def test_no_time_of_a_tensor_reaches_a_bound_that_its_integers_cannot_have():
    assert TORCH.reached([3, TORCH.far + 1, 10**30], torch.tensor([2, 3, TORCH.far])).tolist() == [0, 1, 1]


def test_powers_of_counts_that_are_close_together_are_computed_once(monkeypatch):
    sizes = []

    def counted(number, exponent):
        sizes.append(exponent.size)
        return number**exponent

    monkeypatch.setattr(elementary, "power_of_number", counted)
    for last in (0, 24, 25):
        counts = np.concatenate([np.full(99, 1_000), [1_000 + last]])
        assert NUMPY.power_of_number(0.5, counts).tolist() == (0.5**counts).tolist()

    assert sizes == [1, 25, 100]


@pytest.mark.parametrize(("number", "is_exact"), [(0.5, True), (0.99999, False)])
def test_a_power_in_single_precision_is_exact_or_nearly_so(number, is_exact):
    single = replace(TORCH, far=2**31 - 1, floating=lambda x: x.to(torch.float32))
    powers = single.power_of_number(number, torch.arange(0, 100_000, 999)).double()
    true = TORCH.power_of_number(number, torch.arange(0, 100_000, 999))

    assert powers.dtype == true.dtype == torch.float64
    assert (powers == true.float().double()).all() if is_exact else ((powers / true - 1).abs() < 1e-6).all()


@LIBRARIES
def test_the_number_of_complete_periods_is_exact(ops, array):
    for n in (1, 3, 7, 10, 49):
        times = [float(k * n) for k in range(20)] + [nextafter(float(k * n), -inf) for k in range(1, 20)]
        assert ops.periods(array(times, dtype=ops.xp.float64), n).tolist() == [t // n for t in times]
        assert ops.periods(array([0, n - 1, n, 2 * n]), n).tolist() == [0, (n - 1) // n, 1, 2]


@pytest.mark.parametrize("error", [-1, 1])
def test_a_division_that_a_compiler_rounds_is_corrected(error):
    inexact = SimpleNamespace(floor=lambda x: torch.floor(x) + error, where=torch.where, isdtype=TORCH.xp.isdtype)

    assert replace(TORCH, xp=inexact).periods(torch.tensor([0.0, 4.5, 5.0, 11.0]), 5).tolist() == [0, 0, 1, 2]


@LIBRARIES
def test_items_of_a_table_keep_their_kind(ops, array):
    index = array([2, 0, 1])

    assert ops.take(np.array([0.25, 0.5, 4.75]), index).tolist() == [4.75, 0.25, 0.5]
    assert ops.take(np.array([3, 5, 8]), index).tolist() == [8, 3, 5]
    assert ops.is_whole(ops.take(np.array([3, 5, 8]), index))


@LIBRARIES
def test_limits_keep_integers(ops, array):
    times = array([0, 5, 9])

    assert ops.at_most(times, 6).tolist() == [0, 5, 6]
    assert ops.at_least(times, 3).tolist() == [3, 5, 9]
    assert ops.is_whole(ops.at_most(times, 6))
    assert ops.smaller(array([1.0, 4.0]), 2.0).tolist() == [1.0, 2.0]
    assert ops.larger(array([1.0, 4.0]), 2.0).tolist() == [2.0, 4.0]


@LIBRARIES
def test_differences_of_seconds_have_no_rounding_error(ops, array):
    seconds = replace(ops, in_seconds=True)

    assert seconds.since(array([0.57, 1.1], dtype=ops.xp.float64), 0.3).tolist() == [0.27, 0.8]
    assert ops.since(array([5, 7]), 3).tolist() == [2, 4]


def test_negative_times_of_a_tensor_count_as_zero_and_small_integers_are_widened():
    assert TORCH.clock(torch.tensor([-3, 100], dtype=torch.int8)).tolist() == [0, 100]
    assert TORCH.clock(torch.tensor([-3, 100], dtype=torch.int8)).dtype == torch.int64
    assert TORCH.clock(torch.tensor([-0.5, 0.5], dtype=torch.float16)).dtype == torch.float64
    assert NUMPY.clock(np.array([1, 2])).tolist() == [1, 2]


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
    assert TORCH.with_bounds(torch.tensor([1, 2]), 0, 9) is TORCH
    assert TORCH.bounds(torch.tensor([1, 2])) is None


def test_the_operations_of_a_number_are_those_of_an_array():
    assert (NUMBERS.smaller(1.0, 2.0), NUMBERS.larger(1.0, 2.0)) == (1.0, 2.0)
    assert NUMBERS.quarter_sine(0.3) == NUMPY.quarter_sine(0.3)
    assert NUMPY.whole([2.7, -0.5]).tolist() == [2, -1]
    assert NUMPY.whole(2**53 + 1) == 2**53 + 1
    assert NUMPY.whole(True).dtype == np.int64
    assert NUMPY.lift(3).dtype == NUMPY.floating([1, 2]).dtype == np.float64


def test_a_tensor_keeps_its_type_and_a_number_gets_the_device():
    small = torch.tensor([1.0, 2.0], dtype=torch.float32)
    meta = arrays_of(3, torch.zeros(1, device="meta"))

    assert TORCH.lift(small) is small
    assert TORCH.where(small > 1, torch.tensor([1, 2]), torch.tensor([3, 4])).tolist() == [3, 2]
    assert TORCH.is_whole(TORCH.where(small > 1, torch.tensor([1, 2]), torch.tensor([3, 4])))
    assert TORCH.whole(small).dtype == TORCH.whole(2.0).dtype == torch.int64
    assert TORCH.lift(2).dtype == TORCH.floating(small).dtype == torch.float64
    assert {meta.lift(1.0).device.type, meta.whole(1.0).device.type} == {"meta"}


def test_a_power_of_single_precision_is_as_exact_as_its_exponent():
    single, exponent = replace(TORCH, far=2**31 - 1), torch.tensor([0.0, 1e5], dtype=torch.float32)

    for number in (0.99999, 0.5, 1.00003):
        assert single.power_of_number(number, exponent).tolist() == pytest.approx([1.0, number**1e5], rel=1e-6)
        assert TORCH.power_of_number(number, exponent.double()).tolist() == [1.0, number**1e5]
    assert single.power(0.5, torch.tensor([3.0])).item() == 0.125
    assert single.take(np.array([5, 2**40]), torch.tensor([0, 1])).tolist() == [5, 2**31 - 1]


@table("values", [[None, "x"], [torch.zeros(1), 1j], [torch.zeros(1), "x"], [object()]])
def test_values_of_two_kinds_are_refused(values):
    with pytest.raises(InvalidArgument) as refusal:
        arrays_of(3, *values)

    kinds = ", ".join(type(value).__name__ for value in values)
    assert str(refusal.value).startswith(
        f"a value of {kinds}: expected a number, or arrays of one library. For example: 3, a"
    )


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
