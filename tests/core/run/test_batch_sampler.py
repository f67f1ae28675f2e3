"""`ps.BatchSampler` in a plain loop: its arguments, its errors, and loaders that fetch ahead."""

from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import paramsched as ps
from paramsched.errors import InvalidArgument
from support.tables import table
from support.updates import probe

GROWING = "rounded(linear(4, 16, over='50%'), 4)"


def plan(size=GROWING, **options):
    return ps.Plan(ps.Binding(ps.Target("batch_size", 1), size), lr="cosine()", **{"total": 40, **options})


def test_a_loader_with_workers_returns_the_planned_batches_and_resumes_after_them():
    data = TensorDataset(torch.arange(30))
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan(clock="samples", total="200 samples"))
    loader = DataLoader(data, batch_sampler=ps.BatchSampler(scheduler, len(data)), num_workers=2)
    sizes, seen, updates = ps.trace(scheduler.plan, optimizer)["batch_size"], [], 0
    assert len(loader) == len(sizes)

    while not scheduler.should_stop:
        for (batch,) in islice(loader, 6):  # the workers have fetched more
            assert len(batch) == sizes[scheduler.t]
            seen += batch.tolist()
            optimizer.step()
            updates += 1
        left = len(loader)
        state = optimizer.state_dict()  # as after a kill
        optimizer = probe()
        optimizer.load_state_dict(state)
        scheduler = ps.Scheduler(optimizer, scheduler.plan)
        loader = DataLoader(data, batch_sampler=ps.BatchSampler(scheduler, len(data)), num_workers=2)
        assert left == len(loader) == len(sizes) - updates

    assert sorted(seen[:30]) == sorted(seen[30:60]) == list(range(30))
    assert len(seen) == sum(sizes)


@pytest.mark.parametrize(
    ("arguments", "facts", "part"),
    [
        ((plan(), 0), {}, "length=0): expected an integer of at least 1"),
        ((plan(), 10), {"seed": 2**32}, "seed=4294967296): expected an integer from 0 to 4294967295"),
        ((plan(), 10), {"t": -1}, "t=-1): expected an integer of at least 0"),
        ((plan(), 10), {"num_replicas": 0}, "num_replicas=0): expected an integer of at least 1"),
        ((plan(), 10), {"num_replicas": 4, "rank": 4}, "rank=4): expected an integer from 0 to 3"),
        ((plan(), 10), {"shuffle": 1}, "shuffle=1): expected True or False"),
        ((plan(), 10), {"facts": 3}, "not RunFacts"),
        ((plan("linear(4, 8, over='10 s')", clock="seconds", total=None), 10), {}, "clock counts seconds"),
        ((plan("linear(4, 8)", clock="progress", total=None), 10), {}, "clock counts progress"),
        ((plan("8 * plateau('loss')"), 10), {}, "follows a metric"),
    ],
)
def test_wrong_arguments_are_refused(arguments, facts, part):
    with pytest.raises(InvalidArgument) as refusal:
        ps.BatchSampler(*arguments, **facts)

    assert part in str(refusal.value)


def test_sizes_that_cannot_be_divided_are_refused_at_construction_or_when_they_are_reached():
    grows = "linear(4, 8, over=4)"
    with pytest.raises(InvalidArgument) as refusal:
        ps.BatchSampler(plan(grows), 10, num_replicas=4, rank=0)
    endless = ps.BatchSampler(plan(grows, total=None), 10, num_replicas=4, rank=0)

    assert "at update 1 the batch has 5 samples" in str(refusal.value)
    assert "rounded(…, 4)" in str(refusal.value)
    batches = iter(endless)
    assert len(next(batches)) == 1
    with pytest.raises(InvalidArgument, match="at update 1 the batch has 5 samples"):
        next(batches)
    assert len(ps.BatchSampler(plan("rounded(linear(4, 8, over=4), 4)"), 10, num_replicas=4, rank=3)) == 40


@pytest.mark.parametrize(("initial", "accumulation"), [(1e300, 1), (1e19, 1), (1e15, 10**15), (2, 10**18)])
def test_an_update_of_more_samples_than_can_be_counted_is_refused(initial, accumulation):
    facts = ps.RunFacts(accumulation=accumulation)
    huge = ps.Plan(ps.Binding(ps.Target("batch_size", initial), "constant()"), total=5)

    with pytest.raises(InvalidArgument, match=r"update 0 has .* samples"):
        next(ps.BatchSampler(huge, 10, facts=facts).updates())


@table(
    ("over", "clock", "expected"),
    [("12 samples", {"batch_size": "samples"}, [4, 5, 7, 8, 8]), ("4 steps", {"lr": "seconds"}, [4, 5, 6, 7, 8])],
)
def test_of_several_clocks_only_that_of_the_sizes_matters(over, clock, expected):
    sampler = ps.BatchSampler(plan(f"linear(4, 8, over='{over}')", clock=clock, total=None), 10)

    assert [len(batch) for batch in islice(sampler, 5)] == expected
