"""A Scheduler that is built before the facts of its run are known."""

import pytest

import paramsched as ps
from paramsched.errors import InvalidArgument, MissingFact, ParamschedError, PlanError
from support.updates import planned, probe, run, used

PLAN = ps.Plan(lr=ps.warmup("1 epochs") >> ps.cosine(to=0.1), horizon="4 epochs")
LR = planned(PLAN, {"lr": 0.1}, steps_per_epoch=5)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_without_run_facts_the_first_update_fails_with_the_call_to_make(drive):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, calendar="later", drive=drive)
    step = optimizer.step if drive == "optimizer" else scheduler.step

    for call in (step, scheduler.values, scheduler.state_dict, scheduler.get_last_lr, lambda: scheduler.last_epoch):
        with pytest.raises(ParamschedError, match=r"Call scheduler\.set_facts\(steps_per_epoch=len\(loader\)\) before"):
            call()

    assert optimizer.used == []
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert not hasattr(scheduler, "total_steps")


def test_a_state_loaded_before_the_facts_is_resumed():
    first = probe()
    before = ps.Scheduler(first, PLAN, steps_per_epoch=5)
    run(first, 7)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, calendar="later")

    scheduler.load_state_dict(before.state_dict())
    scheduler.set_facts(ps.Calendar(steps_per_epoch=5))
    run(optimizer, 3)

    assert used(optimizer) == LR[7:10]


def test_an_optimizer_checkpoint_may_be_loaded_before_the_facts():
    first = probe()
    ps.Scheduler(first, PLAN, steps_per_epoch=5)
    run(first, 7)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, calendar="later")

    optimizer.load_state_dict(first.state_dict())
    scheduler.set_facts(steps_per_epoch=5)
    run(optimizer, 3)

    assert used(optimizer) == LR[7:10]


def test_errors_that_need_no_facts_are_raised_at_once():
    with pytest.raises(PlanError, match="did you mean"):
        ps.Scheduler(probe(), ps.Plan(weight_deca=ps.cosine(), horizon="2 epochs"), calendar="later")
    with pytest.raises(InvalidArgument, match="facts are passed both now and later"):
        ps.Scheduler(probe(), PLAN, calendar="later", steps_per_epoch=5)
    with pytest.raises(InvalidArgument, match="not a Calendar"):
        ps.Scheduler(probe(), PLAN, calendar="sometime")


@pytest.mark.parametrize(
    ("call", "start"),
    [
        (lambda **facts: ps.Scheduler(probe(), PLAN, **facts), "ps.Scheduler(optimizer, plan, "),
        (
            lambda **facts: ps.Scheduler(probe(), PLAN, calendar="later").set_facts(**facts),
            "scheduler.set_facts(",
        ),
    ],
    ids=["Scheduler", "set_facts"],
)
def test_a_fact_that_a_total_needs_is_added_to_the_call(call, start):
    with pytest.raises(MissingFact) as refusal:
        call(total="2 epochs", batch_size=8)

    assert refusal.value.instead == f"For example: {start}total='2 epochs', batch_size=8, steps_per_epoch=100)"
