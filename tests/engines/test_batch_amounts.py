"""The batch sizes an engine reports to a Scheduler: once, unless the loop or the plan specifies them."""

import warnings

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.engines.reporting import BatchAmounts, samples_in
from paramsched.errors import InvalidArgument, MissingFact
from support.engine_runs.harness import RAMP, Tiny, optimizer_of

BY_SAMPLES = ps.Plan(lr=ps.linear(1.0, 0.0, over="100 samples"), clock="samples")
BY_TOKENS = ps.Plan(lr=ps.linear(1.0, 0.0, over="100 tokens"), clock="tokens")


def attached(plan, **facts):
    optimizer = optimizer_of(Tiny())
    return optimizer, ps.Scheduler(optimizer, plan, **facts)


def amounts_of(scheduler, *, processes=1, summed=None, **options):
    return BatchAmounts(scheduler, PlanOptions(**options), processes, summed)


def batch(samples):
    return torch.zeros(samples, 3), torch.zeros(samples)


# ---------------------------------------------------------------------- source of the amount


def test_samples_are_counted_by_default():
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler)

    for size in (4, 4, 3):
        amounts.count_batch(batch(size), ends_update=True)
        optimizer.step()

    assert scheduler.amount == 11


def test_the_batches_of_an_update_are_added():
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler)

    amounts.count_batch(batch(4), ends_update=False)
    amounts.count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert scheduler.amount == 7


@pytest.mark.parametrize("loop_first", [True, False])
def test_an_amount_reported_by_the_loop_takes_precedence_in_any_order(loop_first):
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler)
    for size in (4, 5):
        if loop_first:
            scheduler.consumed(samples=10)
        amounts.count_batch(batch(size), ends_update=True)
        if not loop_first:
            scheduler.consumed(samples=10)
        optimizer.step()
    amounts.count_batch(batch(4), ends_update=True)  # no amount was reported for this update
    optimizer.step()

    assert scheduler.amount == 24


def test_a_loop_that_reports_each_batch_is_not_counted_twice():
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler)
    for ends_update in (False, True):
        amounts.count_batch(batch(4), ends_update=ends_update)
        scheduler.consumed(samples=1)
    optimizer.step()

    assert scheduler.amount == 2


def test_the_batches_of_a_skipped_update_are_saved_in_the_state():
    _, scheduler = attached(BY_SAMPLES)
    amounts_of(scheduler).count_batch(batch(4), ends_update=True)  # a GradScaler leaves out the step
    state = scheduler.state_dict()

    other, again = attached(BY_SAMPLES)
    again.load_state_dict(state)
    amounts_of(again).count_batch(batch(3), ends_update=True)
    other.step()

    assert again.amount == 7


def test_processes_are_summed_once_per_update():
    optimizer, scheduler = attached(BY_SAMPLES)
    calls = []

    def summed(amount):
        calls.append(int(amount))
        return amount * 2

    amounts = amounts_of(scheduler, processes=2, summed=summed)
    amounts.count_batch(batch(4), ends_update=False)
    amounts.count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert (calls, scheduler.amount) == ([7], 14)


def test_an_engine_may_report_the_seen_batches_just_before_the_step():
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler, processes=2, summed=lambda amount: amount * 2)

    for sizes in ((4, 3), (2,)):
        for size in sizes:
            amounts.count_batch(batch(size), ends_update=False)
        amounts.report_counted()
        optimizer.step()

    assert scheduler.amount == 18


def test_all_batches_of_an_update_may_be_counted_before_the_engine_is_resumed():
    optimizer, again = attached(BY_SAMPLES)
    resumed = amounts_of(again)
    resumed.load_state({"samples": 4})
    resumed.report_counted()
    optimizer.step()

    assert again.amount == 4


def test_the_batches_of_an_unfinished_update_are_saved_as_a_sum_over_processes():
    _, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler, processes=2, summed=lambda amount: amount * 2)
    amounts.count_batch(batch(4), ends_update=False)
    state = amounts.saved_state()

    optimizer, again = attached(BY_SAMPLES)
    resumed = amounts_of(again, processes=2, summed=lambda amount: amount * 2)
    resumed.load_state(state)
    resumed.count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert (state, amounts.saved_state(), resumed.saved_state()) == ({"samples": 8}, state, {})
    assert again.amount == 14


def test_a_plan_in_updates_has_no_batches_to_save():
    amounts = amounts_of(attached(ps.Plan(lr="linear()", horizon=9))[1])
    amounts.count_batch(batch(4), ends_update=False)

    assert amounts.saved_state() == {}


