"""The scheduler after a ramp, at every position: its bases, its peaks, and groups that are added."""

import pytest
import torch
from torch.optim import lr_scheduler as peers

from paramsched.compat import torch as ours
from paramsched.compat.gradual_warmup._after_scheduler import AfterScheduler
from paramsched.compat.torch import ChainedScheduler, LRScheduler, SequentialLR, StepLR
from support.tables import table
from support.torch_cases import rates_of as rates

pytestmark = pytest.mark.filterwarnings("ignore")


def sgd(*lrs, **options):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.4,)]
    return torch.optim.SGD(groups, lr=0.1, **options)


def after(build, *lrs, peak=1.0):
    """Return a scheduler after a ramp to `peak` times the lr."""
    optimizer = sgd(*lrs)
    peaks = [peak * lr for lr in rates(optimizer)]
    return AfterScheduler(build(optimizer), optimizer, peaks, restarts=peak != 1), optimizer


class FromZero(LRScheduler):
    """A user's scheduler that starts at 0."""

    def get_lr(self):
        return [base * self.last_epoch / 10 for base in self.base_lrs]


BUILDS = {
    "torch": lambda o: peers.StepLR(o, 2, 0.5),
    "ours": lambda o: StepLR(o, 2, 0.5),
    "sequence": lambda o: SequentialLR(o, [StepLR(o, 2, 0.5), StepLR(o, 9)], [50]),
    "torch's sequence": lambda o: peers.SequentialLR(o, [peers.StepLR(o, 2, 0.5), peers.StepLR(o, 9)], [50]),
    "chain": lambda o: ChainedScheduler([StepLR(o, 2, 0.5), StepLR(o, 90)]),
}


@table(("name", "peak"), [(name, peak) for name in BUILDS for peak in (1.0, 3.0)])
def test_the_scheduler_starts_from_the_peak_and_moves_both_ways(name, peak):
    one, optimizer = after(BUILDS[name], 0.4, 0.2, peak=peak)

    for position in (0, 1, 2, 5, 3, 0, 4):
        one.move_to(position)

        factor = peak * 0.5 ** (position // 2)
        assert rates(optimizer) == pytest.approx([0.4 * factor, 0.2 * factor]), position
        assert (one.position, one.running) == (position, True)
    one.rewind()
    assert (one.position, one.running) == (0, False)
    assert rates(optimizer) == pytest.approx([0.4 * peak, 0.2 * peak])


def test_fractional_positions_are_requested_from_the_scheduler():
    one, optimizer = after(lambda o: peers.CosineAnnealingWarmRestarts(o, 4))
    whole, expected = sgd(), []
    other = peers.CosineAnnealingWarmRestarts(whole, 4)
    for position in (0.5, 1.25, 2.0, 2.5):
        other.step(position)
        expected += rates(whole)

    found = []
    for position in (0.5, 1.25, 2.0, 2.5):
        one.move_to(position)
        found += rates(optimizer)

    assert found == pytest.approx(expected)


def test_a_scheduler_that_reacts_to_a_metric_never_moves_backward():
    one, optimizer = after(lambda o: peers.ReduceLROnPlateau(o, patience=0, factor=0.5))

    for metric in (1.0, 2.0):
        one.step_with_metric(metric)
    one.rewind()

    assert one.is_guided
    assert (one.position, one.running, one.scheduler.best) == (2, False, 1.0)
    assert rates(optimizer) == [0.2]


def test_a_state_has_the_position_and_the_start():
    first, _ = after(BUILDS["ours"])
    first.move_to(3)
    second, optimizer = after(BUILDS["ours"])
    state = first.state()

    second.load(state, first.peaks)
    second.scheduler.load_state_dict(first.scheduler.state_dict())

    assert second.state() == state
    assert second.start is not state["start"]
    second.move_to(4)
    assert rates(optimizer) == [0.1]


def test_late_groups_start_at_their_peaks():
    one, optimizer = after(BUILDS["torch"], 0.4)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1})

    one.add_groups([0.4, 0.8])
    one.move_to(2)

    assert one.scheduler.base_lrs == [0.4, 0.8]
    assert one.start[1] == {"lr": 0.8}
    assert rates(optimizer) == pytest.approx([0.2, 0.4])


LATE = BUILDS | {"from 0": FromZero}


@table(("name", "added_at"), [(name, at) for name in LATE for at in (0, 2)])
def test_a_late_group_like_the_last_one_has_its_values(name, added_at):
    one, optimizer = after(LATE[name], 0.4, 0.2, peak=3.0)
    if added_at:
        one.move_to(added_at)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": rates(optimizer)[1]})
    one.add_groups([0.4 * 3, 0.2 * 3, 0.2 * 3])

    for position in (1, 2, 5, 3, 0, 4):
        one.move_to(position)

        assert rates(optimizer)[2] == pytest.approx(rates(optimizer)[1]), position


@table("library", [peers, ours])
def test_a_cycle_has_its_own_levels_after_a_ramp_to_any_peak(library):
    def cycle(optimizer):
        return library.CyclicLR(optimizer, 0.1, 1.0, step_size_up=3, cycle_momentum=False)

    one, optimizer = after(cycle, peak=3.0)
    alone, other = after(cycle)

    for position in (1, 2, 5, 3, 8):
        one.move_to(position)
        alone.move_to(position)

        assert rates(optimizer) == rates(other)
