"""The edges of what pictures show: exact fits, gaps, zeros, narrow updates, and what is left out."""

import re
from io import BytesIO

import numpy as np
import pytest

import paramsched as ps
import paramsched.show as show
from paramsched.errors import InvalidArgument
from paramsched.show import LoggedRun, View, curves_from_values

GAP = float("nan")


def growing(total, share=100):
    """Return curves over 100 updates of 10 samples and then of `share` times as many."""
    size = ps.Binding(ps.Target("batch_size", 10), f"piecewise([(0, 1.0), ({total // 2}, {share}.0)])")
    return ps.trace(ps.Plan(size, lr=f"exponential({10 ** (-3.2 / total)})", horizon=total), {"lr": 1.0})


# ---------------------------------------------------------------- what is refused


class Own:
    """Curves of a user's own class, which have too many breakpoints to be listed."""

    def __init__(self, keys, total):
        self.of_keys, self.of_total = keys, total

    def keys(self):
        return self.of_keys

    def __getitem__(self, key):
        return np.zeros(self.of_total)

    @property
    def total(self):
        return self.of_total

    @property
    def steps_per_epoch(self):
        return None

    def line(self, field, group):
        return ""

    def breakpoints(self, field, group):
        raise InvalidArgument("breakpoints", "too many", "Use fewer")


# ---------------------------------------------------------------- curves and their names


def test_a_branch_has_no_breakpoint_before_it_leaves():
    trunk = ps.Plan(lr="constant() >> linear(over=100)", horizon=200)
    other = ps.Plan(lr="constant(1.0, over=40) >> constant(1.0, over=40) >> linear(over=50)", horizon=200)
    traces = {name: ps.trace(plan, {"lr": 1.0}) for name, plan in (("a", trunk), ("b", other))}
    drawn = show.together(traces, branches=True)

    (panel,) = show.picture(drawn).panels

    assert all((curve.breakpoints >= curve.times[0]).all() for curve in panel.curves)
    assert panel.curves[1].times[0] > 40


def test_a_schedule_with_too_many_breakpoints_has_no_marks():
    (panel,) = show.picture(Own([("lr", "")], 10)).panels

    assert panel.breakpoints.size == 0


def test_the_scale_of_values_does_not_depend_on_the_time_axis():
    drawn = growing(5000)

    by_updates, by_samples = (show.picture(drawn, view=View(unit=unit)).panels for unit in ("updates", "samples"))

    assert [panel.scales for panel in by_updates] == [panel.scales for panel in by_samples]


# ---------------------------------------------------------------- assumed facts


# ---------------------------------------------------------------- text


def test_a_gap_of_a_plan_is_empty_and_one_of_a_metric_is_joined():
    values = np.where((np.arange(500) > 100) & (np.arange(500) < 400), GAP, 0.5)
    known = ([0, 100, 400, 499], [0.5] * 4)
    plan = show.text(curves_from_values({("lr", ""): values}), ascii=True, width=40).splitlines()
    metric = show.text(
        curves_from_values({("lr", ""): [0.5] * 500}), log=[LoggedRun("run", {}, {"loss": known})], ascii=True, width=40
    )

    assert re.search(r"\*\s{10,}\*", "\n".join(plan))
    assert not re.search(r"\*\s{10,}\*", metric.split("loss")[1].replace("\n", ""))


def test_positive_values_of_a_column_that_crosses_zero_reach_the_bottom_of_a_logarithmic_axis():
    values = np.where(np.arange(400) % 2, 100.0, -1.0)
    values[:100] = 1.0

    rows = show.text(curves_from_values({("lr", ""): values}), view=View(log=True), ascii=True, width=40).splitlines()
    plot = [row.partition("|")[2].ljust(30) for row in rows if "|" in row]

    assert {row[20] for row in plot} == {"*"}


# ---------------------------------------------------------------- SVG and page


def test_a_breakpoint_at_a_value_that_is_not_drawn_has_no_dot():
    plan = ps.Plan(lr="piecewise([(0, 1.0), (50, -1.0), (80, 0.5)])", horizon=100)

    drawn = show.svg(ps.trace(plan, {"lr": 1.0}), view=View(log=True))

    assert re.findall(r'data-t="(\d+)" data-v', drawn) == ["80"]


# ---------------------------------------------------------------- matplotlib


@pytest.fixture
def plt():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")


@pytest.mark.parametrize("groups", [1, 6])
def test_a_saved_file_shows_what_the_axes_show(plt, groups):
    drawn = curves_from_values({("lr", n): [0.1, 0.1 * n] for n in range(groups)})
    data = BytesIO()
    show.axes(drawn)[0].figure.savefig(data, format="png")

    saved = show.FORMATS[".png"](drawn, title="", log=None, other=None, view=View())

    assert saved == data.getvalue()


# ---------------------------------------------------------------- simulations


class Changes:
    """A scheduler that changes two fields, one of them once."""

    def __init__(self, optimizer):
        self.optimizer, self.steps = optimizer, 0

    def step(self):
        self.steps += 1
        for group in self.optimizer.param_groups:
            group["dampening"] = 0.5
            group["momentum"] = self.steps / 10


def test_fields_that_change_follow_the_learning_rate_by_name():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0, momentum=0.9)

    assert [name for name, _ in show.simulate(Changes(optimizer), 5).keys()] == ["lr", "dampening", "momentum"]


def test_a_simulation_needs_a_metric_for_each_step():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)

    assert show.simulate(scheduler, 5, metrics=[1.0] * 4).total == 5
    with pytest.raises(InvalidArgument, match="expected one metric per step, 4 in total, got 3"):
        show.simulate(scheduler, 5, metrics=[1.0] * 3)


# ---------------------------------------------------------------- notebooks
