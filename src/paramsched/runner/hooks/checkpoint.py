"""Hooks that look at a metric: the best of the run, and when to end it."""

import math
from pathlib import Path
from typing import Any, Final

from paramsched.errors import Asked, InvalidArgument, ParamschedError, nearest
from paramsched.runner.hooks.hook import Hook
from paramsched.runner.metrics import HOOKS
from paramsched.runner.view import RunnerView


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Save everything to `epoch_<n>` or `iter_<n>` in the work folder; a kill leaves whole checkpoints only.

    Args:
        interval: epochs or iterations between two checkpoints; -1 saves none on the way.
        by_epoch: whether `interval` counts epochs; a run by iterations is one epoch, as in MMEngine.
        max_keep_ckpts: how many are kept, the newest; -1 keeps all.
        save_last: whether to save at the end.
        save_best: name of a metric; the best checkpoint is kept beside the others as `best_<metric>`.
        rule: `"greater"` or `"less"` is better; None: what the name says.
        save_begin: where saving begins, in epochs or iterations.

    Raises:
        InvalidArgument: an interval that is none, or a rule that the name does not say.

    Source: MMEngine `CheckpointHook`. The best is saved once; MMEngine then saves the newest again.
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
        for name, value in (("interval", interval), ("max_keep_ckpts", max_keep_ckpts)):
            if isinstance(value, bool) or not isinstance(value, int) or value == 0 or value < -1:
                raise InvalidArgument(
                    Asked("CheckpointHook", name, f"{value!r}"), "no whole number above 0", "Write 1, or -1 for none"
                )
        if isinstance(save_begin, bool) or not isinstance(save_begin, int) or save_begin < 0:
            raise InvalidArgument(
                Asked("CheckpointHook", "save_begin", f"{save_begin!r}"), "no whole number from 0 on", "Write 0"
            )
        if save_best is not None and not isinstance(save_best, str):
            raise InvalidArgument(
                Asked("CheckpointHook", "save_best", f"{save_best!r}"), "no name of a metric", 'Write "accuracy"'
            )
        self.interval, self.by_epoch, self.max_keep_ckpts = interval, by_epoch, max_keep_ckpts
        self.save_last, self.save_best, self.save_begin = save_last, save_best, save_begin
        self.rule = None if save_best is None else rule_of(save_best, rule)
        self.best_score: float | None = None
        self._kept: list[str] = []

    def after_train_epoch(self, runner: RunnerView) -> None:
        last = self.save_last and self.is_last_train_epoch(runner)
        if self.by_epoch and (self.every_n_epochs(runner, self.interval, self.save_begin) or last):
            self._save_and_drop_old(runner, f"epoch_{runner.epoch + 1}")

    def after_train_iter(
        self, runner: RunnerView, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        last = self.save_last and self.is_last_train_iter(runner)
        if not self.by_epoch and (self.every_n_train_iters(runner, self.interval, self.save_begin) or last):
            self._save_and_drop_old(runner, f"iter_{runner.iter + 1}")

    def after_val_epoch(self, runner: RunnerView, metrics: dict[str, Any] | None = None) -> None:
        if self.save_best is None or self.rule is None or not metrics or runner.train_loop is None:
            return
        if self.save_best not in metrics:
            runner.logger.warning(
                "save_best=%r: the validation computed %s", self.save_best, ", ".join(metrics) or "nothing"
            )
            return
        score = float(metrics[self.save_best])
        if self.best_score is None or is_better(self.rule, score, self.best_score):
            self.best_score = score
            runner.save_checkpoint(f"best_{self.save_best.replace('/', '_')}", newest=False)

    def state_dict(self) -> dict[str, Any]:
        """The best score, and what is kept."""
        return {"best_score": self.best_score, "kept": list(self._kept)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with them."""
        self.best_score, self._kept = state["best_score"], list(state["kept"])

    def _save_and_drop_old(self, runner: RunnerView, name: str) -> None:
        self._kept = [*(kept for kept in self._kept if kept != name), name]
        drop = self._kept[: -self.max_keep_ckpts] if self.max_keep_ckpts > 0 else []
        self._kept = self._kept[len(drop) :]
        runner.save_checkpoint(name)
        for old in drop:  # after the new one is whole
            runner.remove_checkpoint(Path(old).name)


@HOOKS.register_module()
class EarlyStoppingHook(Hook):
    """End the training when a validation's metric has not improved for `patience` validations.

    Args:
        monitor: name of the metric.
        rule: `"greater"` or `"less"` is better; None: what the name says (acc…, loss…).
        min_delta: how much better is an improvement.
        strict: whether a validation without the metric is an error.
        check_finite: whether to end at nan or infinity.
        patience: how many validations without improvement are waited for.
        stopping_threshold: end as soon as the metric is better than this.

    Raises:
        InvalidArgument: a rule that is none, or that the name does not say.

    Source: MMEngine `EarlyStoppingHook`. What it has counted is saved and resumed.
    """

    priority = "LOWEST"

    def __init__(
        self,
        monitor: str,
        rule: str | None = None,
        min_delta: float = 0.1,
        strict: bool = False,
        check_finite: bool = True,
        patience: int = 5,
        stopping_threshold: float | None = None,
    ) -> None:
        self.monitor, self.rule = monitor, rule_of(monitor, rule)
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 0:
            raise InvalidArgument(
                Asked("EarlyStoppingHook", "patience", f"{patience!r}"), "no whole number from 0 on", "Write 5"
            )
        self.min_delta = min_delta if self.rule == "greater" else -min_delta
        self.strict, self.check_finite = strict, check_finite
        self.patience, self.stopping_threshold = patience, stopping_threshold
        self.wait_count = 0
        self.best_score = -math.inf if self.rule == "greater" else math.inf

    def after_val_epoch(self, runner: RunnerView, metrics: dict[str, Any] | None = None) -> None:
        known = metrics or {}
        if self.monitor not in known:
            said = f"EarlyStoppingHook(monitor={self.monitor!r}): no such metric; {nearest(self.monitor, known)}"
            if self.strict:
                raise ParamschedError(said)
            runner.logger.warning("%s", said)
            return
        reason = self._reason_to_stop(float(known[self.monitor]))
        if reason and runner.train_loop is not None:
            runner.training.stop_training = True
            runner.logger.info("training stops: %s", reason)

    def _reason_to_stop(self, score: float) -> str | None:
        """Why to stop; None to go on."""
        if self.check_finite and not math.isfinite(score):
            return f"{self.monitor} = {score} is not finite; the best was {self.best_score:.3f}"
        if self.stopping_threshold is not None and is_better(self.rule, score, self.stopping_threshold):
            self.best_score = score
            return f"{self.monitor} = {score} is {self.rule} than {self.stopping_threshold}"
        if is_better(self.rule, self.best_score + self.min_delta, score):
            self.wait_count += 1
            if self.wait_count >= self.patience:
                return f"{self.monitor} did not improve {self.wait_count} times; the best is {self.best_score:.3f}"
            return None
        self.best_score, self.wait_count = score, 0
        return None

    def state_dict(self) -> dict[str, Any]:
        """What was counted."""
        return {"wait_count": self.wait_count, "best_score": self.best_score}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on counting."""
        self.wait_count, self.best_score = state["wait_count"], state["best_score"]


_GREATER: Final = ("acc", "top", "ar@", "auc", "precision", "map", "mdice", "miou", "macc", "aacc")
_LESS: Final = ("loss",)


def rule_of(monitor: str, rule: str | None) -> str:
    """`"greater"` or `"less"`, as given or as the name says.

    >>> rule_of("val_loss", None), rule_of("accuracy", None), rule_of("loss", "greater")
    ('less', 'greater', 'greater')
    """
    if rule is not None:
        if rule not in ("greater", "less"):
            raise _refused_rule("rule", rule, nearest(str(rule), ("greater", "less")), 'Write rule="less"')
        return rule
    name = monitor.lower()
    if name in _GREATER or (name not in _LESS and any(key in name for key in _GREATER)):
        return "greater"
    if any(key in name for key in _LESS):
        return "less"
    raise _refused_rule("monitor", monitor, "the name does not say what is better", 'Write rule="greater"')


def is_better(rule: str, one: float, other: float) -> bool:
    """Whether `one` is better than `other`."""
    return one > other if rule == "greater" else one < other


def _refused_rule(argument: str, value: object, found: str, instead: str) -> InvalidArgument:
    error = InvalidArgument(Asked("Hook", argument), found, instead)
    error.ask(f"{argument}={value!r}")
    return error
