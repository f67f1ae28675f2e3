"""`show.text`: pictures for the terminal."""

import numpy as np
import pytest

import paramsched.show as show
from paramsched.core.base.terminal import cell_width
from paramsched.errors import InvalidArgument
from support.tables import table


def ramp(total=460, groups=("decay", "no_decay")):
    values = np.linspace(0.1, 0.001, total)
    lines = {("lr", g): "linear(1, 0.01)" for g in groups}
    return show.curves_from_values({("lr", g): values for g in groups}, steps_per_epoch=23, lines=lines)


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


@pytest.mark.parametrize("width", [24, 25, 37, 80, 201])
@pytest.mark.parametrize("ascii", [False, True])
def test_no_line_exceeds_the_width_with_long_names_and_schedules(width, ascii):
    values = {("a_field_with_a_long_name" * 5, "学習率" * 40): [0.1, 1e-9, 3e300], ("x", 1): [1.0, 2.0, 3.0]}
    trace = show.curves_from_values(values, steps_per_epoch=2, lines={("x", 1): "warmup(1) >> " * 200})

    drawn = show.text(trace, width=width, ascii=ascii)

    assert max(map(cell_width, drawn.splitlines())) <= width


def test_ascii_output_is_ascii_even_for_names_from_users():
    trace = show.curves_from_values({("lr", "köpfe"): [0, 1], ("lr", "→"): [1, 0]}, lines={("lr", "köpfe"): "π"})

    assert show.text(trace, ascii=True, log={("lr", "→"): ([0], [3.0])}).isascii()


def test_control_characters_in_group_names_are_escaped():
    trace = show.curves_from_values({("lr\x1b[2J", "head\x1b]0;gone\x07\n"): [0, 1]})

    drawn = show.text(trace)

    assert "\x1b" not in drawn
    assert r"head\x1b]0;gone\x07\n" in drawn


def test_color_does_not_change_the_text():
    trace = ramp()
    plain = show.text(trace)

    painted = show.text(trace, color=True)

    assert painted != plain
    pieces = painted.split("\x1b[")
    assert pieces[0] + "".join(piece.partition("m")[2] for piece in pieces[1:]) == plain


def test_the_same_trace_gives_the_same_text():
    assert show.text(ramp()) == show.text(ramp())


def test_groups_with_the_same_curve_share_a_line_of_the_legend():
    assert "groups decay, no_decay   0.1 → 0.001" in show.text(ramp())


def test_many_groups_by_index_are_named_as_a_range():
    trace = ramp(groups=(*range(24), "head"))

    assert "groups 0–23, head" in show.text(trace)


def test_the_time_axis_counts_updates_and_epochs():
    updates, epochs = show.text(ramp()).splitlines()[-2:]

    assert updates.split() == ["updates", "0", "115", "230", "345", "460"]
    assert epochs.split() == ["epochs", "0", "5", "10", "15", "20"]


def test_the_time_axis_has_no_row_for_unknown_epochs():
    assert "epochs" not in show.text(show.curves_from_values({("lr", ""): [1.0, 0.5]}))


def test_infinities_and_gaps_do_not_change_the_rest_of_the_curve():
    values = np.array([1.0, np.inf, 2.0, np.nan, 3.0, -np.inf] * 100)

    drawn = show.text(show.curves_from_values({("lr", ""): values}))

    assert "infinite values are drawn at the edge" in drawn
    assert "NaN" in drawn


def test_a_log_that_agrees_is_summarized():
    trace = ramp()
    log = {("lr", g): (np.arange(460), trace["lr", g]) for g in ("decay", "no_decay")}

    drawn = show.text(trace, log=log)

    assert drawn.splitlines()[-1] == "planned = used at 460 of 460 updates"
    assert "≠" not in drawn


def test_a_log_that_differs_by_one_ulp_is_reported_with_its_update():
    trace = ramp()
    used = trace["lr", "decay"].copy()
    used[17] = np.nextafter(used[17], 1)

    drawn = show.text(trace, log={("lr", "decay"): (np.arange(460), used)})

    assert "used differs from planned at 1 of 460 updates: 17" in drawn
    assert "planned = used at 459 of 460 updates" in drawn
    assert [line.strip() for line in drawn.splitlines() if "≠" in line] == ["≠"]


def test_a_log_of_every_tenth_update_is_compared_at_those_updates():
    trace = ramp()
    times = np.arange(0, 460, 10)

    drawn = show.text(trace, log={("lr", "decay"): (times, trace["lr", "decay"][times])})

    assert drawn.endswith("planned = used at 46 of 46 updates")


def test_the_later_of_two_entries_for_one_update_is_used():
    trace = show.curves_from_values({("lr", 0): [1.0, 0.5]})

    drawn = show.text(trace, log={("lr", 0): ([0, 1, 1], [1.0, 9.0, 0.5])})

    assert drawn.endswith("planned = used at 2 of 2 updates")


def test_an_update_after_the_end_of_the_plan_is_a_difference():
    trace = show.curves_from_values({("lr", 0): [1.0, 0.5]})

    drawn = show.text(trace, log={("lr", 0): ([0, 1, 2], [1.0, 0.5, 0.5])})

    assert "differs from planned at 1 of 3 updates: 2" in drawn


def test_two_plans_are_compared_update_by_update():
    other = show.curves_from_values({("lr", "decay"): np.linspace(0.1, 0.001, 460) * (np.arange(460) < 450)})

    drawn = show.text(ramp(), other=other)

    assert "the plans differ at 10 of 460 updates: 450–459" in drawn
    assert "only in the first plan: group no_decay" in drawn


def test_the_error_for_a_log_of_an_unknown_curve_lists_the_existing_curves():
    with pytest.raises(InvalidArgument) as refusal:
        show.text(ramp(), log={("lr", "head"): ([0], [0.1])})

    assert "log[('lr', 'head')]" in str(refusal.value)
    assert "('lr', 'decay'), ('lr', 'no_decay')" in str(refusal.value)


@table("bad", [([0.5], [1.0]), ([0, 1], [1.0]), ([-1], [1.0]), ([], []), ([[0]], [[1.0]])])
def test_a_log_with_invalid_updates_is_rejected(bad):
    with pytest.raises(InvalidArgument, match="needs an integer update"):
        show.text(ramp(), log={("lr", "decay"): bad})


@pytest.mark.parametrize("size", [{"width": 23}, {"height": 1}])
def test_a_size_too_small_for_a_picture_is_rejected(size):
    with pytest.raises(InvalidArgument, match="width=80"):
        show.text(ramp(), **size)
