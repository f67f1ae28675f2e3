"""Several plans in one picture, and runs drawn over their plan."""

import re

import numpy as np
import pytest

import paramsched as ps
import paramsched.show as show
from paramsched.errors import InvalidArgument
from paramsched.show import LoggedRun, View, curves_from_values
from paramsched.show.plan_curves import outline
from support.tables import table

TRUNK = ps.Plan(lr="warmup(100) >> constant()", weight_decay="linear(to=0.5)", total=1000)


def branch(update):
    return ps.Plan(
        lr=f"warmup(100) >> constant(over={update - 100}) >> linear(1, 0, over=50)",
        weight_decay="linear(to=0.5, over=1000)",
        total=update + 50,
    )


def traced(plan, groups=None):
    return ps.trace(plan, groups or {"lr": 0.1, "weight_decay": 0.01})


@pytest.fixture
def tree():
    plans = {"trunk": traced(TRUNK), "at-400": traced(branch(400)), "at-960": traced(branch(960))}
    return show.together(plans, branches=True)


def panel_of(curves, field="lr"):
    (panel,) = (panel for panel in show.picture(curves).panels if panel.field == field)
    return panel


def test_a_branch_is_plotted_from_the_trunk_to_its_own_end(tree):
    curves = {curve.owner: curve for curve in panel_of(tree).curves}

    # At 400 the branch still has the value of the trunk; its line starts there.
    assert {name: (int(curve.times[0]), int(curve.times[-1])) for name, curve in curves.items()} == {
        "trunk": (0, 999),
        "at-400": (400, 449),
        "at-960": (960, 1009),
    }
    assert curves["at-400"].values.tolist() == traced(branch(400))["lr", 0][400:].tolist()
    assert [curve.color for curve in curves.values()] == [0, 1, 2]
    assert curves["at-960"].level_summary == "0.1 → 0.002"


def test_the_legend_names_plans_and_notes_show_where_each_branches_off(tree):
    panel = panel_of(tree)

    assert [entry.label for entry in panel.legend] == ["trunk", "at-400", "at-960"]
    assert [note.text for note in panel.notes][:2] == [
        "at-400 diverges from trunk at update 401",
        "at-960 diverges from trunk at update 961",
    ]
    assert not any(note.differs for note in panel.notes)


def test_a_branch_of_a_branch_starts_at_its_parent():
    values = {"trunk": [1, 1, 1, 1, 1], "first": [1, 1, 2, 2, 2], "second": [1, 1, 2, 2, 3]}
    plans = {name: show.curves_from_values({("lr", 0): value}) for name, value in values.items()}
    curves = show.together(plans, branches=True)

    assert [note.text for note in panel_of(curves).notes] == [
        "first diverges from trunk at update 2",
        "second diverges from first at update 4",
    ]
    assert [curve.times.tolist() for curve in panel_of(curves).curves] == [[0, 1, 2, 3, 4], [1, 2, 3, 4], [3, 4]]


def test_a_plan_without_a_common_start_is_plotted_completely():
    curves = show.together(
        {"one": show.curves_from_values({("lr", 0): [1, 1]}), "two": show.curves_from_values({("lr", 0): [2, 1]})},
        branches=True,
    )

    assert [curve.times.tolist() for curve in panel_of(curves).curves] == [[0, 1], [0, 1]]
    assert panel_of(curves).notes == ()


def test_the_line_of_a_branch_starts_on_the_trunk(tree):
    begin = re.search(r'data-curve="1"[^>]* d="M([\d.]+) ', show.svg(tree))

    assert begin is not None
    assert float(begin[1]) == pytest.approx(400 / 1010 * (860 - 76 - 40), abs=0.1)
    assert panel_of(tree).breakpoints.tolist() == [100, 400, 450, 960, 1000]


def test_a_custom_format_receives_combined_plans_as_ordinary_curves(tree):
    assert tree.keys()[:2] == (("lr", "trunk"), ("weight_decay", "trunk"))
    assert tree.total == 1010
    assert np.isnan(tree["lr", "at-400"][450:]).all()
    assert tree["lr", "at-400"][:450].tolist() == traced(branch(400))["lr", 0].tolist()
    assert tree.breakpoints("lr", "at-400") == (0, 100, 400, 450)
    assert tree.line("lr", "trunk") == "warmup(100) >> constant()"


def test_plans_on_a_clock_of_tokens_branch_at_updates():
    trunk = ps.Plan(lr='warmup("100k tokens") >> constant()', total="1M tokens", clock="tokens")
    plans = {"trunk": trunk, "branch": trunk.cooldown("400k tokens", "50k tokens")}
    facts = ps.RunFacts(tokens_per_step=1000)

    traces = {name: ps.trace(plan, {"lr": 0.1}, facts=facts) for name, plan in plans.items()}
    panel = panel_of(show.together(traces, branches=True))

    assert panel.notes[0].text == "branch diverges from trunk at update 401"
    assert panel.breakpoints.tolist() == [100, 400, 450]
    assert [int(curve.times[-1]) for curve in panel.curves] == [999, 449]


