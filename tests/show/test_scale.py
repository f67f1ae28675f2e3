"""Reduction of curves and selection of scales in `paramsched.show`."""

import numpy as np
import pytest

from paramsched.core.plan.resolve import even_unit
from paramsched.show._axes import TimeAxis, choose_scale, updates_axis
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
def test_an_outline_has_the_extremes_of_the_curve_in_each_column(columns):
    values = np.random.default_rng(0).normal(size=10_000)

    points = outline(updates, values, edges(10_000, columns))

    reduced = envelope(updates[points], values[points], edges(10_000, columns))
    np.testing.assert_array_equal(reduced, envelope(updates, values, edges(10_000, columns)))


def test_an_outline_keeps_both_sides_of_a_breakpoint_and_of_a_jump():
    values = np.where(updates < 4321, 1.0, 0.5) + updates * 1e-6

    points = outline(updates, values, edges(10_000, 10), keep=(777,))

    assert {776, 777, 4320, 4321} <= set(points.tolist())


def test_a_constant_curve_needs_two_points():
    assert outline(updates, np.ones(10_000), edges(10_000, 2500)).tolist() == [0, 9999]


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
