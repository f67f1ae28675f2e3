"""Clocks: a schedule has the same meaning on every clock; planned amounts equal a count update by update."""

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import counted_plan, replace_schedule
from paramsched.core.schedules import clamp, constant, take, with_unit
from paramsched.errors import InvalidArgument, PlanError
from support import strategies
from support.strategies import every_shape

CLOCKS = st.sampled_from(["tokens", "samples", "frames"])


@every_shape()
@given(st.data())
def test_tokens_are_updates_if_an_update_consumes_one_token(name, data):
    case = data.draw(strategies.cases(name=name))
    facts = ps.RunFacts(
        total=case.world.total,
        steps_per_epoch=case.world.epoch,
        batch_size=case.world.batch,
        accumulation=case.world.accumulation,
        tokens_per_step=1,
    )

    resolved = ps.Plan(lr=case.written, clock="tokens").resolve(facts=facts)

    assert resolved.is_resolved
    assert counted_plan(resolved).bindings[0].schedule == case.resolved
    assert resolved.resolve(facts=facts) == resolved


@given(st.data())
def test_a_schedule_is_evaluated_at_the_amount_before_each_update(data):
    case = data.draw(strategies.cases(fixed=False))
    unit = data.draw(CLOCKS)
    rate = data.draw(st.integers(1, 50))
    facts = {"tokens": "tokens_per_step", "samples": "batch_size", "frames": "frames_per_step"}[unit]
    plan = ps.Plan(lr=with_unit(case.resolved, unit), clock=unit, total=f"{case.world.total} {unit}")

    trace = ps.trace(plan, {"lr": 1.0}, facts=ps.RunFacts(**{facts: rate}))

    amounts = np.arange(0, case.world.total, rate)
    assert trace.amounts.tolist() == amounts.tolist()
    assert np.array_equal(trace["lr"], case.resolved(amounts), equal_nan=True)


@st.composite
def planned_sizes(draw):
    """Draw a batch size of 1 to 40 that follows any schedule on samples, and its run."""
    case = draw(strategies.cases(depth=2))
    schedule = clamp(case.resolved, 1.0, 40.0)
    target = ps.Binding(ps.Target("batch_size", 1.0), with_unit(schedule, "samples"))
    total = draw(st.integers(case.world.total, 3 * case.world.total))
    return schedule, ps.Plan(target, lr="linear(1, 0)", clock="samples", total=f"{total} samples"), total


@given(planned_sizes(), st.integers(1, 3))
def test_planned_amounts_equal_a_count_update_by_update(generated, accumulation):
    schedule, plan, total = generated
    amounts = [0]
    while amounts[-1] < total:
        size = schedule(amounts[-1])
        amounts.append(amounts[-1] + round(size) * accumulation)
    try:
        trace = ps.trace(plan, {"lr": 1.0}, accumulation=accumulation)
    except PlanError:  # lr fills: on updates its total depends on the sizes, which is valid; nan sizes are not
        assume(False)

    assert trace.amounts.tolist() == amounts[:-1]


@given(planned_sizes())
def test_sizes_after_the_end_of_the_run_do_not_matter(generated):
    schedule, plan, total = generated
    ends = take(with_unit(schedule, "samples"), f"{total} samples") >> constant(0.0)
    changed = ps.Plan(
        *(replace_schedule(binding, ends) if binding.name == "batch_size" else binding for binding in plan.bindings),
        total=plan.total,
        clock=plan.clock,
    )
    try:
        expected = ps.trace(plan, {"lr": 1.0})
    except PlanError:  # nan sizes
        assume(False)

    assert ps.trace(changed, {"lr": 1.0}).amounts.tolist() == expected.amounts.tolist()


@given(planned_sizes())
def test_an_optimizer_uses_the_values_of_the_trace(generated):
    _, plan, _ = generated
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    try:
        shown = ps.trace(plan, optimizer)
        scheduler = ps.Scheduler(optimizer, plan)
    except InvalidArgument:
        assume(False)
    for t in range(min(shown.total, 200)):
        assert optimizer.param_groups[0]["lr"] == shown["lr", 0][t]
        assert scheduler.value("batch_size") == shown["batch_size", ""][t]
        optimizer.step()


@every_shape()
@given(st.data())
def test_lengths_in_amounts_do_not_depend_on_the_rate(name, data):
    case = data.draw(strategies.cases(name=name))
    unit = "tokens"
    rate = data.draw(st.integers(2, 50))
    written = with_unit(case.written, unit)
    assume(written.serializable and "epoch" not in str(written) and "sample" not in str(written))
    plan = ps.Plan(lr=written, clock=unit, total=f"{case.world.total} {unit}")

    resolved = plan.resolve(tokens_per_step=rate)

    assert counted_plan(resolved).bindings[0].schedule == case.resolved