def test_plans_on_axes_of_a_user_have_their_own_colors_and_names_and_change_nothing_else():
    figures = pytest.importorskip("matplotlib.figure")
    ax = figures.Figure().subplots()
    ax.set_title("mine")
    ax.set_xlim(0, 500)
    ax.set_ylim(0, 1e-3)
    for name, line in (("wsd", 'wsd(warmup=50, decay="20%")'), ("cosine", "warmup(50) >> cosine()")):
        plotted = ps.Plan(lr=line, total=500).plot({"lr": 3e-4}, axes=[ax], label=name)

    assert plotted == (ax,)
    assert [curve.get_label() for curve in ax.lines] == ["wsd", "cosine"]
    assert len({curve.get_color() for curve in ax.lines}) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["wsd", "cosine"]
    assert (ax.get_title(), ax.get_xlim(), ax.get_ylim()) == ("mine", (0, 500), (0, 1e-3))


PLAN = show.curves_from_values({("lr", "body"): np.linspace(1, 0, 100), ("lr", "head"): np.linspace(2, 0, 100)})


EVERY = np.arange(100)


def run(name, factor=1.0, **measured):
    return show.LoggedRun(name, {("lr", "body"): (EVERY, PLAN["lr", "body"] * factor)}, measured)


FIRST = run("first", loss=([0, 50, 100], [2.0, 1.0, 0.5]), acc=([50, 100], [0.5, 0.9]))


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


def test_a_branch_has_no_breakpoint_before_it_leaves():
    trunk = ps.Plan(lr="constant() >> linear(over=100)", total=200)
    branch_plan = ps.Plan(lr="constant(1.0, over=40) >> constant(1.0, over=40) >> linear(over=50)", total=200)
    traces = {name: ps.trace(plan, {"lr": 1.0}) for name, plan in (("a", trunk), ("b", branch_plan))}
    plotted = show.together(traces, branches=True)

    (panel,) = show.picture(plotted).panels

    assert all((curve.breakpoints >= curve.times[0]).all() for curve in panel.curves)
    assert panel.curves[1].times[0] > 40


def test_the_scale_of_values_does_not_depend_on_the_time_axis():
    plotted = growing(5000)

    by_updates, by_samples = (show.picture(plotted, view=View(unit=unit)).panels for unit in ("updates", "samples"))

    assert [panel.scales for panel in by_updates] == [panel.scales for panel in by_samples]


def test_a_gap_of_a_plan_is_empty_and_one_of_a_metric_is_joined():
    values = np.where((np.arange(500) > 100) & (np.arange(500) < 400), GAP, 0.5)
    points = ([0, 100, 400, 499], [0.5] * 4)
    plan = show.text(curves_from_values({("lr", ""): values}), ascii=True, width=40).splitlines()
    metric = show.text(
        curves_from_values({("lr", ""): [0.5] * 500}),
        log=[LoggedRun("run", {}, {"loss": points})],
        ascii=True,
        width=40,
    )

    assert re.search(r"\*\s{10,}\*", "\n".join(plan))
    assert not re.search(r"\*\s{10,}\*", metric.split("loss")[1].replace("\n", ""))


def test_positive_values_of_a_column_that_crosses_zero_reach_the_bottom_of_a_logarithmic_axis():
    values = np.where(np.arange(400) % 2, 100.0, -1.0)
    values[:100] = 1.0

    rows = show.text(curves_from_values({("lr", ""): values}), view=View(log=True), ascii=True, width=40).splitlines()
    plot = [row.partition("|")[2].ljust(30) for row in rows if "|" in row]

    assert {row[20] for row in plot} == {"*"}


def test_a_breakpoint_at_a_value_that_is_not_plotted_has_no_dot():
    plan = ps.Plan(lr="piecewise([(0, 1.0), (50, -1.0), (80, 0.5)])", total=100)

    plotted = show.svg(ps.trace(plan, {"lr": 1.0}), view=View(log=True))

    assert re.findall(r'data-t="(\d+)" data-v', plotted) == ["80"]


@pytest.fixture
def plt():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")


def test_a_simulation_needs_a_metric_for_each_step():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)

    assert show.simulate(scheduler, 5, metrics=[1.0] * 4).total == 5
    with pytest.raises(InvalidArgument, match="expected one metric per step, 4 in total, got 3"):
        show.simulate(scheduler, 5, metrics=[1.0] * 3)


def test_a_curve_whose_values_alternate_with_gaps_keeps_its_lowest_and_highest_values():
    values = np.full(4000, np.nan)
    values[::2] = np.tile([1.0, 5.0, 2.0, 4.0], 500)

    points = outline(np.arange(4000), values, np.array([0, 2000, 4000]))

    assert {1.0, 5.0} <= set(values[points].tolist())


def rows_of_the_plot(plotted):
    return [line.split("┤" if "┤" in line else "│", 1)[1] for line in plotted.splitlines() if set("┤│") & set(line)]


@table("width", [24, 40, 80, 133, 300])
@pytest.mark.parametrize("update", [0, 123_456, 500_000, 999_999])
def test_a_value_of_one_update_in_a_million_is_plotted_at_each_width(width, update):
    values = np.zeros(1_000_000)
    values[update] = 1.0

    top = rows_of_the_plot(show.text(show.curves_from_values({("lr", ""): values}), width=width))[0]

    assert len(top.strip()) == 1


def test_a_spike_is_plotted_in_the_column_of_its_update():
    values = np.zeros(1_000_000)
    values[750_000] = 1.0

    top = rows_of_the_plot(show.text(show.curves_from_values({("lr", ""): values}), width=110))[0]

    assert len(top) - 1 == 750_000 * 100 // 1_000_000
