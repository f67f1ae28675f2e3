"""Groups added during a run continue from their own values with the factors of the other groups, as in torch."""

import copy
import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from support.drawn_programs import CALLS, Draw, after_call, drawn_scheduler, optimizers, run, same
from support.examples import examples
from support.tables import table
from support.torch_cases import (
    OURS,
    PEER,
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


def is_no_product(one: Case) -> bool:
    """In torch a MultiplicativeLR after another member continues from the last value: row 12 of the divergences."""
    return one.name != "MultiplicativeLR"


sequence = sequences(multiples.filter(is_no_product))
in_chain = st.one_of(
    case("StepLR", step_size=lengths, gamma=gammas),
    case("LinearLR", start_factor=shares, end_factor=shares, total_iters=lengths),
    case("ExponentialLR", gamma=gammas),
    case("CosineAnnealingLR", T_max=st.integers(30, 60)),
)


def add_group(optimizer, lr, **entries):
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr, **entries})


def rows_of(module, one: Case, base, lr, at, steps=STEPS, **entries):
    """Return lr at each step, with a group added after `at` steps, until the peer raises."""
    optimizer = optimizer_with([base])
    scheduler = one.build(module, optimizer)
    rows = [rates_of(optimizer)]
    for t in range(steps):
        if t == at:
            add_group(optimizer, lr, **entries)
            rows[-1] = rates_of(optimizer)
        try:
            quiet_step(scheduler)
        except (ValueError, KeyError, ZeroDivisionError, NotImplementedError):
            assert module is PEER
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
def test_the_values_equal_torch_until_torch_raises(one, base, lr, at):
    entries = {"swa_lr": one.options["swa_lr"]} if one.name == "SWALR" else {}
    peers = rows_of(PEER, one, base, lr, at, **entries)

    ours = rows_of(OURS, one, base, lr, at, **entries)

    largest = max(base, lr, *map(max, peers))
    for mine, theirs in zip(ours, peers, strict=False):
        assert mine == pytest.approx(theirs, rel=0, abs=1e-12 * largest), (ours, peers)


@examples(300)
@given(st.one_of(multiples, sequence, chains(in_chain), chains(sequence)), lrs, lrs, st.integers(0, 20))
def test_a_late_group_follows_the_factors_of_the_first_group(one, base, lr, at):
    ours = rows_of(OURS, one, base, lr, at)

    # If the first group is 0 up to rounding, its factors are unknown.
    present = ours[at][0]
    if present > 1e-9 * base:
        for first, late in ours[at:]:
            assert late == pytest.approx(lr * first / present, rel=1e-9, abs=1e-12 * max(base, lr))


def compare_a_late_group_with_the_last_one(seed):
    draw = Draw(f"late{seed}")
    draw.groups = draw.randint(1, 3)
    optimizer_of = optimizers(draw)
    description, build = drawn_scheduler(draw)
    scheduler, _ = run(partial(build, optimizer_of()))
    at = draw.randint(0, 9)
    for _ in range(at):
        run(scheduler.step)
    last = scheduler.optimizer.param_groups[-1]
    if float(last["lr"]) == 0:
        return  # its factor is unknown: row 23
    kept = {key: copy.deepcopy(last[key]) for key in ("lr", "momentum", "betas", "swa_lr") if key in last}
    scheduler.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], **kept})
    calls = [draw.choice(CALLS) for _ in range(draw.randint(3, 12))]
    for call in calls:
        scheduler = after_call(call, scheduler, draw.randint(0, 12), lambda: build(optimizer_of(draw.groups + 1)))
        groups = scheduler.optimizer.param_groups
        for key in kept:
            assert same(groups[-1][key], groups[-2][key]), (seed, description, at, calls, call)


def test_a_late_group_like_the_last_one_has_its_values_in_any_composition_and_after_any_call():
    for seed in range(50 * settings().max_examples):
        compare_a_late_group_with_the_last_one(seed)


@pytest.mark.parametrize(
    "name", ["CosineAnnealingLR", "peaks", "LambdaLR", "SequentialLR", "stage", "ChainedScheduler"]
)
def test_if_the_curve_is_zero_the_value_of_a_late_group_is_its_base(name):
    def build(optimizer):
        match name:
            case "peaks":
                return OURS.LambdaLR(optimizer, [lambda t: 0.0 if t == 10 else 1.0 + t])
            case "LambdaLR":
                return OURS.LambdaLR(optimizer, lambda t: abs(1 - t / 10))
            case "SequentialLR":
                members = [OURS.LinearLR(optimizer, 1.0, 0.0, 10), OURS.ExponentialLR(optimizer, 0.5)]
                return OURS.SequentialLR(optimizer, members, [11])
            case "stage":
                members = [OURS.ConstantLR(optimizer, 1.0), OURS.CosineAnnealingLR(optimizer, 6)]
                return OURS.SequentialLR(optimizer, members, [4])
            case "ChainedScheduler":
                return OURS.ChainedScheduler([OURS.CosineAnnealingLR(optimizer, 10), OURS.StepLR(optimizer, 100)])
            case _:
                return OURS.CosineAnnealingLR(optimizer, 10)

    optimizer = optimizer_with([1.0])
    scheduler = build(optimizer)
    for _ in range(10):
        quiet_step(scheduler)
    add_group(optimizer, 0.2)

    for _ in range(5):
        quiet_step(scheduler)
        first, late = rates_of(optimizer)
        assert late == pytest.approx(0.2 * first, rel=1e-12)


