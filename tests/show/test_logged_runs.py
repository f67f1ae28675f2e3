"""Runs drawn over their plan, and the limits of what a picture shows."""

import re
from io import BytesIO

import numpy as np
import pytest

import paramsched as ps
import paramsched.show as show
from paramsched import show as show_of_unusual_pictures
from paramsched.errors import InvalidArgument
from paramsched.show import LoggedRun, View, curves_from_values
from paramsched.show._curves import outline
from support.tables import table

PLAN = show.curves_from_values({("lr", "body"): np.linspace(1, 0, 100), ("lr", "head"): np.linspace(2, 0, 100)})


EVERY = np.arange(100)


def run(name, factor=1.0, **measured):
    return show.LoggedRun(name, {("lr", "body"): (EVERY, PLAN["lr", "body"] * factor)}, measured)


FIRST = run("first", loss=([0, 50, 100], [2.0, 1.0, 0.5]), acc=([50, 100], [0.5, 0.9]))


SECOND = run("second", 0.5, loss=([0, 50], [3.0, np.nan]))


def curves(panel):
    return {(curve.owner, curve.name): curve.values.tolist() for curve in panel.curves}


def test_each_run_has_its_name_verdict_and_one_color_in_all_panels():
    whole = show.picture(PLAN, log=[FIRST, SECOND])

    lr, loss, acc = whole.panels
    assert [(entry.owner, entry.curve.color) for entry in lr.log_legend] == [("first", 2), ("second", 3)]
    assert [(curve.owner, curve.color) for curve in loss.curves] == [("first", 2), ("second", 3)]
    assert [(curve.owner, curve.color) for curve in acc.curves] == [("first", 2)]
    assert [(one.text, one.differs) for one in whole.verdicts] == [
        ("first: planned = used at 100 of 100 updates", False),
        ("second: planned = used at 1 of 100 updates", True),
    ]
    assert [note.text for note in lr.notes if note.differs] == [
        "second: used differs from planned at 99 of 100 updates: 0–98"
    ]


def test_metrics_of_one_run_share_a_panel_on_request():
    measured = {"train_loss": ([0, 1], [2.0, 1.0]), "acc": ([1], [0.5]), "val_loss": ([1], [1.5])}

    _, loss, acc = show.picture(
        PLAN, log=show.LoggedRun("run", {}, measured, {"loss": ["train_loss", "val_loss"]})
    ).panels

    assert (loss.title, curves(loss)) == ("loss", {("", "train_loss"): [2.0, 1.0], ("", "val_loss"): [1.5]})
    assert (acc.title, curves(acc)) == ("acc", {("", "acc"): [0.5]})


def test_the_terminal_joins_measurements_that_are_far_apart():
    drawn = show.text(
        PLAN, log=show.LoggedRun(measured={"loss": ([0, 99], [1.0, 1.0])}), width=50, height=3, ascii=True
    )

    assert re.search(r"\|\*{40}$", drawn, re.MULTILINE)


@pytest.mark.parametrize("draw", [show.text, show.svg, show.html])
def test_every_format_names_the_runs_and_the_metrics(draw):
    drawn = draw(PLAN, log=[FIRST, SECOND])

    for word in ("first", "second", "loss", "acc", "gaps are NaN values"):
        assert word in drawn


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ([FIRST, FIRST], "two runs have the same name"),
        (run("run", loss=([0.5], [1.0])), r"measured\['loss'\]: every value needs an integer update"),
    ],
)
def test_runs_that_cannot_be_distinguished_or_placed_are_rejected(log, said):
    with pytest.raises(InvalidArgument, match=said):
        show.picture(PLAN, log=log)


GAP = float("nan")


