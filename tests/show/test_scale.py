"""Labels and scales of pictures: round numbers, extremes, and paths through their points."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.show._axes import choose_scale, round_step, updates_axis
from paramsched.show._curves import envelope, outline
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


@given(st.floats(1e-290, 1e290))
def test_a_round_step_is_the_smallest_of_its_digits(least):
    step = round_step(least)

    digit = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert least * (1 - 1e-9) <= step <= 2.5 * least * (1 + 1e-9)
    assert min(abs(digit - one) for one in (1, 2, 5)) < 1e-6


POINT = re.compile(r"([MLHVh])(-?[\d.]+)(?: (-?[\d.]+))?")


def points_of(path):
    """Return the corners of each piece of a path."""
    pieces, x, y = [], 0.0, 0.0
    for kind, first, second in POINT.findall(path):
        if kind in "ML":
            x, y = float(first), float(second)
        elif kind in "HV":
            x, y = (float(first), y) if kind == "H" else (x, float(first))
        if kind == "M":
            pieces.append([])
        pieces[-1].append((x, y))
    return pieces


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan")]), min_size=1, max_size=12))
def test_a_path_has_each_value_as_a_step_and_a_gap_for_nan(values):
    levels = np.array(values)
    path = svg_path(
        np.arange(levels.size), levels, updates_axis(levels.size), width=10 * levels.size, height=100, held=True
    )

    drawn = np.full(levels.size, np.nan)
    for piece in points_of(path):
        for (x, y), (to, same) in itertools.pairwise(piece):
            if y == same and to > x:
                drawn[int(x // 10) : int(to // 10)] = 1 - y / 100
    np.testing.assert_array_equal(drawn, levels)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=40))
def test_a_narrow_path_passes_through_all_points_without_points_on_straight_lines(values):
    levels, total = np.array(values), 10 * len(values)
    times = np.arange(0, total, 10)
    path = svg_path(times, levels, updates_axis(total), width=len(values), height=10, held=False)

    ((*corners,),) = points_of(path)
    at = np.interp(np.arange(levels.size), [x for x, _ in corners], [y for _, y in corners])
    np.testing.assert_allclose(at, (1 - levels) * 10)
    turns = [second[1] - first[1] for first, second in itertools.pairwise(corners)]
    lengths = [second[0] - first[0] for first, second in itertools.pairwise(corners)]
    slopes = [turn / length for turn, length in zip(turns, lengths, strict=True)]
    assert all(one != two for one, two in itertools.pairwise(slopes))
