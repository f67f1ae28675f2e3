"""Compositions in compositions have the values of their formula at every epoch, and SWALR after an external write."""

import copy
import itertools
import math
import warnings
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from hypothesis import settings

from support.drawn_programs import Draw, after_call, run
from support.tables import table
from support.torch_cases import OURS, PEER, optimizer_with, quiet_step, rates_of


def chain_of_chains(module, optimizer):
    later = module.ChainedScheduler([module.LinearLR(optimizer, 0.1, 1.0, 3), module.ExponentialLR(optimizer, 0.9)])
    return module.ChainedScheduler([module.ConstantLR(optimizer, 0.7, 4), later])


def chain_with_a_sequence(module, optimizer):
    warm = [module.LinearLR(optimizer, 0.1, 1.0, 3), module.StepLR(optimizer, 2, 0.5)]
    return module.ChainedScheduler([module.SequentialLR(optimizer, warm, [3]), module.ExponentialLR(optimizer, 0.9)])


def share_of_chains(t):
    return (0.7 if t < 4 else 1.0) * (0.1 + 0.9 * min(t, 3) / 3) * 0.9**t


def share_with_a_sequence(t):
    # The sequence writes the base at its milestone, so the decay of the chain starts again there, as in torch.
    return (0.1 + 0.9 * t / 3) * 0.9**t if t < 3 else 0.5 ** ((t - 3) // 2) * 0.9 ** (t - 2)


@pytest.mark.parametrize("inner", [OURS, PEER], ids=["ours", "torch"])
@pytest.mark.parametrize(
    ("build", "share"),
    [(chain_of_chains, share_of_chains), (chain_with_a_sequence, share_with_a_sequence)],
    ids=["chains", "sequence"],
)
def test_a_composition_in_a_composition_begins_and_seeks_to_the_same_values(build, share, inner):
    def nested():
        optimizer = optimizer_with([0.4, 0.2])
        member = build(inner, optimizer)
        return optimizer, OURS.SequentialLR(optimizer, [OURS.ConstantLR(optimizer, 0.5, 9), member], [2])

    expected = [[base * (0.5 if t < 2 else share(t - 2)) for base in (0.4, 0.2)] for t in range(10)]
    optimizer, scheduler = nested()
    for t in range(10):
        assert rates_of(optimizer) == pytest.approx(expected[t])
        quiet_step(scheduler)
    for epoch in (7, 0, 3, 2, 9):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler.step(epoch)
        assert rates_of(optimizer) == scheduler.get_last_lr() == pytest.approx(expected[epoch])
        assert scheduler.value(epoch) == pytest.approx(expected[epoch])


def test_a_chain_in_a_chain_keeps_the_factors_of_the_chain_around_it():
    optimizer = optimizer_with([0.4, 0.2])
    around = OURS.ConstantLR(optimizer, 0.5, 6)
    scheduler = OURS.ChainedScheduler([around, chain_of_chains(OURS, optimizer)])

    for epoch in (0, 5, 1, 8):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler.step(epoch)
        share = (0.5 if epoch < 6 else 1.0) * share_of_chains(epoch)
        assert rates_of(optimizer) == pytest.approx([0.4 * share, 0.2 * share])


@pytest.mark.parametrize("epoch", [8, 2, 0, 10])
def test_an_epoch_of_swalr_after_an_external_write_is_on_the_line_through_the_written_value(epoch):
    optimizer = optimizer_with([0.4])
    scheduler = OURS.SWALR(optimizer, 0.05, anneal_epochs=10, anneal_strategy="linear")
    for _ in range(4):
        quiet_step(scheduler)
    optimizer.param_groups[0]["lr"] = 0.3

    for t, arguments in ((epoch, [epoch]), (epoch + 1, [])):
        quiet_step(scheduler, *arguments)
        left = max(1 - t / 10, 0) / (1 - 4 / 10)
        assert rates_of(optimizer) == pytest.approx([0.05 + (0.3 - 0.05) * left])


@table(
    "other",
    [
        lambda o: OURS.MultiplicativeLR(o, lambda t: 0.5),
        lambda o: OURS.ExponentialLR(o, 0.5),
        lambda o: OURS.CosineAnnealingLR(o, 10),
        lambda o: OURS.LinearLR(o, 0.1, 1.0, 5),
        lambda o: OURS.ConstantLR(o, 0.0, 2),
    ],
)
@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("is_tensor", [False, True])
def test_after_a_factor_of_0_the_value_has_all_factors_of_the_other_members(other, is_last, is_tensor):
    def built(*, zero):
        rates = [torch.tensor(rate, dtype=torch.float64) if is_tensor else rate for rate in (1.0, 0.4)]
        optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": rate} for rate in rates], lr=1.0)
        members = [OURS.ConstantLR(optimizer, 0.0 if zero else 1.0, 3)]
        members.insert(0 if is_last else 1, other(optimizer))
        return optimizer, OURS.ChainedScheduler(members)

    for resumed_at, is_copied in itertools.product(range(5), (False, True)):
        plain, expected = built(zero=False)
        optimizer, chain = built(zero=True)
        if resumed_at == 4:
            quiet_step(chain, 2)
            quiet_step(chain, 0)
        for step in range(6):
            if step == resumed_at and is_copied:
                chain = copy.deepcopy(chain)
                optimizer = chain.optimizer
            elif step == resumed_at:
                saved, state = chain.state_dict(), optimizer.state_dict()
                optimizer, chain = built(zero=True)
                optimizer.load_state_dict(state)
                chain.load_state_dict(saved)
            quiet_step(chain)
            quiet_step(expected)
            factor = 0.0 if step < 2 else 1.0
            assert rates_of(optimizer) == pytest.approx([factor * rate for rate in rates_of(plain)], rel=1e-12)


FACTORS = {
    "StepLR": lambda d: {"step_size": d.length(), "gamma": d.choice([0.5, 0.9, 1.25])},
    "ConstantLR": lambda d: {"factor": d.choice([0.0, 0.0, 0.5]), "total_iters": d.length()},
    "LinearLR": lambda d: {
        "start_factor": d.share(),
        "end_factor": d.choice([1.0, 0.3, 0.0]),
        "total_iters": d.length(),
    },
    "ExponentialLR": lambda d: {"gamma": d.choice([0.5, 0.9, 1.1])},
    "CosineAnnealingLR": lambda d: {"T_max": d.length()},
    "PolynomialLR": lambda d: {"total_iters": d.length() + 5, "power": d.choice([1, 2.0])},
    "MultiplicativeLR": lambda d: {"lr_lambda": d.function()},
}
"""Schedulers whose value is a multiple of base, with their arguments. Some are 0 for a time."""


def drawn_chain(draw, depth=2):
    """Return members with their arguments; a list is a chain in the chain."""

    def member():
        if depth and draw.random() < 0.3:
            return drawn_chain(draw, depth - 1)
        name = draw.choice([*FACTORS])
        return name, FACTORS[name](draw)

    return [member() for _ in range(draw.randint(1, 3))]


def chain_of(members, optimizer):
    return OURS.ChainedScheduler(
        [
            chain_of(one, optimizer) if isinstance(one, list) else getattr(OURS, one[0])(optimizer, **one[1])
            for one in members
        ],
        optimizer,
    )


def product_of(members, steps):
    """Return the product of the values of the members alone, from a base of 1."""
    product = [1.0] * steps
    for one in members:
        if isinstance(one, list):
            row = product_of(one, steps)
        else:
            scheduler = getattr(OURS, one[0])(optimizer_with([1.0]), **one[1])
            row = [scheduler.value(t)[0] for t in range(steps)]
        product = [a * b for a, b in zip(product, row, strict=True)]
    return product


def test_the_value_of_a_chain_is_base_times_the_product_of_the_factors_also_after_a_factor_of_0():
    # A factor of 0 that is reached before another member has changed the value.
    first = [("CosineAnnealingLR", {"T_max": 1}), ("ExponentialLR", {"gamma": 1.1})]
    for seed in range(25 * settings().max_examples):
        draw = Draw(f"product{seed}")
        members = drawn_chain(draw) if seed else first
        tensors = draw.random() < 0.3

        def build(members=members, tensors=tensors):
            rates = [torch.tensor(lr, dtype=torch.float64) if tensors else lr for lr in (1.0, 0.3)]
            groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in rates]
            return chain_of(members, torch.optim.SGD(groups, lr=1.0))

        scheduler, _ = run(build)
        products, t = product_of(members, 25), 0
        while t < len(products):
            rates = rates_of(scheduler.optimizer)
            assert rates == pytest.approx([products[t], 0.3 * products[t]], rel=1e-9, abs=0), (seed, members, t)
            call = draw.choice(["step"] * 20 + ["step to", "copy", "deepcopy", "pickle", "load"])
            epoch = draw.randint(0, 24)
            scheduler = after_call(call, scheduler, epoch, build)
            t = {"step": t + 1, "step to": epoch}.get(call, t)


