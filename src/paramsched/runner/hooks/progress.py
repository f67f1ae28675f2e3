"""ProgressBarHook: a tqdm bar over the iterations of the run."""

from typing import Any

from tqdm.auto import tqdm

from paramsched.runner.hooks.hook import Hook
from paramsched.runner.registry import HOOKS


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """A bar with the loss and the values in use, in the main process; none where standard error is no terminal.

    Args:
        interval: iterations between two looks at the loss, which costs a synchronisation of the device.
    """

    priority = "VERY_LOW"

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._bar: Any = None

    def before_train(self, runner: Any) -> None:
        # None: tqdm looks whether standard error is a terminal.
        self._bar = tqdm(
            total=runner.max_iters,
            initial=runner.train_loop.clock.iter,
            unit="it",
            dynamic_ncols=True,
            disable=None if runner.accelerator.is_main_process else True,
        )

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        if not self._bar.disable and self.every_n_train_iters(runner, self.interval):
            shown = {} if not outputs or "loss" not in outputs else {"loss": f"{float(outputs['loss']):.4f}"}
            values = {
                f"{field} {group}".strip(): f"{value:.3g}"
                for (field, group), value in list(runner.values().items())[:4]
            }
            self._bar.set_postfix(shown | values, refresh=False)
        self._bar.update()

    def after_train(self, runner: Any) -> None:
        self._bar.close()
