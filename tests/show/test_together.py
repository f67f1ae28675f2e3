"""Several plans in one picture: the owner of each curve, and the update from which it is drawn."""

import re

import numpy as np
import pytest

import paramsched as ps
import paramsched.show as show

TRUNK = ps.Plan(lr="warmup(100) >> constant()", weight_decay="linear(to=0.5)", total=1000)


def branch(at):
    return ps.Plan(
        lr=f"warmup(100) >> constant(over={at - 100}) >> linear(1, 0, over=50)",
        weight_decay="linear(to=0.5, over=1000)",
        total=at + 50,
    )


def traced(plan, groups=None):
    return ps.trace(plan, groups or {"lr": 0.1, "weight_decay": 0.01})


@pytest.fixture
def tree():
    plans = {"trunk": traced(TRUNK), "at-400": traced(branch(400)), "at-960": traced(branch(960))}
    return show.together(plans, branches=True)


def panel_of(curves, field="lr"):
    (panel,) = (one for one in show.picture(curves).panels if one.field == field)
    return panel


def test_the_axis_is_as_long_as_the_longest_plan(tree):
    whole = show.picture(tree)

    assert whole.axis.total == 1010
    assert whole.length == "3 plans · 1,010 updates"


def test_a_branch_is_drawn_from_the_trunk_to_its_own_end(tree):
    curves = {curve.owner: curve for curve in panel_of(tree).curves}

    # At 400 the branch still has the value of the trunk; its line starts there.
    assert {name: (int(one.times[0]), int(one.times[-1])) for name, one in curves.items()} == {
        "trunk": (0, 999),
        "at-400": (400, 449),
        "at-960": (960, 1009),
    }
    assert curves["at-400"].values.tolist() == traced(branch(400))["lr", 0][400:].tolist()
    assert [one.color for one in curves.values()] == [0, 1, 2]
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
    plans = {name: show.curves_from_values({("lr", 0): one}) for name, one in values.items()}
    curves = show.together(plans, branches=True)

    assert [note.text for note in panel_of(curves).notes] == [
        "first diverges from trunk at update 2",
        "second diverges from first at update 4",
    ]
    assert [curve.times.tolist() for curve in panel_of(curves).curves] == [[0, 1, 2, 3, 4], [1, 2, 3, 4], [3, 4]]


def test_a_plan_without_a_common_start_is_drawn_completely():
    curves = show.together(
        {"one": show.curves_from_values({("lr", 0): [1, 1]}), "two": show.curves_from_values({("lr", 0): [2, 1]})},
        branches=True,
    )

    assert [curve.times.tolist() for curve in panel_of(curves).curves] == [[0, 1], [0, 1]]
    assert panel_of(curves).notes == ()


@pytest.mark.parametrize(
    "draw",
    [show.svg, show.html, show.text, lambda one: repr(show.figure(one))],
    ids=["SVG", "HTML", "text", "notebook"],
)
def test_every_format_names_every_plan(tree, draw):
    drawn = draw(tree)

    for name in ("trunk", "at-400", "at-960"):
        assert re.search(rf"\b{name}\b", drawn)


def test_the_line_of_a_branch_starts_on_the_trunk(tree):
    begin = re.search(r'data-curve="1"[^>]* d="M([\d.]+) ', show.svg(tree))

    assert begin is not None
    assert float(begin[1]) == pytest.approx(400 / 1010 * (860 - 76 - 40), abs=0.1)
    assert panel_of(tree).breakpoints.tolist() == [100, 400, 450, 960, 1000]


def test_matplotlib_draws_each_plan_in_its_own_color(tree):
    pytest.importorskip("matplotlib").use("Agg")

    lines = show.axes(tree)[0].get_lines()

    assert [line.get_label() for line in lines if not line.get_label().startswith("_")] == ["trunk", "at-400", "at-960"]
    assert len({line.get_color() for line in lines[:3]}) == 3


def test_used_values_belong_to_the_first_plan(tree):
    whole = show.picture(tree, log={("lr", 0): ([0, 1], [0.0, 0.5])})

    assert [one.text for one in whole.verdicts] == ["planned = used at 1 of 2 updates"]


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
        drawn = ps.Plan(lr=line, total=500).plot({"lr": 3e-4}, axes=[ax], label=name)

    assert drawn == (ax,)
    assert [one.get_label() for one in ax.lines] == ["wsd", "cosine"]
    assert len({one.get_color() for one in ax.lines}) == 2
    assert [one.get_text() for one in ax.get_legend().get_texts()] == ["wsd", "cosine"]
    assert (ax.get_title(), ax.get_xlim(), ax.get_ylim()) == ("mine", (0, 500), (0, 1e-3))
