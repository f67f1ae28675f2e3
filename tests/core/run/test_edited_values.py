"""Values that other code wrote between two Schedulers, or between a load and a Scheduler: told, and only these."""

import copy
import logging
import warnings

import pytest
import torch

import paramsched as ps
from support.tables import table
from support.updates import group, run

PLAN = ps.Plan(lr="warmup(4) >> cosine(to=0.1)", weight_decay="linear(1.0, 0.5)", horizon=20)
OTHER = ps.Plan(lr="linear()", horizon=30)


def adamw(lr=0.1, count=2):
    return torch.optim.AdamW([group(name=f"g{at}") for at in range(count)], lr=lr)


def trained(updates=10, plan=PLAN, lr=0.1):
    optimizer = adamw(lr)
    scheduler = ps.Scheduler(optimizer, plan)
    run(optimizer, updates)
    return optimizer, scheduler


def loaded(plan=PLAN, lr=0.1):
    optimizer = adamw(lr)
    optimizer.load_state_dict(trained(plan=plan)[0].state_dict())
    return optimizer


def written(optimizer, **values):
    optimizer.param_groups[1].update(values)
    return optimizer


def new_optimizer_of(old, **values):
    """Return an optimizer of the groups of another one."""
    return torch.optim.AdamW([{**one, **values} for one in old.param_groups])


def begin_again(plan=PLAN, **values):
    """Construct a second Scheduler on a trained optimizer, after values were written."""
    optimizer, scheduler = trained()
    optimizer.param_groups[1].update(values)
    return optimizer, plan, scheduler


EDITED = {
    "a loaded lr": lambda: (written(loaded(), lr=0.12, initial_lr=0.12), PLAN),
    "a loaded weight decay": lambda: (written(loaded(), weight_decay=0.5), PLAN),
    "a loaded lr, and another plan": lambda: (written(loaded(), lr=0.12), OTHER),
    "a loaded lr of another plan": lambda: (written(loaded(OTHER), lr=0.12), PLAN),
    "a cell that is run again": lambda: begin_again(lr=0.02),
    "a cell with another plan": lambda: begin_again(OTHER, lr=0.02),
    "a cell with a constant": lambda: begin_again(ps.Plan(lr="constant()"), lr=0.02),
    "new groups": lambda: (new_optimizer_of(trained()[0], lr=0.5), PLAN),
}


@table("name", EDITED)
def test_a_value_written_by_hand_is_told_with_its_group_and_both_values(name):
    optimizer, plan, *_ = EDITED[name]()
    first = "weight_decay" if "decay" in name else "lr"
    place = "'g0'" if name == "new groups" else "'g1'"
    now = optimizer.param_groups[1][first]

    with pytest.warns(ps.PlanWarning) as told:
        ps.Scheduler(optimizer, plan)

    (text,) = [str(one.message) for one in told]
    assert text.startswith(f"{first} of group {place} is {now:g}, but ")
    assert "at update 10" in text or "for update 10" in text


RIGHT = {
    "a cell that is run again": lambda: begin_again(),
    "a cell with another plan": lambda: begin_again(OTHER),
    "a load": lambda: (loaded(), PLAN),
    "a load of another plan": lambda: (loaded(OTHER), PLAN),
    "a load with another base in the code": lambda: (loaded(lr=0.3), PLAN),
    "new groups with the same values": lambda: (new_optimizer_of(trained()[0]), PLAN),
    "a copy of the optimizer": lambda: (copy.deepcopy(trained()[0]), PLAN),
    "a field without a line": lambda: (written(loaded(), eps=1e-4), PLAN),
    "the value that is there": lambda: (written(loaded(), lr=loaded().param_groups[1]["lr"]), PLAN),
    "a value that a file stored in float32": lambda: (
        written(loaded(), lr=torch.tensor(loaded().param_groups[1]["lr"]).item()), PLAN
    ),
    "a Scheduler that is detached": lambda: detached(lr=0.02, initial_lr=0.02),
    "a group that was added since": lambda: added(),
    "a first update": lambda: (adamw(), PLAN),
}  # fmt: skip


def detached(**values):
    optimizer, plan, scheduler = begin_again()
    scheduler.detach()
    return written(optimizer, **values), plan


def added():
    optimizer = loaded()
    optimizer.add_param_group(group(name="late", lr=0.7))
    return optimizer, PLAN


