"""Hooks of a Runner."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, TextIO, final

import torch
from tqdm.auto import tqdm

from paramsched.base import did_you_mean
from paramsched.core import whole_number
from paramsched.core.plan import amount_clock
from paramsched.core.run import Scheduler, hooks_on, watch_updates
from paramsched.engines.writes import TrainedOptimizers
from paramsched.errors import CallSite, InvalidArgument, StateError, site_with_value
from paramsched.files import naming_errors
from paramsched.mmengine.schedulers import field_of_group
from paramsched_runner.registries import HOOKS
from paramsched_runner.runner._param_schedulers import distinct_schedulers
from paramsched_runner.runner.context import RunContext

PRIORITIES: Final = {
    "HIGHEST": 0,
    "VERY_HIGH": 10,
    "HIGH": 30,
    "ABOVE_NORMAL": 40,
    "NORMAL": 50,
    "BELOW_NORMAL": 60,
    "LOW": 70,
    "VERY_LOW": 90,
    "LOWEST": 100,
}
"""MMEngine's levels: hooks with lower numbers are called first."""


def priority_of(priority: Any) -> int:
    """Return a priority as a number, from the name of a level or a number.

    Raises:
        InvalidArgument: if `priority` is neither a level nor an integer from 0 to 100.

    >>> priority_of("LOW"), priority_of(55)
    (70, 55)
    """
    if isinstance(priority, str) and priority.upper() in PRIORITIES:
        return PRIORITIES[priority.upper()]
    value = getattr(priority, "value", priority)  # MMEngine's levels are members of an enumeration
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:
        return value
    raise InvalidArgument(
        f"priority={priority!r}",
        did_you_mean(str(priority), PRIORITIES),
        'For example: "NORMAL", or a number between 0 and 100',
    )


class Hook:
    """The base class of hooks: override the methods you need; each receives the Runner.

    `priority` sets the order in which hooks are called. A hook with `state_dict()` and `load_state_dict(state)` is
    saved and resumed with the run. A hook with `require_resumable(runner, state)` may raise a StateError before
    anything is loaded.

    Source: MMEngine `Hook`.
    """

    priority: ClassVar[str | int] = "NORMAL"

    def before_run(self, runner: RunContext) -> None:
        """Run before anything is loaded."""

    def after_run(self, runner: RunContext) -> None:
        """Run at the end of `train`, `val` or `test`."""

    def before_train(self, runner: RunContext) -> None:
        """Run after everything is built and loaded, before the first batch."""

    def after_train(self, runner: RunContext) -> None:
        """Run after the last epoch."""

    def after_exception(self, runner: RunContext) -> None:
        """Run if an exception ends the training, to close what `before_train` has opened."""

    def before_val(self, runner: RunContext) -> None:
        """Run before a validation."""

    def after_val(self, runner: RunContext) -> None:
        """Run after a validation."""

    def before_test(self, runner: RunContext) -> None:
        """Run before the test."""

    def after_test(self, runner: RunContext) -> None:
        """Run after the test."""

    def before_save_checkpoint(self, runner: RunContext, checkpoint: dict[str, Any]) -> None:
        """Run in the main process before saving; plain data added to `checkpoint` is saved."""

    def after_load_checkpoint(self, runner: RunContext, checkpoint: dict[str, Any]) -> None:
        """Run after everything is loaded; `checkpoint` contains the saved data."""

    def before_train_epoch(self, runner: RunContext) -> None:
        self._before_epoch(runner, mode="train")

    def before_val_epoch(self, runner: RunContext) -> None:
        self._before_epoch(runner, mode="val")

    def before_test_epoch(self, runner: RunContext) -> None:
        self._before_epoch(runner, mode="test")

    def after_train_epoch(self, runner: RunContext) -> None:
        self._after_epoch(runner, mode="train")

    def after_val_epoch(self, runner: RunContext, metrics: dict[str, Any] | None = None) -> None:
        self._after_epoch(runner, mode="val")

    def after_test_epoch(self, runner: RunContext, metrics: dict[str, Any] | None = None) -> None:
        self._after_epoch(runner, mode="test")

    def before_train_iter(self, runner: RunContext, batch_idx: int, data_batch: Any = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode="train")

    def before_val_iter(self, runner: RunContext, batch_idx: int, data_batch: Any = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode="val")

    def before_test_iter(self, runner: RunContext, batch_idx: int, data_batch: Any = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode="test")

    def after_train_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode="train")

    def after_val_iter(self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode="val")

    def after_test_iter(self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode="test")

    def _before_epoch(self, runner: RunContext, mode: str = "train") -> None:
        """Run before an epoch of any mode."""

    def _after_epoch(self, runner: RunContext, mode: str = "train") -> None:
        """Run after an epoch of any mode."""

    def _before_iter(self, runner: RunContext, batch_idx: int, data_batch: Any = None, mode: str = "train") -> None:
        """Run before a batch of any mode."""

    def _after_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: Any = None, mode: str = "train"
    ) -> None:
        """Run after a batch of any mode."""

    def every_n_epochs(self, runner: RunContext, n: int, start: int = 0) -> bool:
        """Return whether the epoch that ends now is number `start`, or n, 2n, … epochs later."""
        done = int(runner.epoch) + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def every_n_inner_iters(self, batch_idx: int, n: int) -> bool:
        """Return whether the number of the batch in its epoch, counted from 1, is a multiple of n."""
        return n > 0 and (batch_idx + 1) % n == 0

    def every_n_train_iters(self, runner: RunContext, n: int, start: int = 0) -> bool:
        """Return whether the iteration that ends now is number `start`, or n, 2n, … iterations later."""
        done = int(runner.iter) + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def end_of_epoch(self, dataloader: Any, batch_idx: int) -> bool:
        """Return whether the batch is the last one of the loader."""
        return batch_idx + 1 == len(dataloader)

    def is_last_train_epoch(self, runner: RunContext) -> bool:
        """Return whether the epoch that ends now is the last one of the run."""
        return runner.epoch + 1 == runner.max_epochs

    def is_last_train_iter(self, runner: RunContext) -> bool:
        """Return whether the iteration that ends now is the last one of the run."""
        return runner.iter + 1 == runner.max_iters


