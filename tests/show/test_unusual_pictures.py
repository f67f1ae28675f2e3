"""Pictures of unusual curves: many curves and differences, negative values, progress, and a loss over rates."""

import numpy as np
import pytest

import paramsched as ps
from paramsched import show
from paramsched.errors import InvalidArgument
from paramsched.show._axes import choose_scale
from paramsched.show._curves import Envelope, outline
from paramsched.show._labels import wrap_text
from paramsched.show._text import braille_characters, row_of_labels
from support.tables import table


def curves(count=1, total=100):
    return show.curves_from_values({("lr", f"g{n}"): np.linspace(1, 0.5, total) * (n + 1) for n in range(count)})


@table(
    ("points", "said"),
    [
        (([0, 1], [0.1]), "have shape (2,) and the values shape (1,)"),
        (([], []), "every value needs an integer update"),
        (([0.5], [0.1]), "every value needs an integer update"),
        (([-1], [0.1]), "every value needs an integer update"),
        (([2**41], [0.1]), "every value needs an integer update"),
        (([[0]], [[0.1]]), "every value needs an integer update"),
        ((["a"], [0.1]), "every value needs an integer update"),
    ],
)
def test_points_without_updates_are_refused(points, said):
    with pytest.raises(InvalidArgument) as caught:
        show.picture(curves(), log={("lr", "g0"): points})

    assert said in str(caught.value)


def test_the_largest_update_of_a_log_is_drawn():
    picture = show.picture(curves(), log={("lr", "g0"): ([2**40], [0.1])})

    assert picture.axis.total == 2**40 + 1


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


def test_a_file_of_many_groups_with_long_names_has_its_legend_beside_a_wide_plot(tmp_path):
    names = ["a_long_name_" * 6, *"bcdefghijkl"]
    trace = show.curves_from_values(
        {("a_long_field_" * 6, name): np.linspace(1, n, 50) for n, name in enumerate(names)}
    )

    (ax,) = show.axes(trace)
    ax.figure.savefig(tmp_path / "plan.png")

    left, right = ax.get_position().intervalx
    assert right - left > 0.5
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1
    assert ax.get_legend().get_texts()[-1].get_text() == "… and 2 more curves"
    inside = ax.figure.bbox.get_points()
    for one in (ax.yaxis.label, ax.get_legend()):
        (left, low), (right, high) = one.get_window_extent().get_points()
        assert (inside[0] <= [left, low]).all()
        assert (inside[1] >= [right, high]).all()


def test_matplotlib_holds_the_value_of_the_last_update():
    (ax,) = show.axes(show.curves_from_values({("lr", 0): [0.5]}))

    assert ax.get_lines()[0].get_xydata().tolist() == [[0, 0.5], [1, 0.5]]
    assert ax.xaxis.get_major_formatter()(10_000_000, 0) == "10,000,000"


def test_matplotlib_draws_a_metric_with_dots():
    axes = show.axes(curves(), log=show.LoggedRun("run", measured={"loss": ([0, 10, 50, 99], [9.0, 4.0, 3.0, 2.0])}))

    lines = axes[1].get_lines()
    assert [(line.get_linestyle(), line.get_marker()) for line in lines[:1]] == [("-", ".")]
    assert [text.get_text() for text in axes[1].get_legend().get_texts()] == ["loss"]


def test_many_differing_spans_are_joined_by_columns():
    total = 1000
    trace = curves(total=total)
    at = np.arange(0, total, 2)
    panel = show.picture(trace, log={("lr", "g0"): (at, np.zeros(at.size))}).panels[0]
    axis = show.picture(trace).axis

    assert panel.differing_spans(axis, 10, most=500) == [(t, t + 1) for t in at.tolist()]
    assert panel.differing_spans(axis, 10, most=499) == [(0, 1000)]


