"""The axes of a picture, its units and scale, and `paramsched show` in a terminal."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import paramsched as ps
import paramsched.show as show
from paramsched.cli import main
from paramsched.errors import InvalidArgument


def data_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_the_command_line_and_plot_accept_the_axis_scale(tmp_path):
    pytest.importorskip("paramsched.tools")  # of the command
    plotted = CliRunner().invoke(main, ["show", "linear(1, 0)", "--total", "100", "--log"]).output
    page = tmp_path / "plan.html"
    written = CliRunner().invoke(main, ["show", "linear(1, 0)", "--total", "100", "--linear", "-o", str(page)])
    (ax,) = ps.Plan(lr="linear(1, 0.1)", total=100).plot(log=True)

    assert "0.01 ┤" in plotted
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


def test_the_page_has_a_table_for_each_known_unit():
    actual = data_of(show.html(growing(), view=show.View(unit="samples")))

    assert actual["units"] == {
        "updates": {"t": [0, 100], "v": [0, 100]},
        "samples": {"t": [0, 50, 100], "v": [0, 500, 2000]},
    }
    assert actual["unit"] == "samples"
    assert list(data_of(show.html(traced()))["units"]) == ["updates", "epochs", "samples", "tokens"]


def test_plans_with_different_conversions_do_not_share_a_unit():
    other_trace = traced(facts=ps.RunFacts(steps_per_epoch=45, batch_size=64))

    assert [unit.name for unit in show.picture(traced(), other=other_trace).axis.units] == ["updates", "epochs"]
    with pytest.raises(InvalidArgument, match="the plans differ in the samples per update"):
        show.picture(traced(), other=other_trace, view=show.View(unit="samples"))


def test_the_command_line_accepts_a_unit_and_names_the_missing_option():
    def shown(*options):
        pytest.importorskip("paramsched.tools")  # of the command
        return CliRunner().invoke(main, ["show", "linear()", "--total", "900", *options])

    assert "\n  epochs  0" in shown("--unit", "epochs", "--steps-per-epoch", "45").output
    assert "For example: --steps-per-epoch 100" in shown("--unit", "epochs").output


SHOW = """
import os, sys
from paramsched.cli import main
for environment in {environments}:
    os.environ.pop("NO_COLOR", None)
    os.environ.update({{"TERM": "xterm-256color", **environment}})
    main(["show", "cosine()", "--total", "40", "--height", "3"], standalone_mode=False)
    print("END")
"""


def in_terminal(environments: list[dict[str, str]]) -> list[str]:
    """Return the text that the command writes to a terminal in each environment."""
    terminal, child_end = pty.openpty()
    subprocess.run([sys.executable, "-c", SHOW.format(environments=environments)], stdout=child_end, check=True)
    os.close(child_end)
    printed = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        printed += piece
    os.close(terminal)
    return printed.decode().split("END")[:-1]


def test_colors_are_used_in_a_terminal_that_supports_them() -> None:
    pytest.importorskip("paramsched.tools")  # of the command

    printed = in_terminal([{}, {"TERM": "dumb"}, {"NO_COLOR": "1"}, {"NO_COLOR": ""}])

    assert ["\x1b[" in text for text in printed] == [True, False, False, True]
