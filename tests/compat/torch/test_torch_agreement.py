"""The drop-ins compared with torch, for generated schedulers, nestings, external writes and save points."""

import math
import warnings
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.examples import examples
from support.torch_cases import (
    OPTIONS,
    ORIGINAL,
    OURS,
    built,
    cases,
    leaves,
    momenta_of,
    optimizer_with,
    quiet_step,
    rates_of,
)

lrs = st.lists(st.floats(0.01, 2.0), min_size=1, max_size=3)
writes = st.dictionaries(st.integers(0, 24), st.tuples(st.integers(0, 2), st.floats(0.01, 1.0)), max_size=3)
STEPS = 25


def run(module, case, bases, written, kind=torch.optim.SGD, reload_at=()):
    """Return lr and momentum before each step; at `reload_at` all objects are rebuilt and loaded."""
    optimizer = optimizer_with(bases, kind)
    scheduler = case.build(module, optimizer)
    rows = []
    for t in range(STEPS):
        if t in reload_at:
            kept, state = scheduler.state_dict(), optimizer.state_dict()
            optimizer = optimizer_with(bases, kind)
            if reload_at[t] == "optimizer first":
                optimizer.load_state_dict(state)
            scheduler = case.build(module, optimizer)
            if reload_at[t] == "optimizer between":
                optimizer.load_state_dict(state)
            scheduler.load_state_dict(kept)
            if reload_at[t] == "optimizer last":
                optimizer.load_state_dict(state)
        rows.append(rates_of(optimizer) + momenta_of(optimizer))
        if t in written:
            group, lr = written[t]
            optimizer.param_groups[group % len(bases)]["lr"] = lr
        quiet_step(scheduler)
    return rows


def assert_same(ours, originals, bases):
    largest = max(max(map(abs, row)) for row in [*originals, bases])
    for mine, theirs in zip(ours, originals, strict=True):
        for x, y in zip(mine, theirs, strict=True):
            assert math.isclose(x, y, rel_tol=0, abs_tol=1e-12 * largest), (ours, originals)


@examples(400)
@given(cases, lrs, writes, st.sampled_from([torch.optim.SGD, torch.optim.Adam]))
def test_every_step_equals_torch_after_any_external_write(case, bases, written, kind):
    originals = run(ORIGINAL, case, bases, written, kind)

    assert_same(run(OURS, case, bases, written, kind), originals, bases)


@examples(200)
@given(
    cases,
    lrs,
    writes,
    st.dictionaries(
        st.integers(1, 24),
        st.sampled_from(["optimizer first", "optimizer between", "optimizer last", "scheduler only"]),
        min_size=1,
        max_size=2,
    ),
)
def test_a_run_loaded_in_any_order_equals_an_uninterrupted_run_of_torch(case, bases, written, reload_at):
    originals = run(ORIGINAL, case, bases, written)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert_same(run(OURS, case, bases, written, reload_at=reload_at), originals, bases)


@examples(150)
@given(cases, lrs, st.integers(1, 20))
def test_a_state_of_torch_loads_here_and_ours_loads_in_torch(case, bases, at):
    whole = run(ORIGINAL, case, bases, {})
    for source, target in ((ORIGINAL, OURS), (OURS, ORIGINAL)):
        first = optimizer_with(bases)
        saved = case.build(source, first)
        for _ in range(at):
            quiet_step(saved)
        second = optimizer_with(bases)
        loaded = case.build(target, second)
        second.load_state_dict(first.state_dict())
        loaded.load_state_dict(saved.state_dict())
        second.load_state_dict(first.state_dict())
        rows = []
        for _ in range(STEPS - at):
            rows.append(rates_of(second) + momenta_of(second))
            quiet_step(loaded)

        assert_same(rows, whole[at:], bases)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@examples(60)
@given(leaves.filter(lambda c: c.name != "CyclicLR"), st.floats(0.01, 1.0), writes)
def test_a_tensor_lr_is_filled_in_place_with_the_values_of_torch(kind, case, base, written):
    runs = []
    for module in (OURS, ORIGINAL):
        optimizer = optimizer_with([base])
        tensor = optimizer.param_groups[0]["lr"] = torch.tensor(base, dtype=kind)
        scheduler = case.build(module, optimizer)
        rows = []
        for t in range(STEPS):
            assert optimizer.param_groups[0]["lr"] is tensor
            rows.append(rates_of(optimizer))
            if t in written:
                tensor.fill_(written[t][1])
            quiet_step(scheduler)
        runs.append(rows)

    largest = max(max(row) for row in runs[1])
    tolerance = 1e-12 if kind is torch.float64 else 3e-6
    for mine, theirs in zip(*runs, strict=True):
        assert mine[0] == pytest.approx(theirs[0], rel=0, abs=tolerance * max(largest, base))


@pytest.mark.parametrize(
    "build",
    [
        lambda m, o: m.ConstantLR(o, 0.5, total_iters=math.inf),
        lambda m, o: m.ConstantLR(o, 1.0, total_iters=10**30),
        lambda m, o: m.MultiStepLR(o, [2, math.inf]),
        lambda m, o: m.SequentialLR(o, [m.LinearLR(o, 0.1, 1, 3), m.ConstantLR(o, 1.0, math.inf)], [3]),
    ],
    ids=["constant without end", "constant of astronomical length", "a milestone never", "warmup and hold"],
)
def test_a_schedule_without_an_end_equals_torch_and_can_be_saved(build):
    rows = []
    for module in (ORIGINAL, OURS):
        optimizer = optimizer_with([0.1])
        scheduler = build(module, optimizer)
        for _ in range(6):
            quiet_step(scheduler)
            rows.append(rates_of(optimizer))
        scheduler.load_state_dict(scheduler.state_dict())

    assert [row[0] for row in rows[6:]] == pytest.approx([row[0] for row in rows[:6]], rel=1e-12)


def test_a_constant_whose_length_is_not_a_number_is_rejected():
    with pytest.raises(ValueError, match=r"ConstantLR\(total_iters=nan\)"):
        OURS.ConstantLR(optimizer_with([0.1]), 0.5, math.nan)


BELOW_0 = {
    "a cosine of one epoch": lambda m, o: m.CosineAnnealingLR(o, 1, 0.01),
    "triangular": lambda m, o: m.CyclicLR(o, 0.1, 1.0, 4),
    "triangular2": lambda m, o: m.CyclicLR(o, 0.1, 1.0, 4, mode="triangular2"),
} | {
    name: partial(lambda name, m, o: built(m, name, o), name)
    for name in OPTIONS
    if name not in ("CosineAnnealingWarmRestarts", "MultiplicativeLR", "SWALR")
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BELOW_0)
def test_epochs_below_0_are_those_of_torch(name):
    """An epoch is requested, or set as `last_epoch` by hand as in a SequentialLR of a user."""
    for epochs in ([-1], [-2], [-4], [None, None, -1, None, None, 5], ["by hand"], [None, None, "by hand"]):
        rows = []
        for module in (ORIGINAL, OURS):
            optimizer = optimizer_with([0.1, 0.03])
            scheduler = BELOW_0[name](module, optimizer)
            rows.append([])
            for epoch in (*epochs, None, None, None, None):
                if epoch == "by hand":
                    scheduler.last_epoch = -1
                else:
                    scheduler.step(epoch)
                    rows[-1].append([*rates_of(optimizer), *momenta_of(optimizer), *scheduler.get_last_lr()])

        assert rows[1] == [pytest.approx(row, rel=1e-9, abs=1e-12) for row in rows[0]]
