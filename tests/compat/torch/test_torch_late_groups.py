"""Groups that are added during a run continue from their lr with the factors of the other groups."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from support.examples import examples
from support.torch_cases import (
    DROP_IN,
    TORCH,
    Case,
    case,
    chains,
    gammas,
    lengths,
    nested,
    optimizer_with,
    quiet_step,
    rates_of,
    relative,
    sequences,
    shares,
    swa,
)

STEPS = 25


lrs = st.floats(0.01, 2.0)


# Curves that are multiples of base, so that one number identifies a group.
multiples = st.one_of(
    relative,
    case("CosineAnnealingLR", T_max=lengths),
    case("CosineAnnealingWarmRestarts", T_0=lengths, T_mult=st.integers(1, 3)),
    case("LambdaLR", lr_lambda=st.sampled_from([lambda t: (t + 1) / 9, lambda t: max(0.0, 1 - t / 9)])),
)


def is_no_product(case: Case) -> bool:
    """In torch a MultiplicativeLR after another member continues from the last value: row 12 of the divergences."""
    return case.name != "MultiplicativeLR"


in_chain = st.one_of(
    case("StepLR", step_size=lengths, gamma=gammas),
    case("LinearLR", start_factor=shares, end_factor=shares, total_iters=lengths),
    case("ExponentialLR", gamma=gammas),
    case("CosineAnnealingLR", T_max=st.integers(30, 60)),
)


def add_group(optimizer, lr, **entries):
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr, **entries})


def rows_of(module, case: Case, base, lr, late_step, steps=STEPS, **entries):
    """Return lr at each step, with a group added after `late_step` steps, until the original raises."""
    optimizer = optimizer_with([base])
    scheduler = case.build(module, optimizer)
    rows = [rates_of(optimizer)]
    for t in range(steps):
        if t == late_step:
            add_group(optimizer, lr, **entries)
            rows[-1] = rates_of(optimizer)
        try:
            quiet_step(scheduler)
        except (ValueError, KeyError, ZeroDivisionError, NotImplementedError):
            assert module is TORCH
            break
        rows.append(rates_of(optimizer))
    return rows


@examples(300)
@given(
    st.one_of(relative, swa, chains(in_chain), sequences(relative.filter(is_no_product)), nested),
    lrs,
    lrs,
    st.integers(0, 20),
)
def test_the_values_equal_torch_until_torch_raises(case, base, lr, late_step):
    entries = {"swa_lr": case.options["swa_lr"]} if case.name == "SWALR" else {}
    from_torch = rows_of(TORCH, case, base, lr, late_step, **entries)

    actual = rows_of(DROP_IN, case, base, lr, late_step, **entries)

    largest = max(base, lr, *map(max, from_torch))
    for values, expected in zip(actual, from_torch, strict=False):
        assert values == pytest.approx(expected, rel=0, abs=1e-12 * largest), (actual, from_torch)


@examples(300)
@given(st.one_of(multiples, chains(in_chain)), lrs, lrs, st.integers(0, 20))
def test_a_late_group_follows_the_factors_of_the_first_group(case, base, lr, late_step):
    actual = rows_of(DROP_IN, case, base, lr, late_step)

    # If the first group is 0 up to rounding, its factors are unknown.
    present = actual[late_step][0]
    if present > 1e-9 * base:
        for first, late in actual[late_step:]:
            assert late == pytest.approx(lr * first / present, rel=1e-9, abs=1e-12 * max(base, lr))


def test_a_group_added_after_a_decay_to_zero_keeps_its_lr_as_in_torch():
    rows = []
    for module in (TORCH, DROP_IN):
        optimizer = optimizer_with([1.0])
        scheduler = module.PolynomialLR(optimizer, 4)
        for _ in range(6):
            quiet_step(scheduler)
        add_group(optimizer, 0.2)
        for _ in range(3):
            quiet_step(scheduler)
        rows.append(rates_of(optimizer))

    assert rows[0] == rows[1] == [0.0, 0.2]


def test_a_user_scheduler_with_bases_includes_a_late_group():
    class Harmonic(DROP_IN.LRScheduler):
        def get_lr(self):
            return [base / (1 + self.last_epoch) for base in self.base_lrs]

    optimizer = optimizer_with([1.0])
    scheduler = Harmonic(optimizer)
    for _ in range(3):
        quiet_step(scheduler)
    add_group(optimizer, 0.5)

    quiet_step(scheduler)

    assert rates_of(optimizer) == [0.2, pytest.approx(0.5 * 4 / 5)]


def test_the_initial_lr_that_a_user_gives_to_a_late_group_stays():
    optimizer = optimizer_with([1.0])
    scheduler = DROP_IN.ExponentialLR(optimizer, 0.5)
    quiet_step(scheduler)
    add_group(optimizer, 0.2, initial_lr=0.9)

    quiet_step(scheduler)

    assert optimizer.param_groups[1]["initial_lr"] == 0.9
    assert rates_of(optimizer) == [0.25, 0.1]


def test_a_late_group_is_saved_and_resumes():
    def build():
        optimizer = optimizer_with([1.0])
        return optimizer, DROP_IN.SequentialLR(
            optimizer, [DROP_IN.LinearLR(optimizer, 0.1, 1.0, 4), DROP_IN.CosineAnnealingLR(optimizer, 10)], [4]
        )

    optimizer, scheduler = build()
    for _ in range(2):
        quiet_step(scheduler)
    add_group(optimizer, 0.2)
    for _ in range(4):
        quiet_step(scheduler)
    second, loaded = build()
    add_group(second, 0.2)
    second.load_state_dict(optimizer.state_dict())
    loaded.load_state_dict(scheduler.state_dict())

    for _ in range(6):
        quiet_step(scheduler)
        quiet_step(loaded)
        assert rates_of(second) == pytest.approx(rates_of(optimizer), rel=1e-12)


def test_a_late_group_may_have_a_tensor_lr():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=torch.tensor(1.0))
    scheduler = DROP_IN.LambdaLR(optimizer, lambda t: 0.5**t)
    quiet_step(scheduler)
    late = torch.tensor(0.25)
    add_group(optimizer, late)

    quiet_step(scheduler)

    assert optimizer.param_groups[1]["lr"] is late
    assert rates_of(optimizer) == [0.25, 0.125]


@pytest.mark.parametrize("library", [TORCH, DROP_IN])
def test_a_late_group_has_the_limit_of_a_plateau_with_one_limit(library):
    optimizer = optimizer_with([1.0, 0.5])
    scheduler = library.ReduceLROnPlateau(optimizer, factor=0.1, patience=0, min_lr=0.2)
    add_group(optimizer, 0.7)
    for _ in range(2):
        optimizer.step()
        scheduler.step(1.0)

    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.2, 0.2]


@pytest.mark.filterwarnings("ignore")
def test_a_late_group_has_the_target_of_the_last_one_in_its_entries():
    optimizer = optimizer_with([1.0, 1.0])
    scheduler = DROP_IN.SWALR(optimizer, [0.05, 0.02], 4)
    add_group(optimizer, 0.2)

    quiet_step(scheduler)

    assert [group["swa_lr"] for group in optimizer.param_groups] == [0.05, 0.02, 0.02]