_SAVE_BEST: Final = CallSite("CheckpointHook", "save_best")


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Save the run to `epoch_<n>` or `iter_<n>` in the work folder; a killed process never leaves a partial one.

    Args:
        interval: epochs or iterations between two checkpoints; -1 disables periodic checkpoints.
        by_epoch: True if `interval` counts epochs. A run whose length is in iterations has one
            epoch, as in MMEngine.
        max_keep_ckpts: number of recent checkpoints to keep; -1 keeps all.
        save_last: save a checkpoint at the end of the run.
        save_best: name of a metric; the best checkpoint is also kept as `best_<metric>`. `"auto"` is the first metric
            of a validation, and None disables it.
        rule: `"greater"` if higher values are better, or `"less"`; None infers it from the name of the metric.
        save_begin: epoch or iteration from which checkpoints are saved.

    Raises:
        InvalidArgument: if the interval is invalid, or the rule cannot be inferred from the name.

    Source: MMEngine `CheckpointHook`. Differs from it: after the best checkpoint was saved, the latest periodic
    checkpoint is not saved a second time.
    """

    priority = "VERY_LOW"

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool = True,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        save_best: str | None = None,
        rule: str | None = None,
        save_begin: int = 0,
    ) -> None:
        self.interval = _number_or_off("interval", interval)
        self.max_keep_ckpts = _number_or_off("max_keep_ckpts", max_keep_ckpts)
        self.save_begin = whole_number(CallSite("CheckpointHook", "save_begin"), save_begin, 0)
        self.by_epoch = by_epoch
        self.save_last = save_last
        self.save_best = save_best
        automatic = save_best is None or (save_best == "auto" and rule is None)
        self.rule = rule if automatic else rule_of(save_best, rule, _SAVE_BEST)
        self.best_score: float | None = None
        self._kept: list[str] = []

    def after_train_epoch(self, runner: RunContext) -> None:
        last = self.save_last and self.is_last_train_epoch(runner)
        if self.by_epoch and (self.every_n_epochs(runner, self.interval, self.save_begin) or last):
            self._save_and_drop_old(runner, f"epoch_{runner.epoch + 1}")

    def after_train_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        last = self.save_last and self.is_last_train_iter(runner)
        if not self.by_epoch and (self.every_n_train_iters(runner, self.interval, self.save_begin) or last):
            self._save_and_drop_old(runner, f"iter_{runner.iter + 1}")

    def after_val_epoch(self, runner: RunContext, metrics: dict[str, Any] | None = None) -> None:
        if self.save_best is None or not metrics or runner.train_loop is None:
            return
        if self.save_best == "auto":
            self.save_best = next(iter(metrics))
        if self.rule is None:
            self.rule = rule_of(self.save_best, None, _SAVE_BEST)
        if self.save_best not in metrics:
            runner.logger.warning("save_best=%r: the validation computed only %s", self.save_best, ", ".join(metrics))
            return
        score = float(metrics[self.save_best])
        if self.best_score is None or is_better(self.rule, score, self.best_score):
            self.best_score = score
            runner.save_checkpoint(f"best_{self.save_best.replace('/', '_')}", newest=False)

    def state_dict(self) -> dict[str, Any]:
        """Return the best score and the names of the kept checkpoints."""
        return {"best_score": self.best_score, "kept": list(self._kept)}

    def require_resumable(self, runner: RunContext, state: dict[str, Any]) -> None:
        """Raise an error if the state cannot be loaded."""
        copy(self).load_state_dict(state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the best score and the names of the kept checkpoints."""
        best_score = state["best_score"]
        self._kept = list(state["kept"])
        self.best_score = best_score

    def _save_and_drop_old(self, runner: RunContext, name: str) -> None:
        self._kept = [*(kept for kept in self._kept if kept != name), name]
        drop = self._kept[: -self.max_keep_ckpts] if self.max_keep_ckpts != -1 else []
        self._kept = self._kept[len(drop) :]
        runner.save_checkpoint(name)
        for old in drop:  # only after the new one is complete
            runner.remove_checkpoint(Path(old).name)


