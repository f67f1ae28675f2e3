"""The edges of what pictures show: exact fits, gaps, zeros, narrow updates, and what is left out."""

import json
import re
from io import BytesIO

import numpy as np
import pytest

import paramsched as ps
import paramsched.show as show
from paramsched.errors import InvalidArgument
from paramsched.show import LoggedRun, View, curves_from_values
from paramsched.show._axes import updates_axis
from paramsched.show._picture import format_groups
from paramsched.show._svg import svg_path
from paramsched.show._text import TerminalLines, row_of_labels
from paramsched.show.plan_curves import assumed_value, curves_of_plan
from paramsched.tools.recipes import recipes

GAP = float("nan")


def swings(total, seed=0):
    return np.random.default_rng(seed).random(total)


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


@pytest.mark.parametrize(("keys", "total"), [([], 3), ([("lr", "")], 0)])
def test_curves_without_a_key_or_an_update_are_refused(keys, total):
    with pytest.raises(InvalidArgument, match=rf"nothing can be drawn from {len(keys)} curves of {total} updates"):
        show.svg(Own(keys, total))


def test_one_other_plan_beside_two_plans_is_refused():
    one = curves_from_values({("lr", ""): [0.1, 0.2]})

    with pytest.raises(InvalidArgument, match="2 plans are already drawn together"):
        show.text(show.together({"a": one, "b": one}), other=one)


def test_a_call_of_the_module_names_the_function():
    with pytest.raises(TypeError, match=r"Write print\(ps\.show\.figure\(plan\)\)"):
        ps.show(ps.Plan(lr="constant()"))


# ---------------------------------------------------------------- curves and their names


def test_the_ninth_range_of_groups_is_left_out():
    assert format_groups(tuple(range(0, 16, 2))) == "groups 0, 2, 4, 6, 8, 10, 12, 14"
    assert format_groups(tuple(range(0, 18, 2))) == "groups 0, 2, 4, 6, 8, 10, 12, 14, …"


def test_the_text_of_curves_has_six_values_of_each():
    texts = [repr(curves_from_values({("lr", ""): np.arange(size)})) for size in (6, 7)]

    assert ["[0. 1. 2. 3. 4. 5.]" in texts[0], "[0. 1. 2. ... 4. 5. 6.]" in texts[1]] == [True, True]


def test_groups_with_equal_values_and_gaps_are_one_curve():
    values = [0.1, GAP, 0.3]
    both = curves_from_values({("lr", "a"): values, ("lr", "b"): list(values)})

    (panel,) = show.picture(both, other=curves_from_values({("lr", "a"): values})).panels

    assert [curve.groups for curve in panel.every_curve] == [("a", "b")]


def test_equal_values_at_other_updates_are_two_curves():
    plan = curves_from_values({("lr", "a"): [0.1] * 4, ("lr", "b"): [0.1] * 4})
    run = LoggedRun("run", {("lr", "a"): ([0, 1], [0.1, 0.1]), ("lr", "b"): ([2, 3], [0.1, 0.1])}, {})

    (panel,) = show.picture(plan, log=[run]).panels

    assert [curve.groups for curve in panel.overlays] == [("a",), ("b",)]


def test_a_run_without_a_name_has_the_colors_of_its_groups():
    plan = curves_from_values({("lr", "a"): [0.1, 0.2], ("lr", "b"): [0.3, 0.4]})
    run = LoggedRun("", {("lr", "a"): ([0, 1], [0.1, 0.3]), ("lr", "b"): ([0, 1], [0.3, 0.5])}, {})

    (panel,) = show.picture(plan, log=[run]).panels

    assert [curve.color for curve in panel.overlays] == [curve.color for curve in panel.curves] == [0, 1]


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


@pytest.mark.parametrize(("names", "title"), [(("train", "val"), "losses"), (("train",), "train")])
def test_a_heading_of_one_measured_metric_is_the_name_of_the_metric(names, title):
    measured = {name: ([0, 2], [1.0, 0.5]) for name in names}
    run = LoggedRun("run", {}, measured, {"losses": ["train", "val"]})

    assert show.picture(curves_from_values({("lr", ""): [0.1] * 3}), log=[run]).panels[1].title == title


