"""Targets that determine the consumption per update: exact amounts, and lengths that depend on them."""

from fractions import Fraction

import numpy as np
import pytest

import paramsched as ps
from paramsched.core.plan.resolve import amounts_of_run, counted_plan
from paramsched.core.schedules import register_function
from paramsched.core.schedules.leaves import FUNCTIONS, from_function
from paramsched.errors import InvalidArgument, MissingFact, PlanError, Unresolved
from support.tables import table

GPT = 'warmup("375M tokens") >> cosine(to=0.1, over="260B tokens") >> constant(0.1)'

if "sizes_that_jump" not in FUNCTIONS:  # imported more than once in a process
    register_function("sizes_that_jump", lambda t: 1.0 + np.asarray(t) * 7919 % 97)


def plan_of(schedule, *, lr="cosine()", name="batch_size", initial=1.0, **kwargs):
    return ps.Plan(ps.Binding(ps.Target(name, initial), schedule), lr=lr, **kwargs)


def one_by_one(size, horizon):
    """Return the amount before each update by definition; `size` takes the update and its amount."""
    amounts = [0]
    while amounts[-1] < horizon:
        amounts.append(amounts[-1] + size(len(amounts) - 1, amounts[-1]))
    return amounts[:-1]


def amounts_of(plan, **facts):
    return ps.trace(plan, {"lr": 1.0}, ps.Calendar(**facts)).amounts.tolist()


@pytest.mark.heavy
def test_a_batch_size_ramp_by_amount_equals_counting_update_by_update():
    plan = plan_of('linear(16, 1600, over="12B tokens")', lr=GPT, clock="tokens", horizon="50B tokens")
    ramp = ps.linear(16, 1600, over=12 * 10**9)
    expected = one_by_one(lambda t, amount: round(ramp(amount)) * 2048, 50 * 10**9)
    assert amounts_of(plan, sequence_length=2048) == expected


def test_batch_sizes_that_jump_at_every_amount_are_exact():
    plan = plan_of(from_function("sizes_that_jump"), clock="samples", horizon="20_000 samples")
    assert amounts_of(plan) == one_by_one(lambda t, amount: 1 + amount * 7919 % 97, 20_000)


def test_a_batch_size_can_be_planned_by_updates():
    plan = plan_of('multistep(["3 steps", "5 steps"], 2)', initial=4, clock={"lr": "samples"}, horizon="8 steps")
    assert amounts_of(plan) == [0, 4, 8, 12, 20, 28, 44, 60]


def test_half_batch_sizes_are_rounded_to_even():
    plan = plan_of('linear(0.5, 4.5, over="4 steps")', clock={"lr": "samples"}, initial=1.0, horizon="5 steps")
    with pytest.raises(PlanError, match="at update 0 it is 0; a size must be an integer of at least 1"):
        ps.trace(plan, {"lr": 1.0})
    plan = plan_of('linear(1.5, 4.5, over="3 steps")', clock={"lr": "samples"}, initial=1.0, horizon="5 steps")
    assert amounts_of(plan) == [0, 2, 4, 8, 12]


@pytest.mark.parametrize(
    ("targets", "facts", "size"),
    [
        ({"batch_size": 3}, {}, None),
        ({"batch_size": 3}, {"sequence_length": 10}, 30),
        ({"batch_size": 3}, {"sequence_length": 10, "accumulation": 2}, 60),
        ({"batch_size": 3, "accumulation": 4}, {"sequence_length": 10, "accumulation": 2}, 120),
        ({"sequence_length": 5}, {"batch_size": 7, "tokens_per_step": 99}, 35),
        ({"tokens_per_step": 11, "batch_size": 3}, {"sequence_length": 10}, 11),
        ({"batch_size": 3}, {"tokens_per_step": 99}, 99),
        ({}, {"tokens_per_step": 99, "batch_size": 2, "sequence_length": 4}, 8),
        ({}, {"tokens_per_step": 99, "batch_size": 2}, 99),
        ({"frames_per_step": 7}, {}, None),
    ],
    ids=str,
)
def test_tokens_per_update_are_derived_from_targets_and_run_facts(targets, facts, size):
    bindings = [ps.Binding(ps.Target(name, value), "constant()") for name, value in targets.items()]
    plan = ps.Plan(*bindings, lr="cosine()", clock="tokens", horizon="1000 tokens")
    if size is None:
        with pytest.raises(
            MissingFact, match=r"the number of tokens of an update is unknown|sequence_length is missing"
        ):
            ps.trace(plan, {"lr": 1.0}, ps.Calendar(**facts))
    else:
        assert amounts_of(plan, **facts) == list(range(0, 1000, size))


