"""Groups that are added, removed or reordered."""

from functools import partial

import pytest
import torch

import paramsched as ps
from support.tables import table
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), weight_decay=ps.linear(1.0, 0.5), horizon=20)


def lr(base):
    return planned(PLAN, {"lr": base, "weight_decay": 0.01})


def test_groups_with_different_bases_keep_their_ratios():
    optimizer = probe({"lr": 0.1}, {"lr": 0.03}, {"lr": 0.7})
    ps.Scheduler(optimizer, PLAN)

    run(optimizer, 20)

    assert [used(optimizer, "lr", i) for i in range(3)] == [lr(0.1), lr(0.03), lr(0.7)]


def test_a_group_added_later_uses_the_plan_from_its_first_update():
    optimizer = probe({"lr": 0.1})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 7)

    optimizer.add_param_group(group(lr=0.5))
    run(optimizer, 5)

    late = [groups[1]["lr"] for groups in optimizer.used[7:]]
    assert late == lr(0.5)[7:12]
    assert used(optimizer) == lr(0.1)[:12]


@pytest.mark.parametrize(
    "between",
    [
        lambda optimizer, scheduler: scheduler.seek(7),
        lambda optimizer, scheduler: optimizer.state_dict(),
        lambda optimizer, scheduler: scheduler.state_dict(),
        lambda optimizer, scheduler: scheduler.observe(loss=1.0),
        lambda optimizer, scheduler: scheduler.values(),
        lambda optimizer, scheduler: scheduler.get_last_lr(),
        lambda optimizer, scheduler: ps.Scheduler(optimizer, GUIDED),
        lambda optimizer, scheduler: optimizer.load_state_dict(optimizer.state_dict()),
    ],
    ids=["seek", "state of the optimizer", "state", "observe", "values", "get_last_lr", "second scheduler", "load"],
)
def test_a_new_group_keeps_its_base_despite_calls_before_its_first_update(between):
    optimizer = probe({"lr": 0.1})
    scheduler = ps.Scheduler(optimizer, GUIDED)
    scheduler.observe(loss=1.0)
    run(optimizer, 7)

    optimizer.add_param_group(group(lr=0.5))
    between(optimizer, scheduler)
    run(optimizer, 2)

    factor = [0.5, 0.5] if between.__code__.co_names[0] == "observe" else [1.0, 1.0]
    expected = [value * f for value, f in zip(lr(0.5)[7:9], factor, strict=True)]
    assert [groups[1]["lr"] for groups in optimizer.used[7:]] == expected


GUIDED = ps.Plan(lr=ps.linear(1.0, 0.0) * ps.plateau("loss", patience=0, factor=0.5), horizon=20)


def test_a_predicate_selects_a_late_group_and_no_other_group():
    plan = ps.Plan(ps.Binding("lr", ps.linear(1.0, 0.0), groups=lambda one: one["lr"] > 0.3), horizon=20)
    optimizer = probe({"lr": 0.1})
    ps.Scheduler(optimizer, plan)
    run(optimizer, 3)

    optimizer.add_param_group(group(lr=0.5))
    run(optimizer, 2)

    assert used(optimizer) == [0.1] * 5
    assert [groups[1]["lr"] for groups in optimizer.used[3:]] == lr(0.5)[3:5]


def test_a_predicate_on_a_scheduled_value_selects_by_the_current_value():
    plan = ps.Plan(ps.Binding("lr", ps.linear(1.0, 0.0), groups=lambda one: one.get("name") == "head"), horizon=20)
    optimizer = probe({"lr": 0.1}, {"lr": 0.5, "name": "head"})
    ps.Scheduler(optimizer, plan)

    run(optimizer, 5)

    assert used(optimizer, "lr", 1) == lr(0.5)[:5]


def test_removing_a_group_does_not_affect_the_remaining_groups():
    optimizer = probe({"lr": 0.1}, {"lr": 0.03}, {"lr": 0.7})
    scheduler = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    del optimizer.param_groups[1]
    run(optimizer, 3)

    assert [groups[1]["lr"] for groups in optimizer.used[3:]] == lr(0.7)[3:6]
    assert used(optimizer)[3:] == lr(0.1)[3:6]
    assert scheduler.base_lrs == [0.1, 0.7]


def test_reordered_groups_keep_their_bases():
    optimizer = probe({"lr": 0.1}, {"lr": 0.03}, {"lr": 0.7})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    groups = optimizer.param_groups
    groups[1], groups[2] = groups[2], groups[1]
    run(optimizer, 3)

    assert [groups[1]["lr"] for groups in optimizer.used[3:]] == lr(0.7)[3:6]
    assert [groups[2]["lr"] for groups in optimizer.used[3:]] == lr(0.03)[3:6]


def test_reordered_groups_follow_the_schedule_of_their_new_index_at_once():
    by_index = ps.Plan(
        ps.Binding("lr", ps.linear(1.0, 0.0), groups=0), ps.Binding("lr", ps.linear(2.0, 1.0), groups=1), horizon=20
    )
    optimizer = probe({"lr": 0.1}, {"lr": 0.1})
    ps.Scheduler(optimizer, by_index)
    run(optimizer, 3)

    optimizer.param_groups.reverse()
    run(optimizer, 3)

    assert used(optimizer, "lr", 0) == lr(0.1)[:6]
    assert used(optimizer, "lr", 1) == planned(by_index, [{"lr": 0.1}, {"lr": 0.1}], "lr", 1)[:6]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_replacement_group_is_scheduled_from_its_first_update(index):
    optimizer = probe({"lr": 0.1}, {"lr": 0.03}, {"lr": 0.7})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 3)

    optimizer.param_groups[index] = {**group(), **optimizer.defaults, "lr": 0.2}
    run(optimizer, 3)

    assert [groups[index]["lr"] for groups in optimizer.used[3:]] == lr(0.2)[3:6]


