"""Loops of a Runner, the metrics of its validation, and Accelerate, which prepares them."""

import os
import random
from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal, Protocol, TypeAlias, final, runtime_checkable

import numpy as np
import torch
from torch.utils.data import DataLoader

from paramsched.base import codes
from paramsched.core import check_fields, checked, one_of, whole_number
from paramsched.engines.accelerate import replicas
from paramsched.engines.reporting import samples_in_lists
from paramsched.errors import CallSite, InvalidArgument
from paramsched.files import short_json
from paramsched_runner.registries import true_or_false
from paramsched_runner.runner._param_schedulers import RunnerFacts
from paramsched_runner.runner.context import Position, RunContext
from paramsched_runner.runner.optim_wrapper import AmpOptimWrapper


@runtime_checkable
class MetricLike(Protocol):
    """A metric of MMEngine's, or another object with these two methods."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Process the predictions for a batch."""

    def evaluate(self, size: int) -> dict[str, Any]:
        """Return the metrics by name."""


class Metric:
    """Collect results from each batch, and compute metrics from all of them.

    A subclass appends to `self.results` in `process`, and returns a dict of numbers from `compute_metrics`.

    Args:
        prefix: text that precedes the name of each metric, with a slash; None adds no prefix.

    Source: MMEngine `BaseMetric`.
    """

    def __init__(self, prefix: str | None = None) -> None:
        self.prefix = prefix
        self.results: list[Any] = []

    def process(self, data_batch: Any, data_samples: Any) -> None:
        """Process the predictions for a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no process(data_batch, data_samples)")

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Compute the metrics from the results of all processes."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_metrics(results)")

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the metrics by name, and clear the results."""
        del size  # no sample is processed twice
        from accelerate.utils import gather_object

        # Averaging the means of the processes would weight samples incorrectly.
        collected = gather_object(self.results)
        self.results = []
        metrics = self.compute_metrics(collected)
        return {f"{self.prefix}/{name}" if self.prefix else name: value for name, value in metrics.items()}


