"""States written by torch: loading them never overwrites restored values, and never calls a function."""

import itertools
from functools import partial

import pytest
import torch
from hypothesis import strategies as st

from paramsched.compat.torch._argument_checks import equal_values
from support.tables import table
from support.torch_cases import (
    OURS,
    PEER,
    case,
    momenta_of,
    optimizer_with,
    quiet_step,
    rates_of,
)

plateau = case("ReduceLROnPlateau", patience=st.integers(0, 2), factor=st.sampled_from([0.1, 0.5]))


def stepped(scheduler, optimizer, steps, written=None, start=0):
    rows = []
    for t in range(start, start + steps):
        rows.append(rates_of(optimizer) + momenta_of(optimizer))
        if written and t in written:
            group, lr = written[t]
            optimizer.param_groups[group % len(optimizer.param_groups)]["lr"] = lr
        quiet_step(scheduler)
    return rows


@pytest.mark.parametrize("t", [2, 5, 7, 15])
def test_the_momentum_at_an_epoch_is_known_if_a_function_scales_the_cycle(t):
    optimizer = optimizer_with([0.1])
    theirs = PEER.CyclicLR(optimizer, 0.01, 0.1, 5, scale_fn=lambda cycle: 0.5 ** (cycle - 1))
    ours = OURS.CyclicLR(optimizer_with([0.1]), 0.01, 0.1, 5, scale_fn=lambda cycle: 0.5 ** (cycle - 1))

    stepped(theirs, optimizer, t)

    assert ours.value(t, "momentum") == pytest.approx(momenta_of(optimizer), rel=1e-12)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_a_new_swa_anneal_starts_at_its_start_for_any_last_epoch(strategy):
    rows = []
    for m in (PEER, OURS):
        optimizer = optimizer_with([0.1])
        stepped(m.StepLR(optimizer, 2, 0.5), optimizer, 4)
        optimizer.param_groups[0]["initial_lr"] = 0.02  # as Lightning's StochasticWeightAveraging does
        swa = m.SWALR(optimizer, 0.02, 3, strategy, last_epoch=6)
        rows.append(stepped(swa, optimizer, 6))

    for mine, peers in zip(*rows, strict=True):
        assert mine == pytest.approx(peers, rel=1e-12)


def test_a_scheduler_and_a_plateau_on_one_optimizer_resume():
    def pair(m):
        optimizer = optimizer_with([0.1])
        return optimizer, m.CyclicLR(optimizer, 0.01, 0.1, 4, cycle_momentum=False), m.ReduceLROnPlateau(optimizer)

    first, cycle, plateau = pair(PEER)
    for t in range(8):  # a full cycle: the groups again contain the values of the constructor
        quiet_step(cycle)
        if t == 4:
            plateau.step(1.0)
    second, our_cycle, our_plateau = pair(OURS)
    second.load_state_dict(first.state_dict())
    our_cycle.load_state_dict(cycle.state_dict())

    our_plateau.load_state_dict(plateau.state_dict())

    assert rates_of(second) == rates_of(first) == [0.01]


CYCLES = {
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 1.0, total_steps=20),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.01, 0.1, 4),
}


def test_loading_a_state_of_torch_fills_a_first_beta_that_is_a_tensor():
    beta = torch.tensor(0.9, dtype=torch.float64)
    betas = (beta, torch.tensor(0.999))
    first, second = (torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=0.1) for _ in "ab")
    theirs = CYCLES["CyclicLR"](PEER, first)
    stepped(theirs, first, 2)
    second.param_groups[0]["betas"] = betas
    ours = CYCLES["CyclicLR"](OURS, second)
    ours.load_state_dict(theirs.state_dict())

    assert second.param_groups[0]["betas"][0] is beta
    assert float(beta) == pytest.approx(first.param_groups[0]["betas"][0], rel=1e-12)


def test_warm_restarts_equal_torch_bit_for_bit():
    for first, mult, low in itertools.product((3, 7, 10), (1, 2), (0, 0.001)):
        rows = []
        for module in (PEER, OURS):
            optimizer = optimizer_with([0.1, 0.03])
            scheduler = module.CosineAnnealingWarmRestarts(optimizer, first, mult, low)
            rows.append(stepped(scheduler, optimizer, 40))
            for epoch in (0.25, 3.7, 12.0, 17.9):
                quiet_step(scheduler, epoch)
                rows[-1].append(rates_of(optimizer))

        assert rows[0] == rows[1]


