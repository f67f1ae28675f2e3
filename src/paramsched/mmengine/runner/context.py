"""RunContext: the attributes and methods of a Runner that hooks and loops use."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

from torch import nn

from paramsched.mmengine.runner._model_calls import ModelCalls
from paramsched.mmengine.runner._param_schedulers import Schedulers
from paramsched.mmengine.runner.optim_wrapper import AcceleratedWrapper


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