def growing(total, share=100):
    """Return curves over 100 updates of 10 samples and then of `share` times as many."""
    size = ps.Binding(ps.Target("batch_size", 10), f"piecewise([(0, 1.0), ({total // 2}, {share}.0)])")
    return ps.trace(ps.Plan(size, lr=f"exponential({10 ** (-3.2 / total)})", total=total), {"lr": 1.0})


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
    trunk = ps.Plan(lr="constant() >> linear(over=100)", total=200)
    other = ps.Plan(lr="constant(1.0, over=40) >> constant(1.0, over=40) >> linear(over=50)", total=200)
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
    plan = ps.Plan(lr="piecewise([(0, 1.0), (50, -1.0), (80, 0.5)])", total=100)

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


def curves_of_unusual_pictures(count=1, total=100):
    return show_of_unusual_pictures.curves_from_values(
        {("lr", f"g{n}"): np.linspace(1, 0.5, total) * (n + 1) for n in range(count)}
    )


def test_matplotlib_colors_many_curves_and_shades_differences():
    trace = curves_of_unusual_pictures(12)
    used = {("lr", "g0"): (np.arange(100), np.where(np.arange(100) // 10 % 2, 0.0, trace["lr", "g0"]))}

    (ax,) = show_of_unusual_pictures.axes(trace, log=used)

    lines = ax.get_lines()[:13]
    assert len({line.get_color() for line in lines[:12]}) == 12
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [*(f"group g{n}" for n in range(10)), "used", "… and 2 more curves"]
    spans = [patch.get_x() for patch in ax.patches]
    assert spans == [10, 30, 50, 70, 90]
    assert [line.get_linewidth() for line in (lines[0], lines[12])] == [5, 1.2]
    assert lines[12].get_color() == "black"


def test_matplotlib_holds_the_value_of_the_last_update():
    (ax,) = show_of_unusual_pictures.axes(show_of_unusual_pictures.curves_from_values({("lr", 0): [0.5]}))

    assert ax.get_lines()[0].get_xydata().tolist() == [[0, 0.5], [1, 0.5]]
    assert ax.xaxis.get_major_formatter()(10_000_000, 0) == "10,000,000"


def test_matplotlib_draws_a_metric_with_dots():
    axes = show_of_unusual_pictures.axes(
        curves_of_unusual_pictures(),
        log=show_of_unusual_pictures.LoggedRun("run", measured={"loss": ([0, 10, 50, 99], [9.0, 4.0, 3.0, 2.0])}),
    )

    lines = axes[1].get_lines()
    assert [(line.get_linestyle(), line.get_marker()) for line in lines[:1]] == [("-", ".")]
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == ["loss"]


@pytest.mark.parametrize("ascii", [False, True])
def test_a_loss_over_rates_marks_the_lowest_rate_at_its_column(ascii):
    rates = np.geomspace(1e-4, 1.0, 41)
    losses = 1 + np.abs(np.log10(rates) + 2)

    lines = show_of_unusual_pictures.loss_by_rate(
        rates, losses, {"valley": 1e-2, "end": 1.0}, width=60, ascii=ascii
    ).splitlines()

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


def rows_of_the_plot(drawn):
    return [line.split("┤" if "┤" in line else "│", 1)[1] for line in drawn.splitlines() if set("┤│") & set(line)]


@table("width", [24, 40, 80, 133, 300])
@pytest.mark.parametrize("at", [0, 123_456, 500_000, 999_999])
def test_a_value_of_one_update_in_a_million_is_drawn_at_each_width(width, at):
    values = np.zeros(1_000_000)
    values[at] = 1.0

    top = rows_of_the_plot(show.text(show.curves_from_values({("lr", ""): values}), width=width))[0]

    assert len(top.strip()) == 1


def test_a_spike_is_drawn_in_the_column_of_its_update():
    values = np.zeros(1_000_000)
    values[750_000] = 1.0

    top = rows_of_the_plot(show.text(show.curves_from_values({("lr", ""): values}), width=110))[0]

    assert len(top) - 1 == 750_000 * 100 // 1_000_000
