"""Changes of a plan keep the past, and the difference of two plans is that of their values."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.plan import Binding, Plan, Target, counted_plan, diff
from paramsched.core.schedules import constant, linear
from paramsched.core.time import RunFacts, counts_in_unit
from paramsched.errors import InvalidArgument, PlanError, UnknownField
from support.tables import table

PLAN = Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="linear(to=0.5)", total=10_000)


def lines(plan):
    return str(plan).splitlines()


# ---------------------------------------------------------------- selection of bindings

GROUPED = Plan(
    Binding("lr", "cosine()"),
    Binding("lr", "0.1 * cosine()", groups="head"),
    Binding(Target("temperature", 2.0), "linear(1, 0.5)"),
    Binding("betas[0]", "constant(0.5)"),
    total=100,
)


def test_a_group_without_its_own_binding_continues_from_the_default():
    changed = GROUPED.change(50, Binding("lr", "linear(to=0)", groups="neck"), total=80)

    assert lines(changed)[1:4] == [
        "lr: take(cosine(), 100, 100)",
        "lr @ head: take(0.1 * cosine(), 100, 100)",
        "lr @ neck: take(cosine(), 50, 100) >> linear()",
    ]


SIZES = ps.RunFacts(sequence_length=1000)


def sized(clock, total, **fields):
    sizes = Binding(Target("batch_size", 1.0), 'rounded(linear(10, 40, over="1M tokens"), 10)')
    return Plan(sizes, lr="linear()", total=total, clock=clock, **fields)


def test_changing_the_batch_size_at_an_amount_keeps_the_past():
    plan = sized("tokens", "5M tokens")

    changed = plan.change("2M tokens", batch_size="constant(20)", lr="linear(to=0)", total="6M tokens")

    before, after = (ps.trace(version, {"lr": 0.1}, facts=SIZES) for version in (plan, changed))
    index = before.amounts.tolist().index(2_000_000)
    for values, expected in ((after.amounts, before.amounts), (after["lr"], before["lr"])):
        assert values[: index + 1].tolist() == pytest.approx(expected[: index + 1].tolist(), rel=1e-15)
        assert values[:index].tobytes() == expected[:index].tobytes()
    assert set(after["batch_size"][index:].tolist()) == {20.0}
    assert after.total - index == 200


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (sized("tokens", "500 steps"), 'a run of "500" has another number of tokens'),
    ],
    ids=["a total by updates"],
)
def test_a_batch_size_that_changes_the_past_of_a_schedule_is_rejected(plan, message):
    assert message in refused(PlanError, lambda: plan.change("2M tokens", batch_size="constant(20)"))
    assert message in refused(PlanError, lambda: plan.scale("2M tokens", batch_size=2))
    assert plan.change("2M tokens", lr="linear(to=0)").clock == plan.clock


# ---------------------------------------------------------------- cooldown and scale


@pytest.mark.heavy
def test_the_text_of_a_plan_that_is_scaled_often_stays_short():
    plan = PLAN
    for t in range(100, 4100, 100):
        plan = plan.scale(t, lr=0.9)

    assert len(plan.text) < 30_000
    assert lines(PLAN.scale(10, lr=0.5).scale(30, lr=0.5))[1] == (
        'lr: take(warmup("5%") >> cosine(to=0.1), 10)'
        ' >> take(0.5 * skip(warmup("5%") >> cosine(to=0.1), 10), 20)'
        ' >> 0.5 * skip(0.5 * skip(warmup("5%") >> cosine(to=0.1), 10), 20)'
    )


# ---------------------------------------------------------------- errors


def refused(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_an_unknown_field_raises_with_the_nearest_name():
    assert refused(UnknownField, lambda: PLAN.change(10, weight_decy="constant(0.1)")) == (
        'change(…, weight_decy=…): the plan has no "weight_decy"; did you mean "weight_decay"?'
    )
    assert 'did you mean "weight_decay"?' in refused(PlanError, lambda: PLAN.scale(10, weight_decy=0.1))
    assert "expected one of lr, weight_decay" in refused(PlanError, lambda: PLAN.cooldown(10, 10, fields=["xyz"]))
    assert 'has no "eps"' in refused(PlanError, lambda: PLAN.change(10, Binding("eps", "constant(0.1)", groups="head")))


@table(
    ("call", "message"),
    [
        (lambda: PLAN.change(8000), "expected a field to change or a new total"),
        (lambda: PLAN.change(8000, total=10_000), "expected a field to change or a new total"),
        (lambda: PLAN.change(10_000, lr="constant(0.1)"), 'the run ends at "10000"'),
        (lambda: PLAN.change(8000, lr="constant(0.1)", total=8000), 'the run ends at "8000"'),
        (lambda: PLAN.scale(10_000, lr=0.1), 'the run ends at "10000"'),
        (lambda: PLAN.change("100%", lr="constant(0.1)"), 'the run ends at "100%"'),
        (lambda: PLAN.scale(8000), "expected at least one field"),
        (lambda: PLAN.scale(8000, lr=float("nan")), "must be finite"),
        (lambda: PLAN.scale(8000, lr="half"), "expected a number, got str"),
        (lambda: PLAN.change(-5, lr="constant(0.1)"), "must not be negative"),
        (lambda: PLAN.change("soon", lr="constant(0.1)"), "soon"),
        (lambda: PLAN.change(5, lr=1.0, total="50%"), "percent would refer to the total itself"),
        (lambda: PLAN.change(5, "lr"), "not a Binding"),
        (
            lambda: GROUPED.change(5, Binding(Target("temperature", 1.0), 1.0)),
            "another base would change the past values",
        ),
        (
            lambda: PLAN.change(5, Binding(Target("lr", 1.0), 1.0)),
            "change(…, Binding(Target('lr', …), …)): lr is a field of the optimizer. Use change(…, lr=…)",
        ),
        (
            lambda: GROUPED.change(5, Binding("temperature", 1.0, groups="head")),
            "change(…, Binding('temperature', …)): temperature is a target, without groups. Use change(…, temperature",
        ),
        (
            lambda: Plan(Binding("lr", 1.0, groups="head"), total=9).change(5, Binding("lr", 1.0)),
            "lr has no default; it has lines for head. Use change(…, lr=…) for all lines",
        ),
        (
            lambda: Plan(Binding("lr", 1.0, groups="head"), total=9).change(5, Binding("lr", 1.0, groups="neck")),
            "lr has no line for neck",
        ),
    ])  # fmt: skip
def test_a_change_without_effect_or_of_the_past_is_rejected(call, message):
    assert message in refused(InvalidArgument, call)


RATES = {"updates": 1, "tokens": 7}


FACTS = RunFacts(tokens_per_step=7)


LEVELS = (-1.0, 0.0, 0.5, 1.0)


@st.composite
def plans(draw, names):
    """Draw a plan of fields on one of the clocks of `RATES`, for a run of up to 40 updates."""
    clock = draw(st.sampled_from([*RATES]))
    lines = {}
    for name in names:
        start = draw(st.sampled_from(LEVELS))
        to = draw(st.sampled_from(LEVELS))
        over = draw(st.integers(1, 20)) * RATES[clock]
        lines[name] = f'linear({start}, {to}, over="{over} {clock}") >> constant({draw(st.sampled_from(LEVELS))})'
    return Plan(**lines, total=draw(st.integers(21, 40)), clock=clock)


def differences(plans, name):
    """Return the differences of the values of a field, update by update."""
    columns = []
    for plan in plans:
        clock = plan.clock if isinstance(plan.clock, str) else plan.clock.get(name, "updates")
        (schedule,) = (
            binding.schedule for binding in counted_plan(plan.resolve(facts=FACTS)).bindings if binding.name == name
        )
        columns.append(
            [
                schedule(t * int(RATES[clock] * counts_in_unit(clock)))
                for t in range(max(plan.total.updates for plan in plans))
            ]
        )
    return np.abs(np.subtract(*columns))


@given(st.lists(st.sampled_from(["lr", "eps", "alpha"]), min_size=1, unique=True), st.data())
def test_a_change_is_that_of_the_values_update_by_update(names, data):
    both = data.draw(plans(names)), data.draw(plans(names))

    actual = {change.name: change for change in diff(*both, facts=FACTS)}

    for name in names:
        lines = [next(str(binding.schedule) for binding in plan.bindings if binding.name == name) for plan in both]
        apart = differences(both, name)
        assert (name in actual) == (lines[0] != lines[1])
        if name in actual:
            expected = (
                (int(np.flatnonzero(apart)[0]), apart.max(), "updates") if apart.any() else (None, 0.0, "updates")
            )
            assert (actual[name].when, actual[name].by, actual[name].unit) == expected


@given(st.integers(1, 9_999), st.sampled_from(LEVELS[:3]))
def test_a_change_on_a_clock_of_unknown_amounts_is_found_at_its_exact_time(amount, to):
    for clock, length, end, when in (
        ("tokens", f"{amount} tokens", "10000 tokens", amount),
        ("progress", f"{amount / 100}%", None, amount / 10_000),
    ):
        before, after = (
            Plan(lr=line, clock=clock, total=end)
            for line in ("constant()", f'constant(1.0, "{length}") >> constant({to})')
        )

        for change in diff(before, after, facts=RunFacts()), diff(after, before, facts=RunFacts()):
            assert [(difference.when, difference.by, difference.unit) for difference in change] == [
                (when, 1.0 - to, clock)
            ]


def test_a_targets_initial_value_is_a_change():
    a, b = (Plan(Binding(Target("x", initial), "constant(0.5)")) for initial in (1.0, 2.0))

    assert [(change.what, change.before, change.after) for change in diff(a, b)] == [
        ("x", "1.0 * constant(0.5)", "2.0 * constant(0.5)")
    ]


def test_without_a_total_a_change_has_the_time_at_which_it_starts():
    (change,) = diff(Plan(lr=linear(over=10)), Plan(lr=linear(over=20)), facts=RunFacts())

    assert (change.when, change.by) == (1, 0.5)


def test_with_unknown_consumption_a_change_has_its_time_on_its_own_clock():
    before = Plan(lr="constant()", clock="tokens", total="300B tokens")
    after = Plan(lr='constant(1.0, "123456789012 tokens") >> constant(0.5)', clock="tokens", total="300B tokens")
    (change,) = diff(before, after, facts=RunFacts())

    assert (change.when, change.unit, change.by) == (123456789012, "tokens", 0.5)
    assert str(change).endswith("[from 123456789012 tokens, by up to 0.5 x base]")


@table("update", [0, 1, 2, 77_777, 11_999_999])
def test_the_first_different_update_of_a_long_run_is_found_without_computing_all(update):
    before = Plan(lr=constant(), total=12_000_000)
    after = Plan(lr=constant(1.0, update) >> constant(0.25), total=12_000_000)
    (change,) = diff(before, after, facts=RunFacts())

    assert (change.when, change.unit, change.by) == (update, "updates", 0.75)


def test_a_change_of_text_alone_has_no_time():
    (change,) = diff(Plan(lr=linear(over=10)), Plan(lr=linear(over="100%")), total=10)

    assert (change.when, change.by) == (None, 0.0)
    assert str(change).endswith("[the same values]")


@table(
    ("before", "after", "base", "when", "by"),
    [
        ("constant(2)", "absolute(0.2)", 0.1, None, 0.0),
        ("constant(3)", "absolute(3e-4)", 1e-4, None, 0.0),  # 3 * 1e-4 has another last bit
        ("constant(2)", "absolute(0.3)", 0.1, 0, pytest.approx(0.1)),
        ("linear()", "absolute(linear(0.1, 0))", 0.1, None, 0.0),
        ("linear()", "cosine()", 0.0, None, 0.0),
    ],
)
def test_lines_of_multiples_and_of_values_are_compared_in_values(before, after, base, when, by):
    (change,) = diff(Plan(lr=before, total=10), Plan(lr=after, total=10), bases={"lr": base})

    assert (change.when, change.by, change.base) == (when, by, base)


def test_a_base_of_a_group_precedes_the_base_of_its_field():
    before, after = (Plan(Binding("lr", constant(x), groups="head"), lr=constant(x), total=10) for x in (1.0, 0.5))

    by = {difference.what: difference.by for difference in diff(before, after, bases={"lr": 0.1, "lr @ head": 4})}

    assert by == {"lr": 0.05, "lr @ head": 2.0}


OF_BASE = [
    "geometric(to=absolute(1e-6))",
    "warmup(100) >> geometric(to=absolute(1e-6))",
    "2 * geometric(to=absolute(1e-6))",
]
LEVELS_FROM = {  # the value at k updates after the change, from the level that another base has
    "constant()": lambda level, k, base: level,
    "linear(over=100)": lambda level, k, base: level * max(0, 1 - k / 100),
    "linear(to=0.1)": lambda level, k, base: level + (0.1 * base - level) * k / 400,
    "linear(to=absolute(1e-3), over=50) >> constant()": lambda level, k, base: level + (1e-3 - level) * min(k / 50, 1),
    "constant(over=50) >> linear()": lambda level, k, base: level * (1 - max(0, k - 50) / 350),
    "linear(start=0.3, over=80)": lambda level, k, base: 0.3 * base * max(0, 1 - k / 80),
}


@table(("old", "new", "time"), product(OF_BASE, LEVELS_FROM, [600, "60%"]))
def test_a_change_inside_a_geometric_to_an_absolute_value_starts_at_its_level_for_each_base(old, new, time):
    plan = ps.Plan(lr=old, total=1000)
    bases = [0.1, 0.003]
    changed = plan.change(time, lr=new)
    groups = [{"lr": base} for base in bases]
    before = ps.trace(plan, groups)
    after = ps.trace(changed, groups)

    assert ps.loads(ps.dump(changed)) == changed
    for index, base in enumerate(bases):
        level = before["lr", index][600]
        expected = [LEVELS_FROM[new](level, k, base) for k in range(400)]
        assert after["lr", index][:600].tolist() == before["lr", index][:600].tolist()
        assert after["lr", index][600:].tolist() == pytest.approx(expected, rel=1e-12, abs=1e-18)


@table(
    ("new", "with_argument"),
    [
        ("geometric(to=0.1)", "geometric(to=0.1, {})"),
        ("warmup(50) >> cosine()", "warmup(50, {}) >> cosine()"),
        ("linear(over='until 800 steps')", "linear(over='until 800 steps', {})"),
        ("constant(over='until 800 steps') >> linear()", "constant(over='until 800 steps', {}) >> linear(start=0.1)"),
    ],
)
def test_a_change_that_needs_a_number_where_each_base_has_another_level_raises_at_once(new, with_argument):
    with pytest.raises(PlanError) as caught:
        ps.Plan(lr=OF_BASE[0], total=1000).change(600, lr=new)
    written = with_argument.format(caught.value.problem.advice.partition("for example ")[2])

    ps.trace(ps.Plan(lr=OF_BASE[0], total=1000).change(600, lr=written), {"lr": 0.1})