def test_after_a_factor_of_0_the_value_lacks_the_factors_of_members_whose_stage_has_ended():
    optimizer = optimizer_with([1.0])
    stages = OURS.SequentialLR(optimizer, [OURS.ExponentialLR(optimizer, 0.5), OURS.ConstantLR(optimizer, 1.0)], [2])
    chain = OURS.ChainedScheduler([OURS.CosineAnnealingLR(optimizer, 4), stages])
    share = [(1 + math.cos(math.pi * t / 4)) / 2 for t in range(8)]

    rates = []
    for _ in range(7):
        quiet_step(chain)
        rates += rates_of(optimizer)

    # The second stage begins at its base; from there the values have the factors of the cosine.
    assert rates[1:] == pytest.approx([share[t] / share[2] for t in range(2, 8)], abs=1e-15)


@table(
    "build",
    [
        lambda m, o: OURS.ChainedScheduler([OURS.ExponentialLR(o, 0.9), m.OneCycleLR(o, 0.4, total_steps=20)]),
        lambda m, o: OURS.SequentialLR(o, [OURS.ConstantLR(o, 0.5, 9), m.CyclicLR(o, 0.1, 0.4, 5)], [2]),
        lambda m, o: OURS.SequentialLR(o, [m.CyclicLR(o, 0.1, 0.4, 5), OURS.ConstantLR(o, 0.5, 9)], [6]),
    ],
)
@pytest.mark.parametrize("inner", [OURS, PEER], ids=["ours", "torch"])
@pytest.mark.filterwarnings("ignore")
def test_the_value_of_another_epoch_changes_no_entry_of_a_group(inner, build):
    for kind, options in ((torch.optim.SGD, {"momentum": 0.9}), (torch.optim.Adam, {})):
        optimizer = kind([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)], "lr": 0.2}], lr=0.1, **options)
        scheduler = build(inner, optimizer)
        for _ in range(3):
            quiet_step(scheduler)
        groups, state = copy.deepcopy(optimizer.param_groups), copy.deepcopy(scheduler.state_dict())

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for t in (0, 4, 9):
                scheduler.value(t)

        assert optimizer.param_groups == groups
        assert scheduler.state_dict() == state


