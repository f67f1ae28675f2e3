"""Properties of `ps.BatchSampler`: one stream of passes, cut into batches of the planned sizes, for any processes."""

from itertools import chain, islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.errors import StateError
from support.updates import probe, run

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
    clock, total = draw(TIMES)
    lines = [ps.Binding(ps.Target("batch_size", 1), draw(st.sampled_from(SIZES)))]
    if clock != "batches" and draw(st.booleans()):
        lines.append(ps.Binding(ps.Target("accumulation", 1), draw(st.sampled_from(["constant(3)", "linear(1, 4)"]))))
    return ps.Plan(*lines, lr="linear()", clock=clock, total=total)


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
        planned = {name: value for (name, _), value in scheduler._values().items()}
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
        taken += round(scheduler.value("accumulation")) if ("accumulation", "") in scheduler._values() else 1
        optimizer.step()

    _, resumed = attached(plan, scheduler.state_dict())

    assert list(ps.BatchSampler(resumed, length, seed=5)) == expected[taken:]
    alone = ps.BatchSampler(plan, length, seed=5, t=scheduler.t, facts=ps.RunFacts(sequence_length=7))
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

    endless = ps.BatchSampler(ps.Plan(lr="constant()"), length, seed=seed, facts=ps.RunFacts(batch_size=1))
    assert seen == [index for (index,) in islice(endless, len(seen))]


def opened(draw, states):
    """Return an optimizer and a Scheduler with generated sizes, which continue from some of the states of a run."""
    size, clock = draw(st.integers(1, 5)), draw(st.sampled_from(["updates", "samples", "tokens", "batches"]))
    facts = {"sequence_length": draw(st.sampled_from([7, 9])), "accumulation": draw(st.integers(1, 3))}
    lines = []
    if draw(st.booleans()):
        lines = [ps.Binding(ps.Target("batch_size", size), draw(st.sampled_from(["constant()", "stairs(1, 3, 3)"])))]
    else:
        facts["batch_size"] = size
    plan = ps.Plan(*lines, lr="linear()", clock=clock, total={"updates": 40}.get(clock, f"500 {clock}"))
    optimizer, saved = probe(lr=1.0), draw(st.permutations(states))[: draw(st.integers(1, 2))]
    if saved and draw(st.booleans()):
        for state in saved[:1]:
            if "param_groups" in state:
                optimizer.load_state_dict(state)
    scheduler = ps.Scheduler(optimizer, plan, on_change=draw(st.sampled_from(["new", "checkpoint"])), **facts)
    for state in saved:
        (optimizer if "param_groups" in state else scheduler).load_state_dict(state)
    return optimizer, scheduler


@given(st.data())
def test_resumes_with_other_sizes_get_the_next_sample_or_an_error(data):
    states, taken = [], 0
    for _ in range(data.draw(st.integers(2, 4))):
        try:
            optimizer, scheduler = opened(data.draw, states)
        except StateError:  # the checkpoint has no amount on the clock of the plan
            continue
        sampler = ps.BatchSampler(scheduler, 10_000, shuffle=False)
        batches = iter(sampler)
        for _ in range(data.draw(st.integers(0, 4))):
            accumulation = next(sampler.updates(), (0, 0, 0))[2]
            for batch in islice(batches, accumulation):
                assert batch == list(range(taken, taken + len(batch)))
                taken += len(batch)
            if not accumulation:
                break
            optimizer.step()
        assert sampler.position() == taken
        states = [optimizer.state_dict(), scheduler.state_dict()]


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=4), st.integers(1, 30))
def test_sizes_that_follow_reported_amounts_are_those_of_the_iterators(parts, reported):
    size = ps.Binding(ps.Target("batch_size", 1), "stairs(1, 6, 5, over='200 tokens')")
    plan = ps.Plan(size, lr="linear()", clock="tokens", total="900 tokens")
    (optimizer, scheduler), taken = attached(plan), 0
    for updates, is_resumed in parts:
        if is_resumed:
            optimizer, scheduler = attached(plan, scheduler.state_dict())
        batches = iter(ps.BatchSampler(scheduler, 10_000, shuffle=False))
        for _ in range(updates):
            batch = next(batches)
            assert batch == list(range(taken, taken + len(batch)))
            taken += len(batch)
            scheduler.consumed(tokens=reported)
            optimizer.step()


def test_a_checkpoint_without_the_number_of_samples_is_refused():
    optimizer, scheduler = attached(ps.Plan(lr="linear()", total=10))
    run(optimizer, 3)
    resumed = ps.Scheduler(probe(lr=1.0), scheduler.plan, batch_size=4)
    resumed.load_state_dict(scheduler.state_dict())

    with pytest.raises(StateError, match="update 3 does not contain the number of samples") as refusal:
        ps.BatchSampler(resumed, 100).position()

    corrected = str(refusal.value).partition("write ")[2]
    sampler = eval(corrected, {"ps": ps, "scheduler": resumed, "length": 100})
    assert sampler.position() == 12


def test_a_jump_before_a_checkpoint_of_other_sizes_is_refused():
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", total=10), batch_size=2)
    run(optimizer, 3)
    resumed = ps.Scheduler(probe(lr=1.0), scheduler.plan, batch_size=4)
    resumed.load_state_dict(scheduler.state_dict())
    sampler = ps.BatchSampler(resumed, 100)

    resumed.seek(5)
    assert sampler.position() == 6 + 2 * 4
    resumed.seek(2)
    with pytest.raises(StateError, match="6 samples were before update 3, and the present sizes make 12"):
        sampler.position()
    resumed.seek(0)
    assert sampler.position() == 0


def test_passes_of_other_seeds_have_other_orders():
    orders = {
        tuple(chain.from_iterable(islice(ps.BatchSampler(ps.Plan(lr="constant()"), 50, seed=seed, t=t,
              facts=ps.RunFacts(batch_size=10)), 5)))
        for seed in range(3) for t in (0, 5, 10)
    }  # fmt: skip

    assert len(orders) == 9
    assert torch.tensor(sorted(orders)).sort().values.eq(torch.arange(50)).all()
