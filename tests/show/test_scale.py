"""Reduction of curves and selection of scales in `paramsched.show`."""

import numpy as np
import pytest

from paramsched.show._axes import choose_scale, updates_axis
from paramsched.show._curves import envelope, outline
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