@pytest.mark.parametrize("facts", [{}, {"tokens_per_step": 64}], ids=str)
@pytest.mark.parametrize("lr", ["cosine()", 'warmup("10 steps") >> cosine()'])
def test_a_fact_missing_for_a_planned_batch_size_is_named(facts, lr):
    binding = ps.Binding(ps.Target("batch_size", 4), 'step("100 tokens", 2.0)')
    plan = ps.Plan(binding, lr=lr, clock="tokens", horizon="1000 tokens")

    with pytest.raises(MissingFact, match="batch_size is planned, but sequence_length is missing") as found:
        ps.trace(plan, {"lr": 1.0}, ps.Calendar(**facts))

    assert found.value.fact == "sequence_length"
    assert amounts_of(plan, **facts, sequence_length=2)[:3] == [0, 8, 16]
    by_updates = plan_of("multistep([9], 2)", lr='warmup("40 tokens") >> constant()', horizon=100)
    with pytest.raises(MissingFact, match="batch_size is planned, but sequence_length is missing"):
        by_updates.resolve(ps.Calendar(**facts))


@table("over", ["40k tokens", "5000 samples"])
def test_a_size_below_1_is_named_by_its_update_on_every_clock(over):
    size = 'linear(10, 0, over="1k samples") >> constant(4)'  # it is possible again at other amounts
    plan = plan_of(size, lr=f'linear(over="{over}")', clock={"batch_size": "samples"})

    with pytest.raises(PlanError, match="target batch_size: at update 286 it is 0;"):
        plan.resolve(ps.Calendar(sequence_length=8))


def test_a_size_below_1_that_is_planned_by_time_is_named_by_its_update():
    size = 'linear(10, 0, over="1000 s") >> constant(4)'
    plan = plan_of(size, lr='linear(over="100k tokens")', clock={"batch_size": "seconds"})

    with pytest.raises(PlanError, match="target batch_size: at update 950 it is 0;"):
        ps.trace(plan, {"lr": 1.0}, ps.Calendar(total=2000, sequence_length=8, seconds_per_step=1.0))


@table(
    ("clock", "advice"),
    [
        ("samples", "Plan batch_size, or write Calendar(..., batch_size=…)"),
        ("tokens", "Plan batch_size, or write Calendar(..., tokens_per_step=…)"),
        ("frames", "Plan frames_per_step, or write Calendar(..., frames_per_step=…)"),
        ("seconds", "For example: Calendar(..., seconds_per_step=…)"),
    ],
)
def test_the_missing_amount_of_an_update_is_named(clock, advice):
    with pytest.raises(MissingFact) as refusal:
        ps.trace(ps.Plan(lr="linear()", clock=clock, horizon=f"100 {clock}"), {"lr": 1.0})
    assert refusal.value.instead == advice
    assert refusal.value.example == ("0.25" if clock == "seconds" else "4096")

    planned = "" if clock == "seconds" else f" or plan {advice.split()[1]}"
    with pytest.raises(
        MissingFact, match=f"number of {clock} of an update is unknown. Give the length in {clock},{planned}"
    ):
        ps.Plan(lr="linear(over=100)", clock=clock).resolve(ps.Calendar())


def test_the_advice_for_a_size_below_1_can_be_pasted():
    schedule = "linear(10, 0, over='1k samples')"

    def trace(line):
        binding = ps.Binding(ps.Target("batch_size", 1), line)
        return ps.trace(ps.Plan(binding, lr="linear()", horizon="5k samples", clock="samples"), {"lr": 1.0})

    with pytest.raises(ps.errors.PlanError, match="at update 286 it is 0") as found:
        trace(schedule)

    advice = str(found.value).partition("For example: ")[2]
    assert trace(advice).amounts[-1] == 4999


@table(
    ("clock", "name"),
    [
        ("samples", "batch_size"),
        ("samples", "accumulation"),
        ("frames", "frames_per_step"),
        ("batches", "accumulation"),
    ],
)
def test_other_amounts_can_have_planned_sizes(clock, name):
    plan = plan_of("linear(2, 6, over=4)", name=name, clock={"lr": clock}, horizon="5 steps")
    facts = {"batch_size": 10} if name == "accumulation" and clock == "samples" else {}
    assert amounts_of(plan, **facts) == [size * facts.get("batch_size", 1) for size in (0, 2, 5, 9, 14)]


