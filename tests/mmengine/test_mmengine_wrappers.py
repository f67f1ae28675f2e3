"""MMEngine's optimizer wrapper, and what schedulers read and write through it."""

import types
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import torch

from paramsched.mmengine.schedulers import OptimWrapper, StepLR, StepParamScheduler
from paramsched.mmengine.schedulers.base import inner_optimizer, present_value, pseudo_group
from support.tables import table


def sgd(*lrs, **options):
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs or (0.5,)]
    return torch.optim.SGD(groups, lr=0.1, **options)


def loss_of(optimizer):
    return sum(parameter.sum() for group in optimizer.param_groups for parameter in group["params"])


@table(
    ("counts", "begin", "end", "updates", "weights"),
    [
        (1, 0, -1, [1, 2, 3, 4], [1, 1, 1, 1]),
        (3, 0, -1, [3, 6], [3] * 7),
        (3, 0, 8, [3, 6, 8], [3, 3, 3, 3, 3, 3, 2, 2]),
        (3, 0, 6, [3, 6], [3] * 6),
        (3, 5, 8, [6, 8], [3, 2, 2]),
        (4, 0, 3, [3], [3, 3, 3]),
    ],
)
def test_batches_are_accumulated_and_the_last_update_may_have_fewer(counts, begin, end, updates, weights):
    wrapper = OptimWrapper(sgd(), accumulative_counts=counts)
    if end >= 0:
        wrapper.initialize_count_status(None, begin, end)
    actual = []
    synced = []
    scales = []
    for batch in range(begin + 1, begin + 1 + len(weights)):
        synced += [batch] * wrapper.should_sync()
        scales.append(round(1 / wrapper.scale_loss(torch.tensor(1.0)).item()))
        wrapper.backward(loss_of(wrapper.optimizer))
        actual += [batch] * wrapper.should_update()

    assert (actual, synced, scales) == (updates, updates, weights)
    assert wrapper.inner_count == begin + len(weights)


@table(
    ("clip", "expected"),
    [
        (None, -4.0),
        ({"max_norm": 1.0}, 0.5),
        ({"type": "norm", "max_norm": 1.0, "norm_type": 1}, 0.5),
        ({"type": "value", "clip_value": 2.0}, 0.0),
    ],
)
def test_gradients_are_clipped_before_the_step(clip, expected):
    optimizer = sgd()
    OptimWrapper(optimizer, clip_grad=clip).update_params(10 * loss_of(optimizer))

    assert optimizer.param_groups[0]["params"][0].item() == pytest.approx(expected, abs=1e-5)


@table(
    ("options", "error"),
    [
        ({"accumulative_counts": 0}, ValueError),
        ({"accumulative_counts": True}, ValueError),
        ({"accumulative_counts": 1.5}, ValueError),
        ({"clip_grad": 3}, TypeError),
        ({"clip_grad": {}}, ValueError),
        ({"clip_grad": {"type": "value", "max_norm": 1}}, ValueError),
        ({"clip_grad": {"type": "size", "max_norm": 1}}, ValueError),
    ],
)
def test_invalid_options_are_refused(options, error):
    with pytest.raises(error, match="OptimWrapper"):
        OptimWrapper(sgd(), **options)


class NoSync:
    def __init__(self):
        self.entered = 0

    def no_sync(self):
        self.entered += 1
        return torch.no_grad()


def test_gradients_are_not_synchronized_within_an_update():
    wrapper = OptimWrapper(sgd(), accumulative_counts=2)
    model = NoSync()
    for _ in range(4):
        with wrapper.optim_context(model):
            pass
        with wrapper.optim_context(object()):
            pass
        wrapper.backward(loss_of(wrapper.optimizer))

    assert model.entered == 2


def test_a_wrapper_of_several_groups_has_a_pseudo_group_of_the_defaults():
    single = OptimWrapper(sgd())
    two = OptimWrapper(sgd(0.5, 0.2, momentum=0.9))

    assert (len(single.param_groups), pseudo_group(single)) == (1, None)
    assert [group["lr"] for group in two.param_groups] == [0.5, 0.2, 0.1]
    assert pseudo_group(two) is two.param_groups[-1]
    assert pseudo_group(two.optimizer) is None
    assert single.get_lr() == {"lr": [0.5]}
    assert two.get_lr() == {"base_lr": [0.1], "lr": [0.5, 0.2]}
    assert two.get_momentum() == {"momentum": [0.9, 0.9]}
    two.base_param_settings["lr"] = 7.0
    loaded = OptimWrapper(sgd(0.5, 0.2, momentum=0.9))
    state = two.state_dict()
    loaded.load_state_dict(state)
    assert loaded.param_groups[-1]["lr"] == 7.0
    assert "base_param_settings" in state
    assert "base_param_settings" not in single.state_dict()


def test_values_are_read_by_name():
    adam = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=torch.tensor(0.25), betas=(0.9, 0.99))
    (group,) = adam.param_groups

    assert (present_value(group, "lr"), present_value(group, "momentum")) == (0.25, 0.9)


@pytest.mark.parametrize("name", ["betas", "params"])
def test_an_entry_that_is_not_a_number_is_refused(name):
    adam = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])

    with pytest.raises(TypeError, match="which is not a number"):
        StepParamScheduler(adam, name, 2)


def test_the_optimizer_in_a_wrapper_is_found():
    optimizer = sgd()

    for wrapped in (
        optimizer,
        OptimWrapper(optimizer),
        SimpleNamespace(optimizer=OptimWrapper(optimizer), param_groups=[]),
    ):
        assert inner_optimizer(wrapped) is optimizer
    assert inner_optimizer(object()) is None
    assert inner_optimizer(MagicMock()) is None  # it seems to be a wrapper at each depth


def test_a_step_that_is_replaced_after_the_construction_is_warned_of_at_the_first_step(recwarn):
    optimizer = sgd()
    scheduler = StepLR(optimizer, 2)
    optimizer.step = lambda: None

    scheduler.step()
    scheduler.step()

    actual = [str(warning.message) for warning in recwarn]
    assert len(actual) == 1
    assert "`optimizer.step()` has been overridden" in actual[0]


@pytest.mark.filterwarnings("error")
def test_a_step_that_was_replaced_before_the_construction_is_not_warned_of():
    def step(self, closure=None):
        return torch.optim.SGD.step(self, closure)

    optimizer = sgd()
    optimizer.step = types.MethodType(step, optimizer)
    scheduler = StepLR(optimizer, 2)
    optimizer.param_groups[0]["params"][0].grad = torch.ones(1)

    optimizer.step()
    scheduler.step()


@pytest.mark.filterwarnings("error")
def test_a_scheduler_of_torch_that_wraps_the_step_later_does_not_replace_it():
    optimizer = sgd()
    scheduler = StepLR(optimizer, 2)
    torch.optim.lr_scheduler.StepLR(optimizer, 2)

    optimizer.step()
    scheduler.step()


@table(("counts", "warns"), [(1, True), (2, False)])
def test_a_scheduler_that_is_stepped_first_warns_unless_the_wrapper_accumulates(counts, warns, recwarn):
    recwarn.clear()
    scheduler = StepLR(OptimWrapper(sgd(), accumulative_counts=counts), 2)

    scheduler.step()
    scheduler.step()

    assert sum("before" in str(warning.message) for warning in recwarn) == warns