def test_a_group_added_after_a_decay_to_zero_keeps_its_lr_as_in_torch():
    rows = []
    for module in (PEER, OURS):
        optimizer = optimizer_with([1.0])
        scheduler = module.PolynomialLR(optimizer, 4)
        for _ in range(6):
            quiet_step(scheduler)
        add_group(optimizer, 0.2)
        for _ in range(3):
            quiet_step(scheduler)
        rows.append(rates_of(optimizer))

    assert rows[0] == rows[1] == [0.0, 0.2]


def test_the_minimum_lr_does_not_change_with_a_late_group():
    optimizer = optimizer_with([1.0])
    scheduler = OURS.CosineAnnealingWarmRestarts(optimizer, 10, eta_min=0.1)
    for _ in range(5):
        quiet_step(scheduler)
    add_group(optimizer, 0.3)

    for t in (6, 7, 8, 9):
        quiet_step(scheduler)
        shares = [(1 + math.cos(math.pi * at / 10)) / 2 for at in (5, t)]
        assert rates_of(optimizer)[1] == pytest.approx(0.1 + 0.2 * shares[1] / shares[0], rel=1e-12)
    quiet_step(scheduler)
    assert scheduler.base_lrs == [1.0, pytest.approx(0.5)]
    assert rates_of(optimizer) == [1.0, pytest.approx(0.5)]


def test_both_compositions_include_a_late_group():
    for outer, inner in ((OURS, PEER), (PEER, OURS)):
        optimizer = optimizer_with([1.0])
        warmup, cosine = inner.LinearLR(optimizer, 0.1, 1.0, 4), inner.CosineAnnealingLR(optimizer, 10)
        members = [inner.ChainedScheduler([warmup]), cosine] if outer is OURS else [warmup, cosine]
        scheduler = outer.SequentialLR(optimizer, members, [4])
        for _ in range(2):
            quiet_step(scheduler)
        add_group(optimizer, 0.055)

        for _ in range(6):
            quiet_step(scheduler)
            first, late = rates_of(optimizer)
            assert late == pytest.approx(first / 10, rel=1e-12)


def test_a_late_group_has_its_ratio_to_the_base_of_each_member():
    optimizer = optimizer_with([2.0])
    members = [OURS.ExponentialLR(optimizer, 0.5), OURS.ExponentialLR(optimizer, 0.9)]
    scheduler = OURS.SequentialLR(optimizer, members, [3])
    members[1].base_lrs = [3.0]
    quiet_step(scheduler)
    add_group(optimizer, 0.4)

    for rates in ([0.5, 0.2], [3.0, 1.2], [2.7, 1.08]):
        quiet_step(scheduler)
        assert rates_of(optimizer) == pytest.approx(rates, rel=1e-12)


OF_EACH_KIND = [
    ("StepLR", {"step_size": 2, "gamma": 0.5}),
    ("CosineAnnealingLR", {"T_max": 9, "eta_min": 0.1}),
    ("CosineAnnealingWarmRestarts", {"T_0": 9, "eta_min": 0.1}),
    ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 9}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 0.9}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 9, "cycle_momentum": False}),
]


def reading(scheduler):
    """Return each method that reads values, without a step."""
    names = [name for name in ("get_lr", "_get_closed_form_lr", "_last_factors") if hasattr(scheduler, name)]
    return [getattr(scheduler, name) for name in names] + [lambda: scheduler.value(scheduler.last_epoch)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("change", ["group", "base", "option"])
@table(("name", "options"), OF_EACH_KIND)
def test_each_method_that_reads_values_notices_a_change_by_itself(change, name, options):
    for index in range(9):
        optimizer = optimizer_with([0.5], partial(torch.optim.SGD, momentum=0.9))
        scheduler = getattr(OURS, name)(optimizer, **options)
        for _ in range(3):
            quiet_step(scheduler)
        if change == "group":
            add_group(optimizer, 0.2)
        elif change == "base":
            scheduler.base_lrs = [0.7]
        elif name == "SWALR":
            optimizer.param_groups[0]["swa_lr"] = 0.3
        elif "lr_lambda" in options:
            scheduler.lr_lambdas = [lambda t: 0.5]
        else:
            option = next(one for one in ("gamma", "eta_min", "total_steps", "total_size") if hasattr(scheduler, one))
            setattr(scheduler, option, 2 * getattr(scheduler, option))
        methods = reading(scheduler)
        if index >= len(methods):
            return

        first = methods[index]()
        for other in methods:
            other()

        assert first == methods[index]()


@pytest.mark.parametrize("library", [PEER, OURS])
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
    scheduler = OURS.SWALR(optimizer, [0.05, 0.02], 4)
    add_group(optimizer, 0.2)

    quiet_step(scheduler)

    assert [group["swa_lr"] for group in optimizer.param_groups] == [0.05, 0.02, 0.02]


@pytest.mark.filterwarnings("ignore")
def test_a_chain_with_a_member_of_torch_includes_a_late_group():
    optimizer = optimizer_with([1.0])
    scheduler = OURS.ChainedScheduler([PEER.ExponentialLR(optimizer, 0.5), OURS.StepLR(optimizer, 2, 0.5)])
    quiet_step(scheduler)
    add_group(optimizer, 0.25)

    for _ in range(4):
        quiet_step(scheduler)
        first, late = rates_of(optimizer)
        assert late == first / 2


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_of_torch_in_a_chain_of_torch_includes_a_late_group():
    optimizer = optimizer_with([1.0])
    chain = PEER.ChainedScheduler([PEER.CosineAnnealingWarmRestarts(optimizer, 10)])
    scheduler = OURS.SequentialLR(optimizer, [chain, OURS.StepLR(optimizer, 2)], [9])
    quiet_step(scheduler)
    add_group(optimizer, rates_of(optimizer)[0] / 4)

    for _ in range(4):
        quiet_step(scheduler)
        first, late = rates_of(optimizer)
        assert late == pytest.approx(first / 4)