def test_the_scale_of_values_does_not_depend_on_the_time_axis():
    drawn = growing(5000)

    by_updates, by_samples = (show.picture(drawn, view=View(unit=unit)).panels for unit in ("updates", "samples"))

    assert [panel.scales for panel in by_updates] == [panel.scales for panel in by_samples]


# ---------------------------------------------------------------- assumed facts


@pytest.mark.parametrize(
    ("line", "facts", "assumed"),
    [
        ("linear(over='2 epochs')", {"batches_per_epoch": 10, "accumulation": 2}, ""),
        ("linear(over='2 epochs')", {"steps_per_epoch": 7}, ""),
        ("linear(over='700 tokens')", {"tokens_per_step": 7.0}, ""),
        ("linear(over='700 tokens')", {"batches_per_epoch": 9, "accumulation": 3}, "tokens_per_step assumed to be 2.8"),
        (
            "warmup('5%') >> linear(over='2 epochs')", {},
            "steps_per_epoch assumed to be 100, horizon assumed to be 1000 updates",
        ),
    ],
)  # fmt: skip
def test_only_unknown_facts_are_assumed(line, facts, assumed):
    assert curves_of_plan(ps.Plan(lr=line), None, ps.Calendar(**facts))[1] == assumed


def test_a_schedule_alone_starts_at_one():
    drawn = show.figure(ps.linear(over=10)).trace

    assert drawn.keys() == (("value", ""),)
    assert drawn["value", ""][0] == 1.0


def test_one_sample_per_update_is_the_least_that_is_assumed():
    assert assumed_value("samples", 100) == ("batch_size", 1)


@pytest.mark.parametrize("name", ["samples", "images"])
def test_a_synonym_of_a_unit_is_that_unit(name):
    assert View(unit=name).unit == "samples"


# ---------------------------------------------------------------- text


def test_a_line_ends_at_the_width():
    terminal = TerminalLines(5, ascii=False, color=False)
    terminal.add_line(*terminal.cells("漢字漢字"))
    terminal.add_line(*terminal.cells("abcdefgh"))

    assert terminal.lines == ["漢字", "abcde"]


@pytest.mark.parametrize("second", [0, 1])
def test_a_label_beside_one_at_the_left_edge_is_omitted(second):
    assert row_of_labels([(0, "a"), (second, "b")], 5) == "a    "


def test_a_text_has_80_columns():
    drawn = curves_from_values({("lr", ""): swings(500)})

    assert show.text(drawn) == show.text(drawn, width=80)


def test_a_gap_of_a_plan_is_empty_and_one_of_a_metric_is_joined():
    values = np.where((np.arange(500) > 100) & (np.arange(500) < 400), GAP, 0.5)
    known = ([0, 100, 400, 499], [0.5] * 4)
    plan = show.text(curves_from_values({("lr", ""): values}), ascii=True, width=40).splitlines()
    metric = show.text(
        curves_from_values({("lr", ""): [0.5] * 500}), log=[LoggedRun("run", {}, {"loss": known})], ascii=True, width=40
    )

    assert re.search(r"\*\s{10,}\*", "\n".join(plan))
    assert not re.search(r"\*\s{10,}\*", metric.split("loss")[1].replace("\n", ""))


def test_a_metric_of_gaps_is_an_empty_panel():
    run = LoggedRun("run", {}, {"loss": ([0, 1], [GAP, GAP])})

    assert "gaps are NaN values" in show.text(curves_from_values({("lr", ""): [0.5] * 2}), log=[run])


def test_runs_have_glyphs_of_their_own_in_ascii():
    plan = curves_from_values({("lr", ""): [0.5] * 60})
    runs = [LoggedRun(f"run {n}", {("lr", ""): (range(60), [0.1 * n + 0.05] * 60)}, {}) for n in range(5)]

    marks = re.findall(r"^ +(\S) run \d$", show.text(plan, log=runs, ascii=True, width=60), re.MULTILINE)

    assert len(marks) == 5
    assert [marks[(at + 1) % 4] for at in range(4)] == [
        ".,'`"[(marks_at + 1) % 4] for marks_at in map(".,'`".index, marks[:4])
    ]


