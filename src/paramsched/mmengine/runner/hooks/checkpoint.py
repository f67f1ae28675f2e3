"""The hook that saves checkpoints, including the best one."""

from copy import copy
from pathlib import Path
from typing import Any, Final

from paramsched.core.base.near_names import did_you_mean
from paramsched.core.number_checks import whole_number
from paramsched.errors import CallSite, InvalidArgument, site_with_value
from paramsched.mmengine.registry import HOOKS
from paramsched.mmengine.runner.context import RunContext
from paramsched.mmengine.runner.hooks.hook import Hook

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
        self.interval, self.max_keep_ckpts = (
            value if value == -1 else whole_number(CallSite("CheckpointHook", name), value)
            for name, value in (("interval", interval), ("max_keep_ckpts", max_keep_ckpts))
        )
        self.save_begin = whole_number(CallSite("CheckpointHook", "save_begin"), save_begin, 0)
        self.by_epoch, self.save_last, self.save_best = by_epoch, save_last, save_best
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
        self.best_score, self._kept = state["best_score"], list(state["kept"])

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


def is_better(rule: str, one: float, other: float) -> bool:
    """Return whether the score `one` is better than `other`; `rule` is `"greater"` if higher scores are better."""
    return one > other if rule == "greater" else one < other
