"""OneCycleParamScheduler: a curve in absolute values, with the numbers that stand in the groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from paramsched.compat.group_fields import ParamGroup
from paramsched.compat.mmengine import optimizers
from paramsched.compat.mmengine.optimizers import OptimizerLike
from paramsched.compat.mmengine.rule_scheduler import RuleScheduler
from paramsched.compat.mmengine.table_class import set_up_from_table
from paramsched.schedules.rules import one_cycle_values


@set_up_from_table
class OneCycleParamScheduler(RuleScheduler):
    """It begins at `eta_max / div_factor`.

    Constructing overwrites `initial_lr`, and writes `max_lr` and `min_lr`, in each group; the curve is drawn through
    them. At `total_steps` the last value is held, after it `step()` is a ValueError. Rows 4-7 of
    docs/compat/divergences.md.
    """

    eta_max: float | Sequence[float]
    total_steps: int
    pct_start: float
    anneal_strategy: str
    div_factor: float
    final_div_factor: float
    three_phase: bool

    def _write_into_groups(self, optimizer: OptimizerLike, param_name: str, last_step: int) -> None:
        """Write the ends of the curve into the groups, where a run begins."""
        if param_name != "lr":
            raise AssertionError(
                f"OneCycle only works for learning rate updating, but got param_name={param_name!r}. Write 'lr'"
            )
        peaks = self._peak_of_groups(optimizer)
        # A run that goes on finds the ends in the groups.
        if last_step == -1:
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                self._write_ends(group, peak)

    def _write_ends(self, group: ParamGroup, peak: float) -> None:
        group["initial_lr"] = peak / self.div_factor
        group["max_lr"] = peak
        group["min_lr"] = group["initial_lr"] / self.final_div_factor

    def _peak_of_groups(self, optimizer: OptimizerLike) -> list[float]:
        """`eta_max` for each group, the pseudo group of a wrapper included."""
        groups = len(optimizer.param_groups)
        if not isinstance(self.eta_max, (list, tuple)):
            return [self.eta_max] * groups  # type: ignore[list-item]  # a list was asked for above
        pseudo = optimizers.pseudo_group(optimizer) is not None
        peaks = list(self.eta_max)
        if pseudo and len(peaks) == groups - 1:
            peaks.append(peaks[-1])  # row 6
        if len(peaks) != groups:
            raise ValueError(
                f"expected {groups - pseudo} values for max_lr, got {len(self.eta_max)}. Give one for each group"
            )
        return peaks

    def _get_value(self) -> list[float]:
        if self.last_step > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_step + 1} times. The specified number of total steps is {self.total_steps}. "
                "Give `end`, or a longer total_steps"
            )
        return [self._value_of_group(group) for group in self.optimizer.param_groups]

    def _value_of_group(self, group: Any) -> float:
        """The value of the curve through the numbers that stand in the group."""
        return float(
            one_cycle_values(
                np.array([float(self.last_step)]),
                self.total_steps,
                group["max_lr"],
                group["initial_lr"],
                group["min_lr"],
                self.pct_start,
                self.anneal_strategy,
                self.three_phase,
            )[0]
        )

    def _replay_for_group(self, index: int) -> None:
        # A group that comes later joins the cycle of the last one that was there.
        group = self.optimizer.param_groups[index]
        self._write_ends(group, self.eta_max[-1] if isinstance(self.eta_max, (list, tuple)) else self.eta_max)  # type: ignore[arg-type]  # a list was asked for
        self.base_values[index] = group["initial_lr"]
