"""The axes of a picture: units of time, and the requested scale."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
import paramsched.show as show
from paramsched.cli import main
from paramsched.errors import InvalidArgument

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
    drawn = CliRunner().invoke(main, ["show", "linear(1, 0)", "--total", "100", "--log"]).output
    page = tmp_path / "plan.html"
    written = CliRunner().invoke(main, ["show", "linear(1, 0)", "--total", "100", "--linear", "-o", str(page)])
    (ax,) = ps.Plan(lr="linear(1, 0.1)", total=100).plot(log=True)

    assert "0.01 ┤" in drawn
    assert (written.exit_code, data_of(page.read_text())["axis"]) == (0, "linear")
    assert ax.get_yscale() == "log"


FACTS = ps.RunFacts(steps_per_epoch=45, batch_size=32, sequence_length=8)


def traced(lr="linear()", total="20 epochs", facts=FACTS):
    return ps.trace(ps.Plan(lr=lr, total=total), {"lr": 1.0}, facts=facts)


def growing():
    """Return a trace with batches of 10 samples for 50 updates and of 30 for 50 more."""
    size = ps.Binding(ps.Target("batch_size", 10), "piecewise([(0, 1.0), (50, 3.0)])")
    return ps.trace(ps.Plan(size, lr="linear()", total=100), {"lr": 1.0})


def axis_of(curves, **view):
    return show.picture(curves, view=show.View(**view)).axis


def test_updates_with_larger_batches_are_wider_on_an_axis_of_samples():
    axis = axis_of(growing(), unit="samples")

    assert axis.main.at([50, 100]).tolist() == [500, 2000]
    assert axis.place([50, 75, 100]).tolist() == [0.25, 0.625, 1.0]
    assert axis.edges(4).tolist() == [0, 50, 67, 84, 100]


def test_matplotlib_uses_the_unit_of_the_axis():
    (ax,) = ps.Plan(lr="linear()", total="20 epochs").plot(steps_per_epoch=45, unit="epochs")

    assert (ax.get_xlabel(), ax.get_xlim(), float(ax.lines[0].get_xdata()[-1])) == ("epochs", (0, 20), 899 / 45)


def test_the_page_has_a_table_for_each_known_unit():
    found = data_of(show.html(growing(), view=show.View(unit="samples")))

    assert found["units"] == {
        "updates": {"t": [0, 100], "v": [0, 100]},
        "samples": {"t": [0, 50, 100], "v": [0, 500, 2000]},
    }
    assert found["unit"] == "samples"
    assert list(data_of(show.html(traced()))["units"]) == ["updates", "epochs", "samples", "tokens"]


def test_plans_with_different_conversions_do_not_share_a_unit():
    other = traced(facts=ps.RunFacts(steps_per_epoch=45, batch_size=64))

    assert [one.name for one in show.picture(traced(), other=other).axis.units] == ["updates", "epochs"]
    with pytest.raises(InvalidArgument, match="the plans differ in the samples per update"):
        show.picture(traced(), other=other, view=show.View(unit="samples"))


def test_the_command_line_accepts_a_unit_and_names_the_missing_option():
    def shown(*options):
        return CliRunner().invoke(main, ["show", "linear()", "--total", "900", *options])

    assert "\n  epochs  0" in shown("--unit", "epochs", "--steps-per-epoch", "45").output
    assert "For example: --steps-per-epoch 100" in shown("--unit", "epochs").output