def test_positive_values_of_a_column_that_crosses_zero_reach_the_bottom_of_a_logarithmic_axis():
    values = np.where(np.arange(400) % 2, 100.0, -1.0)
    values[:100] = 1.0

    rows = show.text(curves_from_values({("lr", ""): values}), view=View(log=True), ascii=True, width=40).splitlines()
    plot = [row.partition("|")[2].ljust(30) for row in rows if "|" in row]

    assert {row[20] for row in plot} == {"*"}


# ---------------------------------------------------------------- SVG and page


@pytest.mark.parametrize("total", [2, 10, 33])
def test_updates_of_five_pixels_are_steps(total):
    values = np.arange(total) % 2 * 1.0

    drawn = svg_path(np.arange(total), values, updates_axis(total), width=5 * total, height=10, held=True)

    assert "L" not in drawn
    assert drawn.count("V") == total - 1


def test_updates_that_are_too_narrow_are_lines_beside_wide_ones():
    axis = show.picture(growing(20), view=View(unit="samples")).axis
    values = np.arange(20) % 2 * 1.0

    drawn = svg_path(np.arange(20), values, axis, width=300, height=10, held=True)

    assert (drawn.count("L"), drawn.count("V")) == (10, 9)


def test_a_breakpoint_at_a_value_that_is_not_drawn_has_no_dot():
    plan = ps.Plan(lr="piecewise([(0, 1.0), (50, -1.0), (80, 0.5)])", horizon=100)

    drawn = show.svg(ps.trace(plan, {"lr": 1.0}), view=View(log=True))

    assert re.findall(r'data-t="(\d+)" data-v', drawn) == ["80"]


def test_many_curves_have_fewer_points():
    noise = {("lr", n): swings(2000, n) for n in range(200)}

    drawn = show.svg(curves_from_values(noise))

    points = [len(re.findall("[MLHV]", path)) for path in re.findall(r'data-curve="\d+"[^>]* d="([^"]+)"', drawn)]
    assert max(points) <= 1500


def test_a_page_of_noise_has_a_bounded_number_of_values():
    noise = {("lr", n): swings(150_000, n) for n in range(2)}

    found = json.loads(re.search(r'id="data">(.*?)</script>', show.html(curves_from_values(noise)), re.DOTALL)[1])

    assert max(len(curve["v"]) for curve in found["panels"][0]["curves"]) <= 120_000


@pytest.mark.parametrize(("width", "ticks"), [(815, 4), (816, 8)])
def test_a_plot_of_seven_hundred_pixels_has_a_tick_for_each_hundred(width, ticks):
    drawn = show.svg(curves_from_values({("lr", ""): [0.1] * 7}), width=width)

    assert drawn.count("ps-x") == ticks + drawn.count(".ps-x")


@pytest.mark.parametrize(
    ("count", "text"), [(4, "breakpoints 10, 20, 30, 40"), (5, "5 breakpoints: 10, 20, 30, 40, …")]
)
def test_four_breakpoints_are_listed(count, text):
    levels = ", ".join(f"({10 * n}, {n % 2 + 1}.0)" for n in range(count + 1))

    drawn = show.text(ps.trace(ps.Plan(lr=f"piecewise([{levels}])", horizon=100), {"lr": 1.0}))

    assert f"┴ {text}\n" in drawn


def test_a_page_names_the_schedule_of_each_curve():
    lines = {("lr", "a"): "linear()", ("lr", "b"): "cosine()"}
    page = show.html(curves_from_values({key: [0.1, n] for n, key in enumerate(lines)}, lines=lines))

    assert "<code>linear()</code>" in page
    assert "<code>cosine()</code>" in page


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


def test_the_second_time_axis_has_the_amounts_of_its_unit(plt):
    (ax,) = ps.Plan(lr="linear()", horizon="20 epochs").plot(steps_per_epoch=45)
    ax.figure.draw_without_rendering()

    assert ax.child_axes[0].get_xlim() == pytest.approx((0, 20))


