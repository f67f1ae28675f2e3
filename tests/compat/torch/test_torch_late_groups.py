"""Groups added or removed during a run keep their values, with the factors of the other groups."""

import copy
import math
import pickle
import warnings
from functools import partial
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from paramsched.compat.pytorch_accelerated import CosineLrScheduler, WSDLrScheduler
from support.drawn_programs import CALLS, Draw, after_call, drawn_scheduler, optimizers, run, same
from support.examples import examples
from support.tables import table
from support.torch_cases import (
    OURS,
    PEER,
    Case,
    case,
    cases,
    chains,
    decaying,
    gammas,
    harmonic,
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


def test_a_user_scheduler_with_bases_includes_a_late_group():
    class Harmonic(OURS.LRScheduler):
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
    scheduler = OURS.ExponentialLR(optimizer, 0.5)
    quiet_step(scheduler)
    add_group(optimizer, 0.2, initial_lr=0.9)

    quiet_step(scheduler)

    assert optimizer.param_groups[1]["initial_lr"] == 0.9
    assert rates_of(optimizer) == [0.25, 0.1]


def test_a_late_group_is_saved_and_resumes():
    def build():
        optimizer = optimizer_with([1.0])
        return optimizer, OURS.SequentialLR(
            optimizer, [OURS.LinearLR(optimizer, 0.1, 1.0, 4), OURS.CosineAnnealingLR(optimizer, 10)], [4]
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
    scheduler = OURS.LambdaLR(optimizer, lambda t: 0.5**t)
    quiet_step(scheduler)
    late = torch.tensor(0.25)
    add_group(optimizer, late)

    quiet_step(scheduler)

    assert optimizer.param_groups[1]["lr"] is late
    assert rates_of(optimizer) == [0.25, 0.125]


def test_a_late_group_does_not_warn_without_lists_per_group():
    optimizer = optimizer_with([1.0])
    scheduler = OURS.CosineAnnealingLR(optimizer, 10)
    add_group(optimizer, 0.2)
    optimizer.step()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()


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


@table("target", [0.1, 0.3])
def test_a_late_group_of_an_swalr_has_its_base_in_the_next_stage(target):
    optimizer = optimizer_with([1.0])
    annealing = OURS.SWALR(optimizer, 0.1, anneal_epochs=4, anneal_strategy="linear")
    scheduler = OURS.SequentialLR(optimizer, [annealing, OURS.ExponentialLR(optimizer, 0.9)], [3])
    quiet_step(scheduler)
    # A quarter of the way from 0.55 to its target.
    add_group(optimizer, 0.75 * 0.55 + 0.25 * target, swa_lr=target)

    for rates in ([0.55, (0.55 + target) / 2], [1.0, 0.55], [0.9, 0.495]):
        quiet_step(scheduler)
        assert rates_of(optimizer) == pytest.approx(rates, rel=1e-12)


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


def test_every_member_reports_a_late_group_before_its_stage_begins():
    optimizer = optimizer_with([1.0])
    members = [OURS.LinearLR(optimizer, 0.1, 1.0, 4), OURS.CosineAnnealingLR(optimizer, 10)]
    scheduler = OURS.SequentialLR(optimizer, members, [4])
    quiet_step(scheduler)
    add_group(optimizer, 0.2)

    quiet_step(scheduler)

    assert [len(one.get_last_lr()) for one in (scheduler, *members)] == [2, 2, 2]


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
def test_a_plateau_may_reduce_to_0(library):
    optimizer = optimizer_with([1.0, 0.5])
    scheduler = library.ReduceLROnPlateau(optimizer, factor=0.0, patience=0)
    for _ in range(3):
        optimizer.step()
        scheduler.step(1.0)

    assert rates_of(optimizer) == [0.0, 0.0]


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
@table(("name", "options"), OF_EACH_KIND)
def test_a_base_that_is_changed_in_its_list_is_noticed_like_a_new_list(name, options):
    rows = []
    for in_place in (True, False):
        optimizer = optimizer_with([0.5], partial(torch.optim.SGD, momentum=0.9))
        scheduler = getattr(OURS, name)(optimizer, **options)
        quiet_step(scheduler)
        quiet_step(scheduler)
        if in_place:
            scheduler.base_lrs[0] = 0.7
        else:
            scheduler.base_lrs = [0.7]
        rows.append(row := [])
        for _ in range(5):
            quiet_step(scheduler)
            row += rates_of(optimizer)

    assert rows[0] == rows[1]


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


LRS = [0.4, 0.3, 0.2, 0.1]


own_functions = [decaying, harmonic, lambda t: 1.0, lambda t: 0.5 + 0.01 * t]


one_entry_each = st.one_of(
    case("LambdaLR", lr_lambda=st.just(own_functions)),
    case("MultiplicativeLR", lr_lambda=st.just(own_functions)),
    case("CyclicLR", base_lr=st.just(LRS), max_lr=st.just([1.0, 2.0, 3.0, 4.0]), step_size_up=st.integers(1, 9)),
    case("OneCycleLR", max_lr=st.just([1.0, 2.0, 3.0, 4.0]), total_steps=st.just(40)),
    case("SWALR", swa_lr=st.just([0.01, 0.02, 0.03, 0.04]), anneal_epochs=st.integers(1, 9)),
)


def rows_of_of_torch_removed_groups(scheduler, optimizer, steps):
    rows = []
    for _ in range(steps):
        quiet_step(scheduler)
        rows.append(rates_of(optimizer))
    return rows


def compare_the_groups_that_remain_with_those_of_a_whole_run(seed):
    draw = Draw(f"removed{seed}")
    draw.groups = draw.randint(2, 3)
    optimizer_of = optimizers(draw)
    description, build = drawn_scheduler(draw)
    (whole, _), (scheduler, _) = (run(partial(build, optimizer_of())) for _ in range(2))
    for _ in range(draw.randint(0, 9)):
        run(whole.step)
        run(scheduler.step)
    kept = draw.sample(range(draw.groups), draw.randint(1, draw.groups))

    def remove(scheduler):
        groups = scheduler.optimizer.param_groups
        groups[:] = [groups[index] for index in kept]
        return scheduler

    remove(scheduler)
    calls = [draw.choice(CALLS) for _ in range(draw.randint(3, 12))]
    for call in calls:
        epoch = draw.randint(0, 12)
        scheduler = after_call(call, scheduler, epoch, lambda: remove(build(optimizer_of())))
        whole = after_call(call, whole, epoch, lambda: build(optimizer_of()))
        for index, group in zip(kept, scheduler.optimizer.param_groups, strict=True):
            theirs = whole.optimizer.param_groups[index]
            for key in ("lr", "momentum", "betas"):
                assert same(group.get(key), theirs.get(key)), (seed, description, kept, calls, call)


def test_a_group_may_be_removed_from_another_optimizer_with_the_same_groups_once_a_state_was_saved():
    optimizer = optimizer_with([0.4, 0.1])
    scheduler = OURS.StepLR(optimizer, 1, 0.5)
    scheduler.optimizer = other = optimizer_with([1.0])
    other.param_groups[:] = optimizer.param_groups
    scheduler.state_dict()
    del other.param_groups[0]

    quiet_step(scheduler)

    assert scheduler.get_last_lr() == [0.05]


def test_groups_keep_their_values_without_the_removed_ones_in_any_composition_and_after_any_call():
    for seed in range(50 * settings().max_examples):
        compare_the_groups_that_remain_with_those_of_a_whole_run(seed)


def test_many_equal_groups_are_distinguished():
    optimizer = optimizer_with([0.4] * 40)
    scheduler = OURS.LambdaLR(optimizer, [lambda t, i=i: 1 / (1 + i * t) for i in range(40)])
    rows_of_of_torch_removed_groups(scheduler, optimizer, 2)
    del optimizer.param_groups[5:35]

    rows_of_of_torch_removed_groups(scheduler, optimizer, 1)

    left = [*range(5), *range(35, 40)]
    assert rates_of(optimizer) == pytest.approx([0.4 / (1 + i * 3) for i in left])


@examples(100)
@given(
    st.one_of(cases, one_entry_each).filter(lambda one: "CyclicLR" not in repr(one)),
    st.lists(st.tuples(st.sampled_from(["remove", "add", "swap", "step"]), st.integers(0, 9)), max_size=12),
)
def test_adding_and_removing_groups_does_not_change_other_groups(one, changes):
    whole, optimizer = optimizer_with(LRS), optimizer_with(LRS)
    planned, scheduler = one.build(OURS, whole), one.build(OURS, optimizer)
    parameters = [group["params"][0] for group in optimizer.param_groups]  # kept alive: each has an id of its own
    known = {id(one): twin for one, twin in zip(parameters, whole.param_groups, strict=True)}
    quiet_step(planned), quiet_step(scheduler)

    for change, index in [*changes, ("step", 0)]:
        groups = optimizer.param_groups
        place = index % len(groups)
        match change:
            case "remove":
                if sum(id(group["params"][0]) in known for group in groups) > 1:
                    del groups[place]
            case "add":
                entries = {key: value for key, value in groups[-1].items() if key in ("swa_lr", "max_lr", "min_lr")}
                optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.05, **entries})
            case "swap":
                seen = [group for group in groups if "initial_lr" in group]
                seen.insert(place % len(seen), seen.pop())
                groups[:] = seen + [group for group in groups if "initial_lr" not in group]
            case "step":
                quiet_step(planned), quiet_step(scheduler)
                left = [
                    (group["lr"], known[id(group["params"][0])]["lr"])
                    for group in groups
                    if id(group["params"][0]) in known
                ]
                assert [mine for mine, _ in left] == pytest.approx([theirs for _, theirs in left], rel=1e-9, abs=1e-12)


