"""RunnerView: what hooks may read and ask; where the run is; a loader's batches."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from logging import Logger
from pathlib import Path
from typing import Any, Final, Protocol, final, runtime_checkable

import numpy as np
import torch
from torch import nn

from paramsched.runner._checkpoints import Checkpoints
from paramsched.runner._model_calls import ModelCalls
from paramsched.runner._param_schedulers import RunFacts, Schedulers
from paramsched.runner.optim_wrapper import AcceleratedWrapper


@final
@dataclass(frozen=True, slots=True)
class Position:
    """Where a run is: what a checkpoint saved now has to go on from.

    Args:
        epoch: complete passes over the loader.
        batch: batches of the present pass that are done.
        iter: batches that are done.
        validated: whether the validation that is due at this moment is over.
    """

    epoch: int = 0
    batch: int = 0
    iter: int = 0
    validated: bool = False


COUNTS_EPOCHS: Final[Mapping[str, bool]] = {"EpochBasedTrainLoop": True, "IterBasedTrainLoop": False}
"""MMEngine's loops, and whether they count epochs."""


def counts_epochs(train_cfg: Mapping[str, Any]) -> Any:
    """Whether a `train_cfg` counts epochs: it says so, or its `type` does, or the length it gives.

    >>> counts_epochs({"type": "EpochBasedTrainLoop"}), counts_epochs({"max_iters": 900}), counts_epochs({})
    (True, False, True)
    """
    kind = train_cfg.get("type")
    default = COUNTS_EPOCHS[kind] if isinstance(kind, str) and kind in COUNTS_EPOCHS else "max_iters" not in train_cfg
    return train_cfg.get("by_epoch", default)


@runtime_checkable
class _SetsEpoch(Protocol):
    """A loader whose order is a function of the epoch: Accelerate's."""

    def set_epoch(self, epoch: int) -> None: ...


@runtime_checkable
class _SeedableSampler(Protocol):
    """A sampler whose order is a function of a seed and the epoch: Accelerate's."""

    initial_seed: int


@final
class EpochBatches:
    """A loader as Accelerate prepared it, or any iterable with a length, pass by pass."""

    def __init__(self, loader: Any, accelerator: Any) -> None:
        self.loader, self.accelerator = loader, accelerator

    def __len__(self) -> int:
        return len(self.loader)

    def batches(self, number: int, skip: int = 0) -> Iterator[tuple[int, Any]]:
        """The batches of a pass with their indexes, after the first `skip`, whose draws are undone."""
        if skip >= len(self):
            return
        if isinstance(self.loader, _SetsEpoch):
            self.loader.set_epoch(number)
        if not skip:
            yield from enumerate(self._on_device(self.loader))
            return
        with random_states_kept():
            batches = self._batches_after(skip)
        yield from enumerate(batches, start=skip)

    def seed(self, seed: int) -> None:
        """Let the order of each pass follow from this seed and the number of the pass."""
        batches: Any = getattr(self.loader, "batch_sampler", None)
        spread: Any = getattr(batches, "batch_sampler", None)  # of several processes
        samplers: list[Any] = [getattr(batches, "sampler", None), getattr(spread, "sampler", None)]
        for sampler in samplers:
            if isinstance(sampler, _SeedableSampler):
                sampler.initial_seed = seed

    def _batches_after(self, skip: int) -> Iterator[Any]:
        """The batches after the first `skip`, 1 or more."""
        from torch.utils.data import DataLoader

        if not isinstance(self.loader, DataLoader):
            return islice(self._on_device(self.loader), skip, None)
        # Accelerate's loaders are one batch ahead, so the last skipped batch is taken.
        batches: Iterator[Any] = iter(self.accelerator.skip_first_batches(self.loader, skip - 1))
        next(batches)
        return batches

    def _on_device(self, loader: Any) -> Iterator[Any]:
        from accelerate.utils import send_to_device

        # What Accelerate prepared is there already; sending it again is free.
        return (send_to_device(batch, self.accelerator.device) for batch in loader)


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Leave every generator as it was found."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    saved = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002  # the global one is meant
    try:
        yield
    finally:
        random.setstate(saved[0])
        np.random.set_state(saved[1])  # noqa: NPY002  # as above
        torch.set_rng_state(saved[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


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
    """What loops and checkpoints need besides."""

    given: dict[str, Any]
    seed: int
    run_name: str
    model_calls: ModelCalls
    checkpoints: Checkpoints

    def start_epoch(self, batch: int) -> None:
        """Begin an epoch, after this many of its batches."""