_GREATER: Final = ("acc", "top", "ar@", "auc", "precision", "map", "mdice", "miou", "macc", "aacc")
_LESS: Final = ("loss",)


def rule_of(monitor: Any, rule: Any, site: CallSite) -> str:
    """Return `"greater"` if higher values of a metric are better, else `"less"`: from `rule` or the metric's name.

    Args:
        monitor: the name of the metric.
        rule: the rule, or None to infer it.
        site: the argument that names the metric, for an error.

    >>> site = CallSite("CheckpointHook", "save_best")
    >>> rule_of("val_loss", None, site), rule_of("accuracy", None, site), rule_of("loss", "greater", site)
    ('less', 'greater', 'greater')
    """
    if not isinstance(monitor, str):
        raise InvalidArgument(
            site_with_value(site, monitor), "expected the name of a metric", 'For example: "accuracy"'
        )
    if rule is not None:
        if rule not in ("greater", "less"):
            refused = site_with_value(CallSite(site.call, "rule"), rule)
            raise InvalidArgument(refused, did_you_mean(str(rule), ("greater", "less")), 'For example: rule="less"')
        return str(rule)
    name = monitor.lower()
    if name in _GREATER or (name not in _LESS and any(key in name for key in _GREATER)):
        return "greater"
    if any(key in name for key in _LESS):
        return "less"
    refused = site_with_value(site, monitor)
    raise InvalidArgument(refused, "the name does not show which value is better", 'For example: rule="greater"')


def _number_or_off(name: str, value: Any) -> int:
    """Return a number of a CheckpointHook, of which -1 means that it does not apply."""
    return -1 if value == -1 else whole_number(CallSite("CheckpointHook", name), value)


def is_better(rule: str, metric: float, best: float) -> bool:
    """Return whether the score `metric` is better than `best`; `rule` is `"greater"` if higher scores are better."""
    return metric > best if rule == "greater" else metric < best


@HOOKS.register_module()
class ParamSchedulerHook(Hook):
    """Step schedulers after each batch or epoch, and plateau schedulers after each validation.

    Differs from MMEngine's hook: in a run whose length is in iterations, schedulers with `by_epoch=True` are stepped
    after each pass over the loader. A plan observes the metrics of the validations during the training, not those of
    `Runner.val()`.
    """

    priority = "LOW"

    def __init__(self) -> None:
        self._trained: TrainedOptimizers | None = None
        self._trains = False

    def before_train(self, runner: RunContext) -> None:
        plans = [scheduler for scheduler in distinct_schedulers(runner.schedulers) if isinstance(scheduler, Scheduler)]
        self._trained = TrainedOptimizers("Runner", plans) if plans else None
        self._trains = True

    def after_train(self, runner: RunContext) -> None:
        self._trains = False

    def after_exception(self, runner: RunContext) -> None:
        self._trains = False

    def after_train_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        if self._trained is not None:
            self._trained.check(stepper.optimizer for stepper in runner.steppers.values())
        _step_schedulers(runner, by_epoch=False)
        # A run by iterations is one epoch for hooks, but schedulers by epoch count passes over the loader.
        if runner.training.by_iterations and (runner.iter + 1) % runner.training.epoch_length == 0:
            _step_schedulers(runner, by_epoch=True)

    def after_train_epoch(self, runner: RunContext) -> None:
        if not runner.training.by_iterations:
            _step_schedulers(runner, by_epoch=True)

    def after_val_epoch(self, runner: RunContext, metrics: dict[str, Any] | None = None) -> None:
        if metrics is None:
            return
        for scheduler in distinct_schedulers(runner.schedulers):
            if not isinstance(scheduler, Scheduler):
                if scheduler.by_epoch and getattr(scheduler, "need_val_args", False):
                    scheduler.step(metrics)
                continue
            if not self._trains:
                continue
            watched = {rule.metric for rule in scheduler.states}
            missing = sorted(watched - metrics.keys())
            if missing:
                raise InvalidArgument(
                    f'plateau("{missing[0]}")',
                    f"the validation did not compute {missing[0]!r}; {did_you_mean(missing[0], metrics)}",
                    "Monitor one of these, or add a metric of that name to val_evaluator",
                )
            if watched:
                scheduler.observe(**{name: metrics[name] for name in watched})