def test_titles_of_the_user_stay_if_there_is_nothing_to_say(plt):
    _, ax = plt.subplots()
    ax.set_title("left", loc="left")
    show.axes(curves_from_values({("lr", ""): [0.1, 0.2]}), ax)
    assert ax.get_title(loc="left") == "left"


@pytest.mark.parametrize(("breakpoints", "marks"), [(199, 199), (200, 200), (300, 200)])
def test_at_most_two_hundred_breakpoints_are_marked(plt, breakpoints, marks):
    levels = ", ".join(f"({n}, {n % 2 + 1}.0)" for n in range(breakpoints + 1))

    (ax,) = show.axes(ps.trace(ps.Plan(lr=f"piecewise([{levels}])", horizon=400), {"lr": 1.0}))

    assert sum(line.get_linestyle() == ":" for line in ax.get_lines()) == marks


@pytest.mark.parametrize(("updates", "style"), [(150, "steps-post"), (151, "default")])
def test_updates_are_steps_up_to_150(plt, updates, style):
    (ax,) = show.axes(curves_from_values({("lr", ""): swings(updates)}))

    assert ax.get_lines()[0].get_drawstyle() == style


@pytest.mark.parametrize(("measurements", "marker"), [(60, "."), (61, "")])
def test_a_metric_has_dots_up_to_sixty_measurements(plt, measurements, marker):
    run = LoggedRun("run", {}, {"loss": (range(measurements), swings(measurements))})

    ax = show.axes(curves_from_values({("lr", ""): [0.1] * 100}), log=[run])[1]

    assert ax.get_lines()[0].get_marker() == marker


def test_only_the_first_curve_of_a_run_is_in_the_legend(plt):
    plan = curves_from_values({("lr", "a"): [0.1] * 9, ("lr", "b"): [0.3] * 9})
    runs = [
        LoggedRun(name, {("lr", "a"): (range(9), [level] * 9), ("lr", "b"): (range(9), [2 * level] * 9)}, {})
        for name, level in (("first", 0.2), ("second", 0.4))
    ]

    (ax,) = show.axes(plan, log=runs)

    assert [text.get_text() for text in ax.get_legend().get_texts()].count("first") == 1


@pytest.mark.parametrize(("groups", "named"), [(10, 10), (11, 10)])
def test_ten_groups_are_in_the_legend(plt, groups, named):
    (ax,) = show.axes(curves_from_values({("lr", n): [0.1, 0.1 * n] for n in range(groups)}))

    assert sum(text.get_text().startswith("group") for text in ax.get_legend().get_texts()) == named


@pytest.mark.parametrize(("text", "width"), [("field", 26), ("line", 110)])
def test_long_names_are_clipped_beside_the_axis_and_wrapped_above_it(plt, text, width):
    name, line = ("f" * 26 + "gh", "") if text == "field" else ("lr", "x" * 111)
    (ax,) = show.axes(curves_from_values({(name, ""): [0.1, 0.2]}, lines={(name, ""): line}))

    shown = ax.get_ylabel() if text == "field" else ax.get_title(loc="left").splitlines()[0]
    assert len(shown) == width


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


def headings(value):
    found = show.mime_bundle(value).get("text/html", "")
    return re.findall("<div>(.*?)</div>", found, re.DOTALL)


def test_a_notebook_names_the_kind_of_what_it_draws():
    long = ps.linear(over="2 epochs")
    kinds = {"Plan": ps.Plan(lr=long), "Schedule": long, "Rule": ps.shapes.rules.step(5, 0.5)}

    for kind, value in kinds.items():
        assert headings(value)[0].startswith(f"{kind}: ")
    recipe = recipes["alpaca-7b"]
    assert headings(recipe) == [repr(recipe).strip("<>")]


@pytest.mark.parametrize(("groups", "more"), [(8, False), (9, True)])
def test_a_scheduler_names_eight_values(groups, more):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))]} for _ in range(groups)], lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", horizon=10))

    (heading,) = re.findall("<div>(.*?)</div>", scheduler._repr_mimebundle_()["text/html"])
    assert heading.count("lr of") == 8
    assert heading.endswith("…") is more