@table(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, (0.0, 1.0)), (0.3, 1.0, (0.0, 1.0)), (0.9, 1.0, (0.9, 1.0)), (-1.0, -0.3, (-1.0, 0.0)),
        (-1.0, -0.9, (-1.0, -0.9)), (2.0, 2.0, (0.0, 2.0)), (-2.0, -2.0, (-2.0, 0.0)), (0.0, 0.0, (0.0, 1.0)),
    ],
)  # fmt: skip
def test_a_linear_axis_includes_0_if_the_values_come_near_it(low, high, expected):
    scale = choose_scale([Envelope(np.array([low, low]), np.array([high, high]))])

    assert (scale.low, scale.high) == pytest.approx(expected)
    assert scale.fraction(np.array([scale.low, scale.high])).tolist() == [0.0, 1.0]


def test_the_axis_of_a_plan_by_progress_has_percentages():
    plan = ps.Plan(lr="linear()", clock="progress")
    trace = ps.trace(plan, {"lr": 1.0}, amounts=np.arange(10) / 10)

    axis = show.picture(trace, view=show.View(unit="progress")).axis
    assert [tick.label for tick in axis.ticks(2)] == ["0%", "50%", "100%"]


@table(
    ("line", "note"),
    [
        ("cosine()", "× base: the base is unknown"),
        ("cosine(start=absolute(0.1), to=absolute(0.01))", "absolute values, not multiples of base"),
        ("cosine(to=absolute(0.01))", "base 1 is assumed; absolute levels do not scale with it"),
    ],
)
def test_the_picture_of_a_plan_without_a_base_says_what_its_values_are(line, note):
    shown = show.figure(ps.Plan(lr=line, horizon=50))

    (panel,) = show.picture(shown.trace).panels
    assert [one.text for one in panel.notes if "base" in one.text] == [note]
    assert panel.title == ("lr × base" if "unknown" in note else "lr")


def test_the_picture_of_a_metric_rule_says_that_it_has_no_effect():
    rules = ps.plateau("val_loss", patience=3), ps.shapes.greedy("loss")
    plan = ps.Plan(lr=ps.cosine() * rules[0], momentum=ps.linear() * rules[1] * rules[0], eps="linear()", horizon=50)
    groups = {"lr": 1.0, "momentum": 0.9, "eps": 1.0}

    panels = {one.field: one for one in show.picture(ps.trace(plan, groups)).panels}

    idle = {name: {one.text for one in panel.notes if "metrics" in one.text} for name, panel in panels.items()}
    first, second = (f"without metrics, {rule} has no effect" for rule in rules)
    assert idle == {"lr": {first}, "momentum": {first, second}, "eps": set()}


def test_figures_of_every_form_and_of_none():
    for made in (ps.cosine(over=9), ps.Plan(lr="cosine()", horizon=9), "lr: cosine()\nhorizon: 9"):
        assert show.figure(made).trace.total == 9
    with pytest.raises(InvalidArgument, match="it has no curves"):
        show.figure(curves(), other=3)


def test_a_long_word_is_cut_into_rows():
    assert wrap_text("abcdefgh ij", 3) == ["abc", "def", "gh…"]
    assert wrap_text("abcde f", 3) == ["abc", "de", "f"]
    assert wrap_text("abc d", 3) == ["abc", "d"]


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


@table(
    ("labels", "columns", "row"),
    [
        ([(0, "0"), (5, "50"), (9, "99")], 10, "0   50  99"),
        ([(2, "abc"), (5, "x")], 8, " abc x  "),
        ([(2, "abc"), (4, "x")], 8, " abc    "),
        ([(2, "x"), (4, "abc")], 8, "  x     "),
        ([(1, "x"), (4, "abc")], 8, " x abc  "),
        ([(0, "abc")], 3, "abc"),
        ([(0, "abcd")], 3, "   "),
        ([(7, "abc")], 8, "     abc"),
        ([(4, "x"), (2, "abc")], 8, "    x   "),
        ([(5, "x"), (2, "abc")], 8, " abc x  "),
    ],
)
def test_a_label_that_touches_an_earlier_one_is_omitted(labels, columns, row):
    assert row_of_labels(labels, columns) == row


def test_blocks_of_dots_are_characters_and_empty_blocks_are_not():
    filled = np.zeros((8, 4), dtype=np.bool_)
    filled[0, 0] = filled[3, 1] = filled[4, 2] = filled[7, 3] = True

    assert braille_characters(filled) == [["⢁", ""], ["", "⢁"]]


