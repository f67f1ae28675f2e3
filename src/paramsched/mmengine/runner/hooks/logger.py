"""Hooks that report the progress of a run: JSON logs, which a resumed run continues, a table, and a progress bar."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO, final

import torch
from torch.optim import Optimizer
from tqdm.auto import tqdm

from paramsched.core.base.files import naming_errors
from paramsched.core.number_checks import whole_number
from paramsched.core.plan.binding import amount_clock
from paramsched.core.run import Scheduler
from paramsched.core.run.hooks import hooks_on
from paramsched.core.run.steps import watch_updates
from paramsched.errors import CallSite, StateError
from paramsched.mmengine.registry import HOOKS
from paramsched.mmengine.runner.context import RunContext
from paramsched.mmengine.runner.hooks.hook import Hook
from paramsched.mmengine.schedulers.optimizers import field_of_group

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
        self._size, self._digest = 0, hashlib.sha256()
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

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line and flush it, so that it is not lost if the process is killed."""
        if self._stream is not None:
            text = json.dumps(line) + "\n"
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
        self._close()  # because an earlier run may have ended with an exception
        self._rows = 0
        self._latest.clear()
        for name in LOGS:
            file = runner.work_dir / f"{name}.jsonl" if runner.accelerator.is_main_process else None
            self._logs[name] = LogFile(file, self._kept[name])
        for name, stepper in runner.steppers.items():
            self._stops.append(self._watch_optimizer(runner, name, stepper.optimizer, stepper.updates))

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
        self._kept = self.state_dict()
        self._close()

    def _close(self) -> None:
        """Stop watching the optimizers, and close the logs."""
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

    def _watch_optimizer(self, runner: RunContext, name: str, optimizer: Optimizer, t: int) -> Callable[[], None]:
        """Record the scheduled fields of every group at each update of an optimizer; return a function that stops this.

        The next update has the number `t`.
        """
        fields = tuple(dict.fromkeys(field for field, _ in runner.fields(name)))
        whose = {"optimizer": name} if name else {}
        found: list[dict[str, float]] = []
        consumed: dict[str, float] = {}

        # Values are read before the step and recorded after it, so that a skipped or failed step adds no line.
        def before(stepped: Any) -> None:
            consumed.clear()
            for one in runner.schedulers.get(name, []):
                unit = amount_clock(one.plan.clock) if isinstance(one, Scheduler) else None
                if unit is not None:
                    # Each of several optimizers has its own position.
                    hooks = hooks_on(stepped)
                    consumed[unit] = one.amount if hooks is None else hooks.member.position.amount or 0
            found.clear()
            for group in stepped.param_groups:
                named = {field: field_of_group(group, field) for field in fields}
                found.append({field: float(at.read(group)) for field, at in named.items() if at.key in group})

        def after(_: Any) -> None:
            nonlocal t
            self._latest[name] = list(found)
            self._waiting.append({"t": t} | consumed | whose | {"groups": self._latest[name]})
            t += 1

        return watch_updates(optimizer, before, after)

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
