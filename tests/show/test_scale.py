"""Labels, scales and colors of pictures: round numbers, extremes, any names, and runs of any length."""

import itertools
import re
import tracemalloc
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched.show as show
from paramsched.show._axes import choose_scale, round_step, updates_axis
from paramsched.show._svg import svg_path
from paramsched.show.plan_curves import envelope, outline
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
    np.testing.assert_array_equal(low, [column.min() for column in parts])
    np.testing.assert_array_equal(high, [column.max() for column in parts])


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

    are_numbers = ~np.isnan(extreme)
    assert np.all((fractions[are_numbers] >= 0) & (fractions[are_numbers] <= 1))


@given(st.floats(1e-290, 1e290))
def test_a_round_step_is_the_smallest_of_its_digits(least):
    step = round_step(least)

    digit = step / 10 ** np.floor(np.log10(step) + 1e-9)
    assert least * (1 - 1e-9) <= step <= 2.5 * least * (1 + 1e-9)
    assert min(abs(digit - round_digit) for round_digit in (1, 2, 5)) < 1e-6


POINT = re.compile(r"([MLHVh])(-?[\d.]+)(?: (-?[\d.]+))?")


def points_of(path):
    """Return the corners of each piece of a path."""
    pieces = []
    x = 0.0
    y = 0.0
    for command, first, second in POINT.findall(path):
        if command in "ML":
            x = float(first)
            y = float(second)
        elif command in "HV":
            x, y = (float(first), y) if command == "H" else (x, float(first))
        if command == "M":
            pieces.append([])
        pieces[-1].append((x, y))
    return pieces


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, float("nan")]), min_size=1, max_size=12))
def test_a_path_has_each_value_as_a_step_and_a_gap_for_nan(values):
    levels = np.array(values)
    path = svg_path(
        np.arange(levels.size), levels, updates_axis(levels.size), width=10 * levels.size, height=100, held=True
    )

    plotted = np.full(levels.size, np.nan)
    for piece in points_of(path):
        for (x, y), (to, same) in itertools.pairwise(piece):
            if y == same and to > x:
                plotted[int(x // 10) : int(to // 10)] = 1 - y / 100
    np.testing.assert_array_equal(plotted, levels)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=40))
def test_a_narrow_path_passes_through_all_points_without_points_on_straight_lines(values):
    levels = np.array(values)
    total = 10 * len(values)
    times = np.arange(0, total, 10)
    path = svg_path(times, levels, updates_axis(total), width=len(values), height=10, held=False)

    ((*corners,),) = points_of(path)
    heights = np.interp(np.arange(levels.size), [x for x, _ in corners], [y for _, y in corners])
    np.testing.assert_allclose(heights, (1 - levels) * 10)
    turns = [second[1] - first[1] for first, second in itertools.pairwise(corners)]
    lengths = [second[0] - first[0] for first, second in itertools.pairwise(corners)]
    slopes = [turn / length for turn, length in zip(turns, lengths, strict=True)]
    assert all(slope != two for slope, two in itertools.pairwise(slopes))


STEPS = (0, 95, 135, 175, 215, 255)


def color_of(code: int) -> tuple[int, int, int]:
    """Return the usual RGB value of one of the 256 terminal colors."""
    if code >= 232:
        return (8 + 10 * (code - 232),) * 3
    return STEPS[(code - 16) // 36], STEPS[(code - 16) // 6 % 6], STEPS[(code - 16) % 6]


def contrast(color: tuple[int, int, int], ground: tuple[int, int, int]) -> float:
    """Return the contrast of the Web Content Accessibility Guidelines, 1 to 21; graphics require 3."""

    def light(channels: tuple[int, int, int]) -> float:
        parts = [c / 255 for c in channels]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(color), light(ground)))
    return (high + 0.05) / (low + 0.05)


def compared() -> str:
    """Draw eight curves, a log and differences, which use every color."""
    curves = {("lr", f"g{i}"): np.linspace(i, i + 1, 40) for i in range(8)}
    trace = show.curves_from_values(curves)
    log = {("lr", "g0"): (np.arange(40), np.linspace(3, 0, 40))}
    agreeing = show.text(trace, color=True, log={("lr", "g0"): (np.arange(40), curves["lr", "g0"])})
    return show.text(trace, color=True, log=log) + agreeing


def test_every_terminal_color_has_contrast_to_white_and_black() -> None:
    codes = {code for code in re.findall(r"\x1b\[([\d;]+)m", compared()) if code != "0"}
    colors = {int(match[1]) for code in codes if (match := re.search(r"38;5;(\d+)", code))}
    styles = {re.sub(r"(1;)?38;5;\d+", "", code) for code in codes} - {""}

    assert len(colors) == 10  # eight curves, good and bad
    for code in colors:
        assert contrast(color_of(code), (255, 255, 255)) >= 3, code
        assert contrast(color_of(code), (0, 0, 0)) >= 3, code
    assert styles <= {"1", "2"}  # bold and faint have the color of ordinary text


names = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)


@given(names, names, names, names)
def test_pictures_contain_no_control_characters_from_names(field: str, group: str, line: str, title: str) -> None:
    trace = show.curves_from_values(
        {(field, group): [1.0, 0.5, 0.25], (field, "other"): [1, 1, 1]}, lines={(field, group): line}
    )
    plotted = [show.text(trace), show.text(trace, ascii=True), show.svg(trace), show.html(trace, title=title)]

    for picture in plotted:
        picture.encode("utf-8")
        assert all(text.isprintable() for text in picture.split("\n"))
    ET.fromstring(plotted[2])


def test_matplotlib_receives_no_control_characters() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    trace = show.curves_from_values({("lr\x1b[2J", "a\ud800"): [1.0, 0.5], ("lr\x1b[2J", "b\x07"): [0.5, 1.0]})

    (axes,) = show.axes(trace)

    labels = [axes.get_ylabel(), *(text.get_text() for text in axes.get_legend().get_texts())]
    assert all(label.isprintable() for label in labels)
    assert r"group a\ud800" in labels


class Many:
    """A curve with a breakpoint at every update."""

    total = 1_000_000
    steps_per_epoch = None
    marks = tuple(range(1_000_001))
    values = np.linspace(1, 0, 1_000_000)

    def keys(self) -> Any:
        return (("lr", 0), ("lr", 1))

    def __getitem__(self, key: Any) -> Any:
        return self.values

    def breakpoints(self, field: str, group: Any) -> Any:
        return self.marks

    def line(self, field: str, group: Any) -> str:
        return "every(…)"


@pytest.mark.heavy
@pytest.mark.parametrize("draw", [show.text, show.svg, show.html])
def test_a_million_breakpoints_take_no_more_memory_than_a_few_arrays(draw: Any) -> None:
    many = Many()
    tracemalloc.start()
    try:
        plotted = draw(many)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 80e6  # a float64 for each update is 8 MB; a Python set of the breakpoints is 100
    assert "999,999 breakpoints" in plotted


@pytest.mark.heavy
def test_show_is_available_after_import_paramsched() -> None:
    import subprocess
    import sys

    code = "import sys, paramsched as ps; ps.show.text; ps.load; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