def test_sizes_planned_by_updates_and_by_amount_can_be_combined():
    bindings = [
        ps.Binding(ps.Target("batch_size", 1.0), 'linear(2, 20, over="500 samples")'),
        ps.Binding(ps.Target("accumulation", 1.0), "multistep([10, 20], 2)"),
    ]
    plan = ps.Plan(*bindings, clock={"batch_size": "samples"}, horizon="3000 samples")
    ramp = ps.linear(2, 20, over=500)
    sizes = one_by_one(lambda t, amount: round(ramp(amount)) * (1, 2, 4)[(t >= 10) + (t >= 20)], 3000)
    assert ps.trace(plan, {}).amounts.tolist() == sizes


def test_lengths_in_updates_become_amounts_from_the_start_of_their_stage():
    plan = plan_of(
        'multistep(["100 steps", "250 steps"], 2)',
        lr='warmup("120 steps") >> constant() >> linear(1, 0, over="50 steps")',
        clock={"lr": "samples"},
        horizon="400 steps",
    )
    lr, _ = plan.resolve(ps.Calendar()).bindings
    assert str(lr.schedule) == 'warmup("140 samples") >> constant(over="660 samples") >> linear(over="200 samples")'
    found = ps.trace(plan, {"lr": 1.0})
    assert found.total == 400
    assert found["lr"][120] == found["lr"][350] == 1.0
    assert found["lr"][351] == 0.98


def test_the_horizon_may_end_inside_an_update():
    plan = plan_of(
        'multistep(["100 samples"], 4)', lr='constant() >> linear(1, 0, over="50 steps")', clock="samples",
        horizon="333 samples",
    )  # fmt: skip
    lr, _ = plan.resolve(ps.Calendar()).bindings
    assert str(lr.schedule) == 'constant(over="133 samples") >> linear(over="200 samples")'


def test_epochs_are_converted_by_their_updates():
    plan = plan_of("multistep([10], 3)", lr='step("2 epochs", 0.5)', clock={"lr": "samples"}, horizon="3 epochs")
    resolved = plan.resolve(ps.Calendar(steps_per_epoch=7))
    assert str(resolved.bindings[0].schedule) == 'step("22 samples", 0.5)'  # ten of 1, four of 3
    assert ps.trace(plan, {"lr": 1.0}, ps.Calendar(steps_per_epoch=7)).total == 21


def test_amounts_on_the_clock_of_updates_use_the_planned_sizes():
    plan = plan_of(
        'multistep(["100 steps", "250 steps"], 2)', lr='warmup("1000 tokens") >> cosine()', horizon="10k tokens"
    )
    resolved = plan.resolve(ps.Calendar(sequence_length=8))
    # 100 updates of 8 tokens are 800, 13 of 16 the next 200; 150 of 16 are 2400, 212.5 of 32 the other 6800
    assert str(resolved) == (
        "horizon: 463\nlr: warmup(113) >> cosine(over=350)\nbatch_size = 1.0: multistep([100, 250], 2.0)"
    )
    assert resolved.resolve(ps.Calendar(sequence_length=8)) == resolved


def test_on_the_clock_of_updates_an_amount_starts_with_its_stage():
    plan = plan_of("multistep([10], 4)", lr='constant(over=12) >> linear(1, 0, over="40 samples") >> constant(0)')
    assert "linear(over=10)" in str(plan.resolve(ps.Calendar()))
    plan = plan_of("multistep([10], 4)", lr='constant(over=4) >> linear(1, 0, over="40 samples") >> constant(0)')
    assert "linear(over=15)" in str(plan.resolve(ps.Calendar()))  # six of 1, nine of 4


def test_a_resolved_plan_resolves_to_itself_and_survives_its_text():
    plan = plan_of('linear(16, 1600, over="12B tokens")', lr=GPT, clock="tokens", horizon="300B tokens")
    resolved = plan.resolve(ps.Calendar(sequence_length=2048))
    assert resolved.is_resolved
    assert resolved.resolve(ps.Calendar(sequence_length=2048)) == resolved
    assert ps.Plan.of_text(resolved.text) == resolved


