"""The time axis: in any unit that the run facts define, linear or logarithmic."""

import json
import re

import pytest
from click.testing import CliRunner

import paramsched as ps
import paramsched.show as show
from paramsched.cli import main
from paramsched.errors import InvalidArgument

FACTS = ps.Calendar(steps_per_epoch=45, batch_size=32, sequence_length=8)


def traced(lr="linear()", horizon="20 epochs", calendar=FACTS):
    return ps.trace(ps.Plan(lr=lr, horizon=horizon), {"lr": 1.0}, calendar)


def growing():
    """Return a trace with batches of 10 samples for 50 updates and of 30 for 50 more."""
    size = ps.Binding(ps.Target("batch_size", 10), "piecewise([(0, 1.0), (50, 3.0)])")
    return ps.trace(ps.Plan(size, lr="linear()", horizon=100), {"lr": 1.0})


def axis_of(curves, **view):
    return show.picture(curves, view=show.View(**view)).axis


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_updates_with_larger_batches_are_wider_on_an_axis_of_samples():
    axis = axis_of(growing(), unit="samples")

    assert axis.main.at([50, 100]).tolist() == [500, 2000]
    assert axis.place([50, 75, 100]).tolist() == [0.25, 0.625, 1.0]
    assert axis.edges(4).tolist() == [0, 50, 67, 84, 100]


def test_matplotlib_uses_the_unit_of_the_axis():
    (ax,) = ps.Plan(lr="linear()", horizon="20 epochs").plot(steps_per_epoch=45, unit="epochs")

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
    other = traced(calendar=ps.Calendar(steps_per_epoch=45, batch_size=64))

    assert [one.name for one in show.picture(traced(), other=other).axis.units] == ["updates", "epochs"]
    with pytest.raises(InvalidArgument, match="the plans differ in the samples per update"):
        show.picture(traced(), other=other, view=show.View(unit="samples"))


def test_the_command_line_accepts_a_unit_and_names_the_missing_option():
    def shown(*options):
        return CliRunner().invoke(main, ["show", "linear()", "--horizon", "900", *options])

    assert "\n  epochs  0" in shown("--unit", "epochs", "--steps-per-epoch", "45").output
    assert "For example: steps_per_epoch=100" in shown("--unit", "epochs").output
