"""Loops: in which order batches, epochs, validations and hooks follow, as in MMEngine."""

from abc import ABC, abstractmethod
from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Literal, final

import torch

from paramsched.runner.metrics import Evaluator, MeanOf
from paramsched.runner.view import EpochBatches, Position, RunnerParts


class TrainLoop(ABC):
    """What both loops share, with MMEngine's names.

    Args:
        val_begin: first epoch or iteration after which to validate.
        val_interval: epochs or iterations between validations.
        dynamic_intervals: pairs of an epoch or iteration, and the interval from then on.
    """

    by_iterations: bool

    def __init__(
        self,
        runner: RunnerParts,
        batches: EpochBatches,
        val_begin: int,
        val_interval: int,
        dynamic_intervals: Sequence[tuple[int, int]] | None,
    ) -> None:
        self.runner, self._batches = runner, batches
        self.epoch_length = len(batches)
        self.val_begin, self.val_interval = val_begin, val_interval
        later = list(dynamic_intervals or ())
        self._milestones = [0, *(at for at, _ in later)]
        self._intervals = [val_interval, *(interval for _, interval in later)]
        self.stop_training = False
        self.epoch = self.iter = 0
        self.position = Position()

    max_epochs: int
    max_iters: int

    @property
    def dataloader(self) -> Any:
        return self._batches.loader

    @property
    def passes(self) -> int:
        return self.iter // self.epoch_length

    def run(self) -> None:
        """Train, and validate in between."""
        self.runner.call_hook("before_train")
        # The checkpoint was saved before the validation that followed it: its metrics are needed (row 14).
        last = self.epoch_length if self.by_iterations else 0  # batches of an epoch after which a validation may start
        if self.position.iter and not self.position.validated and self.position.batch <= last:
            self._validate_if_due()
        self._run_to_end()
        self.runner.call_hook("after_train")

    def seed(self, seed: int) -> None:
        self._batches.seed(seed)

    def note_validated(self) -> None:
        self.position = replace(self.position, validated=True)

    @abstractmethod
    def resume(self, position: Position) -> None: ...

    @abstractmethod
    def _run_to_end(self) -> None:
        """The epochs or iterations that are left."""

    def _train_on(self, index: int, batch: int, data: Any) -> None:
        """One batch, number `batch` of the pass; hooks know it as `index`."""
        runner = self.runner
        runner.call_hook("before_train_iter", batch_idx=index, data_batch=data)
        for stepper in runner.steppers.values():
            stepper.note_batch(data)
        outputs = runner.model_calls.train(data, runner.optim_wrapper)
        # Before the hooks: a checkpoint that one of them saves goes on behind this batch. `iter` counts it after them,
        # as MMEngine's does.
        self.position = Position(self.position.epoch, batch + 1, self.iter + 1)
        runner.call_hook("after_train_iter", batch_idx=index, data_batch=data, outputs=outputs)
        self.iter += 1

    def _validate_if_due(self) -> None:
        done, last = (self.iter, self.max_iters) if self.by_iterations else (self.epoch, self.max_epochs)
        self.val_interval = self._intervals[bisect(self._milestones, done + 1) - 1]
        due = done % self.val_interval == 0 or done == last
        if self.runner.val_loop is not None and done >= self.val_begin and due:
            self.runner.val_loop.run()


@final
class EpochBasedTrainLoop(TrainLoop):
    """Trains for a number of epochs; an epoch is once through the loader."""

    by_iterations = False

    def __init__(
        self,
        runner: RunnerParts,
        batches: EpochBatches,
        max_epochs: int,
        val_begin: int = 1,
        val_interval: int = 1,
        dynamic_intervals: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(runner, batches, val_begin, val_interval, dynamic_intervals)
        self.max_epochs, self.max_iters = max_epochs, max_epochs * len(batches)

    def resume(self, position: Position) -> None:
        self.position, self.epoch, self.iter = position, position.epoch, position.iter

    def _run_to_end(self) -> None:
        while self.epoch < self.max_epochs and not self.stop_training:
            self._run_epoch()
            self._validate_if_due()

    def _run_epoch(self) -> None:
        """One epoch; the first after a resume without the batches that were done."""
        runner = self.runner
        skip = self.position.batch
        runner.start_epoch(skip)
        runner.call_hook("before_train_epoch")
        runner.model.train()
        for index, data in self._batches.batches(self.epoch, skip):
            self._train_on(index, index, data)
        self.position = Position(self.epoch + 1, 0, self.iter)
        runner.call_hook("after_train_epoch")
        self.epoch += 1


@final
class IterBasedTrainLoop(TrainLoop):
    """Trains for a number of batches, however often that goes through the loader. All of it is one epoch for hooks."""

    by_iterations = True

    def __init__(
        self,
        runner: RunnerParts,
        batches: EpochBatches,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(runner, batches, val_begin, val_interval, dynamic_intervals)
        self.max_epochs, self.max_iters = 1, max_iters  # MMEngine's word: the whole run is one epoch
        self.max_passes = ceil(max_iters / len(batches))

    def resume(self, position: Position) -> None:
        self.position, self.iter = position, position.iter

    def _run_to_end(self) -> None:
        runner = self.runner
        runner.call_hook("before_train_epoch")
        runner.model.train()
        while self.iter < self.max_iters and not self.stop_training:
            self._run_pass()
        runner.call_hook("after_train_epoch")

    def _run_pass(self) -> None:
        """Once through the loader, or as far as the run goes."""
        for batch, data in self._batches.batches(self.position.epoch, self.position.batch):
            self.runner.model.train()  # a validation after the last batch switched it off
            self._train_on(self.iter, batch, data)
            self._validate_if_due()
            if self.iter >= self.max_iters or self.stop_training:
                break
        else:
            self.position = Position(self.position.epoch + 1, 0, self.iter, self.position.validated)


@final
class EvalLoop:
    """Goes once through a loader without training, and computes the metrics.

    Args:
        evaluator: what computes the metrics; None takes the mean loss.
        mode: whose hooks are called.
    """

    def __init__(
        self, runner: RunnerParts, batches: EpochBatches, evaluator: Evaluator | None, mode: Literal["val", "test"]
    ) -> None:
        self.runner, self._batches, self.mode = runner, batches, mode
        self._by_loss = evaluator is None
        self.evaluator = evaluator or Evaluator([MeanOf(lambda losses, _: losses, "loss")])

    @property
    def dataloader(self) -> Any:
        return self._batches.loader

    def run(self) -> dict[str, Any]:
        """Validate, or test; returns the metrics."""
        runner, mode = self.runner, self.mode
        runner.call_hook(f"before_{mode}")
        runner.call_hook(f"before_{mode}_epoch")
        runner.model.eval()
        for index, data in self._batches.batches(0):
            runner.call_hook(f"before_{mode}_iter", batch_idx=index, data_batch=data)
            with torch.no_grad(), runner.accelerator.autocast():
                outputs = runner.model_calls.loss_of(data) if self._by_loss else runner.model_calls.predict(data, mode)
            self.evaluator.process(data_samples=outputs, data_batch=data)
            runner.call_hook(f"after_{mode}_iter", batch_idx=index, data_batch=data, outputs=outputs)
        metrics = self.evaluator.evaluate(len(getattr(self.dataloader, "dataset", ())))
        # Before the hooks: one of them may save the best checkpoint, which needs no second validation.
        if mode == "val" and runner.train_loop is not None:
            runner.train_loop.note_validated()
        runner.call_hook(f"after_{mode}_epoch", metrics=metrics)
        runner.call_hook(f"after_{mode}")
        return metrics
