"""Hook: the points at which a Runner calls, with MMEngine's names and arguments."""

from typing import TYPE_CHECKING, Any, ClassVar, Final

from paramsched.base.near_names import did_you_mean
from paramsched.errors import InvalidArgument

if TYPE_CHECKING:
    from paramsched.runner.runner import Runner

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
    """Return the number of a level.

    Raises:
        InvalidArgument: no level, and no number from 0 to 100.

    >>> priority_of("LOW"), priority_of(55)
    (70, 55)
    """
    if isinstance(priority, str) and priority.upper() in PRIORITIES:
        return PRIORITIES[priority.upper()]
    value = getattr(priority, "value", priority)  # MMEngine's are members of an enumeration
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:
        return value
    raise InvalidArgument(
        f"priority={priority!r}", did_you_mean(str(priority), PRIORITIES), 'Write "NORMAL", or a number from 0 to 100'
    )


class Hook:
    """Override the points that matter; each is called with the Runner.

    `priority` orders the hooks of a point. A hook that has `state_dict()` and `load_state_dict(state)` is saved and
    resumed with the run. One that has `require_resumable(runner, state)` may raise a StateError before anything is
    loaded.

    Source: MMEngine `Hook`.
    """

    priority: ClassVar[str | int] = "NORMAL"

    def before_run(self, runner: "Runner") -> None:
        """Before anything is loaded."""

    def after_run(self, runner: "Runner") -> None:
        """At the end of `train`, `val` or `test`."""

    def before_train(self, runner: "Runner") -> None:
        """Everything is built and loaded."""

    def after_train(self, runner: "Runner") -> None:
        """The last epoch is over."""

    def before_val(self, runner: "Runner") -> None:
        """Before a validation."""

    def after_val(self, runner: "Runner") -> None:
        """After a validation."""

    def before_test(self, runner: "Runner") -> None:
        """Before the test."""

    def after_test(self, runner: "Runner") -> None:
        """After the test."""

    def before_save_checkpoint(self, runner: "Runner", checkpoint: dict[str, Any]) -> None:
        """In the main process; plain data put into `checkpoint` is saved."""

    def after_load_checkpoint(self, runner: "Runner", checkpoint: dict[str, Any]) -> None:
        """Everything is loaded; `checkpoint` is what was saved."""

    def before_train_epoch(self, runner: "Runner") -> None:
        self._before_epoch(runner, mode="train")

    def before_val_epoch(self, runner: "Runner") -> None:
        self._before_epoch(runner, mode="val")

    def before_test_epoch(self, runner: "Runner") -> None:
        self._before_epoch(runner, mode="test")

    def after_train_epoch(self, runner: "Runner") -> None:
        self._after_epoch(runner, mode="train")

    def after_val_epoch(self, runner: "Runner", metrics: dict[str, Any] | None = None) -> None:
        self._after_epoch(runner, mode="val")

    def after_test_epoch(self, runner: "Runner", metrics: dict[str, Any] | None = None) -> None:
        self._after_epoch(runner, mode="test")

    def before_train_iter(self, runner: "Runner", batch_idx: int, data_batch: Any = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode="train")

    def before_val_iter(self, runner: "Runner", batch_idx: int, data_batch: Any = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode="val")

    def before_test_iter(self, runner: "Runner", batch_idx: int, data_batch: Any = None) -> None:
        self._before_iter(runner, batch_idx=batch_idx, data_batch=data_batch, mode="test")

    def after_train_iter(
        self, runner: "Runner", batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode="train")

    def after_val_iter(self, runner: "Runner", batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode="val")

    def after_test_iter(self, runner: "Runner", batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._after_iter(runner, batch_idx=batch_idx, data_batch=data_batch, outputs=outputs, mode="test")

    def _before_epoch(self, runner: "Runner", mode: str = "train") -> None:
        """Before an epoch of any kind."""

    def _after_epoch(self, runner: "Runner", mode: str = "train") -> None:
        """After an epoch of any kind."""

    def _before_iter(self, runner: "Runner", batch_idx: int, data_batch: Any = None, mode: str = "train") -> None:
        """Before a batch of any kind."""

    def _after_iter(
        self, runner: "Runner", batch_idx: int, data_batch: Any = None, outputs: Any = None, mode: str = "train"
    ) -> None:
        """After a batch of any kind."""

    def every_n_epochs(self, runner: "Runner", n: int, start: int = 0) -> bool:
        """Whether the epoch that ends is number `start`, or a multiple of n after it."""
        done = int(runner.epoch) + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def every_n_inner_iters(self, batch_idx: int, n: int) -> bool:
        """Whether the batch is the n-th of its epoch."""
        return n > 0 and (batch_idx + 1) % n == 0

    def every_n_train_iters(self, runner: "Runner", n: int, start: int = 0) -> bool:
        """Whether the iteration that ends is number `start`, or a multiple of n after it."""
        done = int(runner.iter) + 1 - start
        return n > 0 and done >= 0 and done % n == 0

    def end_of_epoch(self, dataloader: Any, batch_idx: int) -> bool:
        """Whether the batch is the loader's last."""
        return batch_idx + 1 == len(dataloader)

    def is_last_train_epoch(self, runner: "Runner") -> bool:
        """Whether the epoch that ends is the last."""
        return bool(runner.epoch + 1 == runner.max_epochs)

    def is_last_train_iter(self, runner: "Runner") -> bool:
        """Whether the iteration that ends is the last."""
        return bool(runner.iter + 1 == runner.max_iters)
