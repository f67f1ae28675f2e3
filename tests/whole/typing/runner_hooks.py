"""The types of the run that a hook receives. Never run: `make lint` type-checks it, and unused ignores are errors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from paramsched.mmengine.runner import Hook, RunContext


class Looking(Hook):
    def before_train(self, runner: RunContext) -> None:
        assert_type(runner.work_dir, Path)
        assert_type(runner.values(), Mapping[tuple[str, int | str], float])
        assert_type(runner.training.epoch_length, int)
        runner.training.stop_training = True

    def after_train_iter(
        self, runner: RunContext, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        assert_type(runner.iter, int)
        assert_type(runner.steppers[""].updates, int)


class Setting(Hook):
    def before_train(self, runner: RunContext) -> None:
        runner.iter = 3  # type: ignore[misc]
        runner.model = None  # type: ignore[assignment]
        runner.start()  # type: ignore[attr-defined]
