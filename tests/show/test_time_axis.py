"""The time axis: in any unit that the run facts define, linear or logarithmic."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import paramsched as ps
import paramsched.show as show
from paramsched.cli import main
from paramsched.errors import InvalidArgument, MissingFact

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


@pytest.mark.parametrize(
    ("unit", "labels", "updates"),
    [
        ("epochs", ["0", "5", "10", "15", "20"], ["0", "225", "450", "675", "900"]),
        ("samples", ["0", "10k", "20k", "28.8k"], ["0", "312", "625", "900"]),
        ("tokens", ["0", "100k", "230k"], ["0", "391", "900"]),
    ],
)
def test_ticks_are_round_in_the_unit_with_updates_below(unit, labels, updates):
    ticks = axis_of(traced(), unit=unit).ticks(4)

    assert [tick.label for tick in ticks] == labels
    assert [tick.second for tick in ticks] == updates


def test_updates_with_larger_batches_are_wider_on_an_axis_of_samples():
    axis = axis_of(growing(), unit="samples")

    assert axis.main.at([50, 100]).tolist() == [500, 2000]
    assert axis.place([50, 75, 100]).tolist() == [0.25, 0.625, 1.0]
    assert axis.edges(4).tolist() == [0, 50, 67, 84, 100]


def test_the_end_of_the_run_belongs_to_the_last_column():
    for axis in (axis_of(traced()), axis_of(growing(), unit="samples")):
        columns = axis.columns_of(np.array([0, axis.total - 1, axis.total]), 10).tolist()

        assert columns == [0, 9, 9]


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


def test_the_horizon_of_a_clock_ends_its_axis():
    plan = ps.Plan(lr="linear()", clock="tokens", horizon="1000 tokens")

    tokens = axis_of(ps.trace(plan, {"lr": 1.0}, ps.Calendar(tokens_per_step=300)), unit="tokens").main

    assert tokens.at([0, 1, 3, 4]).tolist() == [0, 300, 900, 1000]


@pytest.mark.parametrize(
    ("view", "error", "said"),
    [
        ({"unit": "frames"}, MissingFact, "frames_per_step=1024"),
        ({"unit": "batches"}, MissingFact, "accumulation=4"),
        ({"unit": "epoch"}, InvalidArgument, "epochs"),
    ],
)
def test_an_unknown_unit_conversion_is_rejected_with_a_fix(view, error, said):
    with pytest.raises(error, match=said):
        axis_of(traced(), **view)


def test_the_command_line_accepts_a_unit_and_names_the_missing_option():
    def shown(*options):
        return CliRunner().invoke(main, ["show", "linear()", "--horizon", "900", *options])

    assert "\n  epochs  0" in shown("--unit", "epochs", "--steps-per-epoch", "45").output
    assert "For example: steps_per_epoch=100" in shown("--unit", "epochs").output
