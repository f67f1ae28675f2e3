"""The context of a run: what hooks and loops see, and how they call the model."""

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, final

import torch
from torch import nn

from paramsched.errors import ParamschedError
from paramsched_runner.runner._param_schedulers import Schedulers
from paramsched_runner.runner.optim_wrapper import AcceleratedWrapper

Style: TypeAlias = Literal["train_step", "mode", "loss", "plain"]
"""How a model is trained.

By its own `train_step`, by `forward(..., mode="loss")`, by a separate function `loss`, or ("plain") by a `forward` that
returns the loss.
"""

LossFunction: TypeAlias = Callable[[Any, Any], torch.Tensor]


def training_style(model: nn.Module, loss: LossFunction | None) -> Style:
    """Return how a model is trained, from its methods and the argument `loss` of the Runner."""
    if callable(getattr(model, "train_step", None)):
        return "train_step"
    if loss is not None:
        return "loss"
    return "mode" if "mode" in inspect.signature(model.forward).parameters else "plain"


@final
class ModelCalls:
    """Calls of a model on one batch of training or validation.

    Args:
        model: the model.
        prepared: the model as prepared by Accelerate: the same object, or a wrapper for several processes.
        loss: computes the loss from output and target.
        style: the training style, if known, because mixed precision hides the signature of `forward`.
    """

    def __init__(
        self, model: nn.Module, prepared: nn.Module, loss: LossFunction | None, style: Style | None = None
    ) -> None:
        self.model = model
        self.prepared = prepared
        self.loss = loss
        self.style = style or training_style(model, loss)
        self._spread: Any = model
        if prepared is not model:  # calls must go through the wrapper, which synchronizes gradients

            def forward_through(spread: Any, *args: Any, **kwargs: Any) -> Any:
                spread.__dict__["_was_called"] = True
                return prepared(*args, **kwargs)

            self._spread = object.__new__(type(type(model).__name__, (type(model),), {"__call__": forward_through}))
            self._spread.__dict__ = model.__dict__

    def train(self, data: Any, optim_wrapper: Any) -> dict[str, Any]:
        """Train on a batch; return a dict of the values to log."""
        if self.style == "train_step":
            outputs = self._spread.train_step(data, optim_wrapper=optim_wrapper)
            if self._spread is not self.model and not self._spread.__dict__.pop("_was_called", False):
                raise ParamschedError(
                    f"{type(self.model).__name__}.train_step: it did not call self(…), so the processes do not "
                    "synchronize gradients. Write loss = self(inputs) in train_step, not self.forward(inputs) or a "
                    "submodule."
                )
            return dict(outputs) if isinstance(outputs, Mapping) else {}
        # Calling the prepared model synchronizes gradients between processes.
        with optim_wrapper.optim_context(self.prepared):
            output = self._model_losses(self.prepared, data)
        loss, log = parse_losses(output)
        optim_wrapper.update_params(loss)
        return log

    def predict(self, data: Any, mode: Literal["val", "test"]) -> Any:
        """Return the predictions for a batch, or the loss if the model returns no predictions."""
        step = getattr(self.model, f"{mode}_step", None)
        if callable(step):
            return step(data)
        if self.style == "loss":
            data = inputs_and_target(data)[0]
        return call_with_batch(self.model, data, **({"mode": "predict"} if self.style == "mode" else {}))

    def loss_of(self, data: Any) -> dict[str, Any]:
        return parse_losses(self._model_losses(self.model, data))[1]

    def _model_losses(self, model: nn.Module, data: Any) -> Any:
        if self.style == "mode":
            return call_with_batch(model, data, mode="loss")
        if self.loss is None:
            return call_with_batch(model, data)
        inputs, target = inputs_and_target(data)
        return self.loss(call_with_batch(model, inputs), target)


def call_with_batch(model: Any, data: Any, **kwargs: Any) -> Any:
    """Call a model with a batch: a mapping by keyword, a list or tuple by position."""
    if isinstance(data, Mapping):
        return model(**data, **kwargs)
    if isinstance(data, (list, tuple)):
        return model(*data, **kwargs)
    return model(data, **kwargs)


def inputs_and_target(data: Any) -> tuple[Any, Any]:
    """Return the pair (inputs, target) of a batch; the target is its last entry."""
    entries = list(data.values()) if isinstance(data, Mapping) else data
    if not isinstance(entries, (list, tuple)) or len(entries) < 2:
        raise ParamschedError(
            f"a batch is a {type(data).__name__} without a target, but loss(output, target) needs one. "
            "Return (input, target) from the dataset"
        )
    *inputs, target = entries
    return (inputs[0] if len(inputs) == 1 else inputs), target


