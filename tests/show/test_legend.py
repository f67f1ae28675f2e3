"""The input of every renderer: one legend, and notes that mark differences."""

import re

import numpy as np
import pytest

import paramsched as ps
import paramsched.show as show


def panel_of(trace, **compared):
    (panel,) = show.picture(trace, **compared).panels
    return panel


def entries(panel):
    return [(entry.label, entry.levels, entry.schedule) for entry in panel.legend]


def test_a_schedule_shared_by_all_groups_is_in_the_heading_only():
    shared = {("lr", "body"): "linear()", ("lr", "head"): "linear()"}
    trace = show.curves_from_values({("lr", "body"): [2, 1, 0], ("lr", "head"): [4, 2, 0]}, lines=shared)

    panel = panel_of(trace)

    assert panel.heading == "linear()"
    assert entries(panel) == [("group body", "2 → 0", None), ("group head", "4 → 0", None)]


def test_different_schedules_are_in_the_legend_only():
    own = {("lr", "body"): "linear()", ("lr", "head"): "linear(2, 0)"}
    trace = show.curves_from_values({("lr", "body"): [2, 1, 0], ("lr", "head"): [4, 2, 0]}, lines=own)

    panel = panel_of(trace)

    assert panel.heading == ""
    assert [schedule for *_, schedule in entries(panel)] == ["linear()", "linear(2, 0)"]


def test_legend_entries_of_a_log_and_another_plan_name_their_owner():
    trace = show.curves_from_values({("lr", 0): [2, 1, 0]}, lines={("lr", 0): "linear()"})
    other = show.curves_from_values({("lr", 0): [2, 2, 0]}, lines={("lr", 0): "step(2)"})

    panel = panel_of(trace, log={("lr", 0): ([0, 1], [2, 1])}, other=other)

    assert entries(panel) == [
        ("group 0", "2 → 0", None),
        ("used", "2 → 1", None),
        ("other plan group 0", "2 → 0", "step(2)"),
    ]
    assert [entry.curve.kind for entry in panel.plan_legend] == ["plan", "other"]


def test_what_a_run_used_as_planned_is_said_once():
    groups = [{"name": "decay", "lr": 0.1, "weight_decay": 0.05}, {"name": "no_decay", "lr": 0.1, "weight_decay": 0.0}]
    plan = ps.Plan(lr="warmup(3) >> cosine()", weight_decay="linear(1, 0)")
    trace = ps.trace(plan, groups, ps.Calendar(total=9))
    every = {key: (range(9), trace[key]) for key in trace.keys()}

    lr, decay = show.picture(trace, log=every).panels

    assert entries(lr) == [("groups decay, no_decay", "0 → 0.1 → 0.006699", None), ("used", "", None)]
    assert [label for label, *_ in entries(decay)[2:]] == ["used group decay", "used group no_decay"]
    assert not [note.text for panel in (lr, decay) for note in panel.notes if "used" in note.text]

    half = {**every, ("lr", "decay"): (range(0, 9, 2), trace["lr", "decay"][::2])}
    del half["lr", "no_decay"]
    lr, decay = show.picture(trace, log=half).panels

    assert entries(lr)[1] == ("used group decay", "", None)
    assert [note.text for note in lr.notes] == ["used as planned at 5 of 5 updates", "base 0.1"]


def test_levels_of_a_run_that_differs_have_its_peak():
    trace = ps.trace(ps.Plan(lr="warmup(3) >> cosine()"), {"lr": 0.1}, ps.Calendar(total=9))

    panel = panel_of(trace, log={("lr", 0): ([0, 2, 4, 8], [0.0, 0.1, 0.2, 0.0])})

    assert entries(panel)[1] == ("used", "0 → 0.2 → 0", None)


def test_notes_about_differences_are_marked():
    trace = show.curves_from_values({("lr", 0): [2, np.inf, 0]})
    other = show.curves_from_values({("lr", 0): [2, 1, 0], ("lr", 1): [1, 1, 1]})

    picture = show.picture(trace, log={("lr", 0): ([0], [2])}, other=other)

    assert [(note.text, note.differs) for note in picture.verdicts] == [
        ("planned = used at 1 of 1 updates", False),
        ("the plans agree at 0 of 3 updates", True),
    ]
    assert [(note.text, note.differs) for note in picture.panels[0].notes] == [
        ("the plans differ at 1 of 3 updates: 1", True),
        ("only in the second plan: group 1", True),
        ("infinite values are drawn at the edge", False),
    ]


@pytest.mark.parametrize("draw", [show.html, show.svg, lambda *a, **k: show.text(*a, color=True, **k)])
def test_a_group_name_that_resembles_a_difference_is_not_drawn_as_one(draw):
    groups = [{"name": "differently", "lr": 0.1}, {"name": "only in", "lr": 0.2}]
    trace = ps.trace(ps.Plan(lr="linear()"), groups, ps.Calendar(total=10))

    drawn = draw(trace, log={("lr", "only in"): ([0], [9.0])})

    assert len(re.findall(r'class="legend bad"|<text class="ps-differs" x="0"|38;5;160m(?:used|group)', drawn)) == 1


def test_plans_that_differ_at_one_update_differ():
    levels = [1.0] * 20
    plan, other = (ps.Plan(lr=ps.table(one, every=1), horizon=20) for one in (levels, [*levels[:7], 0.5, *levels[8:]]))
    traces = [ps.trace(one, {"lr": 0.1}) for one in (plan, other)]

    [verdict] = show.picture(traces[0], other=traces[1]).verdicts

    assert (verdict.text, verdict.differs) == ("the plans agree at 19 of 20 updates", True)