def test_curves_of_several_plans_are_named_by_the_plan_and_the_group_if_it_has_several():
    one = show.curves_from_values({("lr", "a"): [1, 2], ("lr", "b"): [2, 3], ("momentum", "a"): [3, 4]})
    both = show.together({"first": one, "second": show.curves_from_values({("lr", 0): [5, 6, 7]})})

    keys = [("lr", "first a"), ("lr", "first b"), ("momentum", "first"), ("lr", "second")]
    assert both.keys() == tuple(keys)
    assert [np.nan_to_num(both[key], nan=-1).tolist() for key in keys] == [
        [1, 2, -1],
        [2, 3, -1],
        [3, 4, -1],
        [5, 6, 7],
    ]
    assert (both.total, both.steps_per_epoch) == (3, None)


def test_only_a_plan_under_a_log_is_drawn_wide():
    (alone,), (under,) = (show.axes(curves(), log=log) for log in (None, {("lr", "g0"): ([0], [1.0])}))

    assert [line.get_linewidth() for line in (alone.get_lines()[0], *under.get_lines()[:2])] == [1.8, 5, 1.2]
    assert [line.get_alpha() for line in (alone.get_lines()[0], under.get_lines()[0])] == [1.0, 0.6]


def test_the_smallest_text_has_two_rows_and_24_columns():
    lines = show.text(curves(), width=24, height=2).splitlines()

    assert max(map(len, lines)) <= 24
    for size in ({"width": 23}, {"height": 1}):
        with pytest.raises(InvalidArgument, match="the width must be at least 24 and the height at least 2"):
            show.text(curves(), **size)


class Built:
    """A scheduler of another library."""

    def step(self):
        pass


BUILT = Built()


@table(
    ("call", "said"),
    [
        (lambda: show.svg(3), "expected the curves of a plan, got int. For example: ps.show.figure(plan)"),
        (
            lambda: show.svg(BUILT),
            "expected the curves of a plan, got Built. For example: ps.show.simulate(scheduler, 100)",
        ),
        (lambda: show.figure(BUILT), "expected a plan, got Built. For example: ps.show.simulate(scheduler, 100)"),
        (lambda: show.text(curves(), other=ps.Plan(lr=1)), "expected the curves of a plan, got Plan"),
        (lambda: show.svg(curves(), width=-5), "svg(width=-5): must be greater than 0"),
        (lambda: show.svg(curves(), height="a"), "svg(height='a'): expected a number, got str"),
    ],
)
def test_arguments_that_cannot_be_drawn_are_refused(call, said):
    with pytest.raises(InvalidArgument) as refusal:
        call()

    assert said in str(refusal.value)


def test_a_picture_narrower_than_its_margins_is_drawn():
    trace = ps.trace(ps.Plan(lr="warmup(5) >> cosine()", horizon=10), {"lr": 0.1})

    assert show.svg(trace, width=1).startswith("<svg")


def test_a_curve_whose_values_alternate_with_gaps_keeps_its_lowest_and_highest_values():
    values = np.full(4000, np.nan)
    values[::2] = np.tile([1.0, 5.0, 2.0, 4.0], 500)

    points = outline(np.arange(4000), values, np.array([0, 2000, 4000]))

    assert {1.0, 5.0} <= set(values[points].tolist())


def test_fields_that_are_too_many_are_counted():
    drawn = show.curves_from_values({(f"x{n}", "g"): np.linspace(1, 0.5, 20) for n in range(203)})

    assert "3 more fields are not drawn" in show.text(drawn)
    assert len(show.picture(drawn).panels) == 200


@pytest.mark.parametrize("names", [["loss"], ["loss", "loss/val"]])
def test_a_panel_of_one_metric_has_its_name(names):
    log = show.LoggedRun("run", measured={name: ([0, 50, 99], [3.0, 2.0, 1.0]) for name in names})

    assert show.picture(curves(), log=log).panels[1].field == names[0]


def test_the_facts_that_a_plot_assumes_are_above_its_only_panel():
    (ax,) = ps.Plan(lr='warmup("10 epochs") >> cosine()', horizon="20 epochs").plot()

    assert ax.figure.get_suptitle() == "steps_per_epoch assumed to be 100"