def _step_schedulers(runner: RunContext, *, by_epoch: bool) -> None:
    """Step the schedulers of MMEngine with this `by_epoch`; a plan counts the updates itself."""
    for schedulers in runner.schedulers.values():
        for scheduler in schedulers:
            if not isinstance(scheduler, Scheduler) and scheduler.by_epoch == by_epoch:
                scheduler.step()


@HOOKS.register_module()
class RuntimeInfoHook(Hook):
    """A hook without effect, because the LoggerHook reports the progress of the run."""

    priority = "VERY_HIGH"


@HOOKS.register_module()
class IterTimerHook(Hook):
    """A hook without effect, because the progress bar shows the time."""


@HOOKS.register_module()
class DistSamplerSeedHook(Hook):
    """A hook without effect, because Accelerate seeds the order of the samples of each epoch."""


# A checkpoint stores the size and SHA-256 of each log, so that a log that was changed afterwards raises an error before
# anything is loaded.

_EMPTY: Final = {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}


def require_kept_part(file: Path, kept: Mapping[str, Any]) -> int:
    """Return the number of bytes of a log to keep; raise a StateError if the log lacks them or differs.

    Args:
        file: the log.
        kept: the size and SHA-256 of the log when the checkpoint was saved.
    """
    size = int(kept["bytes"])
    if not size:
        return 0
    problem = ""
    if not file.is_file():
        problem = "it is missing"
    elif file.stat().st_size < size:
        problem = f"it has {file.stat().st_size:,} bytes"
    else:
        with file.open("rb") as stream:
            if hashlib.sha256(stream.read(size)).hexdigest() != kept["sha256"]:
                problem = "its beginning has changed (the SHA-256 differs)"
    if problem:
        raise StateError(f"{file}: {problem}, but the checkpoint was saved after {size:,} bytes. {_ADVICE}")
    return size


_ADVICE = "Restore it, resume without logs by default_hooks=dict(logger=None), or omit resume to start again"


@final
class LogFile:
    """A log file: the part that `kept` describes stays, the rest is removed, and `write` appends lines.

    If the file is None, lines are not written.
    """

    def __init__(self, file: Path | None, kept: Mapping[str, Any]) -> None:
        self._size = 0
        self._digest = hashlib.sha256()
        self._stream: TextIO | None = None
        if file is None:
            return
        self._size = require_kept_part(file, kept)
        file.touch()
        os.truncate(file, self._size)  # in place, so that a kill loses no kept line
        with file.open("rb") as stream:
            self._digest = hashlib.file_digest(stream, "sha256")
        self._stream = file.open("a", encoding="utf-8", newline="\n")

    @property
    def written(self) -> dict[str, Any]:
        """A dict with the size and SHA-256 of the file."""
        return {"bytes": self._size, "sha256": self._digest.hexdigest()}

    def write(self, entries: Mapping[str, Any]) -> None:
        """Write a line and flush it, so that it is not lost if the process is killed."""
        if self._stream is not None:
            text = json.dumps(entries) + "\n"
            with naming_errors(self._stream.name):
                self._stream.write(text)
                self._stream.flush()
            self._size += len(text)  # JSON is ASCII
            self._digest.update(text.encode())

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


LOGS: Final = ("values", "metrics")
"""The names of the logs, without `.jsonl`."""

_REPEAT = 20  # rows of the table between two headers