def test_the_saved_batches_of_an_update_are_reported_without_another_batch():
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler)
    amounts.load_state({"samples": 8})

    amounts.report_counted()
    optimizer.step()

    assert scheduler.amount == 8


def test_an_amount_saved_in_another_unit_is_ignored():
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler)
    amounts.load_state({"tokens": 100})

    amounts.count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert scheduler.amount == 3


def test_a_clock_of_batches_counts_once_for_all_processes():
    optimizer, scheduler = attached(ps.Plan(lr=ps.linear(1.0, 0.0, over="9 batches"), clock="batches"))

    def summed(amount):
        raise AssertionError("a batch of all processes is one")

    amounts = amounts_of(scheduler, processes=2, summed=summed)
    amounts.count_batch(None, ends_update=True)
    optimizer.step()

    assert scheduler.amount == 1


def test_a_plan_in_updates_does_not_read_the_batches():
    optimizer, scheduler = attached(ps.Plan(lr=ps.linear(1.0, 0.0, over=10)))

    amounts_of(scheduler).count_batch(object(), ends_update=True)
    optimizer.step()

    assert scheduler.t == 1


# ---------------------------------------------------------------------- in tokens


@pytest.mark.parametrize(
    ("options", "facts", "expected"),
    [
        ({"tokens_per_sample": 16}, {}, 48),
        ({"tokens_per_sample": 16.0}, {}, 48),
        ({"calendar": ps.Calendar(sequence_length=8)}, {}, 24),
        ({"amount_of": lambda one: one[0].numel()}, {}, 9),
        ({"amount_of": lambda one: one[0].numel(), "tokens_per_sample": 16}, {}, 9),
        ({"amount_of": lambda one: torch.tensor(5)}, {}, 5),
        ({}, {"tokens_per_step": 100}, 100),
        ({"tokens_per_sample": 1.5}, {"tokens_per_step": 100}, 100),  # an average
        ({"calendar": ps.Calendar(tokens_per_step=100, sequence_length=8)}, {"tokens_per_step": 100}, 100),
    ],
    ids=["length", "float", "fact", "function", "function wins", "tensor", "constant", "average", "constant wins"],
)
def test_tokens_come_from_the_users_function_or_the_constant(options, facts, expected):
    optimizer, scheduler = attached(BY_TOKENS, **facts)

    amounts_of(scheduler, **options).count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert scheduler.amount == expected


def test_uncounted_tokens_are_rejected_before_the_update():
    optimizer, scheduler = attached(BY_TOKENS)
    amounts_of(scheduler).count_batch(batch(3), ends_update=True)

    with pytest.raises(MissingFact, match=r"scheduler\.consumed\(tokens=n\)"):
        optimizer.step()

    assert (scheduler.t, scheduler.amount) == (0, 0)


@pytest.mark.parametrize("wrong", [-1, 2.5, float("nan"), True, "many"], ids=["below 0", "part", "nan", "bool", "text"])
def test_the_result_of_the_users_function_is_validated(wrong):
    _, scheduler = attached(BY_TOKENS)

    with pytest.raises(InvalidArgument, match="tokens"):
        amounts_of(scheduler, amount_of=lambda one: wrong).count_batch(batch(3), ends_update=True)

    assert scheduler.amount == 0


# ---------------------------------------------------------------------- planned sizes


def test_planned_sizes_take_precedence_over_batches_and_a_difference_is_warned_of_once():
    optimizer, scheduler = attached(RAMP)
    amounts = amounts_of(scheduler)

    with pytest.warns(UserWarning, match=r"update 0: the plan schedules 2 samples for it, .* contain 3"):
        amounts.count_batch(batch(3), ends_update=True)
    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        amounts.count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert scheduler.amount == 4


def test_batches_of_the_planned_size_cause_no_warning():
    optimizer, scheduler = attached(RAMP)
    amounts = amounts_of(scheduler)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(15):
            amounts.count_batch(batch(int(scheduler.value("batch_size"))), ends_update=True)
            optimizer.step()

    assert scheduler.amount == 68


def test_a_planned_batch_of_sequences_of_any_length_is_counted():
    plan = ps.Plan(ps.Binding(ps.Target("batch_size", initial=4), 1.0), lr="constant()", clock="tokens")
    optimizer, scheduler = attached(plan)  # sequence_length is unknown

    amounts_of(scheduler, amount_of=lambda one: one[0].numel()).count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert scheduler.amount == 9


