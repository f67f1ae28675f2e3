"""Labels and lines of pictures: short and exact numbers, round times, and paths that pass through their points."""

import itertools
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paramsched.show._axes import round_step, updates_axis
from paramsched.show._svg import svg_path


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
