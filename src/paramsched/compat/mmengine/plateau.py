"""ReduceOnPlateauParamScheduler: the kernel's plateau, acting on the present values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.base import print_or_log
from paramsched.compat.mmengine.optimizers import OptimizerLike
from paramsched.compat.mmengine.rule_scheduler import RuleScheduler
from paramsched.compat.mmengine.table_class import set_up_from_table
from paramsched.feedback.plateau import Plateau, PlateauState


@set_up_from_table
class ReduceOnPlateauParamScheduler(RuleScheduler):
    """It scales whatever value it finds; there is no base.

    `step()` counts an epoch; `step(metrics)` looks at a validation's metrics and acts within the window. Rows 12-17
    of docs/compat/divergences.md.
    """

    need_val_args = True

    monitor: str
    rule: str
    factor: float
    patience: int
    threshold: float
    threshold_rule: str
    cooldown: int
    min_value: float | Sequence[float]
    eps: float

    def _start_scheduler(self, optimizer: OptimizerLike, param_name: str, tail: Mapping[str, Any]) -> None:
        """Attach without a tick: the first act of a plateau is after a validation."""
        self._attach_to(optimizer, param_name, **tail)
        self._global_step = 0
        self.min_values = self._least_values(optimizer)
        self.best = self.rule_worse = math.inf if self.rule == "less" else -math.inf  # row 16
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_metric: float | None = None  # row 14: what the last validation said, and after which epoch
        self.last_metric_step: int | None = None
        self._last_value = self._present_values()

    def step(self, metrics: Mapping[str, Any] | None = None) -> None:
        """Count an epoch, or look at the metrics of a validation.

        Raises:
            TypeError: metrics are no dict.
            KeyError: the monitored one is not among them. Nothing is changed then.
        """
        self._take_in_late_groups()
        if metrics is None:
            self._global_step += 1
            return
        if not isinstance(metrics, Mapping):
            raise TypeError(
                f"metrics type should be dict, but got type {type(metrics).__name__}. Write {{'loss': 0.5}}"
            )
        if self.begin <= self._window_tick < self.end:
            if metrics.get(self.monitor) is None:  # row 17: before anything is changed
                raise KeyError(f"Excepted key in {list(metrics)}, but got key {self.monitor} is not in dict")
            self.last_step += 1
            self._count_metric(float(metrics[self.monitor]))
        self._last_value = self._present_values()

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Write a line that tells the value of a group, and when it was reduced."""
        if is_verbose:
            print_or_log(f"Adjusting parameter value of group {group} to {value:.4e} in epoch {self.last_step}.")

    def _count_metric(self, metric: float) -> None:
        """Let the kernel decide whether a metric is the one too many, and reduce the values if it is."""
        # Whether to reduce is the kernel's decision; by how much is a matter of the present value.
        decision = Plateau(  # any factor below 1 does: only whether it falls is asked
            self.monitor,
            "min" if self.rule == "less" else "max",
            0.5,
            self.patience,
            self.threshold,
            "rel" if self.threshold_rule == "rel" else "abs",
            self.cooldown,
            0.0,
            0.0,
            "count",
        )
        best = None if math.isinf(self.best) else self.best
        state = decision.observe(PlateauState(best, self.num_bad_epochs, self.cooldown_counter), metric)
        self.best = self.rule_worse if state.best is None else state.best
        self.num_bad_epochs, self.cooldown_counter = state.bad, state.cooling
        self.last_metric, self.last_metric_step = metric, self._global_step
        if state.factor < 1:
            self._reduce_values()

    def _reduce_values(self) -> None:
        for index, (group, value) in enumerate(zip(self.optimizer.param_groups, self._get_value(), strict=False)):
            if optimizers.present_value(group, self.param_name) - value > self.eps:
                optimizers.write_value(group, self.param_name, value)
                self.print_value(self.verbose, index, value)

    def _get_value(self) -> list[float]:
        reduced = (float(value) * self.factor for value in self._present_values())
        return [max(value, floor) for value, floor in zip(reduced, self.min_values, strict=False)]

    def _least_values(self, optimizer: OptimizerLike) -> list[float]:
        """`min_value` for each group, the pseudo group of a wrapper included."""
        groups = len(optimizer.param_groups)
        if not isinstance(self.min_value, (list, tuple)):
            return [self.min_value] * groups  # type: ignore[list-item]  # a list was asked for above
        real = groups - (optimizers.pseudo_group(optimizer) is not None)
        if len(self.min_value) != real:
            raise ValueError(f"expected {real} min_values, got {len(self.min_value)}. Give one for each group")
        return [*self.min_value, self.min_value[-1]][:groups]

    def _replay_for_group(self, index: int) -> None:
        self.min_values.insert(index, self.min_values[-1])

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, **kwargs: Any) -> "ReduceOnPlateauParamScheduler":
        """There is none: it acts after validations.

        Raises:
            ValueError: always (row 12).
        """
        del args, kwargs
        raise ValueError(
            f"{cls.__name__} cannot be converted to iterations: patience and cooldown count validations, which come "
            "after epochs. Leave convert_to_iter_based out"
        )