@final
class MeanOf(Metric):
    """The mean over all samples of a function of predictions and batch, which returns a number or a dict of numbers."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__()
        self.function = function
        self.name = name

    def process(self, data_batch: Any, data_samples: Any) -> None:
        result = self.function(data_samples, data_batch)
        numbers = result if isinstance(result, Mapping) else {self.name: result}
        self.results.append((_samples_or_one(data_batch), {name: float(value) for name, value in numbers.items()}))

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        total = sum(size for size, _ in results)
        names = dict.fromkeys(name for _, numbers in results for name in numbers)
        return {name: sum(size * numbers[name] for size, numbers in results) / total for name in names} if total else {}


def _samples_or_one(batch: Any) -> int:
    """Return the number of samples in a batch; if its parts differ, that of the last one, the target; 1 if unknown."""
    parts = list(batch.values()) if isinstance(batch, Mapping) else batch
    last = parts[-1:] if isinstance(parts, (list, tuple)) else ()
    for samples in (batch, last):
        with suppress(InvalidArgument, TypeError):
            return samples_in_lists(samples)
    return 1


@final
class EpochBatches:
    """Passes over a loader prepared by Accelerate, or over any iterable with a length."""

    def __init__(self, loader: Any, accelerator: Any) -> None:
        self.loader = loader
        self.accelerator = accelerator

    def __len__(self) -> int:
        return len(self.loader)

    def batches(self, number: int, skip: int = 0) -> Iterator[tuple[int, Any]]:
        """Yield pairs (index, batch) of pass `number`, without the first `skip` batches.

        Loading the skipped batches of a `DataLoader` does not change the states of the random generators.
        """
        if skip >= len(self):
            return
        if hasattr(self.loader, "set_epoch"):  # Accelerate's loaders: the order is a function of the epoch
            self.loader.set_epoch(number)
        from accelerate.utils import send_to_device

        batches: Iterator[Any]
        if skip and isinstance(self.loader, DataLoader):
            with random_states_kept():
                # Accelerate's loaders prefetch one batch, so the last skipped batch is consumed here.
                batches = iter(self.accelerator.skip_first_batches(self.loader, skip - 1))
                next(batches)
        else:
            batches = islice(self.loader, skip, None)
        for index, batch in enumerate(batches, start=skip):
            yield index, send_to_device(batch, self.accelerator.device)  # no copy if Accelerate has already moved it

    def seed(self, seed: int) -> None:
        """Set the seed that determines, with the number of a pass, the order of that pass."""
        batches: Any = getattr(self.loader, "batch_sampler", None)
        spread: Any = getattr(batches, "batch_sampler", None)  # exists with several processes
        samplers: list[Any] = [getattr(batches, "sampler", None), getattr(spread, "sampler", None)]
        for sampler in samplers:
            if hasattr(sampler, "initial_seed"):  # Accelerate's sampler
                sampler.initial_seed = seed


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Restore the state of every random generator at the end of the `with` block."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    saved = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002  # the global generator is meant
    try:
        yield
    finally:
        random.setstate(saved[0])
        np.random.set_state(saved[1])  # noqa: NPY002  # as above
        torch.set_rng_state(saved[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


_LoopName: TypeAlias = Literal["EpochBasedTrainLoop", "IterBasedTrainLoop"]


def _pairs(site: CallSite, value: Any) -> tuple[tuple[int, int], ...]:
    """Return pairs of integers as a tuple of tuples."""
    if isinstance(value, (list, tuple)) and all(
        isinstance(element, (list, tuple)) and len(element) == 2 for element in value
    ):
        numbers = [number for pair in value for number in pair]
        if all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
            return tuple((at, interval) for at, interval in value)
    raise InvalidArgument(site, f"expected a list of pairs, got {short_json(value)}", code=codes.WRONG_TYPE)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """The settings in `train_cfg`: the length of the training and its validations.

    Args:
        type, by_epoch: the loop, or True to count epochs and False to count iterations; by default implied by the
            length.
        max_epochs, max_iters: the length of the training.
        val_begin: first epoch or iteration after which a validation may run.
        val_interval: epochs or iterations between validations.
        dynamic_intervals: pairs of an epoch or iteration, and the interval between validations from then on.
    """

    type: _LoopName | None = field(default=None, metadata=one_of(_LoopName))
    by_epoch: bool | None = field(default=None, metadata=checked(true_or_false))
    max_epochs: int | None = field(default=None, metadata=checked(whole_number))
    max_iters: int | None = field(default=None, metadata=checked(whole_number))
    val_begin: int = field(default=1, metadata=checked(whole_number))
    val_interval: int | None = field(default=None, metadata=checked(whole_number))
    dynamic_intervals: tuple[tuple[int, int], ...] | None = field(default=None, metadata=checked(_pairs))

    def __post_init__(self) -> None:
        check_fields(self, "train_cfg")


class TrainLoop(ABC):
    """Base class of both training loops; its attributes have the names of MMEngine's.

    Hooks set `stop_training` to end the run after the present epoch or iteration.
    """

    by_iterations: bool
    max_epochs: int
    max_iters: int

    def __init__(self, runner: RunContext, batches: EpochBatches, settings: TrainSettings) -> None:
        self.runner = runner
        self._batches = batches
        self.epoch_length = len(batches)
        self.val_begin = settings.val_begin
        self.val_interval = settings.val_interval or (1000 if self.by_iterations else 1)
        changes = settings.dynamic_intervals or ()
        self._milestones = [0, *(at for at, _ in changes)]
        self._intervals = [self.val_interval, *(interval for _, interval in changes)]
        self.stop_training = False
        # The settings were checked to contain one of the lengths. As in MMEngine, a run by iterations is one epoch.
        self.max_epochs = settings.max_epochs or 1
        self.max_iters = settings.max_iters or self.max_epochs * len(batches)
        self.epoch = 0
        self.iter = 0
        self.position = Position()

    @property
    def dataloader(self) -> Any:
        return self._batches.loader

    @property
    def passes(self) -> int:
        return self.iter // self.epoch_length

    @property
    def validations(self) -> int:
        """The number of validations in the whole run."""
        last = self.max_iters if self.by_iterations else self.max_epochs
        begin = self.val_begin
        count = 0
        # An interval applies from the count before its milestone on; the last count is always validated.
        ends = [*(milestone - 1 for milestone in self._milestones[1:]), last]
        for interval, end in zip(self._intervals, ends, strict=True):
            count += max(0, (min(end, last) - 1) // interval - (begin - 1) // interval)
            begin = max(begin, end)
        return count + (last >= self.val_begin)

    def run(self) -> None:
        """Train, and validate when a validation is due."""
        self.runner.call_hook("before_train")
        # If the checkpoint was saved before a validation, run it first, because
        # schedulers need its metrics.
        if not self.position.validated and (self.by_iterations or not self.position.batch):
            self._validate_if_due()
        self._run_to_end()
        self.runner.call_hook("after_train")

    def seed(self, seed: int) -> None:
        self._batches.seed(seed)

    def resume(self, position: Position) -> None:
        """Resume from the position of a checkpoint."""
        self.position = position
        self.iter = position.iter
        self.epoch = 0 if self.by_iterations else position.epoch

    @abstractmethod
    def _run_to_end(self) -> None:
        """Run the remaining epochs or iterations."""

    def _train_on(self, index: int, batch: int, data: Any) -> None:
        """Train on `data`, batch number `batch` of a pass over the loader; hooks receive `index` as its number."""
        runner = self.runner
        runner.call_hook("before_train_iter", batch_idx=index, data_batch=data)
        for stepper in runner.steppers.values():
            stepper.note_batch(data)
        outputs = runner.model_calls.train(data, runner.optim_wrapper)
        # Updated before the hooks, so that a checkpoint saved by a hook resumes after this batch. `iter` changes after
        # the hooks, as in MMEngine.
        self.position = Position(self.position.epoch, batch + 1, self.iter + 1)
        runner.call_hook("after_train_iter", batch_idx=index, data_batch=data, outputs=outputs)
        self.iter += 1

    def _validate_if_due(self) -> None:
        done = self.iter if self.by_iterations else self.epoch
        last = self.max_iters if self.by_iterations else self.max_epochs
        self.val_interval = self._intervals[bisect(self._milestones, done + 1) - 1]
        due = done % self.val_interval == 0 or done == last
        if self.runner.val_loop is not None and done >= self.val_begin and due:
            self.runner.val_loop.run()


@final
class EpochBasedTrainLoop(TrainLoop):
    """Trains for a number of epochs; an epoch is one pass over the loader."""

    by_iterations = False

    def _run_to_end(self) -> None:
        runner = self.runner
        while self.epoch < self.max_epochs and not self.stop_training:
            skip = self.position.batch  # after a resume
            runner.start_epoch(skip)
            runner.call_hook("before_train_epoch")
            runner.model.train()
            for index, data in self._batches.batches(self.epoch, skip):
                self._train_on(index, index, data)
            self.position = Position(self.epoch + 1, 0, self.iter)
            runner.call_hook("after_train_epoch")
            self.epoch += 1
            self._validate_if_due()


@final
class IterBasedTrainLoop(TrainLoop):
    """Trains for a number of batches, in as many passes over the loader as needed. For hooks, the run is one epoch."""

    by_iterations = True

    def _run_to_end(self) -> None:
        runner = self.runner
        runner.call_hook("before_train_epoch")
        runner.model.train()
        while self.iter < self.max_iters and not self.stop_training:
            for batch, data in self._batches.batches(self.position.epoch, self.position.batch):
                runner.model.train()  # because a validation after the last batch has called eval()
                self._train_on(self.iter, batch, data)
                self._validate_if_due()
                if self.iter >= self.max_iters or self.stop_training:
                    break
            else:
                self.position = Position(self.position.epoch + 1, 0, self.iter, self.position.validated)
        runner.call_hook("after_train_epoch")


@final
class EvalLoop:
    """Runs one pass over a loader without training, and computes the metrics.

    Args:
        metrics: the metrics; None computes the mean loss.
        mode: `"val"` or `"test"`, which selects the hooks.
    """

    def __init__(
        self,
        runner: RunContext,
        batches: EpochBatches,
        metrics: list[MetricLike] | None,
        mode: Literal["val", "test"],
    ) -> None:
        self.runner = runner
        self._batches = batches
        self.mode = mode
        self._by_loss = metrics is None
        self.metrics = [MeanOf(lambda losses, _: losses, "loss")] if metrics is None else metrics

    @property
    def dataloader(self) -> Any:
        return self._batches.loader

    def run(self) -> dict[str, Any]:
        """Validate or test; return a dict of the metrics by name."""
        runner = self.runner
        mode = self.mode
        runner.call_hook(f"before_{mode}")
        runner.call_hook(f"before_{mode}_epoch")
        runner.model.eval()
        for index, data in self._batches.batches(0):
            runner.call_hook(f"before_{mode}_iter", batch_idx=index, data_batch=data)
            with torch.no_grad(), runner.accelerator.autocast():
                outputs = runner.model_calls.loss_of(data) if self._by_loss else runner.model_calls.predict(data, mode)
            for metric in self.metrics:
                metric.process(data_batch=data, data_samples=outputs)
            runner.call_hook(f"after_{mode}_iter", batch_idx=index, data_batch=data, outputs=outputs)
        size = len(getattr(self.dataloader, "dataset", ()))
        metrics = {name: value for metric in self.metrics for name, value in metric.evaluate(size).items()}
        # Set before the hooks, because the best checkpoint, saved by a hook, must not repeat the validation.
        if mode == "val" and runner.train_loop is not None:
            runner.train_loop.position = replace(runner.train_loop.position, validated=True)
        runner.call_hook(f"after_{mode}_epoch", metrics=metrics)
        runner.call_hook(f"after_{mode}")
        return metrics


def accelerator_for(wrappers: Iterable[Any]) -> Any:
    """Return an Accelerator with the precision of the first `AmpOptimWrapper`, or Accelerate's default.

    Raises an error if this process has used another precision before, because Accelerate does not change it.
    """
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, is_initialized
    from accelerate.utils import DataLoaderConfiguration, GradScalerKwargs

    amp = next((wrapper for wrapper in wrappers if isinstance(wrapper, AmpOptimWrapper)), None)
    precision = None if amp is None else amp.precision
    scaling = {} if amp is None else amp.scaling
    wanted = precision or os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    in_use = AcceleratorState().mixed_precision if is_initialized() else wanted
    if in_use != wanted:
        raise InvalidArgument(
            "Runner(optim_wrapper=…)",
            f"an earlier Accelerator of this process uses {in_use!r}, but this one needs {wanted!r}",
            "Train it in a separate process, or use the same precision for both",
        )
    return Accelerator(
        mixed_precision=precision,
        kwargs_handlers=[GradScalerKwargs(**scaling)] if scaling else [],
        # The order of the samples then depends only on the seed and the epoch, so no state of the loader is saved.
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RandomnessSettings:
    """The settings in `randomness`: the seed, in NumPy's range."""

    seed: int | None = field(default=None, metadata=checked(whole_number, least=0, most=2**32 - 1))
    diff_rank_seed: bool = field(default=False, metadata=checked(true_or_false))
    deterministic: bool = field(default=False, metadata=checked(true_or_false))

    def __post_init__(self) -> None:
        check_fields(self, "randomness")


