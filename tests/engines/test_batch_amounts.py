"""The amounts of batches in every engine, and batches of a planned size."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.engines.planned_batches import PlannedBatches, refuse_other_batches
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


LENGTH = 37


SIZE = ps.Binding(ps.Target("batch_size", 4), "stairs(1, 3, 2, over=8)")  # 4, 8 and 12


OPEN = ps.Plan(SIZE, lr="linear()")


CLOSED = ps.Plan(SIZE, ps.Binding(ps.Target("accumulation", 1), "stairs(1, 3, 2, over=10)"), lr="linear()", horizon=14)


def planned(plan=CLOSED, *, shards=1, options=None, step=0, **arguments):
    args = {
        "max_steps": -1, "num_train_epochs": 3, "seed": 1, "data_seed": 7, "process_index": 0, "world_size": shards,
        "ignore_data_skip": False, "gradient_accumulation_steps": 1, **arguments,
    }  # fmt: skip
    trainer = SimpleNamespace(
        args=SimpleNamespace(**args), train_dataset=range(LENGTH), state=SimpleNamespace(global_step=step)
    )
    known = EngineFacts(call="planned", processes=shards, accumulation=args["gradient_accumulation_steps"], why={})
    return PlannedBatches(trainer, plan, known, options or PlanOptions())


@pytest.mark.parametrize("copies", [1, 2])
def test_the_shards_of_all_processes_are_the_batches_of_one(copies):
    whole = list(planned())

    parts = [list(planned(shards=2, world_size=2 * copies, process_index=one)) for one in range(2 * copies)]

    assert all(parts[one] == parts[one // copies * copies] for one in range(2 * copies))
    together = [a + b for a, b in zip(parts[0], parts[copies], strict=True)]
    assert [sorted(one) for one in together] == [sorted(one) for one in whole]


@pytest.mark.parametrize(("seed", "data_seed"), [(1, 7), (7, None), (3, 7)])
def test_the_seed_of_the_data_takes_precedence(seed, data_seed):
    assert list(planned(seed=seed, data_seed=data_seed)) == list(planned())
    assert list(planned(seed=seed, data_seed=8)) != list(planned())


def test_the_order_may_be_sequential():
    batches = list(planned(train_sampling_strategy="sequential"))

    assert batches[:2] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert list(planned(train_sampling_strategy="random")) == list(planned()) != batches


@pytest.mark.parametrize(
    ("plan", "arguments", "updates"),
    [
        (CLOSED, {}, 14),
        (CLOSED, {"max_steps": 5}, 5),
        (CLOSED, {"max_steps": 50}, 14),
        (CLOSED, {"num_train_epochs": 1}, 14),
        (OPEN, {"num_train_epochs": 1}, 7),  # six updates have 36 samples or fewer
        (OPEN, {"num_train_epochs": 1, "max_steps": 4}, 4),
        (OPEN, {"num_train_epochs": 1, "max_steps": 40}, 7),
    ],
)
def test_the_length_of_the_run_is_that_of_the_plan_or_of_the_epochs(plan, arguments, updates):
    found = planned(plan, **arguments)

    sizes = [size * accumulation for _, size, accumulation in found.sampler.updates()][: found.updates]
    assert found.updates == updates
    assert found.samples == sum(sizes)
    if updates == 7:
        assert sum(sizes) >= LENGTH > sum(sizes[:-1])
    assert len(found) == found.updates
    values = found.training_values((3, 10, 11, 12, "kept", 5, 6))
    assert values == (1, found.updates, LENGTH, found.samples, "kept", len(found), found.updates)


def test_the_facts_of_the_user_determine_the_length():
    options = PlanOptions(calendar=ps.Calendar(total=3))

    assert planned(OPEN, options=options).updates == 3
    assert planned(OPEN, options=PlanOptions()).updates > 3


def test_a_constant_accumulation_multiplies_the_batches_of_the_loader():
    found = planned(OPEN, num_train_epochs=1, gradient_accumulation_steps=2)

    assert len(found) == 2 * found.updates
    assert found.samples == sum(size * count for _, size, count in list(found.sampler.updates())[: found.updates])


@pytest.mark.parametrize(("ignores", "empty"), [(False, 6), (True, 0)])
def test_the_batches_of_earlier_updates_are_empty_unless_the_trainer_ignores_them(ignores, empty):
    found = planned(step=3, gradient_accumulation_steps=2, plan=OPEN, ignore_data_skip=ignores)

    batches = list(found)

    assert batches[:empty] == [[]] * empty
    assert all(batches[empty:])


def test_passes_count_the_samples_of_each_update():
    found = planned()
    found.begin()
    rows = [size * accumulation for _, size, accumulation in found.sampler.updates()]
    passes = []
    for _ in rows:
        assert found.next_accumulation() >= 1
        passes.append(found.passes)

    assert passes == pytest.approx([sum(rows[: count + 1]) / LENGTH for count in range(len(rows))])
    assert found.next_accumulation() == 0
    assert found.passes == passes[-1]


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(range(9))


@pytest.mark.parametrize(
    ("plan", "arguments", "data", "found"),
    [
        (CLOSED, {}, range(9), None),
        (OPEN, {"gradient_accumulation_steps": 2}, range(9), None),
        (CLOSED, {"gradient_accumulation_steps": 2}, range(9), r"gradient_accumulation_steps=2.*Omit gradient_acc"),
        (CLOSED, {"save_strategy": "epoch"}, range(9), r'save_strategy="epoch".*Omit save_strategy'),
        (CLOSED, {"eval_strategy": "epoch"}, range(9), r"Omit eval_strategy"),
        (CLOSED, {"logging_strategy": "epoch"}, range(9), r"Omit logging_strategy"),
        (CLOSED, {"train_sampling_strategy": "group_by_length"}, range(9), r"Omit train_sampling_strategy"),
        (CLOSED, {"train_sampling_strategy": "sequential"}, range(9), None),
        (CLOSED, {"dispatch_batches": True}, range(9), r"Omit accelerator_config"),
        (CLOSED, {"dispatch_batches": False}, range(9), None),
        (CLOSED, {}, Stream(), r"no length.*Omit the targets batch_size and accumulation"),
        (CLOSED, {}, iter(()), r"no length.*Omit the targets batch_size and accumulation"),
    ],
)
def test_arguments_that_would_change_the_batches_are_refused(plan, arguments, data, found):
    given = {"gradient_accumulation_steps": 1, "dispatch_batches": None} | arguments
    config = SimpleNamespace(dispatch_batches=given.pop("dispatch_batches"))
    trainer = SimpleNamespace(args=SimpleNamespace(accelerator_config=config, **given), train_dataset=data)

    if found is None:
        refuse_other_batches(trainer, plan)
    else:
        with pytest.raises(InvalidArgument, match=found):
            refuse_other_batches(trainer, plan)
