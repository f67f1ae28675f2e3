"""Compositions in compositions have the values of their formula at every epoch, and SWALR after an external write."""

import warnings
from functools import partial

import pytest
import torch

from support.tables import table
from support.torch_cases import DROP_IN, TORCH, optimizer_with, quiet_step, rates_of


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


@pytest.mark.parametrize("inner", [DROP_IN, TORCH], ids=["paramsched", "torch"])
@pytest.mark.parametrize(
    ("build", "share"),
    [(chain_of_chains, share_of_chains), (chain_with_a_sequence, share_with_a_sequence)],
    ids=["chains", "sequence"],
)
def test_a_composition_in_a_composition_begins_and_seeks_to_the_same_values(build, share, inner):
    def nested():
        optimizer = optimizer_with([0.4, 0.2])
        member = build(inner, optimizer)
        return optimizer, DROP_IN.SequentialLR(optimizer, [DROP_IN.ConstantLR(optimizer, 0.5, 9), member], [2])

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
        scheduler = getattr(DROP_IN, name)(optimizer, **options)
        scheduler = DROP_IN.ChainedScheduler([scheduler]) if is_chained else scheduler
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


@pytest.mark.parametrize("of_member", [DROP_IN, TORCH], ids=["paramsched", "torch"])
def test_a_users_scheduler_in_a_sequence_goes_on_from_the_last_value_as_in_torch(of_member):
    def values(module, of_member):
        optimizer = optimizer_with([0.4, 0.2])
        users_scheduler = own_class(of_member)(optimizer)
        members = [module.LinearLR(optimizer, 0.2, 1.0, 4), users_scheduler, module.ExponentialLR(optimizer, 0.9)]
        sequence = module.SequentialLR(optimizer, members, [3, 8])
        values = []
        for _ in range(11):
            quiet_step(sequence)
            values.append((*rates_of(optimizer), users_scheduler.steps, users_scheduler.last_epoch))
        return values

    for actual, expected in zip(values(DROP_IN, of_member), values(TORCH, TORCH), strict=True):
        assert actual == pytest.approx(expected, rel=1e-14)


class Direct(TORCH.LRScheduler):
    """A user's scheduler that writes the groups in its own step, and has neither bases nor a last value."""

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.last_epoch = 0
        self._step_count = 1

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
    sequence = DROP_IN.SequentialLR(optimizer, [DROP_IN.ConstantLR(optimizer, 1.0), Direct(optimizer)], [1])
    quiet_step(sequence)
    quiet_step(sequence)
    assert sequence.get_last_lr() == rates_of(optimizer) == [0.2]

    optimizer.add_param_group({"params": [torch.zeros(1)], "lr": 0.1})
    quiet_step(sequence)

    assert sequence.get_last_lr() == rates_of(optimizer) == [0.1, 0.05]


def test_a_chain_that_begins_again_has_the_values_of_its_first_run():
    optimizer = optimizer_with([1.0])
    product = DROP_IN.MultiplicativeLR(optimizer, lambda t: 0.5)
    stages = DROP_IN.SequentialLR(optimizer, [DROP_IN.ConstantLR(optimizer, 1.0), product], [2])
    scheduler = DROP_IN.ChainedScheduler([stages, DROP_IN.ConstantLR(optimizer, 0.0, 5)])
    runs = []
    for _ in range(2):
        runs.append(rates := [])
        for _ in range(6):
            quiet_step(scheduler)
            rates += rates_of(optimizer)
        quiet_step(scheduler, 0)

    assert runs[0] == runs[1]


@pytest.mark.parametrize("module", [DROP_IN, TORCH], ids=["paramsched", "torch"])
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
        stages = DROP_IN.SequentialLR(optimizer, [first(optimizer), DROP_IN.ExponentialLR(optimizer, 0.9)], [2])
        members = [stages, DROP_IN.CosineAnnealingLR(optimizer, 4)]
        scheduler = DROP_IN.ChainedScheduler(members[::-1] if is_last else members)
        rates = []
        for _ in range(9):
            quiet_step(scheduler)
            rates += rates_of(optimizer)
        return rates

    with_zero = rates(lambda o: DROP_IN.CosineAnnealingLR(o, 1))
    without = rates(lambda o: DROP_IN.ConstantLR(o, 1.0))

    assert with_zero[0] == 0
    assert with_zero[1:] == pytest.approx(without[1:])
    assert min(with_zero[4:]) > 0


@table(
    ("build", "wrong"),
    [
        (chain_of_chains, [3, 0, 0]),
        (chain_with_a_sequence, [2, 0, 0]),
        (lambda m, o: m.SequentialLR(o, [m.SequentialLR(o, [m.StepLR(o, 2)], []), m.StepLR(o, 2)], [5]), [1, 0, 0]),
    ],
)
def test_nested_compositions_warn_of_the_order_once_for_each_scheduler_and_not_of_a_right_loop(build, wrong):
    for right in (False, True):
        optimizer = optimizer_with([0.4])
        with warnings.catch_warnings(record=True) as issued:
            warnings.simplefilter("always")
            scheduler = build(DROP_IN, optimizer)
            counts = []
            for _ in range(3):
                if right:
                    optimizer.step()
                scheduler.step()
                optimizer.step()
                counts.append(len(issued))
                issued.clear()

        assert counts == ([0, 0, 0] if right else wrong)
        assert all(warning.filename == __file__ for warning in issued)
