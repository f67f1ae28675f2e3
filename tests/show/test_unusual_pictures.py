"""Pictures of unusual curves: many curves and differences, negative values, progress, and a loss over rates."""

import numpy as np
import pytest

from paramsched import show
from paramsched.show._curves import outline


def curves(count=1, total=100):
    return show.curves_from_values({("lr", f"g{n}"): np.linspace(1, 0.5, total) * (n + 1) for n in range(count)})


def test_matplotlib_colors_many_curves_and_shades_differences():
    trace = curves(12)
    used = {("lr", "g0"): (np.arange(100), np.where(np.arange(100) // 10 % 2, 0.0, trace["lr", "g0"]))}

    (ax,) = show.axes(trace, log=used)

    lines = ax.get_lines()[:13]
    assert len({line.get_color() for line in lines[:12]}) == 12
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [*(f"group g{n}" for n in range(10)), "used", "… and 2 more curves"]
    spans = [patch.get_x() for patch in ax.patches]
    assert spans == [10, 30, 50, 70, 90]
    assert [line.get_linewidth() for line in (lines[0], lines[12])] == [5, 1.2]
    assert lines[12].get_color() == "black"


def test_matplotlib_holds_the_value_of_the_last_update():
    (ax,) = show.axes(show.curves_from_values({("lr", 0): [0.5]}))

    assert ax.get_lines()[0].get_xydata().tolist() == [[0, 0.5], [1, 0.5]]
    assert ax.xaxis.get_major_formatter()(10_000_000, 0) == "10,000,000"


def test_matplotlib_draws_a_metric_with_dots():
    axes = show.axes(curves(), log=show.LoggedRun("run", measured={"loss": ([0, 10, 50, 99], [9.0, 4.0, 3.0, 2.0])}))

    lines = axes[1].get_lines()
    assert [(line.get_linestyle(), line.get_marker()) for line in lines[:1]] == [("-", ".")]
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == ["loss"]


@pytest.mark.parametrize("ascii", [False, True])
def test_a_loss_over_rates_marks_the_lowest_rate_at_its_column(ascii):
    rates = np.geomspace(1e-4, 1.0, 41)
    losses = 1 + np.abs(np.log10(rates) + 2)

    lines = show.loss_by_rate(rates, losses, {"valley": 1e-2, "end": 1.0}, width=60, ascii=ascii).splitlines()

    assert lines[0] == "loss"
    assert len(lines) == 1 + 9 + 2 + 2
    assert max(map(len, lines)) <= 60
    axis, labels, valley, end = lines[-4:]
    mark = "^" if ascii else "┴"
    assert labels.split() == ["lr", "0.0001", "0.001", "0.01", "0.1", "1"]
    assert valley.strip() == f"{mark} valley 0.01"
    assert valley.index(mark) == axis.index(mark) == len(axis) // 2 + 3
    assert end.strip() == f"{mark} end 1"
    plot = lines[1:10]
    lowest = max(row for row, line in enumerate(plot) if line[7:].strip(" ┤│|") != "")
    assert lowest == len(plot) - 1 - round((1 - 0) / 3 * 8)


def test_a_curve_whose_values_alternate_with_gaps_keeps_its_lowest_and_highest_values():
    values = np.full(4000, np.nan)
    values[::2] = np.tile([1.0, 5.0, 2.0, 4.0], 500)

    points = outline(np.arange(4000), values, np.array([0, 2000, 4000]))

    assert {1.0, 5.0} <= set(values[points].tolist())