@table("name", RIGHT)
def test_values_that_the_last_plan_wrote_are_not_told(name, caplog):
    optimizer, plan, *_ = RIGHT[name]()
    caplog.clear()

    with warnings.catch_warnings():
        warnings.simplefilter("error", ps.PlanWarning)
        ps.Scheduler(optimizer, plan)

    if "again" in name:
        assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == []


def test_a_value_written_between_two_schedulers_of_several_optimizers_is_told():
    plan = ps.Plan(lr="linear()", horizon=20)
    optimizers = {"a": adamw(), "b": adamw(0.2)}
    first = ps.Scheduler(optimizers, plan)
    for _ in range(3):
        for one in optimizers.values():
            one.step()
    second = ps.Scheduler(optimizers, plan)
    assert first.t == second.t == 3

    written(optimizers["b"], lr=0.02)
    with pytest.warns(ps.PlanWarning, match="lr of group 'b/g1' is 0.02, but the earlier Scheduler wrote 0.17"):
        ps.Scheduler(optimizers, plan)
    saved = {name: one.state_dict() for name, one in optimizers.items()}
    for name, one in optimizers.items():
        one.load_state_dict(saved[name])
    fresh = {"a": adamw(), "b": adamw(0.2)}
    for name, one in fresh.items():
        one.load_state_dict(saved[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.Scheduler({name: copy.deepcopy(one) for name, one in fresh.items()}, plan)
    written(fresh["a"], lr=0.3)
    with pytest.warns(ps.PlanWarning, match="lr of group 'a/g1' is 0.3, but the plan of its record wrote 0.085"):
        ps.Scheduler(fresh, ps.Plan(lr="constant()"))


def test_a_strict_start_on_an_edited_value_leaves_it_and_the_earlier_scheduler():
    optimizer, plan, scheduler = begin_again(lr=0.02)

    with pytest.raises(ps.PlanWarning):
        ps.Scheduler(optimizer, plan, strict=True)

    assert optimizer.param_groups[1]["lr"] == 0.02
    optimizer.step()
    assert scheduler.t == 11


@pytest.mark.parametrize("rule", ["plateau('loss', factor=0.5, patience=0)", "greedy('loss')"])
def test_a_reduced_value_is_that_of_the_plan(rule):
    plan = ps.Plan(lr=f"constant() * {rule}")
    optimizer = adamw()
    scheduler = ps.Scheduler(optimizer, plan)
    for value in (1.0, 1.0, 1.0):
        optimizer.step()
        scheduler.observe(loss=value)
    resumed = adamw()
    resumed.load_state_dict(optimizer.state_dict())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.Scheduler(optimizer, plan)
        ps.Scheduler(resumed, plan)
        ps.Scheduler(copy.deepcopy(optimizer), plan)  # a copy has no states of rules


def test_a_clock_of_tokens_is_compared_at_its_amount():
    plan = ps.Plan(lr="linear(over='100 tokens')", clock="tokens")
    optimizer = adamw()
    scheduler = ps.Scheduler(optimizer, plan)
    for tokens in (7, 20):
        scheduler.consumed(tokens=tokens)
        optimizer.step()
    resumed, edited = adamw(), adamw()
    resumed.load_state_dict(optimizer.state_dict())
    edited.load_state_dict(optimizer.state_dict())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ps.Scheduler(resumed, plan)
    with pytest.warns(ps.PlanWarning, match="is 0.5, but the plan of its record wrote 0.073"):
        ps.Scheduler(written(edited, lr=0.5), plan)


@table(
    ("plan", "level", "said"),
    [
        (PLAN, "INFO", "this Scheduler replaces an earlier one with the same plan at update 10"),
        (OTHER, "WARNING", "the plan differs from that of the previous Scheduler, which was in force up to update 10"),
    ],
)
def test_a_second_scheduler_is_logged_once_and_the_first_one_may_have_been_deleted(plan, level, said, caplog):
    caplog.clear()
    optimizer, _ = trained()

    with caplog.at_level(logging.INFO, "paramsched"):
        scheduler = ps.Scheduler(optimizer, plan)

    (line,) = caplog.records
    assert (line.levelname, line.getMessage().startswith(said), "checkpoint" in caplog.text) == (level, True, False)
    assert (scheduler.t, len(optimizer._optimizer_step_post_hooks)) == (10, 1)
