"""The amounts that a run recorded give the values that it used, bit for bit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.updates import probe, used

LRS = [
    'warmup("7%") >> cosine(to=0.1)',
    'linear(1, 0.3, over="333 {unit}") >> constant() >> linear(previous, 0, over="20%")',
    "linear() * cosine(to=0.5) + constant(absolute(0.001))",
    'every(linear(0.9, 0.2), "13%")',
]
CONSUMED = {
    "tokens": st.one_of(st.just(64), st.integers(0, 400)),
    "seconds": st.floats(0, 300, allow_nan=False),
}


@pytest.mark.parametrize("mixed", [False, True])
@given(st.data())
def test_a_trace_of_the_log_equals_the_run(mixed, data):
    unit = data.draw(st.sampled_from(sorted(CONSUMED)))
    lr = data.draw(st.sampled_from(LRS)).format(unit=unit)
    word = "s" if unit == "seconds" else unit
    target = ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0.25)")
    clock = {"lr": unit, "temperature": unit} if mixed else unit
    decay = 'linear(1, 0.5, over="9 steps")' if mixed else "linear(1, 0.5)"
    plan = ps.Plan(target, lr=lr, weight_decay=decay, horizon=f"1000 {word}", clock=clock)
    groups = [{"lr": 0.3}, {"lr": 0.07, "name": "head"}]
    optimizer = probe(*groups)
    scheduler = ps.Scheduler(optimizer, plan)
    logged, temperatures = [], []
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