class OwnEntries(OURS.LRScheduler):
    """A user class with its own list."""

    def __init__(self, optimizer, lowest):
        self.lowest = lowest
        super().__init__(optimizer)

    def get_lr(self):
        return [max(base * 0.5**self.last_epoch, low) for base, low in zip(self.base_lrs, self.lowest, strict=False)]


class Halving(OURS.LRScheduler):
    """A user class that needs only its bases."""

    def get_lr(self):
        return [base * 0.5**self.last_epoch for base in self.base_lrs]


def test_a_subclass_without_its_own_lists_continues():
    optimizer = optimizer_with([0.4, 0.2])
    scheduler = Halving(optimizer)
    rows_of_of_torch_removed_groups(scheduler, optimizer, 1)
    del optimizer.param_groups[0]

    assert rows_of_of_torch_removed_groups(scheduler, optimizer, 1) == [[0.05]]


BUILD_AGAIN = "Build the scheduler again after removing or reordering param groups"


def remove_the_first(optimizer):
    del optimizer.param_groups[0]


def put_a_new_one_first(optimizer):
    optimizer.param_groups.insert(0, {**optimizer.param_groups[0], "params": [torch.nn.Parameter(torch.ones(1))]})


def replace_all(optimizer):
    optimizer.param_groups[:] = [{**g, "params": [torch.nn.Parameter(torch.ones(1))]} for g in optimizer.param_groups]


