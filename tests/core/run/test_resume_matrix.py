"""Resuming in every order of building, loading and changing.

Each cell equals the uninterrupted run where the plan is the same, and does what `on_change` says where it is not; what
differs is logged as a diff, and nothing else is logged.
"""

import copy
import itertools
import logging

import numpy as np
import pytest
import torch

import paramsched as ps
from support.records import record_in, with_record
from support.tables import table
from support.updates import planned, probe, run, used

AT, REST = 7, 5
BASES = ({"lr": 0.1, "weight_decay": 0.01}, {"lr": 0.5, "weight_decay": 0.02})
OLD = ps.Plan(lr=ps.warmup("10%") >> ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 0.5), horizon="2 epochs")
EDITED = ps.Plan(lr=ps.linear(1.0, 0.2), weight_decay=ps.linear(1.0, 0.5), horizon="2 epochs")
LONGER = ps.Plan(lr=ps.warmup("10%") >> ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 0.5), horizon="3 epochs")
PLANS = {"same": (OLD, 10), "edited": (EDITED, 10), "longer": (LONGER, 10), "other epochs": (OLD, 14)}
POLICIES = {
    "new": "new",
    "checkpoint": "checkpoint",
    "error": "error",
    "lr from checkpoint": {"lr": "checkpoint"},
    "error for weight_decay": {"weight_decay": "error"},
}
ORDERS = [
    (built, state)
    for built, state in itertools.product(("before", "after"), ("none", "first", "last"))
    if (built, state) != ("after", "first")  # a state cannot be loaded before the scheduler is built
]


def saved():
    optimizer = probe(*BASES)
    scheduler = ps.Scheduler(optimizer, OLD, steps_per_epoch=10)
    run(optimizer, AT)
    return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))


def resumed(plan, epoch, on_change, built, state):
    """The order: build before or after the optimizer is loaded; the scheduler's state first, last, or not at all."""
    optimizer_state, scheduler_state = saved()
    optimizer = probe(*BASES)

    def build():
        return ps.Scheduler(optimizer, plan, steps_per_epoch=epoch, on_change=on_change)

    scheduler = build() if built == "before" else None
    if state == "first":
        scheduler.load_state_dict(scheduler_state)
    optimizer.load_state_dict(optimizer_state)
    if scheduler is None:
        scheduler = build()
    if state == "last":
        scheduler.load_state_dict(scheduler_state)
    return optimizer, scheduler


def expected(plan, epoch, field, index):
    return planned(plan, list(BASES), field, index, steps_per_epoch=epoch)[AT : AT + REST]


def source_of_field(changed, on_change, state, field):
    """Return the source of a field's schedule."""
    choice = on_change.get(field, "new") if isinstance(on_change, dict) else on_change
    return "saved" if changed and choice == "checkpoint" else "code"


def is_rejected(name, on_change, state):
    if name == "same":
        return False
    if on_change == "error":
        return True
    return isinstance(on_change, dict) and "error" in on_change.values() and name != "edited"


@pytest.mark.parametrize(("built", "state"), ORDERS, ids=[f"built {b}, state {s}" for b, s in ORDERS])
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", PLANS)
def test_a_resumed_run_has_the_expected_values_and_logs_what_changed(caplog, name, policy, built, state):
    caplog.set_level(logging.INFO, "paramsched")
    (plan, epoch), on_change = PLANS[name], POLICIES[policy]
    if is_rejected(name, on_change, state):
        with pytest.raises(ps.errors.PlanChanged):
            resumed(plan, epoch, on_change, built, state)
        return

    optimizer, scheduler = resumed(plan, epoch, on_change, built, state)
    run(optimizer, REST)

    assert scheduler.last_epoch == AT + REST
    for field, index in itertools.product(("lr", "weight_decay"), (0, 1)):
        saved_wins = source_of_field(name != "same", on_change, state, field) == "saved"
        values = expected(*((OLD, 10) if saved_wins else (plan, epoch)), field, index)
        assert used(optimizer, field, index) == values
    assert bool(caplog.records) == (name != "same")
    assert {one.levelname for one in caplog.records} <= {"WARNING"}
    if name != "same":
        assert caplog.text.count("the plan differs") == 1
        assert "->" in caplog.text


@pytest.mark.parametrize("name", ["edited", "longer", "other epochs"])
@pytest.mark.parametrize("where", ["optimizer loaded", "scheduler loaded", "built on a loaded optimizer"])
def test_an_error_is_raised_before_anything_is_written(name, where):
    optimizer_state, scheduler_state = saved()
    plan, epoch = PLANS[name]
    optimizer = probe(*BASES)
    if where == "built on a loaded optimizer":
        optimizer.load_state_dict(optimizer_state)
    else:
        scheduler = ps.Scheduler(optimizer, plan, steps_per_epoch=epoch, on_change="error")
        run(optimizer, 2)
        state = scheduler.state_dict()
    before = copy.deepcopy(optimizer.state_dict())

    resume = {
        "optimizer loaded": lambda: optimizer.load_state_dict(optimizer_state),
        "scheduler loaded": lambda: scheduler.load_state_dict(scheduler_state),
        "built on a loaded optimizer": lambda: ps.Scheduler(optimizer, plan, steps_per_epoch=epoch, on_change="error"),
    }[where]
    with pytest.raises(ps.errors.PlanChanged, match="on_change"):
        resume()

    assert optimizer.state_dict() == before
    if where != "built on a loaded optimizer":
        assert scheduler.state_dict() == state