def parse_losses(output: Any) -> tuple[torch.Tensor, dict[str, Any]]:
    """Return a pair: the loss to differentiate, and a dict of the values to log.

    The output of a model is a tensor, or a dict whose entries with "loss" in the name are summed.

    >>> losses = {"loss_a": torch.tensor([1.0, 3.0]), "loss_b": torch.tensor(0.5), "acc": torch.tensor(0.9)}
    >>> loss, log = parse_losses(losses)
    >>> float(loss), list(log)
    (2.5, ['loss', 'loss_a', 'loss_b', 'acc'])
    """
    if isinstance(output, torch.Tensor):
        loss = output.mean()
        return loss, {"loss": loss.detach()}
    if not isinstance(output, Mapping):
        raise ParamschedError(
            f"expected a loss from the model, got {type(output).__name__}. Pass Runner(loss=…), or return a "
            "tensor or a dict of losses"
        )
    means = {}
    for name, value in output.items():
        if isinstance(value, torch.Tensor):
            means[name] = value.mean()
        elif isinstance(value, (list, tuple)) and value and all(isinstance(element, torch.Tensor) for element in value):
            means[name] = torch.stack([element.mean() for element in value]).sum()
        else:
            raise ParamschedError(f"the model returned {name}={value!r:.60}, not a tensor or a list of tensors")
    losses = [value for name, value in means.items() if "loss" in name]
    if not losses:
        raise ParamschedError(
            f"the model returned {', '.join(means) or 'an empty dict'}; expected a name that contains 'loss'"
        )
    total = losses[0]
    for tensor in losses[1:]:
        total = total + tensor
    logged = {"loss": total.detach()} | {name: value.detach() for name, value in means.items() if name != "loss"}
    return total, logged


@final
@dataclass(frozen=True, slots=True)
class Position:
    """The position of a run, as saved in a checkpoint.

    Args:
        epoch: completed passes over the loader.
        batch: completed batches of the present pass.
        iter: completed batches of the run.
        validated: True if the validation that is due at this position is complete.
    """

    epoch: int = 0
    batch: int = 0
    iter: int = 0
    validated: bool = False


class LoopState(Protocol):
    """The state of a training loop. A hook sets `stop_training` to end the run after the present epoch or iteration."""

    by_iterations: bool
    epoch_length: int
    position: Position
    stop_training: bool

    @property
    def passes(self) -> int:
        """Completed passes over the loader."""


class _Loop(Protocol):
    def run(self) -> dict[str, Any]: ...


class RunContext(Protocol):
    """The run that hooks and loops belong to: a Runner.

    The first twelve names are those that MMEngine's hooks use.
    """

    cfg: dict[str, Any]
    work_dir: Path
    logger: logging.Logger
    model: nn.Module
    accelerator: Any
    model_calls: ModelCalls
    steppers: dict[str, AcceleratedWrapper]
    """The wrappers of the optimizers by name."""
    schedulers: Schedulers
    """The schedulers by the name of their optimizer."""

    @property
    def epoch(self) -> int:
        """The number of completed epochs."""

    @property
    def iter(self) -> int:
        """The number of completed iterations."""

    @property
    def max_epochs(self) -> int:
        """The number of epochs of the run; 1 for a run by iterations."""

    @property
    def max_iters(self) -> int:
        """The number of iterations of the run."""

    @property
    def optim_wrapper(self) -> Any:
        """The wrapper that is passed to the model's `train_step`."""

    @property
    def param_schedulers(self) -> Any:
        """A list of schedulers, or a dict of lists by optimizer."""

    @property
    def train_dataloader(self) -> Any:
        """The loader prepared by Accelerate."""

    @property
    def training(self) -> LoopState:
        """The training loop."""

    @property
    def train_loop(self) -> LoopState | None:
        """The training loop; None if the Runner only validates or tests."""

    @property
    def val_loop(self) -> _Loop | None:
        """The loop of validations, if there is one."""

    def call_hook(self, fn_name: str, **arguments: Any) -> None:
        """Call the method `fn_name` of every hook that has it."""

    def fields(self, name: str = "") -> list[tuple[str, int]]:
        """Return pairs (field, index of the group) of an optimizer's scheduled fields."""

    def values(self) -> Mapping[tuple[str, int | str], float]:
        """Return a dict from the pairs (field, group) of all scheduled fields to the values for the next update."""

    def start_epoch(self, batch: int) -> None:
        """Start an epoch, or continue it after its first `batch` batches."""

    def save_checkpoint(self, name: str, *, newest: bool = True) -> None:
        """Save a checkpoint; every process must call it."""

    def remove_checkpoint(self, name: str) -> None:
        """Remove a checkpoint."""