@HOOKS.register_module()
class LoggerHook(Hook):
    """Log the values that every update used, the loss, and the metrics of each validation.

    `values.jsonl` has one line per update: its number, epoch and iteration, and the scheduled fields of every group,
    read from the optimizer just before its step. On a clock other than updates it also has the amount before
    the update, for example as `tokens`. `metrics.jsonl` has one line per validation.

    Args:
        interval: iterations between two rows of the table and between two logged losses, because reading a loss waits
            for the device.
        ignore_last, log_metric_by_epoch: arguments of MMEngine's hook without effect, because every update is logged,
            and each validation with its epoch and iteration.

    Raises:
        InvalidArgument: if `interval` is not a positive integer.
    """

    priority = "BELOW_NORMAL"

    def __init__(self, interval: int = 10, ignore_last: bool = True, log_metric_by_epoch: bool = True) -> None:
        self.interval = whole_number(CallSite("LoggerHook", "interval"), interval)
        self._logs: dict[str, LogFile] = {}  # during training
        self._kept: dict[str, Any] = dict.fromkeys(LOGS, _EMPTY)
        self._waiting: list[dict[str, Any]] = []  # lines of updates that are not written yet
        self._latest: dict[str, list[dict[str, float]]] = {}  # values of the last update, by optimizer and group
        self._stops: list[Callable[[], None]] = []
        self._rows = 0

    def before_train(self, runner: RunContext) -> None:
        self._rows = 0
        self._latest.clear()
        for name in LOGS:
            file = runner.work_dir / f"{name}.jsonl" if runner.accelerator.is_main_process else None
            self._logs[name] = LogFile(file, self._kept[name])
        for name, stepper in runner.steppers.items():
            recorder = _UpdateRecorder(runner, name, stepper.updates, self._latest, self._waiting)
            self._stops.append(watch_updates(stepper.optimizer, recorder.before_step, recorder.after_step))

    def after_train_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        shown = self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner)
        # Read the loss only if it is shown, because reading waits for the device.
        loss = number_of(outputs["loss"]) if shown and outputs and "loss" in outputs else None
        end = {"epoch": runner.training.passes, "iter": runner.iter} | ({} if loss is None else {"loss": loss})
        for line in self._waiting:
            self._logs["values"].write(line | end)
        self._waiting.clear()
        if shown and runner.accelerator.is_main_process:
            self._write_row(runner, loss)

    def after_val_epoch(self, runner: RunContext, metrics: dict[str, Any] | None = None) -> None:
        if metrics is None or not runner.accelerator.is_main_process:
            return
        numbers = {}
        for name, value in metrics.items():
            with suppress(TypeError, ValueError):  # other metrics are not logged
                numbers[name] = number_of(value)
        tqdm.write("  ".join(["val", *(f"{name} {value:.4f}" for name, value in numbers.items())]))
        if self._logs:
            position = runner.training.position
            self._logs["metrics"].write({"epoch": position.epoch, "iter": position.iter} | numbers)

    def after_train(self, runner: RunContext) -> None:
        self._close()

    def after_exception(self, runner: RunContext) -> None:
        self._close()

    def _close(self) -> None:
        """Stop watching the optimizers, and close the logs; a checkpoint that is saved later has their sizes."""
        self._kept = self.state_dict()
        for stop in self._stops:
            stop()
        for log in self._logs.values():
            log.close()
        self._stops.clear()
        self._waiting.clear()
        self._logs.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the size and SHA-256 of each log. A resumed run replaces the lines written after its checkpoint."""
        return {name: self._logs[name].written if self._logs else self._kept[name] for name in LOGS}

    def require_resumable(self, runner: RunContext, state: dict[str, Any]) -> None:
        """Raise an error if the logs in the work folder differ from those the checkpoint was saved after.

        Raises:
            StateError: if a log is missing or differs; the message names it.
        """
        if runner.accelerator.is_main_process:
            for name in LOGS:
                require_kept_part(runner.work_dir / f"{name}.jsonl", state[name])

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the size and SHA-256 of the part of each log that the resumed run keeps."""
        self._kept = {name: state[name] for name in LOGS}

    def _write_row(self, runner: RunContext, loss: float | None) -> None:
        """Write a row of the table, and its header in front of every 20th row."""
        columns = {"epoch": f"{runner.training.passes + 1}", "iter": f"{runner.iter + 1}"}
        columns["loss"] = "" if loss is None else f"{loss:.4f}"
        # The values that the last update used; before the first update, the values that it will use.
        used: dict[tuple[str, Any], float] = {
            (f"{name}.{field}" if name else field, index): value
            for name, groups in self._latest.items()
            for index, group in enumerate(groups)
            for field, value in group.items()
        }
        fields: dict[str, list[float]] = {}
        for (field, _), value in (used or runner.values()).items():
            fields.setdefault(field, []).append(value)
        for field, values in fields.items():  # one column per field, with the values of its groups if they differ
            columns[field] = "/".join(f"{value:.4g}" for value in (values if len(set(values)) > 1 else values[:1]))
        widths = [max(len(name), len(text), 10) for name, text in columns.items()]
        if self._rows % _REPEAT == 0:
            tqdm.write("  ".join(name.rjust(width) for name, width in zip(columns, widths, strict=True)))
        tqdm.write("  ".join(text.rjust(width) for text, width in zip(columns.values(), widths, strict=True)))
        self._rows += 1


