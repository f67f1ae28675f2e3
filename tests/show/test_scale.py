"""Reduction of curves and selection of scales in `paramsched.show`."""

import numpy as np
import pytest

from paramsched.core.plan.resolve import even_unit
from paramsched.show._axes import TimeAxis, choose_scale, scales_of, updates_axis
from paramsched.show._curves import envelope, outline
from paramsched.show._panels import _shared_updates
from paramsched.show._svg import svg_path
from support.tables import table

updates = np.arange(10_000)


def edges(total, columns):
    return updates_axis(total).edges(columns)


def seen(*curves):
    return choose_scale([envelope(np.arange(c.size), c, edges(c.size, 1024)) for c in map(np.asarray, curves)])


def test_columns_keep_the_extremes_of_the_entire_curve():
    values = np.random.default_rng(0).normal(size=12_345)

    low, high = envelope(np.arange(12_345), values, edges(12_345, 97))

    parts = [values[c * 12_345 // 97 : (c + 1) * 12_345 // 97] for c in range(97)]
    np.testing.assert_array_equal(low, [part.min() for part in parts])
    np.testing.assert_array_equal(high, [part.max() for part in parts])


@table("columns", [1, 7, 100, 1000])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_an_outline_has_the_extremes_of_the_curve_in_each_column(columns, share):
    random = np.random.default_rng(0)
    values = np.where(random.random(10_000) < share, np.nan, random.normal(size=10_000))

    points = outline(updates, values, edges(10_000, columns))

    reduced = envelope(updates[points], values[points], edges(10_000, columns))
    np.testing.assert_array_equal(reduced, envelope(updates, values, edges(10_000, columns)))


@table(("gap", "jump"), [([], 0.5), ([], -0.5), ([50, 8000], 0.5), ([50, 8000], -0.5)])
def test_an_outline_keeps_both_sides_of_a_breakpoint_and_of_a_jump(gap, jump):
    values = np.where(updates < 4321, 0.0, jump) + updates * 1e-6
    values[gap] = np.nan

    points = outline(updates, values, edges(10_000, 10), keep=(1, 777, 9500))

    assert {0, 1, 776, 777, 4320, 4321, 9499, 9500} <= set(points.tolist())


def test_a_curve_with_four_points_per_column_keeps_all_of_them():
    assert outline(updates[:40], updates[:40] * 1.0, edges(40, 10)).size == 40
    assert outline(updates[:41], updates[:41] * 1.0, edges(41, 10)).size < 41


@table("value", [np.nan, np.inf])
def test_an_outline_may_have_no_finite_value(value):
    assert outline(updates, np.full(10_000, value), edges(10_000, 10))[[0, -1]].tolist() == [0, 9999]


@table("size", [3, 10_000])
def test_a_constant_curve_needs_two_points(size):
    assert outline(updates[:size], np.ones(size), edges(size, 2500)).tolist() == [0, size - 1]


@table(
    ("name", "values", "logarithmic"),
    [
        ("an exponential over four decades", 10.0 ** (-4 * updates / 10_000), True),
        ("three levels a tenth apart each", 10.0 ** -(updates // 2500), True),
        ("a cosine, small only at its end", 1e-6 + (1 + np.cos(np.pi * updates / 10_000)) / 2, False),
        ("one update at 1e-9", np.where(updates == 5, 1e-9, 1.0), False),
        ("negative values", 1 - 10.0 ** (-4 * updates / 10_000) - 0.5, False),
        ("only zeros", np.zeros(10_000), False),
    ],
)
def test_the_scale_is_logarithmic_if_the_range_requires_it(name, values, logarithmic):
    assert seen(values).log is logarithmic


def test_groups_three_decades_apart_are_visible_on_one_logarithmic_scale():
    assert seen(np.full(10, 1e-1), np.full(10, 1e-5)).log
    assert not seen(np.full(10, 1e-1), np.zeros(10)).log


def test_zeros_in_each_column_do_not_hide_the_range_of_the_other_values():
    values = np.where(updates % 2, 10.0 ** (-4 * updates / 10_000), 0.0)

    assert seen(values).log


def test_a_curve_that_swings_between_zero_and_one_value_is_on_a_linear_scale():
    assert not seen(np.where(updates % 2, 1e-3, 0.0)).log


def test_the_lowest_values_of_the_columns_end_a_logarithmic_scale():
    (swings,) = [envelope(updates, np.where(updates % 2, 1.0, 1e-6), edges(10_000, 1024))]

    assert scales_of([swings]).choose(True).low == pytest.approx(1e-6)


@table(
    ("values", "ends"),
    [
        ([], (0.0, 1.0)), ([np.nan], (0.0, 1.0)), ([np.inf, 0.5], (0.0, 0.8)), ([-np.inf, -0.5], (-0.8, 0.0)),
        ([1e300, 5e307], (1e300, 1e308)),
    ],
)  # fmt: skip
def test_the_ends_of_a_scale(values, ends):
    chosen = seen(values) if values else choose_scale([])

    assert (chosen.low, chosen.high) == pytest.approx(ends)


@table(("per_epoch", "known"), [(1.0, 1), (10.0, 10), (2.5, 0), (1000.0, 1000)])
def test_epochs_of_whole_updates_are_known(per_epoch, known):
    units = (even_unit("updates", 1000, 1.0), even_unit("epochs", 1000, 1 / per_epoch))

    assert TimeAxis(units, "updates", "epochs").steps_per_epoch == known


def test_zeros_on_a_logarithmic_scale_are_at_the_bottom_and_labeled():
    chosen = seen(np.r_[0.0, 10.0 ** (-4 * updates / 10_000)])

    assert chosen.log
    assert chosen.ticks[0] == (0.0, "0")
    assert chosen.fraction(np.array([0.0, 1e-4]))[0] == 0.0 < chosen.fraction(np.array([1e-4]))[0]


@table("extreme", [[np.inf, 1.0], [-np.inf, np.nan], [1.7e308, -1.7e308], [5e-324, 0.0]])
def test_extreme_values_have_a_position_on_the_scale(extreme):
    fractions = seen(extreme).fraction(np.asarray(extreme))

    known = ~np.isnan(extreme)
    assert np.all((fractions[known] >= 0) & (fractions[known] <= 1))


@pytest.mark.parametrize("total", [1, 2, 9, 10, 460, 10_007, 1_000_000])
@pytest.mark.parametrize("epoch", [None, 1, 23, 391])
def test_ticks_start_at_zero_and_end_at_the_horizon(total, epoch):
    units = (even_unit("updates", total, 1.0), *([even_unit("epochs", total, 1 / epoch)] if epoch else []))
    times = [tick.at for tick in TimeAxis(units, "updates", "epochs" if epoch else "").ticks(6)]

    assert times[0] == 0
    assert times[-1] == total
    assert times == sorted(set(times))
    assert len(times) <= 8


def test_a_value_between_gaps_is_a_dot():
    values = np.array([np.nan, 0.5, np.nan])

    assert svg_path(np.arange(3), values, updates_axis(1000), width=100, height=10, held=True) == "M0.1 5h0"


def test_points_on_a_straight_line_are_omitted():
    drawn = svg_path(np.arange(1000), np.arange(1000) / 1000, updates_axis(1000), width=1000, height=1000, held=False)

    assert drawn == "M0 1000L999 1"


@table(
    ("values", "other", "shared"),
    [
        ([1.0, 0.5, 0.0], [1.0, 0.5, 1.0], 2),
        ([1.0, np.nan, 0.0], [1.0, np.nan, 1.0], 2),
        ([np.nan, 1.0], [1.0, 1.0], 0),
        ([1.0, 1.0], [1.0, np.nan], 1),
        ([np.nan, np.nan], [np.nan, np.nan, 1.0], 2),
        ([], [1.0], 0),
    ],
)
def test_curves_share_the_updates_before_the_first_difference(values, other, shared):
    assert _shared_updates(np.array(values), np.array(other)) == shared
    assert _shared_updates(np.array(other), np.array(values)) == shared