@pytest.mark.parametrize(
    ("schedule", "clock"),
    [('linear(16, 1, over="10 steps")', "samples"), ('linear(16, 1, over="10 samples")', "updates")],
    ids=["updates on samples", "samples on updates"],
)
def test_a_batch_size_cannot_depend_on_itself(schedule, clock):
    plan = plan_of(schedule, lr='linear(1, 0, over="50 samples")', clock=clock)
    with pytest.raises(PlanError, match="target batch_size: its lengths depend on the number of samples"):
        plan.resolve(ps.Calendar())


def test_a_batch_size_cannot_depend_on_a_horizon_that_depends_on_it():
    with pytest.raises(PlanError, match="its lengths depend on"):
        plan_of("linear(16, 1)", clock="samples", horizon="100 steps").resolve(ps.Calendar())
    plan_of('linear(16, 1, over="10 samples")', clock="samples", horizon="100 steps").resolve(ps.Calendar())


@table("schedule", ["linear(16, 0)", "constant(0.4)", "linear(3, -2)", "constant() - 1"])
def test_an_update_without_consumption_is_rejected(schedule):
    plan = plan_of(schedule, clock="samples", horizon="1000 samples")
    with pytest.raises(PlanError, match="a size must be an integer of at least 1"):
        ps.trace(plan, {"lr": 1.0})


def test_a_batch_size_after_the_horizon_is_not_evaluated():
    plan = plan_of('linear(10, 0, over="1000 samples")', clock="samples", horizon="900 samples")
    assert amounts_of(plan)[-1] < 900


def test_a_batch_size_with_a_metric_rule_is_unknown_before_the_run():
    plan = plan_of(ps.constant() * ps.plateau("loss"), clock="samples", horizon="100 samples")
    with pytest.raises(MissingFact):
        ps.trace(plan, {"lr": 1.0})


def test_amounts_are_consistent_for_any_update():
    plan = plan_of('linear(1, 400, over="2M samples")', clock="samples", horizon="4M samples")
    run = amounts_of_run(plan.resolve(ps.Calendar()), ps.Calendar())
    whole = run.amounts_from(0, 0, 20_000)
    for t in (0, 1, 4095, 4096, 4097, 12_345, 19_999):
        assert run.amount_at(t) == whole[t]
        assert run.updates_until(whole[t].item()) == t
        assert run.updates_until(whole[t].item() + 1) == t + 1
        assert run.amounts_from(t, whole[t].item(), 3).tolist() == run.amounts_from(0, 0, t + 3)[t:].tolist()
    assert run.amount_at(10**12) == run.amount_at(10**6) + (10**12 - 10**6) * 400
    assert run.updates_until(run.amount_at(10**12)) == 10**12
    assert run.update_of(run.exact_at(Fraction(1001, 7))) == Fraction(1001, 7)


def test_a_plan_by_updates_with_a_batch_size_resolves_as_usual():
    plan = plan_of("linear(1, 4)", lr='warmup("5%") >> cosine()', horizon=100)
    assert str(plan.resolve(ps.Calendar())) == (
        "horizon: 100\nlr: warmup(5) >> cosine(over=95)\nbatch_size = 1.0: linear(to=4.0, over=100)"
    )
    with pytest.raises(Unresolved):
        plan_of("linear(1, 4)").resolve(ps.Calendar())


def test_a_clock_that_started_earlier_counts_the_preceding_updates():
    """A warmup in updates overlaid on a curve ends at update 20; the curve uses the clock of the run."""
    plan = plan_of(
        'linear(1, 9, over="400 samples")',
        lr='overlay(warmup("20 steps"), linear())',
        clock="samples",
        horizon="2000 samples",
    )

    trace = ps.trace(plan, {"lr": 1.0})

    expected = [1 - amount / 2000 for amount in trace.amounts.tolist()]
    np.testing.assert_allclose(trace["lr"][20:], expected[20:], rtol=1e-12)
    assert trace["lr"][19] == trace.amounts[19] / trace.amounts[20]


def test_a_clock_that_started_before_the_run_uses_the_initial_consumption():
    plan = plan_of(
        'linear(2, 9, over="400 samples")', lr='skip(linear(), "1 step")', clock="samples", horizon="1000 samples"
    )

    assert str(plan.resolve(ps.Calendar()).bindings[0].schedule) == ('skip(linear(over="1002 samples"), "2 samples")')