def seed_for(settings: RandomnessSettings) -> int:
    """Return the seed of the run, equal in every process, and seed all random generators if the user passed one."""
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list, parse_flag_from_env, set_seed

    # Drawn from the system, so that the seed does not depend on earlier random draws.
    shared = [random.SystemRandom().randrange(2**31) if settings.seed is None else settings.seed]
    processes = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))  # as the Accelerator that is built later
    if processes.num_processes > 1:
        broadcast_object_list(shared)
    if settings.seed is not None:
        set_seed(shared[0] + processes.process_index * settings.diff_rank_seed, deterministic=settings.deterministic)
    return shared[0]


def facts_for(
    loop: TrainLoop, loader: Any, accelerator: Any, accumulation: Mapping[str, int], **facts: Any
) -> RunnerFacts:
    """Return the run facts that schedulers need.

    Args:
        loop: the training loop, for the length of the run.
        loader: the loader before Accelerate prepares it.
        accumulation: a dict from the name of each optimizer to its batches per update.
        facts: other facts by name.
    """
    size = getattr(loader, "batch_size", None)
    sampler = getattr(loader, "sampler", None)
    uneven = None  # samples per epoch, if the last batch of an epoch is smaller
    if isinstance(size, int) and isinstance(sampler, Sized) and not getattr(loader, "drop_last", False):
        uneven = len(sampler) if len(sampler) % size and accelerator.num_processes == 1 else None
    return RunnerFacts(
        epoch_length=loop.epoch_length,
        max_epochs=None if loop.by_iterations else loop.max_epochs,
        max_iters=loop.max_iters if loop.by_iterations else None,
        accumulation=accumulation,
        batch_size=size * replicas(accelerator) if isinstance(size, int) else None,
        samples_per_epoch=uneven,
        **facts,
    )
