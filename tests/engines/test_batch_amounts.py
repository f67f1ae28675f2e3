"""The amounts of batches in every engine, and batches of a planned size."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

import paramsched as ps
from paramsched.engines.engine_facts import EngineFacts, PlanOptions
from paramsched.engines.reporting import BatchAmounts, samples_in, samples_in_lists
from paramsched.errors import InvalidArgument, MissingFact
from support.engine_runs.harness import BASES, RAMP, Tiny, optimizer_of
from support.tables import table

BY_SAMPLES = ps.Plan(lr=ps.linear(1.0, 0.0, over="100 samples"), clock="samples")
BY_TOKENS = ps.Plan(lr=ps.linear(1.0, 0.0, over="100 tokens"), clock="tokens")
BY_BATCHES = ps.Plan(lr=ps.linear(1.0, 0.0, over="9 batches"), clock="batches")
FOUR = ps.Plan(ps.Binding(ps.Target("batch_size", initial=4), 1.0), lr="constant()", clock="samples")
RAMPED = " ".join(f"{size:g}." for size in ps.trace(RAMP, BASES)["batch_size", ""])


def attached(plan, **facts):
    optimizer = optimizer_of(Tiny())
    return optimizer, ps.Scheduler(optimizer, plan, **facts)


def amounts_of(scheduler, *, processes=1, summed=None, **options):
    return BatchAmounts(scheduler, PlanOptions(**options), processes, summed)


def batch(samples):
    return torch.zeros(samples, 3), torch.zeros(samples)


@table(
    ("plan", "processes", "accumulation", "events", "amount", "warned"),
    [
        (BY_SAMPLES, 1, 1, "4. 4. 3.", 11, 0),
        (BY_SAMPLES, 1, 1, "4 3.", 7, 0),
        (BY_SAMPLES, 1, 1, "+10 4. +10 5. 4.", 24, 0),  # what the loop reports takes precedence, in any order
        (BY_SAMPLES, 1, 1, "4, +10 s 5, +10 s 4.", 24, 0),
        (BY_SAMPLES, 1, 1, "4 +1 4, +1 s", 2, 0),
        (BY_SAMPLES, 1, 1, "4, & 3.", 7, 0),  # a GradScaler leaves out the first step
        (BY_SAMPLES, 1, 1, "4 & r s", 4, 0),
        (BY_SAMPLES, 2, 1, "4 3.", 14, 0),
        (BY_SAMPLES, 2, 1, "4 3 r s 2 r s", 18, 0),  # an engine may report the seen batches just before the step
        (BY_SAMPLES, 2, 1, "4 & 3.", 14, 0),
        (BY_BATCHES, 2, 1, "4. 4.", 2, 0),  # a batch of all processes is one
        # Planned sizes take precedence, and a difference is warned of once.
        (RAMP, 1, 1, "3. 3.", 4, 1),
        (RAMP, 1, 1, RAMPED, 68, 0),
        (FOUR, 1, 2, "4 4. 4 4. 4 3.", 24, 1),
        (FOUR, 1, 2, "4 & 4.", 8, 0),
        # The engine does not know which batch ends the update.
        (BY_SAMPLES, 1, 1, "4? s 3? s", 7, 0),
        (RAMP, 1, 1, "3? s 3? s", 4, 0),
    ],
)
def test_the_amount_is_that_of_the_batches_the_report_of_the_loop_or_the_planned_sizes(
    plan, processes, accumulation, events, amount, warned
):
    """Of the events, `4` is a batch of four samples; `,` ends its update, `?` may end it, and `.` steps too; `+10` is a
    report of the loop; `r` reports the counted batches, `s` steps, and `&` resumes in new objects."""
    sums = []

    def begun():
        optimizer, scheduler = attached(plan, **({} if accumulation == 1 else {"accumulation": accumulation}))
        return (
            optimizer,
            scheduler,
            amounts_of(scheduler, processes=processes, summed=lambda n: sums.append(n) or n * 2),
        )

    optimizer, scheduler, amounts = begun()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for event in events.split():
            if event == "&":
                states = scheduler.state_dict(), amounts.saved_state()
                optimizer, scheduler, amounts = begun()
                scheduler.load_state_dict(states[0])
                amounts.load_state(states[1])
            elif event == "r":
                amounts.report_counted()
            elif event[0] == "+":
                scheduler.consumed(samples=int(event))
            elif event != "s":
                ends = None if event[-1] == "?" else event[-1] in ".,"
                amounts.count_batch(batch(int(event.rstrip(".,?"))), ends_update=ends)
            if event[-1] in ".s":
                optimizer.step()

    assert scheduler.amount == amount
    assert len(caught) == warned
    if processes == 2:
        assert len(sums) == (0 if plan is BY_BATCHES else scheduler.t + events.count("&"))
    assert amounts.saved_state() == {}


def test_an_amount_saved_in_another_unit_is_ignored():
    optimizer, scheduler = attached(BY_SAMPLES)
    amounts = amounts_of(scheduler)
    amounts.load_state({"tokens": 100})

    amounts.count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert scheduler.amount == 3


def test_a_plan_in_updates_does_not_read_the_batches():
    optimizer, scheduler = attached(ps.Plan(lr=ps.linear(1.0, 0.0, over=10)))
    amounts = amounts_of(scheduler)

    amounts.count_batch(object(), ends_update=False)
    assert amounts.saved_state() == {}
    amounts.count_batch(object(), ends_update=True)
    optimizer.step()

    assert scheduler.t == 1


def numel(batch):
    return batch[0].numel()


@table(
    ("plan", "options", "facts", "expected"),
    [
        (BY_TOKENS, {"tokens_per_sample": 16}, {}, 48),
        (BY_TOKENS, {"tokens_per_sample": 16.0}, {}, 48),
        (BY_TOKENS, {"facts": ps.RunFacts(sequence_length=8)}, {}, 24),
        (BY_TOKENS, {"facts": ps.RunFacts(sequence_length=8), "tokens_per_sample": 16}, {}, 48),
        (BY_TOKENS, {"amount_of": numel}, {}, 9),
        (BY_TOKENS, {"amount_of": numel, "tokens_per_sample": 16}, {}, 9),
        (BY_TOKENS, {"amount_of": lambda value: torch.tensor(5)}, {}, 5),
        (BY_TOKENS, {}, {"tokens_per_step": 100}, 100),
        (BY_TOKENS, {"tokens_per_sample": 1.5}, {"tokens_per_step": 100}, 100),  # an average
        (BY_TOKENS, {"facts": ps.RunFacts(tokens_per_step=9, sequence_length=8)}, {"tokens_per_step": 9}, 9),
        (BY_SAMPLES, {"tokens_per_sample": 8}, {}, 3),
        # The planned number of sequences does not contain their lengths.
        (ps.Plan(*FOUR.bindings, clock="tokens"), {"amount_of": numel}, {}, 9),
    ],
)
def test_tokens_come_from_the_users_function_or_the_constant(plan, options, facts, expected):
    optimizer, scheduler = attached(plan, **facts)

    amounts_of(scheduler, **options).count_batch(batch(3), ends_update=True)
    optimizer.step()

    assert scheduler.amount == expected


BY_PROGRESS = ps.Plan(lr="linear()", clock="progress")


@table(("plan", "options"), [(BY_TOKENS, {}), (BY_PROGRESS, {"amount_of": numel})])
def test_an_amount_that_batches_do_not_have_is_rejected_before_the_update(plan, options):
    optimizer, scheduler = attached(plan)
    amounts = amounts_of(scheduler, **options)
    amounts.count_batch(batch(3), ends_update=True)
    amounts.report_counted()

    with pytest.raises(MissingFact, match=rf"scheduler\.\w+\({plan.clock}="):
        optimizer.step()

    assert (scheduler.t, scheduler.amount) == (0, 0)


@table("wrong", [-1, 2.5, float("nan"), True, "many"])
def test_the_result_of_the_users_function_is_validated(wrong):
    _, scheduler = attached(BY_TOKENS)

    with pytest.raises(InvalidArgument):
        amounts_of(scheduler, amount_of=lambda value: wrong).count_batch(batch(3), ends_update=True)

    assert scheduler.amount == 0


@table(
    ("batch", "samples"),
    [
        (torch.zeros(4, 2), 4),
        ([torch.zeros(4, 2), torch.zeros(4)], 4),
        ((torch.zeros(4, 2), ["a", "b", "c", "d"]), 4),
        ({"x": torch.zeros(4, 2), "labels": torch.zeros(4), "scale": torch.tensor(2.0), "name": "train"}, 4),
        ((torch.zeros(4, 2), torch.zeros(3)), None),
        ({"inputs": [torch.zeros(3, 8, 8), torch.zeros(3, 8, 8)]}, None),
        ({"inner": {"a": (torch.zeros(3),)}}, None),  # a tuple of one tensor may also be one sample
        (("text",), None),
        ("text", None),
        ({}, None),
        (None, None),
    ],
)
def test_the_samples_of_a_batch_are_its_first_dimension_if_all_parts_agree(batch, samples):
    if samples is None:
        with pytest.raises(InvalidArgument, match="amount_of=lambda batch"):
            samples_in(batch)
    else:
        assert samples_in(batch) == samples


@table(
    ("batch", "samples"),
    [
        ({"inputs": [torch.zeros(3, 9), torch.zeros(3, 8)], "data_samples": [1, 2]}, 2),
        ([[torch.zeros(3)], [0]], 1),
        ({"inputs": torch.zeros(5, 3), "data_samples": None}, 5),
        ([torch.zeros(5, 3), torch.zeros(5)], 5),
    ],
)
def test_the_lists_of_a_collated_batch_have_an_entry_for_each_sample(batch, samples):
    assert samples_in_lists(batch) == samples


# ---------------------------------------------------------------------- run facts of an engine

FACTS = EngineFacts(call="engine", batches=10, accumulation=2, batch_size=4, total=15, why={})


def test_a_plan_without_a_total_requires_the_missing_fact():
    plan = ps.Plan(lr=ps.cosine(), clock="tokens")

    with pytest.raises(MissingFact, match=r"engine\(\.\.\., tokens_per_sample=1024\)"):
        FACTS.attach(optimizer_of(Tiny()), plan, PlanOptions())


def test_the_sequence_length_is_multiplied_by_the_planned_batch_size():
    batch_size = ps.Binding(ps.Target("batch_size", initial=1), ps.stairs(2, 8, rises=3, over="400 tokens"))
    plan = ps.Plan(batch_size, lr="constant()", clock="tokens")

    loop = replace(FACTS, fixed_sizes=())  # a loader of the user has batches of the planned sizes
    scheduler = loop.attach(optimizer_of(Tiny()), plan, PlanOptions(tokens_per_sample=16))

    amounts = []
    for _ in range(4):
        amounts.append(scheduler.amount)
        scheduler.optimizer.step()
    sizes = ps.trace(plan, {"lr": 0.1}, facts=scheduler.facts)["batch_size", ""][:3]
    assert amounts == [0, *np.cumsum(sizes * 2 * 16)]


def test_a_loader_without_a_batch_size_can_be_counted_by_sequences():
    facts = EngineFacts(call="engine", total=15, why={"batch_size": "it has none"})
    options = PlanOptions(tokens_per_sample=16)
    scheduler = facts.attach(optimizer_of(Tiny()), BY_TOKENS, options)

    BatchAmounts(scheduler, options).count_batch(batch(3), ends_update=True)
    scheduler.optimizer.step()

    assert scheduler.amount == 48
