"""Hook: the base class of hooks, with MMEngine's names and arguments."""

from typing import Any, ClassVar, Final

from paramsched.core.base.near_names import did_you_mean
from paramsched.errors import InvalidArgument
from paramsched.mmengine.runner.context import RunContext

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