# --- functions


class Rule:
    def __init__(self, gamma):
        self.gamma = gamma

    def __call__(self, t):
        return self.gamma**t


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR", "CyclicLR"])
@pytest.mark.parametrize(("saved_by", "loaded_by"), [(PEER, OURS), (OURS, PEER), (OURS, OURS)])
def test_a_state_has_the_attributes_of_a_callable_object_and_no_function(name, saved_by, loaded_by, tmp_path, recwarn):
    def build(module, function):
        if name == "CyclicLR":
            return module.CyclicLR(optimizer_with([1.0]), 0.1, 0.5, 3, scale_fn=function)
        return getattr(module, name)(optimizer_with([1.0]), function)

    for saved, now in ((Rule(0.9), Rule(0.5)), (lambda t: 0.9**t, lambda t: 0.5**t)):
        torch.save(build(saved_by, saved).state_dict(), tmp_path / "state.pt")
        recwarn.clear()
        build(loaded_by, now).load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        assert not recwarn.list
        assert now(1) == (0.9 if isinstance(now, Rule) else 0.5)


def test_a_loaded_mode_decides_which_metric_is_worse():
    found = []
    for library in (OURS, PEER):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        saved = library.ReduceLROnPlateau(optimizer, mode="max", patience=0).state_dict()
        del saved["mode_worse"]  # it follows from the mode
        scheduler = library.ReduceLROnPlateau(optimizer, mode="min", patience=0, factor=0.5)
        scheduler.load_state_dict(saved)
        for metric in (1.0, 2.0, 1.5, 3.0):
            scheduler.step(metric)
        found.append((scheduler.mode, scheduler.mode_worse, scheduler.best, optimizer.param_groups[0]["lr"]))

    assert found[0] == found[1]


def test_values_that_cannot_be_compared_differ():
    assert not equal_values(torch.zeros(2), torch.zeros(2))
    assert not equal_values(torch.zeros(2), torch.zeros(3))
    assert equal_values(torch.zeros(1), 0.0)
    assert equal_values([1, 2], [1, 2])


@pytest.mark.filterwarnings("ignore")
@table(
    ("name", "saved", "built"),
    [
        ("CyclicLR", (0.1, 0.5, 4), (0.1, 0.5, 7)),
        ("OneCycleLR", (0.5, 20), (0.5, 30)),
        ("CyclicLR", (0.1, 0.5, 4, None, "exp_range", 0.9), (0.1, 0.5, 4, None, "exp_range", 0.8)),
    ],
)
def test_a_state_of_torch_with_other_options_writes_the_momentum_of_its_options(name, saved, built):
    theirs = getattr(PEER, name)(optimizer_with([0.4], partial(torch.optim.SGD, momentum=0.9)), *saved)
    for _ in range(3):
        quiet_step(theirs)
    ours = getattr(OURS, name)(optimizer_with([0.4], partial(torch.optim.SGD, momentum=0.9)), *built)

    ours.load_state_dict(theirs.state_dict())

    (found,), (expected,) = ours.optimizer.param_groups, theirs.optimizer.param_groups
    assert (found["lr"], found["momentum"]) == pytest.approx((expected["lr"], expected["momentum"]))


@table(
    ("name", "options"), [("CyclicLR", {"base_lr": 0.1, "max_lr": 0.5}), ("OneCycleLR", {"max_lr": 1.0, "epochs": 9})]
)
def test_a_state_of_torch_writes_no_momentum_if_the_user_computes_the_values(name, options):
    def built(module):
        kind = type("Own", (getattr(module, name),), {"get_lr": lambda scheduler: [0.25]})
        rest = {"step_size_up": 4} if name == "CyclicLR" else {"steps_per_epoch": 1}
        return kind(optimizer_with([0.4], partial(torch.optim.SGD, momentum=0.9)), **options, **rest)

    theirs, ours = built(PEER), built(OURS)
    for _ in range(3):
        quiet_step(theirs)

    ours.load_state_dict(theirs.state_dict())

    assert momenta_of(ours.optimizer) == momenta_of(theirs.optimizer)