@final
class _UpdateRecorder:
    """Records the scheduled fields of every group at each update of an optimizer.

    Values are read before the step and recorded after it, so that a skipped or failed step adds no line.

    Args:
        runner: the context of the run.
        name: the name of the optimizer; empty for the only one.
        t: the number of the next update.
        latest: a dict to which the values of the last update are written, by optimizer and group.
        lines: a list to which a line is added for each update.
    """

    def __init__(
        self,
        runner: RunContext,
        name: str,
        t: int,
        latest: dict[str, list[dict[str, float]]],
        lines: list[dict[str, Any]],
    ) -> None:
        self._runner = runner
        self._name = name
        self._t = t
        self._latest = latest
        self._lines = lines
        self._fields = tuple(dict.fromkeys(field for field, _ in runner.fields(name)))
        self._values: list[dict[str, float]] = []
        self._amounts: dict[str, float] = {}

    def before_step(self, optimizer: Any) -> None:
        """Read the amounts and the values that the step uses."""
        self._amounts = {}
        for scheduler in self._runner.schedulers.get(self._name, []):
            unit = amount_clock(scheduler.plan.clock) if isinstance(scheduler, Scheduler) else None
            if unit is not None:
                # Each of several optimizers has its own position.
                hooks = hooks_on(optimizer)
                self._amounts[unit] = scheduler.amount if hooks is None else hooks.attached.position.amount or 0
        self._values = []
        for group in optimizer.param_groups:
            entries = {key: field_of_group(group, key) for key in self._fields}
            values = {key: float(field.read(group)) for key, field in entries.items() if field.key in group}
            self._values.append(values)

    def after_step(self, _: Any) -> None:
        """Add the line of the update."""
        self._latest[self._name] = self._values
        optimizer = {"optimizer": self._name} if self._name else {}
        self._lines.append({"t": self._t} | self._amounts | optimizer | {"groups": self._values})
        self._t += 1


def number_of(value: Any) -> float:
    """Return a logged value as a number. A loss may have a gradient, of whose conversion torch warns."""
    return float(value.detach() if isinstance(value, torch.Tensor) else value)


_FORMAT = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_MOST_SHOWN = 2  # values beside the bar, so that they fit into 80 columns


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Show a progress bar with the loss and the first scheduled value, in the main process.

    The bar is hidden if standard error is not a terminal.

    Args:
        interval: iterations between two updates of the shown loss, because reading it waits for the device.
    """

    priority = "VERY_LOW"

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._bar: Any = None

    def before_train(self, runner: RunContext) -> None:
        # With disable=None, tqdm hides the bar unless standard error is a terminal.
        self._bar = tqdm(
            total=runner.max_iters,
            initial=runner.training.position.iter,
            unit="it",
            dynamic_ncols=True,
            bar_format=_FORMAT,
            disable=None if runner.accelerator.is_main_process else True,
        )

    def after_train_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        if not self._bar.disable and self.every_n_train_iters(runner, self.interval):
            shown = {} if not outputs or "loss" not in outputs else {"loss": f"{number_of(outputs['loss']):.4f}"}
            shown |= {f"{field} {group}".strip(): f"{value:.3g}" for (field, group), value in runner.values().items()}
            self._bar.set_postfix(dict(islice(shown.items(), _MOST_SHOWN)), refresh=False)
        self._bar.update()

    def after_train(self, runner: RunContext) -> None:
        self._bar.close()

    def after_exception(self, runner: RunContext) -> None:
        if self._bar is not None:  # None if another hook raised in `before_train`
            self._bar.close()
