"""A dry run of a checkpoint shows what the resumed run uses, and what it logs."""

import copy

import pytest

import paramsched as ps
from paramsched.tools.records.dry_run import dry_run
from support.tables import table
from support.updates import probe, run, used

PLAN = ps.Plan(
    ps.Binding("weight_decay", "linear(1, 0.5)", groups="head"),
    ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0)"),
    ps.Binding("betas[1]", "linear(1, 0.9)"),
    lr="warmup(4) >> cosine()",
    total=20,
)
TOKENS = ps.Plan(lr="linear(1, 0)", clock="tokens", total="2000 tokens")
PLAN_OF_TWO = ps.Plan(lr="linear(1, 0)", total=20)
RULE = ps.Plan(lr="linear(1, 0.5) * plateau('loss', factor=0.5, patience=0)", total=20)
GROUPS = ({"lr": 0.1, "name": "body"}, {"lr": 0.3, "name": "head"})


def checkpoint(groups, plan, facts):
    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, plan, **facts)
    run(optimizer, 3)
    if plan is RULE:
        scheduler.observe(loss=1.0)
        scheduler.observe(loss=2.0)
    run(optimizer, 2)
    return copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))


def test_a_refused_resume_has_its_error_and_no_values():
    state, scheduler_state = checkpoint(GROUPS, PLAN, {})
    other = ps.Plan(lr="linear(0.5, 0)", total=20)

    found = dry_run({"optimizer": state["param_groups"]}, scheduler_state, other, ps.RunFacts(), on_change="error")

    assert (found.values, found.amount, found.differs) == ((), None, True)
    assert [severity for severity, _ in found.messages][-1] == "error"
    assert "-> linear(start=0.5, over=20)" in found.messages[-1][1]


@pytest.mark.parametrize("has_state", [True, False])
@table(
    "bases",
    [
        {("lr", None): 0.5},
        {("lr", "head"): 0.5},
        {("lr", "body"): 0.5, ("lr", None): 0.25, ("weight_decay", "head"): 0.2},
        {("lr", None): 0.1},  # of one group, and not of the other
    ],
)
def test_bases_are_those_of_the_code_with_on_base(bases, has_state):
    state, scheduler_state = checkpoint(GROUPS, PLAN, {})
    groups = [dict(one) for one in GROUPS]
    for (field, name), base in reversed(bases.items()):
        for one in groups:
            if name in (None, one["name"]):
                one[field] = base
    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, PLAN, on_base="code")
    optimizer.load_state_dict(state)
    if has_state:
        scheduler.load_state_dict(scheduler_state)

    given = scheduler_state if has_state else None
    found = dry_run({"optimizer": state["param_groups"]}, given, PLAN, ps.RunFacts(), bases=bases, updates=3)

    for t in range(5, 8):
        assert {(one.field, one.group): one.value for one in found.values if one.update == t} == scheduler._values()
        run(optimizer, 1)
    assert found.differs


def test_a_dry_run_on_the_clock_of_progress_says_that_later_values_depend_on_reports():
    plan = ps.Plan(lr="linear()", clock="progress")
    scheduler = ps.Scheduler(probe(lr=0.5), plan)
    scheduler.report(progress=0.25)
    groups = {"optimizer": scheduler.optimizer.param_groups}

    found = dry_run(groups, scheduler.state_dict(), plan, ps.RunFacts())

    assert [text for _, text in found.messages] == [
        "the values after update 0 depend on the progress that the loop reports"
    ]
    assert [(one.update, one.value) for one in found.values] == [(0, 0.375)]
    assert (found.clock, found.amount, found.differs) == ("progress", 0.25, False)


def test_a_dry_run_without_a_run_fact_raises_and_a_stored_value_that_is_no_float_is_none():
    state, _ = checkpoint(GROUPS, PLAN_OF_TWO, {})
    groups = {"optimizer": [{**one, "lr": 10**400} for one in state["param_groups"]]}

    found = dry_run(groups, None, PLAN_OF_TWO, ps.RunFacts(), updates=1)

    assert [one.stored for one in found.values] == [None, None]
    assert [one.value for one in found.values] == [0.1 * 0.75, 0.3 * 0.75]
    with pytest.raises(ps.errors.MissingFact, match="the number of updates per epoch is unknown"):
        dry_run(groups, None, ps.Plan(lr="linear()", total="2 epochs"), ps.RunFacts())


@pytest.mark.parametrize("has_state", [False, True])
def test_an_optimizer_that_is_behind_takes_its_coming_step_at_the_amount_that_was_reported(has_state):
    optimizers = {"a": probe(lr=0.1), "b": probe(lr=0.1)}
    scheduler = ps.Scheduler(optimizers, TOKENS)
    for consumed in (100, 300):
        scheduler.consumed(tokens=consumed)
        for name in ("a", "b") if consumed == 100 else ("a",):  # b has not stepped in the last update
            optimizers[name].step()
    state = copy.deepcopy(scheduler.state_dict()) if has_state else None
    groups = {name: copy.deepcopy(one.state_dict())["param_groups"] for name, one in optimizers.items()}

    found = dry_run(groups, state, TOKENS, ps.RunFacts())

    coming = {one.group: one.value for one in found.values if one.update == 1}
    optimizers["b"].step()
    assert coming == {"b/0": used(optimizers["b"])[-1]} == {"b/0": pytest.approx(0.095)}


def test_a_dry_run_says_that_no_further_metric_is_assumed():
    one = probe({"lr": 0.1})
    plan = ps.Plan(lr='cosine() * plateau("val_loss")', total=10)
    scheduler = ps.Scheduler(one, plan)

    found = dry_run({"optimizer": one.state_dict()["param_groups"]}, scheduler.state_dict(), plan, ps.RunFacts())

    assert ("info", "the values assume that no further metric is reported: val_loss") in found.messages


@pytest.mark.parametrize("has_state", [True, False])
def test_an_optimizer_that_is_behind_takes_its_coming_step_as_in_the_resumed_run(has_state):
    def made(lr):
        both = {"a": probe(lr=lr), "b": probe(lr=0.1)}
        return both, ps.Scheduler(both, PLAN_OF_TWO, on_base="code")

    both, scheduler = made(0.1)
    run(both["b"], 1)
    states = copy.deepcopy({name: one.state_dict() for name, one in both.items()})
    groups, state = {name: one["param_groups"] for name, one in states.items()}, scheduler.state_dict()

    given = state if has_state else None
    found = dry_run(groups, given, PLAN_OF_TWO, ps.RunFacts(), bases={("lr", "a/0"): 0.5}, updates=2)

    both, scheduler = made(0.5)
    for name, one in both.items():
        one.load_state_dict(states[name])
    if has_state:
        scheduler.load_state_dict(state)
    run(both["a"], 1)
    for _ in range(2):
        run(both["b"], 1), run(both["a"], 1)
    values = {name: [one.value for one in found.values if str(one.group).startswith(name)] for name in both}
    assert values == {name: used(one) for name, one in both.items()}