def test_accumulated_batches_are_compared_with_the_planned_size_of_the_update():
    plan = ps.Plan(ps.Binding(ps.Target("batch_size", initial=4), 1.0), lr="constant()", clock="samples")
    optimizer, scheduler = attached(plan, accumulation=2)
    amounts = amounts_of(scheduler)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ends_update in (False, True, False, True):
            amounts.count_batch(batch(4), ends_update=ends_update)
            if ends_update:
                optimizer.step()
    amounts.count_batch(batch(4), ends_update=False)
    with pytest.warns(UserWarning, match="schedules 8 samples for it, .* contain 7"):
        amounts.count_batch(batch(3), ends_update=True)

    assert scheduler.amount == 16


def test_a_planned_update_split_by_a_checkpoint_is_compared_as_one():
    plan = ps.Plan(ps.Binding(ps.Target("batch_size", initial=4), 1.0), lr="constant()", clock="samples")
    _, scheduler = attached(plan, accumulation=2)
    amounts = amounts_of(scheduler)
    amounts.count_batch(batch(4), ends_update=False)
    state = amounts.saved_state()

    _, again = attached(plan, accumulation=2)
    resumed = amounts_of(again)
    resumed.load_state(state)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resumed.count_batch(batch(4), ends_update=True)


# ---------------------------------------------------------------------- content of a batch


@pytest.mark.parametrize(
    "one",
    [
        torch.zeros(4, 2),
        [torch.zeros(4, 2), torch.zeros(4)],
        (torch.zeros(4, 2), ["a", "b", "c", "d"]),
        {"x": torch.zeros(4, 2), "labels": torch.zeros(4), "scale": torch.tensor(2.0), "name": "train"},
    ],
    ids=["tensor", "list", "texts", "dict"],
)
def test_the_samples_of_a_batch_are_its_first_dimension(one):
    assert samples_in(one) == 4


@pytest.mark.parametrize(
    "one",
    [
        (torch.zeros(4, 2), torch.zeros(3)),
        {"inputs": [torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)]},
        ("text",),
        None,
    ],
    ids=["unlike", "images", "text", "none"],
)
def test_a_batch_without_a_sample_count_is_rejected(one):
    with pytest.raises(InvalidArgument, match="amount_of=lambda batch"):
        samples_in(one)


# ---------------------------------------------------------------------- run facts of an engine

FACTS = EngineFacts(call="engine", batches=10, accumulation=2, batch_size=4, total=15, why={})


def test_the_length_of_the_run_is_omitted_if_it_cannot_be_converted():
    scheduler = FACTS.attach(optimizer_of(Tiny()), BY_TOKENS, PlanOptions())

    assert scheduler.calendar.total is None


def test_a_plan_without_a_horizon_requires_the_missing_fact():
    plan = ps.Plan(lr=ps.cosine(), clock="tokens")

    with pytest.raises(MissingFact, match=r"engine\(\.\.\., tokens_per_sample=1024\)"):
        FACTS.attach(optimizer_of(Tiny()), plan, PlanOptions())


def test_a_horizon_in_tokens_needs_no_rate():
    plan = ps.Plan(lr=ps.cosine(), clock="tokens", horizon="1000 tokens")

    scheduler = FACTS.attach(optimizer_of(Tiny()), plan, PlanOptions())

    assert scheduler.plan.horizon == ps.Duration.of("1000 tokens")


def test_the_sequence_length_is_multiplied_by_the_planned_batch_size():
    batch_size = ps.Binding(ps.Target("batch_size", initial=1), ps.stairs(2, 8, rises=3, over=4))
    plan = ps.Plan(batch_size, lr="constant()", clock={"lr": "tokens"})

    scheduler = FACTS.attach(optimizer_of(Tiny()), plan, PlanOptions(tokens_per_sample=16))

    amounts = []
    for _ in range(4):
        amounts.append(scheduler.amount)
        scheduler.optimizer.step()
    sizes = ps.trace(plan, {"lr": 0.1}, scheduler.calendar)["batch_size", ""][:3]
    assert amounts == [0, *np.cumsum(sizes * 2 * 16)]


def test_a_loader_without_a_batch_size_can_be_counted_by_sequences():
    facts = EngineFacts(call="engine", total=15, why={"batch_size": "it has none"})
    options = PlanOptions(tokens_per_sample=16)
    scheduler = facts.attach(optimizer_of(Tiny()), BY_TOKENS, options)

    BatchAmounts(scheduler, options).count_batch(batch(3), ends_update=True)
    scheduler.optimizer.step()

    assert scheduler.amount == 48


def test_epochs_in_samples_have_the_length_known_to_the_engine():
    plan = ps.Plan(lr=ps.linear(1.0, 0.0, over="1 epoch"), clock="samples")

    scheduler = FACTS.attach(optimizer_of(Tiny()), plan, PlanOptions())

    assert scheduler.plan.resolve(scheduler.calendar).bindings[0].schedule.over == ps.Duration.of("40 samples")
