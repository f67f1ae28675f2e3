"""Where a run is: its position, and the batches of a loader, pass after pass."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, final, runtime_checkable

import numpy as np
import torch


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
    """A prepared loader, pass by pass.

    Args:
        loader: as Accelerate prepared it, or any iterable with a length.
        accelerator: Accelerate's.
    """

    def __init__(self, loader: Any, accelerator: Any) -> None:
        self.loader, self.accelerator = loader, accelerator

    def __len__(self) -> int:
        return len(self.loader)

    def batches(self, number: int, skip: int = 0) -> Iterator[tuple[int, Any]]:
        """The batches of pass `number`, each with its index, without the first `skip`.

        What the skipped ones drew at random is not drawn again: the random state is the same afterwards.
        """
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
        # Accelerate's loaders are one batch ahead. Taking the last skipped batch brings this one to where it was.
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
