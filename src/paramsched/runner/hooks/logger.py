"""Hooks that report: a table, lines of JSON, a bar."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from tqdm.auto import tqdm

from paramsched.errors import Asked, InvalidArgument
from paramsched.plan.binding import amount_clock
from paramsched.runner._log_file import LOGS, KeptLines, ValuesLog, require_kept_lines
from paramsched.runner.hooks.hook import Hook
from paramsched.runner.metrics import HOOKS
from paramsched.runner.view import RunnerView
from paramsched.scheduler import Scheduler

_REPEAT = 20  # rows between two headers


@HOOKS.register_module()
class LoggerHook(Hook):
    """Write the values that every update really used, the loss, and the metrics of each validation.

    `values.jsonl` has a line for each update: its number, epoch and iteration, and the scheduled fields of every group
    as read from the optimizer just before its step; on a plan's clock of tokens, say, also `tokens`, what was consumed
    before it. `metrics.jsonl` has a line for each validation.

    Args:
        interval: iterations between two rows of the table, and between two losses in the log: reading a loss waits for
            the device.

    Raises:
        InvalidArgument: `interval` is no whole number above 0.
    """

    priority = "BELOW_NORMAL"

    def __init__(self, interval: int = 10) -> None:
        if isinstance(interval, bool) or not isinstance(interval, int) or interval < 1:
            raise InvalidArgument(
                Asked("LoggerHook", "interval", f"{interval!r}"), "no whole number above 0", "Write 10"
            )
        self.interval = interval
        self._log: ValuesLog | None = None
        self._kept: dict[str, Any] = dict.fromkeys(LOGS, 0)
        self._rows = 0

    def before_train(self, runner: RunnerView) -> None:
        self._rows = 0
        main = runner.accelerator.is_main_process
        self._log = ValuesLog(
            runner.work_dir if main else None, {name: KeptLines.of(self._kept, name) for name in LOGS}
        )
        for name, stepper in runner.steppers.items():
            fields = tuple(dict.fromkeys(field for field, _ in runner.fields(name)))
            consumed = partial(_consumed_so_far, runner, name)
            self._log.watch_optimizer(stepper.optimizer, fields, name, stepper.updates, consumed)

    def after_train_iter(
        self, runner: RunnerView, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        assert self._log is not None  # the loop called before_train
        shown = self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner)
        # Only where it is shown: reading a loss waits for the device.
        loss = float(outputs["loss"]) if shown and outputs and "loss" in outputs else None
        self._log.write_updates(epoch=runner.training.passes, iteration=runner.iter, loss=loss)
        if shown and runner.accelerator.is_main_process:
            self._write_row(runner, loss)

    def after_val_epoch(self, runner: RunnerView, metrics: dict[str, Any] | None = None) -> None:
        if metrics is None or not runner.accelerator.is_main_process:
            return
        numbers = {name: float(value) for name, value in metrics.items() if _can_be_float(value)}
        tqdm.write("  ".join(["val", *(f"{name} {value:.4f}" for name, value in numbers.items())]))
        if self._log is not None:
            self._log.write_metrics(
                epoch=runner.training.position.epoch, iteration=runner.training.position.iter, metrics=numbers
            )

    def after_train(self, runner: RunnerView) -> None:
        if self._log is not None:
            self._kept = self._log.close()
            self._log = None

    def before_save_checkpoint(self, runner: RunnerView, checkpoint: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.to_disk()

    def state_dict(self) -> dict[str, Any]:
        """How many lines there are: those after a checkpoint are written again by the run that goes on from it."""
        return dict(self._kept if self._log is None else self._log.saved_state())

    def require_resumable(self, runner: RunnerView, state: dict[str, Any]) -> None:
        """Refuse a checkpoint that was saved after other logs than those in the work folder.

        Raises:
            StateError: the log, and what is not as it was.
        """
        if runner.accelerator.is_main_process:
            for name in LOGS:
                require_kept_lines(runner.work_dir / f"{name}.jsonl", KeptLines.of(state, name))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep as many lines."""
        self._kept = dict(state)

    def _write_row(self, runner: RunnerView, loss: float | None) -> None:
        """A row of the table, sometimes with its header."""
        columns = {"epoch": f"{runner.training.passes + 1}", "iter": f"{runner.iter + 1}"}
        columns["loss"] = "" if loss is None else f"{loss:.4f}"
        columns |= _columns_by_field(self._values_used(runner))
        widths = [max(len(name), len(text), 10) for name, text in columns.items()]
        if self._rows % _REPEAT == 0:
            tqdm.write("  ".join(name.rjust(width) for name, width in zip(columns, widths, strict=True)))
        tqdm.write("  ".join(text.rjust(width) for text, width in zip(columns.values(), widths, strict=True)))
        self._rows += 1

    def _values_used(self, runner: RunnerView) -> dict[tuple[str, Any], float]:
        """What the last update used; before the first what it will use."""
        if self._log is None or not self._log.latest:
            return dict(runner.values())
        return {
            (f"{name}.{field}" if name else field, index): value
            for name, groups in self._log.latest.items()
            for index, group in enumerate(groups)
            for field, value in group.items()
        }


