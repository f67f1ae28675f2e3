"""LoggerHook: a table for people, and for programs a line of JSON for each update."""

from typing import Any

from tqdm.auto import tqdm

from paramsched.errors import InvalidArgument
from paramsched.runner._log_file import Kept, require_kept
from paramsched.runner._record import LOGS, Record
from paramsched.runner.hooks.hook import Hook
from paramsched.runner.registry import HOOKS

_REPEAT = 20  # rows between two headers


@HOOKS.register_module()
class LoggerHook(Hook):
    """Write the values that every update really used, the loss, and the metrics of each validation.

    `values.jsonl` has a line for each update: its number, epoch and iteration, and the scheduled fields of every group
    as read from the optimizer just before its step. `metrics.jsonl` has a line for each validation.

    Args:
        interval: iterations between two rows of the table, and between two losses in the log: reading a loss waits for
            the device.

    Raises:
        InvalidArgument: `interval` is no whole number above 0.
    """

    priority = "BELOW_NORMAL"

    def __init__(self, interval: int = 10) -> None:
        if isinstance(interval, bool) or not isinstance(interval, int) or interval < 1:
            raise InvalidArgument(f"LoggerHook(interval={interval!r})", "no whole number above 0", "Write 10")
        self.interval = interval
        self.record: Record | None = None
        self._kept: dict[str, Any] = dict.fromkeys(LOGS, 0)
        self._rows = 0

    def before_train(self, runner: Any) -> None:
        self._rows = 0
        main = runner.accelerator.is_main_process
        self.record = Record(runner.work_dir if main else None, {name: Kept.of(self._kept, name) for name in LOGS})
        for name, stepper in runner.steppers.items():
            fields = tuple(dict.fromkeys(field for field, _ in runner.fields(name)))
            self.record.watch(stepper.optimizer, fields, name, stepper.updates)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        assert self.record is not None  # the loop called before_train
        shown = self.every_n_train_iters(runner, self.interval) or self.is_last_train_iter(runner)
        loss = float(outputs["loss"]) if shown and outputs and "loss" in outputs else None
        self.record.flush(epoch=runner.train_loop.passes, iteration=runner.iter, loss=loss)
        if shown and runner.accelerator.is_main_process:
            self._tell(runner, loss)

    def after_val_epoch(self, runner: Any, metrics: dict[str, Any] | None = None) -> None:
        if metrics is None or not runner.accelerator.is_main_process:
            return
        numbers = {name: float(value) for name, value in metrics.items() if _is_number(value)}
        tqdm.write("  ".join(["val", *(f"{name} {value:.4f}" for name, value in numbers.items())]))
        if self.record is not None:
            self.record.metrics(
                epoch=runner.train_loop.clock.epoch, iteration=runner.train_loop.clock.iter, metrics=numbers
            )

    def after_train(self, runner: Any) -> None:
        if self.record is not None:
            self._kept = self.record.close()
            self.record = None

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        if self.record is not None:
            self.record.to_disk()

    def state_dict(self) -> dict[str, Any]:
        """How many lines there are: those after a checkpoint are written again by the run that goes on from it."""
        return dict(self._kept if self.record is None else self.record.state())

    def require_resumable(self, runner: Any, state: dict[str, Any]) -> None:
        """Refuse a checkpoint that was saved after other logs than those in the work folder.

        Raises:
            StateError: the log, and what is not as it was.
        """
        if runner.accelerator.is_main_process:
            for name in LOGS:
                require_kept(runner.work_dir / f"{name}.jsonl", Kept.of(state, name))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep as many lines."""
        self._kept = dict(state)

    def _tell(self, runner: Any, loss: float | None) -> None:
        columns = {"epoch": f"{runner.train_loop.passes + 1}", "iter": f"{runner.iter + 1}"}
        columns["loss"] = "" if loss is None else f"{loss:.4f}"
        columns |= _by_field(self._used(runner))
        widths = [max(len(name), len(text), 10) for name, text in columns.items()]
        if self._rows % _REPEAT == 0:
            tqdm.write("  ".join(name.rjust(width) for name, width in zip(columns, widths, strict=True)))
        tqdm.write("  ".join(text.rjust(width) for text, width in zip(columns.values(), widths, strict=True)))
        self._rows += 1

    def _used(self, runner: Any) -> dict[tuple[str, Any], float]:
        """What the last update used; before the first what it will use."""
        if self.record is None or not self.record.latest:
            return dict(runner.values())
        return {
            (f"{name}.{field}" if name else field, index): value
            for name, groups in self.record.latest.items()
            for index, group in enumerate(groups)
            for field, value in group.items()
        }


def _by_field(values: dict[tuple[str, Any], float]) -> dict[str, str]:
    """One column for a field: its value, or those of the groups where they differ."""
    fields: dict[str, list[float]] = {}
    for (field, _), value in values.items():
        fields.setdefault(field, []).append(value)
    return {
        field: "/".join(f"{value:.4g}" for value in (many if len(set(many)) > 1 else many[:1]))
        for field, many in fields.items()
    }


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