@pytest.mark.filterwarnings("ignore")
@table(
    ("name", "options"),
    [
        ("CosineAnnealingLR", {"T_max": 3, "eta_min": 0.01}),
        ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 4}),
        ("PolynomialLR", {"total_iters": 4}),
        ("MultiplicativeLR", {"lr_lambda": lambda t: 0.0 if t == 3 else 0.5}),
        ("OneCycleLR", {"max_lr": 0.4, "total_steps": 9}),
    ],
)
def test_a_chain_of_one_member_has_its_values_after_an_external_write(name, options):
    rows = []
    for is_chained in (True, False):
        optimizer = optimizer_with([0.4], partial(torch.optim.SGD, momentum=0.9))
        scheduler = getattr(OURS, name)(optimizer, **options)
        scheduler = OURS.ChainedScheduler([scheduler]) if is_chained else scheduler
        rows.append(row := [])
        for t in range(8):
            if t == 1:
                optimizer.param_groups[0]["lr"] = 0.1
            quiet_step(scheduler)
            row += rates_of(optimizer)

    assert rows[0] == rows[1]


def own_class(module):
    """Return a user's scheduler without a closed form, which counts its steps."""

    class Own(module.LRScheduler):
        steps = 0

        def step(self, epoch=None):
            self.steps += 1
            super().step(epoch)

        def get_lr(self):
            return [group["lr"] * 0.9 + 0.001 for group in self.optimizer.param_groups]

    return Own


@pytest.mark.parametrize("of_member", [OURS, PEER], ids=["ours", "torch"])
def test_a_users_scheduler_in_a_sequence_goes_on_from_the_last_value_as_in_torch(of_member):
    def values(module, of_member):
        optimizer = optimizer_with([0.4, 0.2])
        own = own_class(of_member)(optimizer)
        members = [module.LinearLR(optimizer, 0.2, 1.0, 4), own, module.ExponentialLR(optimizer, 0.9)]
        sequence = module.SequentialLR(optimizer, members, [3, 8])
        found = []
        for _ in range(11):
            quiet_step(sequence)
            found.append((*rates_of(optimizer), own.steps, own.last_epoch))
        return found

    for ours, theirs in zip(values(OURS, of_member), values(PEER, PEER), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-14)


class Direct(PEER.LRScheduler):
    """A user's scheduler that writes the groups in its own step, and has neither bases nor a last value."""

    def __init__(self, optimizer):
        self.optimizer, self.last_epoch, self._step_count = optimizer, 0, 1

    def step(self):
        self.last_epoch += 1
        for group in self.optimizer.param_groups:
            group["lr"] = group["lr"] * 0.5

    def _initial_step(self):
        pass

    def _update_lr(self, epoch=None):
        pass