def test_copied_groups_continue_the_plan():
    optimizer = probe({"lr": 0.1}, {"lr": 0.03})
    ps.Scheduler(optimizer, PLAN)

    for _ in range(6):
        optimizer.step()
        optimizer.param_groups = [dict(one) for one in optimizer.param_groups]

    assert [used(optimizer, "lr", i) for i in range(2)] == [lr(0.1)[:6], lr(0.03)[:6]]


def test_group_entries_restored_from_an_earlier_update_are_replaced():
    optimizer = probe({"lr": 0.1}, {"lr": 0.03})
    ps.Scheduler(optimizer, PLAN)
    run(optimizer, 2)
    old = [dict(one) for one in optimizer.param_groups]
    run(optimizer, 3)

    for one, before in zip(optimizer.param_groups, old, strict=True):
        one.update(before)
    run(optimizer, 2)

    assert [used(optimizer, "lr", i)[5:] for i in range(2)] == [lr(0.1)[5:7], lr(0.03)[5:7]]


def test_a_plan_with_an_unknown_group_does_not_change_the_optimizer():
    optimizer = probe({"lr": 0.1}, {"lr": 0.03})
    before = [dict(one) for one in optimizer.param_groups]

    with pytest.raises(ps.errors.UnknownGroup):
        ps.Scheduler(optimizer, ps.Plan(ps.Binding("lr", ps.cosine(), groups="head"), horizon=10))

    assert optimizer.param_groups == before
    assert not optimizer._optimizer_step_post_hooks


def copy_all(optimizer):
    optimizer.param_groups = [dict(group) for group in optimizer.param_groups]


def copy_the_last(optimizer):
    optimizer.param_groups[-1] = dict(optimizer.param_groups[-1])


def copy_the_list(optimizer):
    optimizer.param_groups = list(optimizer.param_groups)


def turn_round(optimizer):
    optimizer.param_groups.reverse()


@pytest.mark.parametrize("drive", ["optimizer", "manual", "optimizer, while the step is on"])
@table("exchange", [copy_all, copy_the_last, copy_the_list, turn_round])
@pytest.mark.parametrize("tensors", [False, True], ids=["floats", "tensors"])
@pytest.mark.parametrize("to", [0.0, ps.absolute(0.01)], ids=["one factor", "rows"])
def test_groups_replaced_by_equal_ones_use_the_planned_values(drive, exchange, tensors, to):
    plan, bases = ps.Plan(lr=ps.linear(1.0, to), horizon=50), (0.125, 0.5, 0.75)
    optimizer = probe(*[{"lr": torch.tensor(base, dtype=torch.float64) if tensors else base} for base in bases])
    scheduler = ps.Scheduler(optimizer, plan, drive="manual" if drive == "manual" else "optimizer")
    expected = [planned(plan, {"lr": base}) for base in bases]

    for t in range(40):
        if t % 3 == 1 and drive.endswith("on"):
            optimizer.step(partial(exchange, optimizer))
        else:
            if t % 3 == 1:
                exchange(optimizer)
            optimizer.step()
        if drive == "manual":
            scheduler.step()

    rows = [sorted(group["lr"] for group in groups) for groups in optimizer.used]
    assert rows == [list(row) for row in zip(*[values[:40] for values in expected], strict=True)]


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize("exchange", [copy_all, copy_the_last, turn_round])
def test_a_target_receives_each_value_once_even_if_the_groups_change(drive, exchange):
    told, line = [], ps.linear(1.0, 0.0)
    plan = ps.Plan(ps.Binding(ps.Target("rate", 2.0, told.append), line), lr=line, horizon=50)
    optimizer = probe({"lr": 0.1}, {"lr": 0.2})
    scheduler = ps.Scheduler(optimizer, plan, drive=drive)

    for t in range(40):
        if t % 3 == 1:
            exchange(optimizer)
        optimizer.step()
        scheduler.step()

    assert told == [2.0 * plan.resolve(ps.Calendar()).bindings[1].schedule(t) for t in range(41)]


def test_a_group_that_is_renamed_when_another_is_added_follows_its_new_line_at_once():
    optimizer = probe({"name": "body"}, {"name": "neck"}, {"name": "head"})
    ps.Scheduler(optimizer, ps.Plan(ps.Binding("lr", "constant(0.25)", groups="head*"), lr="linear(1, 0)", horizon=10))
    run(optimizer, 2)
    optimizer.param_groups[1]["name"] = "head2"
    optimizer.add_param_group({**group(), "name": "late"})
    run(optimizer, 2)

    assert used(optimizer, index=0) == pytest.approx([0.1, 0.09, 0.08, 0.07])
    assert used(optimizer, index=1) == pytest.approx([0.1, 0.09, 0.025, 0.025])
    assert [groups[3]["lr"] for groups in optimizer.used[2:]] == pytest.approx([0.08, 0.07])