def test_epochs_are_converted_by_batches_if_accumulation_grows():
    plan = plan_of(
        'linear(1, 4, over="2 epochs")',
        name="accumulation",
        lr='warmup("3 epochs") >> constant()',
        weight_decay='constant(0.5, over="1 epoch") >> constant()',
        clock={"lr": "batches", "accumulation": "batches"},
        horizon="5 epochs",
    )

    trace = ps.trace(plan, {"lr": 1.0, "weight_decay": 1.0}, ps.Calendar(batches_per_epoch=10))

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
        ps.Binding(ps.Target("batch_size", size), line), lr=1.0, horizon=f"{300 * size} samples", clock="samples"
    )
    resolved = plan.resolve(ps.Calendar())
    amounts = amounts_of_run(resolved, ps.Calendar())
    schedule = next(one.schedule for one in counted_plan(resolved).bindings if one.name == "batch_size")

    found = [0]
    while found[-1] < 300 * size:
        found.append(found[-1] + int(np.rint(schedule(found[-1], float(size)))))

    assert amounts.updates_until(300 * size) == len(found) - 1
    assert amounts.amounts_from(0, 0, len(found)).tolist() == found


@pytest.mark.parametrize("line", ["every(linear(1, 0.5), '7 samples')", "linear(1, 2)"])
def test_a_run_with_too_many_updates_to_trace_is_rejected_fast(line):
    plan = ps.Plan(ps.Binding(ps.Target("batch_size", 64), line), lr="cosine()", horizon="1T samples", clock="samples")

    with pytest.raises(InvalidArgument, match="Plan larger sizes, or a shorter run"):
        ps.trace(plan, {"lr": 0.1})


def test_a_rule_that_counts_updates_needs_updates_of_one_size():
    rule = "recurrence(rules.linear(0.1, 5), until=9)"
    plan = plan_of("multistep([10], 4)", lr=rule)

    assert plan.resolve(ps.Calendar()).bindings[0].schedule == ps.parse(rule)
    with pytest.raises(InvalidArgument, match="the rule counts updates, but the consumption of an update varies"):
        plan_of('multistep(["10 samples"], 4)', lr=rule, clock="samples").resolve(ps.Calendar())


def test_sizes_by_updates_are_not_estimated_from_amounts():
    line = "constant(1, over=10) >> constant(1_000_000)"
    plan = plan_of(line, lr="cosine()", clock={"lr": "samples"}, horizon="1T samples").resolve(ps.Calendar())
    run = amounts_of_run(plan, ps.Calendar())

    assert run.updates_until(10**12) == 1_000_010


def test_amounts_of_sizes_by_updates_are_found_in_any_order():
    plan = plan_of("linear(1000, 9000, over=20_000)", lr="cosine()", clock={"lr": "samples"}, horizon="40M samples")
    run = amounts_of_run(plan.resolve(ps.Calendar()), ps.Calendar())
    sizes = 1000 + (4 * np.arange(20_000) + 5) // 10  # the size of update t is 1000 + 0.4 t, rounded
    amounts = np.concatenate([[0], np.cumsum(sizes)])

    for update in (19_999, 12_288, 12_289, 4_095, 9_000, 4_096, 1, 0):
        assert run.amount_at(update) == amounts[update]
        assert [run.updates_until(amounts[update] + more) for more in (0, 1)] == [update, update + 1]


@table("lr", ["constant()", "cosine()"])
def test_a_horizon_in_updates_needs_the_amount_of_an_update(lr):
    with pytest.raises(MissingFact, match="the number of tokens of an update is unknown") as refusal:
        ps.Plan(lr=lr, clock="tokens", horizon="100 steps").resolve(ps.Calendar())
    assert refusal.value.fact == "tokens_per_step"


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "blamed"),
    [
        ("constant(4)", "constant(1, 5) >> constant(3)", "accumulation"),
        ("constant(4, '9 samples') >> constant(8)", "constant(1, 5) >> constant(3)", "accumulation"),
        ("constant(4, 5) >> constant(8)", "constant(3)", "batch_size"),
    ],
)
def test_the_error_names_the_size_whose_lengths_depend_on_it(batch_size, accumulation, blamed):
    targets = {"batch_size": batch_size, "accumulation": accumulation}
    bindings = [ps.Binding(ps.Target(name, 1.0), line) for name, line in targets.items()]

    with pytest.raises(PlanError, match=rf"target {blamed}: .* Give its lengths in samples"):
        ps.Plan(*bindings, clock="samples", horizon="500 samples").resolve(ps.Calendar())
