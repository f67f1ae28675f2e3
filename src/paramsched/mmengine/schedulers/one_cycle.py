"""OneCycleParamScheduler and ReduceOnPlateauParamScheduler, which read their bounds from the groups."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paramsched.core.dropins.group_fields import ParamGroup, set_entries
from paramsched.core.feedback.base import Mode, ThresholdMode, improves_on
from paramsched.core.schedules.rules.descents import along_knots, one_cycle_knots
from paramsched.mmengine.schedulers import optimizers
from paramsched.mmengine.schedulers.base import RuleScheduler, print_or_log
from paramsched.mmengine.schedulers.optimizers import OptimizerLike


class OneCycleParamScheduler(RuleScheduler):
    """The lr starts at `eta_max / div_factor`.

    The constructor overwrites `initial_lr` and writes `max_lr` and `min_lr` in each group; the lr moves between these
    values. At step `total_steps` the lr keeps its last value. A later `step()` raises a ValueError. The differences
    from MMEngine are rows 4-7 of docs/reference/divergences.md.
    """

    eta_max: float | Sequence[float]
    total_steps: int
    pct_start: float
    anneal_strategy: str
    div_factor: float
    final_div_factor: float
    three_phase: bool

    def _write_into_groups(self, optimizer: OptimizerLike, param_name: str, last_step: int) -> None:
        """Write the first, the highest and the last lr into each group at the start of a run."""
        if param_name != "lr":
            raise AssertionError(
                f"OneCycle only works for learning rate updating, but got param_name={param_name!r}. Write 'lr'"
            )
        groups = len(optimizer.param_groups)
        peaks: list[Any] = [self.eta_max] * groups
        if isinstance(self.eta_max, (list, tuple)):
            pseudo = optimizers.pseudo_group(optimizer) is not None
            peaks = list(self.eta_max)
            if pseudo and len(peaks) == groups - 1:
                peaks.append(peaks[-1])  # docs/reference/divergences.md, MMEngine 6
            if len(peaks) != groups:
                raise ValueError(
                    f"expected {groups - pseudo} values for max_lr, got {len(self.eta_max)}. Pass one for each group"
                )
        # After resuming, the groups already contain these values.
        if last_step == -1:
            self._write_ends(optimizer.param_groups, peaks)

    def _write_ends(self, groups: Sequence[ParamGroup], peaks: Sequence[float]) -> None:
        first = [peak / self.div_factor for peak in peaks]
        set_entries(groups, initial_lr=first, max_lr=peaks, min_lr=[low / self.final_div_factor for low in first])

    def _get_value(self) -> list[float]:
        if self.last_step > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_step + 1} times. The specified number of total steps is {self.total_steps}. "
                f"Pass an end of at most {self.total_steps}, or a larger total_steps"
            )
        tick, shape = np.array([float(self.last_step)]), (self.pct_start, self.three_phase)
        ends = ((group["max_lr"], group["initial_lr"], group["min_lr"]) for group in self.optimizer.param_groups)
        knots = (one_cycle_knots(self.total_steps, *three, *shape) for three in ends)
        return [float(along_knots(tick, one, self.anneal_strategy)[0]) for one in knots]

    def _replay_for_group(self, index: int) -> None:
        self._write_arguments_of_group(index)
        if self.last_step >= 0:
            optimizers.write_value(self.optimizer.param_groups[index], self.param_name, self._get_value()[index])

    def _write_arguments(self) -> None:
        for index, _ in enumerate(self.optimizer.param_groups):
            self._write_arguments_of_group(index)

    def _write_arguments_of_group(self, index: int) -> None:
        """Write the first, the highest and the last lr; a later group uses the cycle of the last group."""
        group, peaks = self.optimizer.param_groups[index], self.eta_max
        peak: Any = peaks[min(index, len(peaks) - 1)] if isinstance(peaks, (list, tuple)) else peaks
        self._write_ends([group], [peak])
        self.base_values[index] = group["initial_lr"]


class ReduceOnPlateauParamScheduler(RuleScheduler):
    """The scheduler multiplies the present value, independent of base.

    `step()` counts an epoch. `step(metrics)` processes the metrics of a validation, if the epoch is in the window. The
    differences from MMEngine are rows 12-17 of docs/reference/divergences.md.
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

    def _begin_run(self) -> None:
        """Set the counters, without a first step, because a plateau scheduler first acts after a validation."""
        self._global_step = 0
        groups = len(self.optimizer.param_groups)
        if isinstance(self.min_value, (list, tuple)):
            real = groups - (optimizers.pseudo_group(self.optimizer) is not None)
            if len(self.min_value) != real:
                raise ValueError(f"expected {real} min_values, got {len(self.min_value)}. Pass one for each group")
            self.min_values = [*self.min_value, self.min_value[-1]][:groups]
        else:
            self.min_values = [self.min_value] * groups
        # The numbers refer to docs/reference/divergences.md.
        self.best = self.rule_worse = math.inf if self.rule == "less" else -math.inf  # MMEngine 16
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_metric: float | None = None  # metric of the last validation, and its epoch (MMEngine 14)
        self.last_metric_step: int | None = None
        self._last_value = self._present_values()

    def step(self, metrics: Mapping[str, Any] | None = None) -> None:
        """Count an epoch, or process the metrics of a validation.

        Args:
            metrics: the metrics of a validation by name; None counts an epoch.

        Raises:
            TypeError: if `metrics` is not a dict.
            KeyError: if the monitored metric is missing. The state stays unchanged.
        """
        self._take_in_late_groups()
        if metrics is None:
            self._global_step += 1
            return
        if not isinstance(metrics, Mapping):
            raise TypeError(
                f"metrics type should be dict, but got type {type(metrics).__name__}. For example: {{'loss': 0.5}}"
            )
        if self.begin <= self._window_tick < self.end:
            if metrics.get(self.monitor) is None:  # checked before any change (MMEngine 17)
                raise KeyError(f"Excepted key in {list(metrics)}, but got key {self.monitor} is not in dict")
            self.last_step += 1
            self._count_metric(float(metrics[self.monitor]))
        self._last_value = self._present_values()

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Print or log the value of a group and the epoch in which it was reduced."""
        if is_verbose:
            print_or_log(f"Adjusting parameter value of group {group} to {value:.4e} in epoch {self.last_step}.")

    def _count_metric(self, metric: float) -> None:
        """Update the counters with a metric, and reduce the values if the plateau rule fires."""
        better = self._is_better(metric, self.best)
        self.best, self.num_bad_epochs = (metric, 0) if better else (self.best, self.num_bad_epochs + 1)
        if self._in_cooldown():
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        self.last_metric, self.last_metric_step = metric, self._global_step
        if self.num_bad_epochs <= self.patience:
            return
        self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        for index, (group, value) in enumerate(zip(self.optimizer.param_groups, self._get_value(), strict=False)):
            if optimizers.present_value(group, self.param_name) - value > self.eps:
                optimizers.write_value(group, self.param_name, value)
                self.print_value(self.verbose, index, value)

    def _is_better(self, a: float, best: float) -> bool:
        mode: Mode = "min" if self.rule == "less" else "max"
        relation: ThresholdMode = "rel" if self.threshold_rule == "rel" else "abs"
        return improves_on(a, None if math.isinf(best) else best, mode, self.threshold, relation)

    def _in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _get_value(self) -> list[float]:
        reduced = (float(value) * self.factor for value in self._present_values())
        return [max(value, floor) for value, floor in zip(reduced, self.min_values, strict=False)]

    def _replay_for_group(self, index: int) -> None:
        self.min_values.insert(index, self.min_values[-1])

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, **kwargs: Any) -> "ReduceOnPlateauParamScheduler":
        """Raise an error, because a plateau scheduler acts after validations.

        Raises:
            ValueError: always (docs/reference/divergences.md, MMEngine 12).
        """
        del args, kwargs
        raise ValueError(
            f"{cls.__name__} cannot be converted to iterations: patience and cooldown count validations, which "
            "follow epochs. Omit convert_to_iter_based"
        )
