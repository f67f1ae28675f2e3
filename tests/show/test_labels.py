"""Labels and lines of pictures: short and exact numbers, round times, and paths that pass through their points."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched import show
from paramsched.core.base.terminal import cell_width
from paramsched.show._axes import _round_amounts, _round_updates, format_amount, round_step, updates_axis
from paramsched.show._labels import clip_text, format_times, short_amount, short_number, tick_label, wrap_text
from paramsched.show._panels import picture
from paramsched.show._svg import stroke_of, svg_path
from support.tables import table


@table(
    ("unit", "amount", "text"),
    [
        ("updates", 1200.0, "1,200"), ("updates", 1200.4, "1,200"), ("updates", 99.6, "99.6"), ("updates", 3.02, "3"),
        ("updates", 12.34, "12.3"), ("epochs", 2.5, "2.5"), ("epochs", 2.3456, "2.35"), ("epochs", 12.3456, "12.35"),
        ("seconds", 9.999, "10"), ("seconds", 90.0, "90"), ("tokens", 3e9, "3B"), ("tokens", 1234.0, "1.23k"),
        ("tokens", 999.0, "999"), ("samples", 2.5e6, "2.5M"), ("tokens", 1e12, "1T"), ("progress", 0.1234, "12.3%"),
        ("updates", 0.05, "0.05"), ("epochs", 10.45, "10.45"), ("epochs", 1000.0, "1,000"),
        ("seconds", 86400.4, "86,400"),
        ("tokens", 1e9, "1B"), ("tokens", 999_999.0, "1M"),
    ],
)  # fmt: skip
def test_a_time_is_short(unit, amount, text):
    assert format_amount(unit, amount) == text


@table(
    ("total", "epoch", "most", "times"),
    [
        (1173, 391, 5, [0, 391, 782, 1173]), (1000, 0, 5, [0, 200, 400, 600, 800, 1000]),
        (7, 0, 10, list(range(8))),
        (100, 60, 4, [0, 50, 100]),
        (120, 60, 4, [0, 60, 120]), (1010, 0, 5, [0, 500, 1010]),
        (1300, 0, 5, [0, 500, 1000, 1300]), (1299, 0, 5, [0, 500, 1299]), (1, 0, 1, [0, 1]),
        (5, 0, 0, [0, 5]), (100, 0, 0, [0, 100]), (11, 0, 1, [0, 11]),
    ],
)  # fmt: skip
def test_round_updates_include_both_ends(total, epoch, most, times):
    assert _round_updates(total, epoch, most) == times


@table(
    ("end", "most", "amounts"),
    [
        (2.5e9, 3, [0, 1e9, 2.5e9]),
        (0.9, 3, [0, 0.5, 0.9]),
        (10.0, 5, [0, 2, 4, 6, 8, 10]),
        (1.0, 0, [0, 1.0]),
        (1.1, 1, [0, 1.1]),
    ],
)
def test_round_amounts_include_both_ends(end, most, amounts):
    assert _round_amounts(end, most) == pytest.approx(amounts)


@given(st.floats(1e-290, 1e290))
def test_a_round_step_is_the_smallest_of_its_digits(least):
    step = round_step(least)

    digit = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert least * (1 - 1e-9) <= step <= 2.5 * least * (1 + 1e-9)
    assert min(abs(digit - one) for one in (1, 2, 5)) < 1e-6


@table(
    ("value", "step", "text"),
    [
        (0.9, 0.025, "0.900"), (0.0, 0.025, "0"), (2e-5, 1e-5, "2e-5"), (30.0, 10.0, "30"), (1e6, 5e5, "1e6"),
        (1234567.0, 1.0, "1234567"), (0.00015, 0.00005, "0.00015"), (-0.5, 0.25, "-0.50"), (9.5e-5, 5e-6, "9.5e-5"),
        (999999.0, 1.0, "999999"), (1e-4, 1e-4, "0.0001"), (0.5, 1e-17, "0.500000000000000"),
        (1e15 + 0.125, 0.01, "1000000000000000.1"),
    ],
)  # fmt: skip
def test_a_tick_has_the_decimals_of_its_step(value, step, text):
    assert tick_label(value, step) == text


def test_numbers_and_ranges_are_short():
    assert [short_number(one) for one in (3e-5, 0.1, 1e-10, float("inf"), 1234567.0)] == [
        "3e-5",
        "0.1",
        "1e-10",
        "inf",
        "1.23457e6",
    ]
    assert [short_amount(one) for one in (12e9, 375e6, 512, 1000, 999.9)] == ["12B", "375M", "512", "1k", "1k"]
    assert format_times(np.array([3, 7, 8, 9])) == "3, 7–9"
    assert format_times(np.array([1, 3, 5, 7, 9])) == "1, 3, 5, 7, …"
    assert format_times(np.array([1000, 1001]), most=1) == "1,000–1,001"


@table(
    ("text", "width", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("漢字漢", 5, "漢字…"), ("漢字漢", 4, "漢…"), ("ab", 0, "")],
)
def test_a_text_is_clipped_by_its_cells(text, width, expected):
    assert clip_text(text, width) == expected
    assert cell_width(expected) <= width


@table(
    ("text", "width", "rows"),
    [
        ("a bc d", 4, ["a bc", "d"]), ("abcde", 2, ["ab", "cd", "e"]), ("ab", 0, ["a", "b"]),
        ("a b c", 1, ["a", "b", "c"]),
        ("a b c d", 1, ["a", "b", "…"]), ("abcdefg", 2, ["ab", "cd", "e…"]), ("ab cd e fgh", 3, ["ab", "cd", "e…"]),
        ("ab cd efg h", 3, ["ab", "cd", "ef…"]),
    ],
)  # fmt: skip
def test_a_text_is_wrapped_into_three_rows(text, width, rows):
    assert wrap_text(text, width) == rows


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


def test_more_than_eight_curves_have_hues_from_blue_to_red():
    few, many = (
        picture(show.curves_from_values({("lr", n): [1.0, n] for n in range(count)})).panels[0] for count in (8, 11)
    )

    assert [stroke_of(few, one).classes for one in few.every_curve] == [f"ps-c{n}" for n in range(8)]
    hues = [int(re.search(r"hsl\((\d+),", stroke_of(many, one).style)[1]) for one in many.every_curve]
    assert hues == [220 - 20 * n for n in range(11)]
    assert {stroke_of(many, one).classes for one in many.every_curve} == {"ps-many"}
