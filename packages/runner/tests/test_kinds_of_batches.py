# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""Batches, models and metrics of every kind give the result of the same data in tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from paramsched.errors import ParamschedError
from paramsched.mmengine.runner import Runner
from support.runner_jobs import QUIET, WithMode, accuracy, digits, loader, network
from support.tables import table

SIZES = (4, 4, 3)  # the last batch is smaller
DATA = digits(sum(SIZES))
INPUTS, TARGET = DATA.tensors


class Lists(nn.Module):
    """A model that stacks the lists of samples which MMEngine's collate function makes."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, inputs, target=None, **more):
        inputs = torch.stack(inputs) if isinstance(inputs, (list, tuple)) else inputs
        target = torch.stack(target) if isinstance(target, (list, tuple)) else target
        return self.inner(inputs, target, **more)


class Plain(nn.Module):
    """A model that returns its loss, or its output if there is no target."""

    def __init__(self):
        super().__init__()
        self.body = network()

    def forward(self, inputs, target=None):
        output = self.body(inputs)
        return output if target is None else cross_entropy(output, target)


class Mode(Lists):
    def __init__(self):
        super().__init__(WithMode())

    def forward(self, inputs, target, mode="tensor"):
        return super().forward(inputs, target, mode=mode)


class OneOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = network()

    def forward(self, inputs):
        return self.body(inputs)


class Several(OneOutput):
    """A model with several inputs: a list of samples is passed by position."""

    def forward(self, *inputs):
        return super().forward(inputs[0] if len(inputs) == 1 else torch.stack(inputs))


BATCHES = {
    "tuples": lambda value: value,
    "lists": list,
    "dicts": lambda value: {"inputs": value[0], "target": value[1]},
    "lists of samples": lambda value: (list(value[0]), list(value[1])),
    "dicts of lists of samples": lambda value: {"inputs": list(value[0]), "target": list(value[1])},
}
MODELS = {
    "loss": (Several, lambda output, target: cross_entropy(output, as_tensor(target))),
    "returned loss": (lambda: Lists(Plain()), None),
    "mode": (Mode, None),
}


def as_tensor(target):
    return torch.stack(target) if isinstance(target, (list, tuple)) else target


def batches(form):
    return [BATCHES[form](batch) for batch in zip(INPUTS.split(SIZES), TARGET.split(SIZES), strict=True)]


def weights(model):
    return list(model.parameters())


@table("form", BATCHES)
@pytest.mark.parametrize("style", MODELS)
def test_training_and_validation_are_the_same_for_every_kind_of_batch(style, form, tmp_path):
    make, loss = MODELS[style]
    model = make()
    plain = network()
    runner = Runner(
        model, tmp_path, batches(form), batches(form), train_cfg=dict(max_epochs=2), val_cfg=dict(),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)), default_hooks=QUIET, loss=loss,
    )  # fmt: skip

    runner.train()
    validated = runner.val()["loss"]

    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for inputs, target in [*batches("tuples"), *batches("tuples")]:
        optimizer.zero_grad()
        cross_entropy(plain(inputs), target).backward()
        optimizer.step()
    assert all(torch.equal(weight, expected) for weight, expected in zip(weights(model), weights(plain), strict=True))
    assert validated == pytest.approx(cross_entropy(plain(INPUTS), TARGET).item(), rel=1e-6)  # float32 sums


@table("mode", ["val", "test"])
def test_a_model_that_is_never_trained_is_moved_to_the_device_of_the_batches(mode):
    class Moved(OneOutput):
        places = ()

        def to(self, device):
            self.places = (*self.places, device)
            return super().to(device)

    model = Moved()
    loops = {f"{mode}_dataloader": batches("tuples"), f"{mode}_cfg": dict(), f"{mode}_evaluator": [accuracy]}
    runner = Runner(model, loss=cross_entropy, **loops)

    getattr(runner, mode)()

    assert model.places == (runner.accelerator.device,)


class Returning(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.output = output

    def forward(self, inputs, target):
        return self.output(self.weight)


@table(
    ("output", "said"),
    [
        (lambda weight: 3.0, "expected a loss from the model, got float"),
        (lambda weight: None, "expected a loss from the model, got NoneType"),
        (lambda weight: {}, "the model returned an empty dict; expected a name that contains 'loss'"),
        (lambda weight: {"acc": weight}, "the model returned acc; expected a name"),
        (lambda weight: {"loss": 3.0}, "the model returned loss=3.0, not a tensor"),
        (lambda weight: {"loss": []}, "the model returned loss=[], not a tensor"),
        (lambda weight: {"loss": [weight, 3]}, "not a tensor or a list of tensors"),
    ],
)
def test_an_output_without_a_loss_is_an_error_that_names_it(output, said, tmp_path):
    model = Returning(output)
    wrapper = dict(optimizer=dict(type="SGD", lr=0.1))
    runner = Runner(
        model, tmp_path, loader(1), train_cfg=dict(max_epochs=1), optim_wrapper=wrapper, default_hooks=QUIET
    )

    with pytest.raises(ParamschedError) as refusal:
        runner.train()

    assert said in str(refusal.value)
    assert model.weight.tolist() == [1.0, 1.0]
