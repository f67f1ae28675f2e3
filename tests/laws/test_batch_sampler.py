"""Laws of `ps.BatchSampler`: one stream of passes, cut into batches of the planned sizes, for any processes."""

from itertools import chain, islice

import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.updates import probe

SIZES = (
    "constant(12)",
    "rounded(linear(12, 96, over='50%'), 12)",
    "stairs(12, 48, 3, over='80%')",
    "constant(24, '25%') >> constant(12)",
)
TIMES = st.sampled_from([("samples", "700 samples"), ("updates", 23), ("tokens", "5000 tokens"), ("batches", 31)])


@st.composite
def plans(draw):
    """Return a plan with growing batches."""
    clock, horizon = draw(TIMES)
    lines = [ps.Binding(ps.Target("batch_size", 1), draw(st.sampled_from(SIZES)))]
    if clock != "batches" and draw(st.booleans()):
        lines.append(ps.Binding(ps.Target("accumulation", 1), draw(st.sampled_from(["constant(3)", "linear(1, 4)"]))))
    return ps.Plan(*lines, lr="linear()", clock=clock, horizon=horizon)


def attached(plan, state=None):
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, plan, sequence_length=7)
    if state is not None:
        scheduler.load_state_dict(state)
    return optimizer, scheduler


@given(plans(), st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 4]), st.booleans())
def test_each_update_takes_the_next_samples_in_its_planned_batches(plan, length, seed, processes, shuffle):
    optimizer, scheduler = attached(plan)
    samplers = [
        ps.BatchSampler(scheduler, length, seed=seed, shuffle=shuffle, num_replicas=processes, rank=rank)
        for rank in range(processes)
    ]
    assert len(samplers[0]) == len(list(samplers[0]))
    batches, seen, sizes = zip(*samplers, strict=True), [], []

    while not scheduler.should_stop:
        planned = {name: value for (name, _), value in scheduler.values().items()}
        for _ in range(round(planned.get("accumulation", 1))):
            parts = next(batches)
            assert len({len(part) for part in parts}) == 1
            sizes.append(sum(map(len, parts)))
            assert sizes[-1] == round(planned["batch_size"])
            seen += chain.from_iterable(parts)  # the parts in the order of the ranks are the batch
        optimizer.step()

    assert next(batches, None) is None
    passes = [seen[begin : begin + length] for begin in range(0, len(seen), length)]
    for one in passes[:-1]:
        assert sorted(one) == list(range(length))
    assert len(set(passes[-1])) == len(passes[-1])
    assert shuffle or seen[:length] == list(range(length))[: len(seen)]


@given(plans(), st.integers(1, 60), st.data())
def test_a_resumed_run_gets_the_rest_of_the_batches(plan, length, data):
    optimizer, scheduler = attached(plan)
    expected = list(ps.BatchSampler(scheduler, length, seed=5))
    taken = 0
    for _ in range(data.draw(st.integers(0, scheduler.total))):
        taken += round(scheduler.value("accumulation")) if ("accumulation", "") in scheduler.values() else 1
        optimizer.step()

    _, resumed = attached(plan, scheduler.state_dict())

    assert list(ps.BatchSampler(resumed, length, seed=5)) == expected[taken:]
    alone = ps.BatchSampler(plan, length, seed=5, t=scheduler.t, calendar=ps.Calendar(sequence_length=7))
    assert (list(alone), len(alone)) == (expected[taken:], len(expected) - taken)


@given(plans(), plans(), st.integers(1, 60), st.integers(0, 9), st.integers(0, 12))
def test_a_changed_plan_continues_with_the_next_sample(first, second, length, seed, updates):
    optimizer, scheduler = attached(first)
    batches = iter(ps.BatchSampler(scheduler, length, seed=seed))
    seen = []
    for _, _, accumulation in islice(ps.BatchSampler(scheduler, length).updates(), updates):
        seen += chain.from_iterable(islice(batches, accumulation))
        optimizer.step()
    if first.clock != second.clock:
        return

    _, resumed = attached(second, scheduler.state_dict())
    seen += chain.from_iterable(islice(ps.BatchSampler(resumed, length, seed=seed), 5))

    endless = ps.BatchSampler(ps.Plan(lr="constant()"), length, seed=seed, calendar=ps.Calendar(batch_size=1))
    assert seen == [index for (index,) in islice(endless, len(seen))]


def test_passes_of_other_seeds_have_other_orders():
    orders = {
        tuple(chain.from_iterable(islice(ps.BatchSampler(ps.Plan(lr="constant()"), 50, seed=seed, t=t,
              calendar=ps.Calendar(batch_size=10)), 5)))
        for seed in range(3) for t in (0, 5, 10)
    }  # fmt: skip

    assert len(orders) == 9
    assert torch.tensor(sorted(orders)).sort().values.eq(torch.arange(50)).all()