def test_a_sequence_reports_and_continues_the_values_of_a_scheduler_without_bases():
    optimizer = optimizer_with([0.4])
    sequence = OURS.SequentialLR(optimizer, [OURS.ConstantLR(optimizer, 1.0), Direct(optimizer)], [1])
    quiet_step(sequence)
    quiet_step(sequence)
    assert sequence.get_last_lr() == rates_of(optimizer) == [0.2]

    optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.1})
    quiet_step(sequence)

    assert sequence.get_last_lr() == rates_of(optimizer) == [0.1, 0.05]


def test_a_chain_adds_nothing_to_the_state_of_a_scheduler_of_torch():
    optimizer = optimizer_with([0.4])
    member = PEER.StepLR(optimizer, 3)
    before = {*member.state_dict()}

    OURS.ChainedScheduler([member, OURS.ExponentialLR(optimizer, 0.9)])

    assert {*member.state_dict()} == before


@pytest.mark.parametrize("module", [OURS, PEER], ids=["ours", "torch"])
def test_a_chain_with_the_optimizer_of_none_of_its_members_is_refused(module):
    members = [module.StepLR(optimizer_with([0.4]), 3)]

    with pytest.raises(ValueError, match="StepLR at index 0 has SGD"):
        module.ChainedScheduler(members, optimizer_with([0.4]))


@pytest.mark.parametrize("kind", ["ChainedScheduler", "SequentialLR"])
def test_a_composition_has_no_value_of_another_field(kind):
    optimizer = optimizer_with([0.4])
    members = [OURS.StepLR(optimizer, 3)]
    scheduler = OURS.ChainedScheduler(members) if kind[0] == "C" else OURS.SequentialLR(optimizer, members, [])

    with pytest.raises(ValueError, match="it does not schedule momentum"):
        scheduler.value(3, "momentum")


@pytest.mark.parametrize("name", ["LambdaLR", "MultiplicativeLR"])
def test_a_function_of_all_groups_is_called_once_in_a_step(name):
    epochs = []

    def function(epoch):
        epochs.append(epoch)
        return 0.9

    scheduler = getattr(OURS, name)(optimizer_with([0.4, 0.2, 0.1]), function)
    for _ in range(3):
        quiet_step(scheduler)

    assert epochs[-3:] == [1, 2, 3]
    assert len(epochs) <= 4


def test_after_a_factor_of_0_the_value_has_the_factors_of_a_chain_in_a_sequence():
    optimizer = optimizer_with([1.0])
    chain = OURS.ChainedScheduler([OURS.ExponentialLR(optimizer, 0.5), OURS.ExponentialLR(optimizer, 0.9)])
    sequence = OURS.SequentialLR(optimizer, [chain], [])
    scheduler = OURS.ChainedScheduler([OURS.ConstantLR(optimizer, 0.0, 3), sequence])

    for _ in range(3):
        quiet_step(scheduler)

    assert rates_of(optimizer) == [pytest.approx(0.45**3)]


def test_after_two_factors_of_0_the_value_begins_at_the_stage_that_began_meanwhile():
    optimizer = optimizer_with([1.0])
    stages = OURS.SequentialLR(optimizer, [OURS.ConstantLR(optimizer, 0.0, 9), OURS.ExponentialLR(optimizer, 0.5)], [3])
    members = [stages, OURS.ConstantLR(optimizer, 0.0, 5), OURS.ExponentialLR(optimizer, 0.9)]
    scheduler = OURS.ChainedScheduler(members)

    rates = []
    for _ in range(6):
        quiet_step(scheduler)
        rates += rates_of(optimizer)

    # The stage begins at its base in epoch 3.
    assert rates == [0.0] * 4 + [pytest.approx(0.5**2 * 0.9**3), pytest.approx(0.5**3 * 0.9**4)]


def test_a_chain_that_begins_again_has_the_values_of_its_first_run():
    optimizer = optimizer_with([1.0])
    product = OURS.MultiplicativeLR(optimizer, lambda t: 0.5)
    stages = OURS.SequentialLR(optimizer, [OURS.ConstantLR(optimizer, 1.0), product], [2])
    scheduler = OURS.ChainedScheduler([stages, OURS.ConstantLR(optimizer, 0.0, 5)])
    runs = []
    for _ in range(2):
        runs.append(rates := [])
        for _ in range(6):
            quiet_step(scheduler)
            rates += rates_of(optimizer)
        quiet_step(scheduler, 0)

    assert runs[0] == runs[1]