@pytest.mark.parametrize(
    ("build", "change"),
    [
        (lambda o: OwnEntries(o, [0.1, 0.01]), remove_the_first),
        (lambda o: GradualWarmupScheduler(o, 1, total_epoch=5), remove_the_first),
        (lambda o: OURS.StepLR(o, 2), put_a_new_one_first),
        (lambda o: OURS.StepLR(o, 2), replace_all),
    ],
)
def test_an_ambiguous_removal_raises_an_error_at_every_step(build, change):
    optimizer = optimizer_with([0.4, 0.2])
    scheduler = build(optimizer)
    quiet_step(scheduler)
    change(optimizer)
    before = rates_of(optimizer)

    for use in (quiet_step, quiet_step, pickle.dumps, lambda scheduler: scheduler.state_dict()):
        with pytest.raises(ValueError, match=BUILD_AGAIN):
            use(scheduler)
    assert rates_of(optimizer) == before


class OwnStep(OURS.LRScheduler):
    def step(self, epoch=None):
        for group in self.optimizer.param_groups:
            group["lr"] = 0.5 * group["lr"]


@pytest.mark.parametrize("build", [OwnStep, OURS.ReduceLROnPlateau])
def test_a_scheduler_that_needs_no_entries_is_saved_with_other_groups(build):
    optimizer = optimizer_with([0.4, 0.2])
    scheduler = build(optimizer)
    replace_all(optimizer)

    loaded = build(optimizer)
    loaded.load_state_dict(scheduler.state_dict())
    copied = pickle.loads(pickle.dumps(scheduler))

    assert loaded.state_dict() == scheduler.state_dict() == copied.state_dict()


