"""EarlyStoppingHook: end the training when a metric has stopped improving."""

import math
from typing import Any

from paramsched.errors import Asked, InvalidArgument, ParamschedError, nearest
from paramsched.runner.hooks._better import is_better, rule_of
from paramsched.runner.hooks.hook import Hook
from paramsched.runner.registry import HOOKS
from paramsched.runner.view import RunnerView


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