def _consumed_so_far(runner: RunnerView, name: str) -> dict[str, float]:
    """What an optimizer's run has consumed so far, by the name of its clock; empty by updates."""
    for one in runner.schedulers.get(name, []):
        unit = amount_clock(one.plan.clock) if isinstance(one, Scheduler) else None
        if unit is not None:
            return {unit: one.amount}
    return {}


def _columns_by_field(values: dict[tuple[str, Any], float]) -> dict[str, str]:
    """One column for a field, with the values of its groups where they differ."""
    fields: dict[str, list[float]] = {}
    for (field, _), value in values.items():
        fields.setdefault(field, []).append(value)
    return {
        field: "/".join(f"{value:.4g}" for value in (many if len(set(many)) > 1 else many[:1]))
        for field, many in fields.items()
    }


def _can_be_float(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


_FORMAT = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
_MOST = 5  # values that are shown, where the width is not known


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """A bar with the loss and as many of the values in use as there is room for, in the main process.

    There is none where standard error is no terminal.

    Args:
        interval: iterations between two looks at the loss, which waits for the device.
    """

    priority = "VERY_LOW"

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._bar: Any = None

    def before_train(self, runner: RunnerView) -> None:
        # None: tqdm looks whether standard error is a terminal.
        self._bar = tqdm(
            total=runner.max_iters,
            initial=runner.training.position.iter,
            unit="it",
            dynamic_ncols=True,
            bar_format=_FORMAT,
            disable=None if runner.accelerator.is_main_process else True,
        )

    def after_train_iter(
        self, runner: RunnerView, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        if not self._bar.disable and self.every_n_train_iters(runner, self.interval):
            shown = {} if not outputs or "loss" not in outputs else {"loss": f"{float(outputs['loss']):.4f}"}
            shown |= {f"{field} {group}".strip(): f"{value:.3g}" for (field, group), value in runner.values().items()}
            look = self._bar.format_dict
            self._bar.set_postfix(values_that_fit(shown, _free_columns(look)), refresh=False)
        self._bar.update()

    def after_train(self, runner: RunnerView) -> None:
        self._bar.close()


def _free_columns(look: Mapping[str, Any]) -> int | None:
    """Columns that are left beside a bar of ten; None where the width is not known."""
    if look["ncols"] is None:
        return None
    times = 2 * max(len("00:00"), len(tqdm.format_interval(look["elapsed"] or 0)))
    total = f"{look['total']}"
    return int(look["ncols"]) - 10 - len("100%||  [<, 99.99it/s]") - len(f"{total}/{total}") - times


def values_that_fit(shown: Mapping[str, str], room: int | None) -> dict[str, str]:
    """The first of these values that fit into so many columns; a value is shown whole or not at all.

    >>> values_that_fit({"loss": "0.5", "lr": "0.01", "weight_decay": "0.001"}, 30)
    {'loss': '0.5', 'lr': '0.01'}
    """
    left = 10**6 if room is None else room
    fits: dict[str, str] = {}
    for name, value in list(shown.items())[:_MOST]:
        left -= len(f", {name}={value}")
        if left < 0:
            break
        fits[name] = value
    return fits
