"""Changing a plan: the bindings of the new plan, kept properties, and invalid changes."""

import pytest

import paramsched as ps
from paramsched.core.plan import Binding, Plan, Target
from paramsched.errors import InvalidArgument, PlanError, UnknownField
from support.tables import table

PLAN = Plan(lr='warmup("5%") >> cosine(to=0.1)', weight_decay="linear(to=0.5)", horizon=10_000)


def lines(plan):
    return str(plan).splitlines()


# ---------------------------------------------------------------- selection of bindings

GROUPED = Plan(
    Binding("lr", "cosine()"),
    Binding("lr", "0.1 * cosine()", groups="head"),
    Binding(Target("temperature", 2.0), "linear(1, 0.5)"),
    Binding("betas[0]", "constant(0.5)"),
    horizon=100,
)


def test_a_group_without_its_own_binding_continues_from_the_default():
    changed = GROUPED.change(50, Binding("lr", "linear(previous, 0)", groups="neck"), horizon=80)

    assert lines(changed)[1:4] == [
        "lr: take(cosine(), 100, 100)",
        "lr @ head: take(0.1 * cosine(), 100, 100)",
        "lr @ neck: take(cosine(), 50, 100) >> linear(previous)",
    ]


SIZES = ps.Calendar(sequence_length=1000)


def sized(clock, horizon, **fields):
    sizes = Binding(Target("batch_size", 1.0), 'rounded(linear(10, 40, over="1M tokens"), 10)')
    return Plan(sizes, lr="linear()", horizon=horizon, clock=clock, **fields)


def test_changing_the_batch_size_at_an_amount_keeps_the_past():
    plan = sized("tokens", "5M tokens")

    changed = plan.change("2M tokens", batch_size="constant(20)", lr="linear(previous, 0)", horizon="6M tokens")

    before, after = (ps.trace(one, {"lr": 0.1}, SIZES) for one in (plan, changed))
    at = before.amounts.tolist().index(2_000_000)
    for values, expected in ((after.amounts, before.amounts), (after["lr"], before["lr"])):
        assert values[: at + 1].tolist() == pytest.approx(expected[: at + 1].tolist(), rel=1e-15)
        assert values[:at].tobytes() == expected[:at].tobytes()
    assert set(after["batch_size"][at:].tolist()) == {20.0}
    assert after.total - at == 200


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            sized({"batch_size": "tokens"}, "5M tokens"),
            'lr: linear() depends on the length of the run, and with another batch_size a run of "5M tokens" has '
            "another number of updates. Give the horizon of the plan in updates",
        ),
        (sized("tokens", "500 steps"), 'a run of "500" has another number of tokens'),
    ],
    ids=["a line by updates", "a horizon by updates"],
)
def test_a_batch_size_that_changes_the_past_of_a_schedule_is_rejected(plan, message):
    assert message in refused(PlanError, lambda: plan.change("2M tokens", batch_size="constant(20)"))
    assert message in refused(PlanError, lambda: plan.scale("2M tokens", batch_size=2))
    assert plan.change("2M tokens", lr="linear(previous, 0)").clock == plan.clock


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
        (lambda: PLAN.change(8000), "expected a field to change or a new horizon"),
        (lambda: PLAN.change(8000, horizon=10_000), "expected a field to change or a new horizon"),
        (lambda: PLAN.change(10_000, lr="constant(0.1)"), 'the run ends at "10000"'),
        (lambda: PLAN.change(8000, lr="constant(0.1)", horizon=8000), 'the run ends at "8000"'),
        (lambda: PLAN.scale(10_000, lr=0.1), 'the run ends at "10000"'),
        (lambda: PLAN.change("100%", lr="constant(0.1)"), 'the run ends at "100%"'),
        (lambda: PLAN.scale(8000), "expected at least one field"),
        (lambda: PLAN.scale(8000, lr=float("nan")), "must be finite"),
        (lambda: PLAN.scale(8000, lr="half"), "expected a number, got str"),
        (lambda: PLAN.change(-5, lr="constant(0.1)"), "must not be negative"),
        (lambda: PLAN.change("soon", lr="constant(0.1)"), "soon"),
        (lambda: PLAN.change(5, lr=1.0, horizon="50%"), "percent would refer to the horizon itself"),
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
            lambda: Plan(Binding("lr", 1.0, groups="head"), horizon=9).change(5, Binding("lr", 1.0)),
            "lr has no default; it has lines for head. Use change(…, lr=…) for all lines",
        ),
        (
            lambda: Plan(Binding("lr", 1.0, groups="head"), horizon=9).change(5, Binding("lr", 1.0, groups="neck")),
            "lr has no line for neck",
        ),
    ])  # fmt: skip
def test_a_change_without_effect_or_of_the_past_is_rejected(call, message):
    assert message in refused(InvalidArgument, call)