def test_a_plateau_that_skips_its_constructor_can_be_saved():
    class Own(OURS.ReduceLROnPlateau):
        def __init__(self, optimizer):
            self.optimizer, self.best = optimizer, 0.5

    assert Own(optimizer_with([0.4])).state_dict()["best"] == 0.5


def test_a_state_with_more_groups_is_rejected():
    state = OURS.StepLR(optimizer_with([0.4, 0.2]), 2).state_dict()
    scheduler = OURS.StepLR(optimizer_with([0.4]), 2)
    scheduler.load_state_dict(state)

    with pytest.raises(ValueError, match=BUILD_AGAIN):
        quiet_step(scheduler)


NAMED_FUNCTIONS = [decaying, harmonic, decaying]


@table(
    ("order", "call"), product([[1], [1, 0], [2, 0], [0, 2], [2, 1, 0]], ["step", "copy", "deepcopy", "pickle", "load"])
)
@pytest.mark.parametrize(
    "build",
    [
        lambda o: CosineLrScheduler(o, 3, 4, lr_min=0.01),
        lambda o: WSDLrScheduler(o, total_steps=12),
        lambda o: OURS.SequentialLR(o, [OURS.ConstantLR(o, 0.5, 2), OURS.LambdaLR(o, NAMED_FUNCTIONS)], [5]),
        lambda o: OURS.ChainedScheduler([OURS.StepLR(o, 4, 0.5), OURS.MultiplicativeLR(o, NAMED_FUNCTIONS)]),
        lambda o: OURS.ChainedScheduler([OURS.StepLR(o, 4, 0.5), PEER.ExponentialLR(o, 0.9)]),
        lambda o: OURS.ChainedScheduler(
            [OURS.SequentialLR(o, [OURS.ConstantLR(o, 0.5, 2), OURS.StepLR(o, 2)], [4]), OURS.ExponentialLR(o, 0.9)]
        ),
    ],
)
def test_other_drop_ins_and_compositions_support_removed_groups(build, order, call):
    def changed(scheduler):
        groups = scheduler.optimizer.param_groups
        groups[:] = [groups[index] for index in order]
        return scheduler

    whole, optimizer = optimizer_with(LRS[:3]), optimizer_with(LRS[:3])
    planned, scheduler = build(whole), build(optimizer)
    rows_of_of_torch_removed_groups(planned, whole, 3), rows_of_of_torch_removed_groups(scheduler, optimizer, 3)
    changed(scheduler)
    if call != "step":
        scheduler = after_call(call, scheduler, 0, lambda: changed(build(optimizer_with(LRS[:3]))))

    expected = [[row[index] for index in order] for row in rows_of_of_torch_removed_groups(planned, whole, 6)]
    assert rows_of_of_torch_removed_groups(scheduler, scheduler.optimizer, 6) == [
        pytest.approx(row) for row in expected
    ]


def test_the_minimum_lr_of_a_plateau_stays_with_its_group():
    optimizer = optimizer_with([0.4, 0.2])
    scheduler = OURS.ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.3, 0.1])
    del optimizer.param_groups[0]

    for _ in range(4):
        quiet_step(scheduler, 1.0)

    assert rates_of(optimizer) == [0.1]


def test_a_sequence_saves_the_bases_of_its_members_without_those_of_a_removed_group():
    optimizer = optimizer_with([0.4, 0.2, 0.1])
    members = [OURS.LinearLR(optimizer, 0.2, 1.0, 4), OURS.StepLR(optimizer, 2, 0.5)]
    sequence = OURS.SequentialLR(optimizer, members, [3])

    del optimizer.param_groups[0]
    quiet_step(sequence)

    state = sequence.state_dict()
    assert [one["base_lrs"] for one in (state, *state["_schedulers"])] == [[0.2, 0.1]] * 3


def test_an_array_without_dimensions_has_no_entries_of_groups():
    class Own(OURS.LRScheduler):
        def get_lr(self):
            self.scale = torch.tensor(0.25)
            return [float(self.scale) * base for base in self.base_lrs]

    optimizer = optimizer_with([1.0, 0.4])
    scheduler = Own(optimizer)
    del optimizer.param_groups[0]

    quiet_step(scheduler)

    assert rates_of(optimizer) == [0.1]


