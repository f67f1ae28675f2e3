"""Targets that determine the consumption per update: exact amounts, and lengths that depend on them."""

from fractions import Fraction

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.plan import amounts_of_run, counted_plan
from paramsched.errors import MissingFact, PlanError
from support.tables import table

GPT = 'warmup("375M tokens") >> cosine(to=0.1, over="260B tokens") >> constant(0.1)'


@ps.shape
def sizes_that_jump(t):
    return 1.0 + t * 7919 % 97


def plan_of(schedule, *, lr="cosine()", name="batch_size", initial=1.0, **kwargs):
    return ps.Plan(ps.Binding(ps.Target(name, initial), schedule), lr=lr, **kwargs)


def one_by_one(size, total):
    """Return the amount before each update by definition; `size` takes the update and its amount."""
    amounts = [0]
    while amounts[-1] < total:
        amounts.append(amounts[-1] + size(len(amounts) - 1, amounts[-1]))
    return amounts[:-1]


def amounts_of(plan, **facts):
    return ps.trace(plan, {"lr": 1.0}, facts=ps.RunFacts(**facts)).amounts.tolist()


def test_batch_sizes_that_jump_at_every_amount_are_exact():
    plan = plan_of(sizes_that_jump(), clock="samples", total="20_000 samples")
    assert amounts_of(plan) == one_by_one(lambda t, amount: 1 + amount * 7919 % 97, 20_000)


def test_half_batch_sizes_are_rounded_to_even():
    plan = plan_of('linear(0.5, 4.5, over="10 samples")', clock="samples", initial=1.0, total="20 samples")
    with pytest.raises(PlanError, match="at update 0 it is 0; a size must be an integer of at least 1"):
        ps.trace(plan, {"lr": 1.0})
    plan = plan_of('linear(1.5, 4.5, over="6 samples")', clock="samples", initial=1.0, total="20 samples")
    assert amounts_of(plan) == [0, 2, 4, 8, 12, 16]


@table("over", ["40k tokens", "5000 samples"])
def test_a_size_below_1_is_named_by_its_update_on_every_clock(over):
    size = 'linear(10, 0, over="1k samples") >> constant(4)'  # it is possible again at other amounts
    plan = plan_of(size, lr=f'linear(over="{over}")', clock="samples")

    with pytest.raises(PlanError, match="target batch_size: at update 286 it is 0;"):
        ps.trace(plan, {"lr": 1.0}, sequence_length=8, total=over)


def test_the_advice_for_a_size_below_1_can_be_pasted():
    schedule = "linear(10, 0, over='1k samples')"

    def trace(line):
        binding = ps.Binding(ps.Target("batch_size", 1), line)
        return ps.trace(ps.Plan(binding, lr="linear()", total="5k samples", clock="samples"), {"lr": 1.0})

    with pytest.raises(ps.errors.PlanError, match="at update 286 it is 0") as actual:
        trace(schedule)

    advice = str(actual.value).partition("For example: ")[2]
    assert trace(advice).amounts[-1] == 4999


def test_a_resolved_plan_resolves_to_itself_and_survives_its_text():
    plan = plan_of('linear(16, 1600, over="12B tokens")', lr=GPT, clock="tokens", total="300B tokens")
    resolved = plan.resolve(sequence_length=2048)
    assert resolved.is_resolved
    assert resolved.resolve(sequence_length=2048) == resolved
    assert ps.Plan.of_text(resolved.text) == resolved


def test_a_batch_size_cannot_depend_on_a_total_that_depends_on_it():
    with pytest.raises(PlanError, match="its lengths depend on"):
        plan_of("linear(16, 1)", clock="samples", total="100 steps").resolve()
    plan_of('linear(16, 1, over="10 samples")', clock="samples", total="100 steps").resolve()


@table("schedule", ["linear(16, 0)", "constant(0.4)", "linear(3, -2)", "constant() - 1"])
def test_an_update_without_consumption_is_rejected(schedule):
    plan = plan_of(schedule, clock="samples", total="1000 samples")
    with pytest.raises(PlanError, match="a size must be an integer of at least 1"):
        ps.trace(plan, {"lr": 1.0})


def test_a_batch_size_after_the_end_is_not_evaluated():
    plan = plan_of('linear(10, 0, over="1000 samples")', clock="samples", total="900 samples")
    assert amounts_of(plan)[-1] < 900


def test_a_batch_size_with_a_metric_rule_is_unknown_before_the_run():
    plan = plan_of(ps.constant() * ps.plateau("loss"), clock="samples", total="100 samples")
    with pytest.raises(MissingFact):
        ps.trace(plan, {"lr": 1.0})


def test_amounts_are_consistent_for_any_update():
    plan = plan_of('linear(1, 400, over="2M samples")', clock="samples", total="4M samples")
    run = amounts_of_run(plan.resolve(), ps.RunFacts())
    whole = run.amounts_from(0, 0, 20_000)
    for t in (0, 1, 4095, 4096, 4097, 12_345, 19_999):
        assert run.amount_at(t) == whole[t]
        assert run.updates_until(whole[t].item()) == t
        assert run.updates_until(whole[t].item() + 1) == t + 1
        assert run.amounts_from(t, whole[t].item(), 3).tolist() == run.amounts_from(0, 0, t + 3)[t:].tolist()
    assert run.amount_at(10**12) == run.amount_at(10**6) + (10**12 - 10**6) * 400
    assert run.updates_until(run.amount_at(10**12)) == 10**12
    assert run.update_of(run.exact_at(Fraction(1001, 7))) == Fraction(1001, 7)


def test_epochs_are_converted_by_batches_if_accumulation_grows():
    plan = plan_of(
        'linear(1, 4, over="2 epochs")',
        name="accumulation",
        lr='warmup("3 epochs") >> constant()',
        weight_decay='constant(0.5, over="1 epoch") >> constant(1)',
        clock="batches",
        total="5 epochs",
    )

    trace = ps.trace(plan, {"lr": 1.0, "weight_decay": 1.0}, batches_per_epoch=10)

    amounts = one_by_one(lambda t, batch: round(1 + 3 * min(Fraction(batch, 20), 1)), 50)
    assert trace.amounts.tolist() == amounts
    np.testing.assert_allclose(trace["lr"], [min(batch / 30, 1) for batch in amounts], rtol=1e-12)
    assert trace["weight_decay"].tolist() == [0.5 if batch < 10 else 1.0 for batch in amounts]


LINES = [
    "restarts(table([1.0, 2.0], '7 samples'), '14 samples')",
    "1 + every(linear(), '11 samples')",
]


@table("size", [1, 2, 3, 7, 50, 640, 5000])
@pytest.mark.parametrize("line", LINES)
def test_amounts_equal_those_counted_update_by_update(size, line):
    plan = ps.Plan(
        ps.Binding(ps.Target("batch_size", size), line), lr=1.0, total=f"{300 * size} samples", clock="samples"
    )
    resolved = plan.resolve()
    amounts = amounts_of_run(resolved, ps.RunFacts())
    schedule = next(binding.schedule for binding in counted_plan(resolved).bindings if binding.name == "batch_size")

    actual = [0]
    while actual[-1] < 300 * size:
        actual.append(actual[-1] + int(np.rint(schedule(actual[-1], float(size)))))

    assert amounts.updates_until(300 * size) == len(actual) - 1
    assert amounts.amounts_from(0, 0, len(actual)).tolist() == actual
