"""`like`: the schedule of another field of the same group, applied to this field's own base."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import Binding, Plan, Target, bind
from paramsched.core.schedules.anneal import cosine, warmup
from paramsched.core.schedules.decays import exponential
from paramsched.core.schedules.leaves import like
from paramsched.core.schedules.periods import step
from paramsched.core.schedules.pointwise import clamp
from paramsched.core.time import Calendar
from paramsched.errors import PlanError
from support import strategies

RUN = Calendar(total=100)
GROUPS = (
    {"lr": 0.1, "weight_decay": 0.05, "momentum": 0.9, "name": "body"},
    {"lr": 0.1, "weight_decay": 0.05, "momentum": 0.9, "name": "head"},
)


def lines(*bindings, groups=GROUPS, **fields):
    """Return the bindings of a plan as text, resolved and bound to groups."""
    resolved = Plan(*bindings, **fields).resolve(RUN)
    assert resolved.resolve(RUN) == resolved
    assert Plan.of_text(resolved.text) == resolved
    bind(resolved, groups)
    return str(resolved).splitlines()[1:]


@given(st.data())
def test_a_field_that_follows_another_uses_its_own_base(data):
    case = data.draw(strategies.cases(fixed=False).filter(lambda case: not case.written.has_absolute))
    times = np.arange(case.world.total + 1)

    plan = Plan(lr=case.written, weight_decay=like("lr")).resolve(case.world.calendar)

    lr, weight_decay = (binding.schedule for binding in plan.bindings)
    assert lr == weight_decay == case.resolved
    np.testing.assert_array_equal(weight_decay(times, 0.05), case.resolved(times, 0.05))


def test_like_is_accepted_wherever_a_schedule_is():
    plan = {
        "lr": warmup(10) >> cosine(),
        "weight_decay": clamp(like("lr"), low=0.1),
        "momentum": step(5) * (0.5 * like("lr")),
    }

    assert lines(**plan) == [
        "lr: warmup(10) >> cosine(over=90)",
        "momentum: step(5) * 0.5 * (warmup(10) >> cosine(over=90))",
        "weight_decay: clamp(warmup(10) >> cosine(over=90), 0.1)",
    ]


def test_a_followed_product_merges_into_the_enclosing_product():
    assert lines(lr=step(5) * exponential(0.9), weight_decay=0.5 * like("lr"))[1] == (
        "weight_decay: 0.5 * step(5) * exponential(0.9)"
    )


def test_a_field_may_follow_a_field_that_follows_another():
    assert lines(lr=cosine(), momentum=0.5 * like("lr"), weight_decay=like("momentum"))[2] == (
        "weight_decay: 0.5 * cosine(over=100)"
    )


def test_like_of_the_same_field_in_a_group_binding_means_the_default():
    assert lines(Binding("lr", like("lr") * 0.1, groups="head"), lr=cosine()) == [
        "lr: cosine(over=100)",
        "lr @ head: cosine(over=100) * 0.1",
    ]


def test_a_binding_follows_the_binding_for_the_same_groups_or_a_superset():
    head = Binding("weight_decay", like("lr"), groups="head")

    assert lines(Binding("lr", step(5), groups="head"), head, lr=cosine())[-1] == "weight_decay @ head: step(5)"
    assert (
        lines(Binding("lr", step(5), groups="h*, x"), head, lr=cosine(), groups=(*GROUPS, {**GROUPS[0], "name": "x"}))[
            -1
        ]
        == "weight_decay @ head: step(5)"
    )
    assert lines(Binding("lr", step(5), groups="body"), head, lr=cosine())[-1] == (
        "weight_decay @ head: cosine(over=100)"
    )


def test_a_target_follows_the_default_binding():
    assert lines(Binding(Target("temperature", 2.0), like("lr")), lr=cosine())[-1] == (
        "temperature = 2.0: cosine(over=100)"
    )


@pytest.mark.parametrize(("lines", "is_refused"), [(40, False), (42, True), (2000, True)])
def test_a_chain_of_very_many_lines_that_follow_each_other_is_refused(lines, is_refused):
    chain = {f"f{n}": f"like('f{n - 1}')" for n in range(1, lines)}
    plan = ps.Plan(f0="linear()", **chain, horizon=100)

    if is_refused:
        with pytest.raises(PlanError, match="more than 40 lines follow each other"):
            plan.resolve(ps.Calendar())
    else:
        assert plan.resolve(ps.Calendar()).bindings[-1].schedule == plan.resolve(ps.Calendar()).bindings[0].schedule
