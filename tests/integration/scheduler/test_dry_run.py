"""A dry run of a checkpoint shows what the resumed run uses, and what it logs."""

import copy

import pytest
import torch

import paramsched as ps
from paramsched.fields import Field
from paramsched.runs.dry_run import dry_run
from support.updates import probe, run

PLAN = ps.Plan(
    ps.Binding("weight_decay", "linear(1, 0.5)", groups="head"),
    ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0)"),
    ps.Binding("betas[1]", "linear(1, 0.9)"),
    lr="warmup(4) >> cosine()",
    horizon=20,
)
TOKENS = ps.Plan(lr="linear(1, 0)", clock="tokens", horizon="2000 tokens")
RULE = ps.Plan(lr="linear(1, 0.5) * plateau('loss', factor=0.5, patience=0)", horizon=20)
GROUPS = ({"lr": 0.1, "name": "body"}, {"lr": 0.3, "name": "head"})
TENSOR = ({"lr": torch.tensor(0.1)},)
CASES = {
    "a plan by updates": (GROUPS, PLAN, {}, None),
    "a clock of tokens": (GROUPS, TOKENS, {"tokens_per_step": 100}, None),
    "a tensor": (TENSOR, ps.Plan(lr="cosine()", horizon=20), {}, None),
    "a metric rule": (GROUPS, RULE, {}, None),
    "another plan": (GROUPS, PLAN, {}, ps.Plan(lr="linear(0.5, 0)", horizon=20)),
    "other facts": (GROUPS, ps.Plan(lr="linear(1, 0)", horizon="2 epochs"), {"steps_per_epoch": 10}, None),
}


def checkpoint(groups, plan, facts):
    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, plan, **facts)
    run(optimizer, 3)
    if plan is RULE:
        scheduler.observe(loss=1.0)
        scheduler.observe(loss=2.0)
    run(optimizer, 2)
    return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))


@pytest.mark.parametrize("name", CASES)
def test_the_values_are_those_of_the_resumed_run(name):
    groups, saved_plan, facts, other = CASES[name]
    plan = saved_plan if other is None else other
    state, scheduler_state = checkpoint(groups, saved_plan, facts)

    found = dry_run({"optimizer": state["param_groups"]}, scheduler_state, plan, ps.Calendar(**facts), updates=4)

    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, plan, **facts)
    optimizer.load_state_dict(state)
    scheduler.load_state_dict(scheduler_state)
    assert (found.update, found.clock) == (5, "tokens" if plan is TOKENS else "updates")
    assert found.amount == (500 if plan is TOKENS else None)
    stored = {(one.field, one.group): one.stored for one in found.values if one.update == 5}
    for t in range(5, 9):
        expected = scheduler.values()
        rounded = {key: Field.of(key[0]).read(optimizer.param_groups[index]) for key in expected
                   for index, one in enumerate(groups) if key[1] == one.get("name", index)}  # fmt: skip
        got = {(one.field, one.group): one.value for one in found.values if one.update == t}
        assert got == expected | {key: float(value) for key, value in rounded.items()}
        run(optimizer, 1)
    assert {one.stored for one in found.values if one.update > 5} == {None}
    for index, one in enumerate(groups):
        key = "lr", one.get("name", index)
        assert stored[key] == float(state["param_groups"][index]["lr"])
    assert found.differs == (other is not None)
    assert any("->" in text for _, text in found.messages) == (other is not None)


def test_a_refused_resume_has_its_error_and_no_values():
    state, scheduler_state = checkpoint(GROUPS, PLAN, {})
    other = ps.Plan(lr="linear(0.5, 0)", horizon=20)

    found = dry_run({"optimizer": state["param_groups"]}, scheduler_state, other, ps.Calendar(), on_change="error")

    assert (found.values, found.amount, found.differs) == ((), None, True)
    assert [severity for severity, _ in found.messages][-1] == "error"
    assert "lr: linear(0.5)" in found.messages[-1][1]


def test_without_a_count_the_run_starts_where_the_user_writes():
    bare = [{**group, "params": []} for group in GROUPS]

    found = dry_run({"optimizer": bare}, None, ps.Plan(lr="linear(1, 0)", horizon=10), ps.Calendar(), start=6)

    assert found.update == 6
    assert {(one.group, one.update): one.value for one in found.values if one.update == 7} == {
        ("body", 7): pytest.approx(0.03), ("head", 7): pytest.approx(0.09),
    }  # fmt: skip