@pytest.mark.parametrize("groups", [1, 3])
def test_a_state_with_another_number_of_groups_is_logged_and_common_groups_keep_their_bases(caplog, groups):
    _, state = saved()
    bases = [*BASES, {"lr": 0.9, "weight_decay": 0.03}]
    optimizer = probe(*[{**one, "lr": one["lr"] * 2} for one in bases[:groups]])
    scheduler = ps.Scheduler(optimizer, OLD, steps_per_epoch=10)

    scheduler.load_state_dict(state)
    run(optimizer, REST)

    kept = [0.1, 0.5, 1.8][:groups]
    assert scheduler.base_lrs == kept
    assert (
        used(optimizer, "lr", groups - 1)
        == planned(OLD, {"lr": kept[-1], "weight_decay": 0.01}, steps_per_epoch=10)[AT : AT + REST]
    )
    assert f"has 2 groups, the optimizer has {groups}" in caplog.text


def test_torch_rejects_an_optimizer_state_with_another_group_count():
    state, _ = saved()
    optimizer = probe(BASES[0])
    scheduler = ps.Scheduler(optimizer, OLD, steps_per_epoch=10)
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict(state)

    assert optimizer.state_dict() == before
    assert scheduler.last_epoch == 0


@pytest.mark.parametrize("facts", [{"total": 20}, {"steps_per_epoch": 10}])
def test_run_facts_that_a_plan_does_not_need_are_no_change(caplog, facts):
    plan = ps.Plan(lr=ps.warmup(3) >> ps.cosine(), horizon=20)
    optimizer, other = probe(), probe()
    ps.Scheduler(optimizer, plan)
    scheduler = ps.Scheduler(other, plan, on_change="error", **facts)

    other.load_state_dict(run(optimizer, 3).state_dict())

    assert (scheduler.t, caplog.messages, len(scheduler.history)) == (3, [], 1)


def test_an_error_for_one_field_allows_the_optimizer_after_the_full_plan_was_compared():
    _, scheduler = resumed(EDITED, 10, {"weight_decay": "error"}, "before", "first")

    assert scheduler.last_epoch == AT


def test_a_plan_with_an_unregistered_shape_is_logged_and_the_codes_plan_is_used(caplog):
    _, state = saved()
    state = with_record(state, plan=record_in(state)["plan"].replace("cosine(to=0.1)", "their_shape(to=0.1)"))
    optimizer = probe(*BASES)
    scheduler = ps.Scheduler(optimizer, OLD, steps_per_epoch=10)

    scheduler.load_state_dict(state)
    run(optimizer, 1)

    assert used(optimizer) == expected(OLD, 10, "lr", 0)[:1]
    assert "their_shape" in caplog.text
    strict = ps.Scheduler(probe(*BASES), OLD, steps_per_epoch=10, on_change="error")
    with pytest.raises(ps.errors.PlanChanged, match="their_shape"):
        strict.load_state_dict(state)


PREDICATE = ps.Plan(ps.Binding("lr", ps.cosine(), groups=lambda one: True), horizon=20)


def test_a_plan_with_a_predicate_is_compared_with_a_plan_with_text(caplog):
    _, state = saved()
    strict = ps.Scheduler(probe(*BASES), PREDICATE, on_change="error")
    scheduler = ps.Scheduler(probe(*BASES), PREDICATE)

    with pytest.raises(ps.errors.PlanChanged, match="lr: warmup"):
        strict.load_state_dict(state)
    scheduler.load_state_dict(state)

    assert (strict.last_epoch, scheduler.last_epoch) == (0, AT)
    assert "lr: warmup" in caplog.text


def test_loading_a_checkpoint_whose_groups_lack_a_field_changes_nothing():
    optimizer = probe(*BASES)
    scheduler = ps.Scheduler(optimizer, OLD, steps_per_epoch=10)
    run(optimizer, 2)
    state, _ = saved()
    for one in state["param_groups"]:
        del one["weight_decay"]
    before = copy.deepcopy(optimizer.state_dict())

    with pytest.raises(ps.errors.UnknownField):
        optimizer.load_state_dict(state)

    assert optimizer.state_dict() == before
    assert scheduler.last_epoch == 2


def test_a_different_epoch_length_is_explained(caplog):
    plan = ps.Plan(lr=ps.cosine(), horizon="3 epochs")
    optimizer = probe({})
    scheduler = ps.Scheduler(optimizer, plan, steps_per_epoch=10)
    run(optimizer, 4)
    states = optimizer.state_dict(), scheduler.state_dict()
    for load_scheduler in (True, False):
        other = probe({})
        again = ps.Scheduler(other, plan, steps_per_epoch=20)
        caplog.clear()

        again.load_state_dict(states[1]) if load_scheduler else other.load_state_dict(states[0])

        assert 'clock="samples"' in caplog.text
    other = probe({})
    changed = ps.Scheduler(other, ps.Plan(lr=ps.cosine(to=0.1), horizon="3 epochs"), steps_per_epoch=10)
    caplog.clear()
    changed.load_state_dict(states[1])
    assert "the plan differs" in caplog.text
    assert 'clock="samples"' not in caplog.text


@table("value", [np.int64(7), np.int32(7), 7.0, np.float64(7.0), np.array(7), torch.tensor(7), torch.tensor(7.0)])
@pytest.mark.parametrize("loads_first", [True, False])
def test_a_count_that_another_library_has_stored_as_another_type_is_read(value, loads_first):
    state, optimizer = saved()[0], probe(*BASES)
    for one in state["param_groups"]:
        one["paramsched_t"] = value
    if loads_first:
        optimizer.load_state_dict(state)

    scheduler = ps.Scheduler(optimizer, OLD, steps_per_epoch=10)
    if not loads_first:
        optimizer.load_state_dict(state)

    assert scheduler.t == AT
    assert [type(one["paramsched_t"]) for one in optimizer.param_groups] == [int] * len(BASES)
