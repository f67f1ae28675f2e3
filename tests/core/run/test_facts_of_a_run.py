"""The facts of a run: pasted ones, positions, recorded amounts, and comparisons of amounts."""

import math
from dataclasses import fields
from itertools import product
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.time import Facts
from paramsched.core.time.run_facts import example_of_fact, facts_by_name
from paramsched.errors import MissingFact
from support.tables import table
from support.updates import probe, used


def test_run_facts_have_the_facts_of_the_record_with_the_same_types():
    assert [field.name for field in fields(ps.RunFacts)] == list(Facts.__annotations__)
    assert get_type_hints(ps.RunFacts) == get_type_hints(Facts)


@pytest.mark.parametrize("name", [name for name, fact in facts_by_name().items() if fact.kind in ("count", "number")])
def test_a_fact_below_its_range_is_refused_with_the_declared_example(name):
    with pytest.raises(ps.errors.InvalidArgument, match=f"{name}={example_of_fact(name)}") as refused:
        ps.RunFacts(**{name: False})

    assert refused.value.problem.argument == name


def test_a_fact_that_a_total_needs_is_added_to_the_call():
    with pytest.raises(ps.errors.MissingFact) as refusal:
        ps.Scheduler(probe(), ps.Plan(lr="linear()", total="2 epochs"), total="2 epochs", batch_size=8)

    example = "For example: ps.Scheduler(optimizer, plan, total='2 epochs', batch_size=8, steps_per_epoch=100)"
    assert refusal.value.problem.advice == example


LOADER = range(45)  # the batches of an epoch


OTHER = 100  # the number of an example


@table(("epochs", "total"), list(product([1, 2, 10, 20], [None, 1, 2, 10, 20, 30, 400, 900])))
def test_a_run_with_the_advised_facts_has_the_epochs_of_the_plan(epochs: int, total: int | None) -> None:
    optimizer = probe()
    plan = ps.Plan(lr="cosine()", total=f"{epochs} epochs")
    facts = {} if total is None else {"total": total}
    with pytest.raises(MissingFact) as refused:
        ps.Scheduler(optimizer, plan, **facts)
    advised = refused.value.problem.advice.removeprefix("For example: ")

    pasted = eval(advised, {"ps": ps, "optimizer": optimizer, "plan": plan, "loader": LOADER})

    if total is not None and total > epochs and total % epochs == 0:  # both agree, with this number per epoch
        assert pasted.total == total
    else:
        assert pasted.total == epochs * (len(LOADER) if total == epochs else OTHER)


LRS = [
    'warmup("7%") >> cosine(to=0.1)',
    'linear(1, 0.3, over="333 {unit}") >> constant() >> linear(to=0, over="20%")',
    "linear() * cosine(to=0.5) + constant(absolute(0.001))",
    'every(linear(0.9, 0.2), "13%")',
]


CONSUMED = {
    "tokens": st.one_of(st.just(64), st.integers(0, 400)),
}


@given(st.data())
def test_a_trace_of_the_log_equals_the_run(data):
    unit = data.draw(st.sampled_from(sorted(CONSUMED)))
    lr = data.draw(st.sampled_from(LRS)).format(unit=unit)
    target = ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0.25)")
    plan = ps.Plan(target, lr=lr, weight_decay="linear(1, 0.5)", total=f"1000 {unit}", clock=unit)
    groups = [{"lr": 0.3}, {"lr": 0.07, "name": "head"}]
    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, plan)
    logged = []
    temperatures = []
    for amount in data.draw(st.lists(CONSUMED[unit], min_size=1, max_size=8)):
        scheduler.consumed(**{unit: amount})
        temperatures.append(scheduler.value("temperature"))
        optimizer.step()
        logged.append(scheduler.scalars()[f"consumed_{unit}"])

    bases = [{"lr": 0.3, "weight_decay": 0.01}, {"lr": 0.07, "weight_decay": 0.01, "name": "head"}]
    shown = ps.trace(plan, bases, amounts=logged)
    assert shown["lr", 0].tolist() == used(optimizer)
    assert shown["lr", "head"].tolist() == used(optimizer, index=1)
    assert shown["weight_decay", 0].tolist() == used(optimizer, "weight_decay")
    assert shown["temperature"].tolist() == temperatures
    assert not any(math.isnan(value) for value in used(optimizer))


@pytest.mark.parametrize("value", [None, 3])
def test_an_unknown_keyword_is_refused_whatever_its_value(value):
    with pytest.raises(TypeError, match="total_steps"):
        ps.Scheduler(probe(), "cosine()", total_steps=value)
    ps.Scheduler(probe(), "cosine()", total=9, steps_per_epoch=None)


@table("plan", ["linear()", ps.Plan(lr="linear()", total="3 epochs")])
def test_an_accumulation_without_an_epoch_needs_its_batches(plan):
    facts = {"accumulation": 4} if isinstance(plan, ps.Plan) else {"total": "3 epochs", "accumulation": 4}
    with pytest.raises(MissingFact) as refused:
        ps.Scheduler(probe(), plan, **facts)

    assert refused.value.fact == "batches_per_epoch"
    assert ps.Scheduler(probe(), plan, **facts, batches_per_epoch=8).total == 6


def test_another_total_than_that_of_a_plan_is_answered_with_the_plan_without_it():
    plan = ps.loads("lr: linear()\ntotal: 100")
    optimizer = probe()
    with pytest.raises(ps.errors.PlanError) as refused:
        ps.Scheduler(optimizer, plan, total=20)

    line = refused.value.problem.advice.partition("or write ")[2]
    assert eval(line, {"ps": ps, "plan": plan, "optimizer": optimizer}).total == 20