@pytest.mark.filterwarnings("ignore")
def test_a_sequence_that_moves_to_an_epoch_calls_a_function_only_for_this_epoch():
    epochs = []
    optimizer = optimizer_with([1.0])
    members = [OURS.ConstantLR(optimizer, 1.0), OURS.LambdaLR(optimizer, lambda t: epochs.append(t) or 0.9**t)]
    sequence = OURS.SequentialLR(optimizer, members, [3])
    epochs.clear()

    sequence.step(10)

    assert epochs == [7]


@pytest.mark.parametrize("module", [OURS, PEER], ids=["ours", "torch"])
def test_a_sequence_reports_the_last_value_of_its_member_also_if_the_step_of_the_user_wrote_another_one(module):
    class Bounded(module.StepLR):
        def step(self, epoch=None):
            super().step(epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"], 0.7)

    optimizer = optimizer_with([1.0])
    sequence = module.SequentialLR(optimizer, [Bounded(optimizer, 1, gamma=0.5)], [])

    quiet_step(sequence)

    assert (sequence.get_last_lr(), rates_of(optimizer)) == ([0.5], [0.7])


@pytest.mark.parametrize("is_last", [False, True])
def test_a_stage_that_ends_with_a_factor_of_0_does_not_keep_the_value_at_0(is_last):
    def rates(first):
        optimizer = optimizer_with([1.0])
        stages = OURS.SequentialLR(optimizer, [first(optimizer), OURS.ExponentialLR(optimizer, 0.9)], [2])
        members = [stages, OURS.CosineAnnealingLR(optimizer, 4)]
        scheduler = OURS.ChainedScheduler(members[::-1] if is_last else members)
        found = []
        for _ in range(9):
            quiet_step(scheduler)
            found += rates_of(optimizer)
        return found

    with_zero, without = rates(lambda o: OURS.CosineAnnealingLR(o, 1)), rates(lambda o: OURS.ConstantLR(o, 1.0))

    assert with_zero[0] == 0
    assert with_zero[1:] == pytest.approx(without[1:])
    assert min(with_zero[4:]) > 0


def test_a_chain_that_is_set_to_an_epoch_forgets_the_factor_of_0_of_a_later_stage():
    def moved(steps):
        optimizer = optimizer_with([1.0])
        stages = OURS.SequentialLR(optimizer, [OURS.StepLR(optimizer, 9), OURS.CosineAnnealingLR(optimizer, 2)], [6])
        scheduler = OURS.ChainedScheduler([stages, OURS.CosineAnnealingLR(optimizer, 3)])
        for _ in range(steps):
            quiet_step(scheduler)
        quiet_step(scheduler, 0)
        for _ in range(5):
            quiet_step(scheduler)
        return rates_of(optimizer)

    assert moved(8) == moved(0) == [pytest.approx((1 + math.cos(math.pi * 5 / 3)) / 2)]


def test_a_composition_of_a_scheduler_without_attributes_notices_the_steps_of_the_optimizer():
    optimizer = optimizer_with([0.4])
    chain = OURS.ChainedScheduler([Direct(optimizer)])

    optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain.step()

    assert chain.get_last_lr() == [0.2]


def test_a_chain_counts_its_steps_if_its_member_does_not():
    optimizer = optimizer_with([0.4])
    chain = OURS.ChainedScheduler([SimpleNamespace(optimizer=optimizer, step=lambda: None)])

    for epoch in range(3):
        assert chain.last_epoch == epoch
        quiet_step(chain)


@table("is_zero", [False, True])
def test_after_a_stage_that_begins_with_a_factor_of_0_the_value_has_all_factors_of_the_other_members(is_zero):
    def rates(factor):
        optimizer = optimizer_with([1.0, 0.4])
        members = [OURS.StepLR(optimizer, 9), OURS.ConstantLR(optimizer, factor, 3)]
        stages = OURS.SequentialLR(optimizer, members, [2])
        first = [OURS.ConstantLR(optimizer, 0.0, 4)] if is_zero else []
        scheduler = OURS.ChainedScheduler([*first, stages, OURS.ExponentialLR(optimizer, 0.9)])
        found = []
        for _ in range(8):
            quiet_step(scheduler)
            found.append(rates_of(optimizer))
        return found

    with_zero, without = rates(0.0), rates(1.0)

    assert with_zero[1:4] == [[0.0, 0.0]] * 3
    assert with_zero[4:] == [pytest.approx(row) for row in without[4:]]