@table("bases", [True, False])
def test_the_bases_of_a_composition_are_those_of_its_first_member(bases):
    class First(PEER.LRScheduler):
        """A user's scheduler that writes the groups in its own step."""

        def __init__(self, optimizer):
            self.optimizer, self.last_epoch = optimizer, 0
            if bases:
                self.base_lrs = [3.0]

        def step(self):
            self.last_epoch += 1

    optimizer = optimizer_with([0.4])
    members = [First(optimizer), OURS.LinearLR(optimizer, 0.5, 1.0, 4)]

    chain = OURS.ChainedScheduler(members)

    assert rates_of(optimizer) == [0.2]
    assert chain.base_lrs == ([3.0] if bases else [0.4])


orders = st.permutations(range(4)).flatmap(lambda order: st.integers(1, 4).map(lambda count: order[:count]))


def restore_in_new_dicts(optimizer):
    """Replace the groups by other dicts with the same parameters, as loading an optimizer's state does."""
    optimizer.param_groups = [dict(group) for group in optimizer.param_groups]


def rates_after(scheduler, optimizer, steps):
    rows = []
    for _ in range(steps):
        quiet_step(scheduler)
        rows.append(rates_of(optimizer))
    return rows


@examples(100)
@given(st.one_of(cases, one_entry_each), orders, st.integers(0, 12), st.booleans(), st.booleans())
def test_a_group_continues_after_other_groups_are_removed(one: Case, order, at, new_dicts, copied):
    whole, optimizer = optimizer_with(LRS), optimizer_with(LRS)
    planned, scheduler = one.build(OURS, whole), one.build(OURS, optimizer)
    rates_after(planned, whole, at), rates_after(scheduler, optimizer, at)

    optimizer.param_groups[:] = [optimizer.param_groups[index] for index in order]
    if new_dicts:
        restore_in_new_dicts(optimizer)
    if copied:
        scheduler = copy.deepcopy(scheduler)
        optimizer = scheduler.optimizer
    found = rates_after(scheduler, optimizer, 12)

    expected = [[row[index] for index in order] for row in rates_after(planned, whole, 12)]
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("lengths", ["one removed and one added", "one replaced in its place"])
def test_a_group_that_replaces_a_removed_one_continues_from_its_own_lr(lengths):
    optimizer = optimizer_with([0.4, 0.2])
    scheduler = OURS.LambdaLR(optimizer, [lambda t: 1 / (1 + t), lambda t: 1.0])
    rates_after(scheduler, optimizer, 3)
    new = {**optimizer.param_groups[1], "params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.7}

    if lengths == "one replaced in its place":
        optimizer.param_groups[1] = new
        rates_after(scheduler, optimizer, 1)
        assert rates_of(optimizer) == pytest.approx([0.4 / 5, 0.7 * 4 / 5])
    else:
        optimizer.param_groups[:] = [optimizer.param_groups[1], new]
        rates_after(scheduler, optimizer, 1)
        assert rates_of(optimizer) == pytest.approx([0.2, 0.7])


@pytest.mark.parametrize("step", [2, 5])
@table("name", ["ExponentialLR", "StepLR", "CosineAnnealingLR", "LinearLR", "PolynomialLR"])
def test_the_values_of_the_remaining_groups_are_exactly_those_of_a_whole_run(name, step):
    arguments = {"ExponentialLR": (0.9,), "StepLR": (2, 0.7), "CosineAnnealingLR": (30,), "PolynomialLR": (30, 2.0)}
    whole, optimizer = optimizer_with(LRS), optimizer_with(LRS)
    other, scheduler = (getattr(OURS, name)(one, *arguments.get(name, ())) for one in (whole, optimizer))
    for t in range(20):
        if t == step:
            del optimizer.param_groups[::2]
        quiet_step(other)
        quiet_step(scheduler)

    assert rates_of(optimizer) == rates_of(whole)[1::2]


def test_a_group_that_is_removed_after_another_one_was_added_takes_its_base_with_it():
    optimizer = optimizer_with([1.0, 0.4])
    scheduler = OURS.LambdaLR(optimizer, lambda t: 0.5**t)
    quiet_step(scheduler)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.3})
    scheduler.state_dict()
    del optimizer.param_groups[0]

    quiet_step(scheduler)

    assert rates_of(optimizer) == [0.1, 0.15]
