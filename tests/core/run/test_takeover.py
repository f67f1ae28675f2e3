"""A second Scheduler on an optimizer continues at the position of the first."""

import logging

import pytest

import paramsched as ps
from support.updates import planned, probe, run, used

OLD = ps.Plan(lr=ps.linear(1.0, 0.0), weight_decay=ps.linear(1.0, 0.5), horizon=20)
NEW = ps.Plan(lr=ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 2.0), horizon=20)
BASE = {"lr": 0.1, "weight_decay": 0.01}


def after(updates, plan=OLD):
    optimizer = probe()
    ps.Scheduler(optimizer, plan)
    return run(optimizer, updates)


@pytest.mark.parametrize(
    ("plan", "level", "said"),
    [
        (OLD, "INFO", "this Scheduler replaces an earlier one with the same plan at update 5"),
        (NEW, "WARNING", "the plan differs from that of the previous Scheduler, which was in force up to update 5"),
    ],
    ids=["same plan", "another plan"],
)
def test_a_takeover_is_logged_once_without_a_checkpoint(plan, level, said, caplog):
    optimizer = probe()
    first = ps.Scheduler(optimizer, OLD)
    run(optimizer, 5)

    with caplog.at_level(logging.INFO, "paramsched"):
        ps.Scheduler(optimizer, plan)

    (line,) = caplog.records
    assert line.levelname == level
    assert line.getMessage().startswith(said)
    assert "checkpoint" not in caplog.text
    with pytest.raises(ps.errors.ParamschedError, match="detached"):
        first.seek(0)


def test_the_first_scheduler_may_have_been_deleted():
    optimizer = after(5)

    scheduler = ps.Scheduler(optimizer, OLD)

    assert scheduler.last_epoch == 5
    assert len(optimizer._optimizer_step_post_hooks) == 1


@pytest.mark.parametrize(
    ("on_change", "lr", "weight_decay"),
    [
        ("new", NEW, NEW),
        ("checkpoint", OLD, OLD),
        ({"lr": "checkpoint"}, OLD, NEW),
        ({"weight_decay": "checkpoint"}, NEW, OLD),
    ],
)
def test_an_edited_plan_follows_on_change_and_is_logged_as_a_diff(caplog, on_change, lr, weight_decay):
    optimizer = after(5)

    with caplog.at_level(logging.WARNING, "paramsched"):
        ps.Scheduler(optimizer, NEW, on_change=on_change)
    run(optimizer, 15)

    assert used(optimizer)[5:] == planned(lr, BASE)[5:]
    assert used(optimizer, "weight_decay")[5:] == planned(weight_decay, BASE, "weight_decay")[5:]
    assert [(one.name, one.levelname) for one in caplog.records] == [("paramsched", "WARNING")]
    assert all(part in caplog.text for part in ("linear(over=20) -> cosine(to=0.1, over=20)", "weight_decay:"))


def test_a_different_calendar_is_a_change_and_the_kept_plan_keeps_its_own(caplog):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), horizon="2 epochs")
    optimizer = probe()
    ps.Scheduler(optimizer, plan, steps_per_epoch=10)
    run(optimizer, 5)

    scheduler = ps.Scheduler(optimizer, plan, steps_per_epoch=50, on_change="checkpoint")
    state = scheduler.state_dict()
    run(optimizer, 5)

    expected = planned(plan, BASE, steps_per_epoch=10)
    assert used(optimizer) == expected[:10]
    assert "horizon: 20 -> 100" in caplog.text
    other = probe()
    loaded = ps.Scheduler(other, plan, steps_per_epoch=10)
    loaded.load_state_dict(state)
    assert loaded.get_lr() == [expected[5]]


def test_a_mixed_plan_survives_saving_copying_and_loading(caplog):
    import copy

    optimizer = after(5)
    longer = ps.Plan(lr=ps.cosine(to=0.1), weight_decay=ps.linear(1.0, 2.0))
    scheduler = ps.Scheduler(optimizer, longer, total=30, on_change={"lr": "checkpoint", "horizon": "checkpoint"})

    twin = copy.deepcopy(scheduler)
    fresh = ps.Scheduler(probe(), longer, total=30, on_change="checkpoint")
    fresh.load_state_dict(scheduler.state_dict())

    assert twin._values() == fresh._values() == scheduler._values()
    assert twin.plan == fresh.plan == scheduler.plan


def test_a_metric_rule_keeps_its_state():
    plan = ps.Plan(lr=ps.linear(1.0, 0.0) * ps.plateau("loss", patience=0, factor=0.5), horizon=20)
    optimizer = probe()
    first = ps.Scheduler(optimizer, plan)
    for _ in range(2):
        first.observe(loss=1.0)

    second = ps.Scheduler(optimizer, plan)

    assert second.states == first.states
    assert second.get_lr() == [0.05]


def test_a_plan_that_has_ended_is_warned_of():
    optimizer = after(21)

    with pytest.warns(UserWarning, match=r"scheduler\.seek\(0\)") as told:
        ps.Scheduler(optimizer, OLD)

    assert told[0].filename == __file__


def test_very_long_plans_are_compared_without_computing_their_values(caplog):
    optimizer = probe()
    ps.Scheduler(optimizer, ps.Plan(lr=ps.linear(1.0, 0.0), horizon=10**12))

    ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), horizon=10**12))

    assert "linear(over=1000000000000) -> cosine(over=1000000000000)" in caplog.text


def test_a_plan_on_another_clock_starts_with_its_own_amount():
    optimizer = probe()
    first = ps.Scheduler(optimizer, ps.Plan(lr="linear()", clock="tokens", horizon="400 tokens"), tokens_per_step=100)
    run(optimizer, 2)

    second = ps.Scheduler(optimizer, ps.Plan(lr="linear()", clock="samples", horizon="40 samples"), batch_size=4)

    assert (first.amount, second.t, second.amount) == (200, 2, 8)
    assert optimizer.param_groups[0]["lr"] == 0.1 * 0.8


@pytest.mark.parametrize("times", [1, 2])
def test_a_scheduler_that_was_taken_over_or_has_left_removes_nothing_when_it_leaves(times):
    optimizer = probe()
    first = ps.Scheduler(optimizer, OLD)
    run(optimizer, 10)
    second = ps.Scheduler(optimizer, OLD)

    for _ in range(times):
        first.detach()

    assert optimizer.param_groups[0]["paramsched_t"] == second.t == 10
    run(optimizer, 5)
    assert used(optimizer) == planned(OLD, BASE)[:15]
    for _ in range(times):
        second.detach()
    assert "paramsched_t" not in optimizer.param_groups[0]
