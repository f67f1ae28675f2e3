"""ProgressBarHook: a tqdm bar over the iterations of the run."""

from collections.abc import Mapping
from typing import Any

from tqdm.auto import tqdm

from paramsched.runner.hooks.hook import Hook
from paramsched.runner.registry import HOOKS
from paramsched.runner.view import RunnerView

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
    """Columns that are left for values beside a bar of ten; None where the width is not known."""
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
