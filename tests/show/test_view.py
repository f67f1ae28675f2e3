"""`show.View`: the requested axes."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
import paramsched.show as show
from paramsched.cli import main

DECAY = show.curves_from_values({("lr", ""): [0.4, 0.2, 0.1]})
FROM_ZERO = show.curves_from_values({("lr", ""): [0.0, 0.1, 0.5]})
BELOW_ZERO = show.curves_from_values({("lr", ""): [-1.0, 0.1, 0.5]})
NEVER_ABOVE = show.curves_from_values({("lr", ""): [0.0, -0.1, -0.5]})
LOG = show.View(log=True)


def panel_of(curves, view):
    return show.picture(curves, view=view).panels[0]


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.parametrize(
    ("curves", "height", "said"),
    [
        (FROM_ZERO, 0.0, "0 has no logarithm and is drawn at the bottom edge"),
        (BELOW_ZERO, np.nan, "gaps are negative values, which have no logarithm"),
        (NEVER_ABOVE, 1.0, "no value is positive, so the axis is linear"),
        (DECAY, None, None),
    ],
    ids=["from 0", "from below 0", "never above 0", "above 0"],
)
def test_values_without_a_logarithm_are_noted(curves, height, said):
    panel = panel_of(curves, LOG)

    assert [note.text for note in panel.notes] == [said] * (said is not None)
    assert panel_of(curves, show.View()).notes == ()
    if height is not None:
        np.testing.assert_array_equal(panel.scale.fraction(curves["lr", ""][:1]), [height])


def test_a_negative_value_is_a_gap_in_every_format():
    svg = show.svg(BELOW_ZERO, view=LOG)
    (ax,) = show.axes(BELOW_ZERO, view=LOG)

    assert re.search(r'data-curve="0" d="M([\d.]+)', svg)[1] == "248"  # a third of 744 pixels: where update 1 starts
    assert np.isnan(ax.lines[0].get_ydata()).tolist() == [True, False, False, False]
    assert ax.get_yscale() == "log"


def test_the_command_line_and_plot_accept_the_axis_scale(tmp_path):
    drawn = CliRunner().invoke(main, ["show", "linear(1, 0)", "--horizon", "100", "--log"]).output
    page = tmp_path / "plan.html"
    written = CliRunner().invoke(main, ["show", "linear(1, 0)", "--horizon", "100", "--linear", "-o", str(page)])
    (ax,) = ps.Plan(lr="linear(1, 0.1)", horizon=100).plot(log=True)

    assert "0.01 ┤" in drawn
    assert (written.exit_code, data_of(page.read_text())["axis"]) == (0, "linear")
    assert ax.get_yscale() == "log"
