"""Lines that follow another field or a target: `like`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import Binding, Plan, Target, bind, counted_plan
from paramsched.core.schedules import clamp, cosine, exponential, like, parse, stairs, step, warmup
from paramsched.core.time import RunFacts
from paramsched.errors import PlanError
from support import strategies
from support.tables import table

RUN = RunFacts(total=100)


GROUPS = (
    {"lr": 0.1, "weight_decay": 0.05, "momentum": 0.9, "name": "body"},
    {"lr": 0.1, "weight_decay": 0.05, "momentum": 0.9, "name": "head"},
)


def lines(*bindings, groups=GROUPS, **fields):
    """Return the bindings of a plan as text, resolved and bound to groups."""
    resolved = Plan(*bindings, **fields).resolve(facts=RUN)
    assert resolved.resolve(facts=RUN) == resolved
    assert Plan.of_text(resolved.text) == resolved
    bind(resolved, groups)
    return str(resolved).splitlines()[1:]


@given(st.data())
def test_a_field_that_follows_another_uses_its_own_base(data):
    case = data.draw(strategies.cases(fixed=False).filter(lambda case: not case.written.has_absolute))
    times = np.arange(case.world.total + 1)

    plan = Plan(lr=case.written, weight_decay=like("lr")).resolve(facts=case.world.facts)

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
    plan = ps.Plan(f0="linear()", **chain, total=100)

    if is_refused:
        with pytest.raises(PlanError, match="more than 40 lines follow each other"):
            plan.resolve()
    else:
        assert plan.resolve().bindings[-1].schedule == plan.resolve().bindings[0].schedule


SIZE = Binding(Target("size", 2.0), "linear(1, 5)")


GPT3 = """
clock: tokens
total: 300B tokens
lr: (warmup("375M tokens") >> cosine(to=0.1)) * (like("batch_size") / 256) ** 0.5
targets:
  batch_size: {initial: 1, schedule: 'rounded(linear(16, 1600, over="12B tokens"), 16)'}
"""


TOKENS = RunFacts(sequence_length=2048)


def values(plan, name="lr", facts=RUN, **bases):
    return ps.trace(plan, {"lr": 0.1, "weight_decay": 0.05, **bases}, facts=facts)[name]


def test_the_rate_of_a_growing_batch_follows_its_size():
    plan = ps.loads(GPT3.replace("300B", "1B").replace("375M", "100M").replace("12B", "500M"))
    alone = Plan(lr='warmup("100M tokens") >> cosine(to=0.1)', clock="tokens", total="1B tokens")

    trace = ps.trace(plan, {"lr": 0.1}, facts=TOKENS)
    factors = counted_plan(alone.resolve(facts=TOKENS)).bindings[0].schedule(trace.amounts)

    assert len(set(trace["batch_size"])) > 50
    np.testing.assert_allclose(trace["lr"], 0.1 * factors * (trace["batch_size"] / 256) ** 0.5, rtol=1e-14)


def test_two_spellings_of_a_target_give_one_rate():
    first, second = (
        Plan(Binding(Target("size", initial), schedule), lr='cosine() * (like("size") / 256) ** 0.5')
        for initial, schedule in ((256, stairs(1, 4, 3)), (1, stairs(256, 1024, 3)))
    )

    np.testing.assert_array_equal(values(first), values(second))


@table(
    ("line", "why", "instead"),
    [
        (
            'warmup(10) >> cosine() * like("size")',
            "does not start with the run",
            '(warmup(10) >> cosine()) * like("size")',
        ),
        (
            'warmup(10) >> cosine() * 0.5 * (like("size") / 4) ** 0.5',
            "does not start with the run",
            '(warmup(10) >> cosine() * 0.5) * (like("size") * 0.25) ** 0.5',
        ),
        ('warmup(10) >> like("size")', "does not start with the run", '(warmup(10) >> constant()) * like("size")'),
        ('shift(like("size") * cosine(), 5)', "does not start with the run", 'shift(cosine(), 5) * like("size")'),
        ('restarts(cosine() * like("size"), 20)', "restarts", 'restarts(cosine(), 20) * like("size")'),
        ('window(like("size"), 20, 40)', "does not start with the run", 'window(constant(), 20, 40) * like("size")'),
        (
            'warmup(10) >> cosine() * like("size") * plateau()',
            "does not start with the run",
            '(warmup(10) >> cosine()) * like("size") * plateau()',
        ),
        ('warmup(10) >> minimum(cosine(), like("size"))', "does not start with the run", None),
        ('cosine(over=50) * like("size") >> constant() * like("size") ** 2', "does not start with the run", None),
    ],
)
def test_elsewhere_it_is_refused_with_the_line_in_brackets(line, why, instead):
    if line.endswith("plateau()"):
        plan = Plan(SIZE, lr=parse(line.removesuffix(" * plateau()")) * ps.plateau())
    else:
        plan = Plan(SIZE, lr=line)

    with pytest.raises(PlanError) as refused:
        plan.resolve(facts=RUN)

    assert refused.value.problem.site == 'like("size") in lr'
    assert why in refused.value.problem.found
    advice = refused.value.problem.advice
    assert advice.startswith("Multiply the entire line, with brackets:" if instead is None else f"Write {instead}")
    Plan(SIZE, Binding(Target("batch_size", 4), 1.0), lr=advice.split(": ")[-1].removeprefix("Write ")).resolve(
        facts=RUN
    )


def test_a_changed_target_changes_every_line_that_follows_it():
    plan = Plan(SIZE, lr='cosine() * like("size")', weight_decay='like("lr")', eps=1.0, total=100)

    changed = plan.change("50 steps", size="constant(3)")

    assert [change.what for change in ps.diff(plan, changed)] == ["lr", "size", "weight_decay"]
    lr, size, weight_decay = map(str, ps.diff(plan, changed, facts=RunFacts()))
    assert lr == 'lr: cosine() * like("size") (follows a changed target)  [from update 51, by up to 0.334205 x base]'
    assert size.startswith("size: 2.0 * linear(1.0, 5.0) -> 2.0 * take(linear(1.0, 5.0), 50) >> constant(3.0)")
    assert weight_decay.startswith('weight_decay: like("lr") (follows a changed target)  [from update 51')
    assert not ps.diff(plan, Plan.of_text(plan.text))
    for name in ("lr", "weight_decay"):
        before, after = (values(version, name, RunFacts(), eps=1e-8) for version in (plan, changed))
        np.testing.assert_array_equal(before[:50], after[:50])
        assert before[60] != after[60]


@table(("time", "updates"), [("1001 steps", 1001), ("33.3%", 1667), ("1B tokens", 1667), ("777777 samples", 1854)])
@pytest.mark.parametrize("changed", [
    lambda plan, time: plan.scale(time, lr=0.5),
    lambda plan, time: plan.change(time, lr='0.1 * like("batch_size") / 256'),
    lambda plan, time: plan.cooldown(time, "100 steps"),
], ids=["scale", "change", "cooldown"])  # fmt: skip
def test_changes_keep_the_past_if_sizes_are_planned(changed, time, updates):
    plan = ps.loads(GPT3.replace("300B", "3B").replace("375M", "37M").replace("12B", "1200M"))

    before, after = (ps.trace(version, {"lr": 1.0}, facts=TOKENS) for version in (plan, changed(plan, time)))

    np.testing.assert_array_equal(before["lr"][:updates], after["lr"][:updates])
    assert len(after) <= updates + 1 or before["lr"][updates + 1] != after["lr"][updates + 1]
