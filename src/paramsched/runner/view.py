"""RunnerView: what hooks may read of a Runner and ask of it; and what the Runner's own parts need besides."""

from collections.abc import Mapping
from logging import Logger
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from paramsched.runner._checkpoints import Checkpoints
from paramsched.runner._model_calls import ModelCalls
from paramsched.runner._param_schedulers import RunFacts, Schedulers
from paramsched.runner._position import Position
from paramsched.runner.optim_wrapper import AcceleratedWrapper


class TrainLoopView(Protocol):
    """A training loop as hooks see it. Set `stop_training` to end the run after the present epoch or iteration."""

    by_iterations: bool
    stop_training: bool
    epoch_length: int
    max_epochs: int
    max_iters: int

    @property
    def position(self) -> Position:
        """Where the run is: what a checkpoint saved now goes on from."""

    @property
    def passes(self) -> int:
        """Complete passes over the loader before the present batch."""

    @property
    def dataloader(self) -> Any:
        """The loader as Accelerate prepared it."""

    def note_validated(self) -> None:
        """Say that the validation of this moment is over."""

    def resume(self, position: Position) -> None:
        """Go on from where a checkpoint was saved."""

    def seed(self, seed: int) -> None:
        """Let the order of each pass follow from this seed and the number of the pass."""


class EvalLoopView(Protocol):
    """A validation, or a test."""

    @property
    def dataloader(self) -> Any:
        """The loader as Accelerate prepared it."""

    def run(self) -> dict[str, Any]:
        """Validate, or test; returns the metrics."""


class RunnerView(Protocol):
    """A Runner as its hooks see it, with MMEngine's names where MMEngine has one.

    `train_loop` and `facts` are None until `train()`, `val_loop` where there is no validation. At the points of a
    training `training` is the loop, never None.
    """

    @property
    def epoch(self) -> int:
        """Complete epochs."""

    @property
    def iter(self) -> int:
        """Complete iterations."""

    @property
    def max_epochs(self) -> int:
        """Epochs of the run; 1 where it is by iterations."""

    @property
    def max_iters(self) -> int:
        """Iterations of the run."""

    @property
    def cfg(self) -> Mapping[str, Any]:
        """The whole config."""

    @property
    def work_dir(self) -> Path:
        """The folder for logs and checkpoints."""

    @property
    def logger(self) -> Logger:
        """The logger `paramsched.runner`."""

    @property
    def accelerator(self) -> Any:
        """Accelerate's."""

    @property
    def model(self) -> nn.Module:
        """The model itself, not wrapped for several processes."""

    @property
    def train_dataloader(self) -> Any:
        """The loader as Accelerate prepared it; before that as it was given."""

    @property
    def val_dataloader(self) -> Any:
        """The loader as Accelerate prepared it; before that as it was given."""

    @property
    def optim_wrapper(self) -> Any:
        """What a model's `train_step` is given."""

    @property
    def param_schedulers(self) -> Any:
        """The schedulers: a list, or a dict of lists by optimizer."""

    @property
    def train_loop(self) -> TrainLoopView | None:
        """The training loop; None until `train()`."""

    @property
    def val_loop(self) -> EvalLoopView | None:
        """The validation; None where there is none."""

    @property
    def training(self) -> TrainLoopView:
        """The training loop, for hooks that are called only while it runs."""

    @property
    def steppers(self) -> Mapping[str, AcceleratedWrapper]:
        """The optimizers by name; the one has no name."""

    @property
    def schedulers(self) -> Schedulers:
        """The schedulers by the optimizer's name."""

    @property
    def facts(self) -> RunFacts | None:
        """How long the run is; None until `train()`."""

    @property
    def hooks(self) -> list[Any]:
        """The hooks in the order they are called."""

    def fields(self, name: str = "") -> list[tuple[str, int]]:
        """The scheduled fields of an optimizer's groups."""

    def values(self) -> dict[tuple[str, int | str], float]:
        """The value of every scheduled field in every group, for the coming update."""

    def call_hook(self, fn_name: str, **arguments: Any) -> None:
        """Call a point of every hook that has it."""

    def save_checkpoint(self, name: str, *, newest: bool = True) -> None:
        """Save everything there is to go on from; every process calls it."""

    def remove_checkpoint(self, name: str) -> None:
        """Remove a checkpoint."""


class RunnerParts(RunnerView, Protocol):
    """What the loops and the checkpoints of a Runner need besides: no matter of hooks."""

    given: dict[str, Any]
    seed: int
    run_name: str
    model_calls: ModelCalls
    checkpoints: Checkpoints

    def start_epoch(self, batch: int) -> None:
        """Begin an epoch, after this many of its batches."""
