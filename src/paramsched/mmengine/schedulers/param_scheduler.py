"""The ten schedules of MMEngine, for any entry of the param groups.

Each class has its arguments in `__init__` and its formula in `_get_value`, in MMEngine's order of operations. A formula
computes a value from the present one, so that schedulers of the same entry combine and external writes are kept.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate, pairwise, product
from typing import Any, Literal, NoReturn, TypeAlias

from paramsched.core.calls.number_checks import finite_number, not_negative, positive_number, require_choice
from paramsched.errors import AssertedArgument, InvalidArgument, InvalidCall
from paramsched.mmengine.schedulers.base import (
    INF,
    OptimizerLike,
    _ParamScheduler,
    number_of,
    print_or_log,
    pseudo_group,
    require_optimizer,
)


class StepParamScheduler(_ParamScheduler):
    """Multiply the value by `gamma` every `step_size` steps of the window.

    Formula: `v(k) = v(k - 1) * gamma` if k is a multiple of `step_size` above 0, else `v(k - 1)`. k is `last_step`.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        step_size: steps between two multiplications, greater than 0.
        gamma: the factor.
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if an argument is out of its range.

    Source: MMEngine `StepParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = StepParamScheduler(optimizer, "lr", step_size=2, gamma=0.5)
    >>> for _ in range(5):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_value()
    [0.2]
    """

    _counts = ("step_size",)

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        step_size: int,
        gamma: float = 0.1,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self._check(positive_number, step_size=step_size)
        self._check(finite_number, gamma=gamma)
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0 or self.last_step % self.step_size != 0:
            return self._present_values()
        return self._scaled_values(self.gamma)


class MultiStepParamScheduler(_ParamScheduler):
    """Multiply the value by `gamma` at each milestone.

    Formula: `v(k) = v(k - 1) * gamma ** n`, where n is how often `milestones` contains k. k is `last_step`.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        milestones: steps, counted from `begin`; a repeated milestone multiplies twice.
        gamma: the factor.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if `milestones` is not a list of numbers.

    Source: MMEngine `MultiStepParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = MultiStepParamScheduler(optimizer, "lr", milestones=[2, 4], gamma=0.5)
    >>> for _ in range(3):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_value()
    [0.4]
    """

    _counts = ("milestones",)

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        milestones: Sequence[int],
        gamma: float = 0.1,
        last_step: int = -1,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        _check_list(self, "milestones", milestones)
        self._check(finite_number, gamma=gamma)
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        if self.last_step not in self.milestones:
            return self._present_values()
        return self._scaled_values(self.gamma ** self.milestones[self.last_step])


class ConstantParamScheduler(_ParamScheduler):
    """Multiply the value by `factor` at the first step of the window, and undo it at the last.

    Formula: `v(0) = v * factor`, `v(n) = v(n - 1) / factor`, else `v(k) = v(k - 1)`, where n is `end - begin - 1`. A
    window of one step multiplies and does not undo it. With factor 0, `v(n)` is v.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        factor: a number in [0, 1].
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if `factor` is not in [0, 1].

    Source: MMEngine `ConstantParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> ConstantParamScheduler(optimizer, "lr", factor=0.25, end=5).get_last_value()
    [0.2]
    """

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        factor: float = 1.0 / 3,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        _check_shares(self, factor=factor)
        self.factor = factor
        self.total_iters = self._window_length(begin, end) - 1
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0:
            self._entry = [number_of(value) for value in self._present_values()]
            return self._scaled_values(self.factor)
        if self.last_step != self.total_iters:
            return self._present_values()
        if self.factor == 0:
            return _values_at_entry(self)
        return self._scaled_values(1.0 / self.factor)


class ExponentialParamScheduler(_ParamScheduler):
    """Multiply the value by `gamma` at each step of the window after the first.

    Formula: `v(k) = v(k - 1) * gamma`. A conversion to iterations keeps `gamma`, as in MMEngine.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        gamma: the factor of one step.
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if `gamma` is not a number.

    Source: MMEngine `ExponentialParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = ExponentialParamScheduler(optimizer, "lr", gamma=0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_value()
    [0.4]
    """

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        gamma: float,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self._check(finite_number, gamma=gamma)
        self.gamma = gamma
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0:
            return self._present_values()
        return self._scaled_values(self.gamma)


class CosineAnnealingParamScheduler(_ParamScheduler):
    """Decay the value to the floor in `T_max` steps along half a cosine wave, then increase it along the other half.

    Formula: `v(k) = floor + (base - floor) * (1 + cos(pi * k / T_max)) / 2`, computed from `v(k - 1)` by the ratio of
    the two cosines. With the default `T_max` the window ends one step before the floor, as in MMEngine.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        T_max: steps until the floor; None or 0 for the length of the window.
        eta_min: the floor, as an absolute value; 0 if `eta_min_ratio` is not passed either.
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.
        eta_min_ratio: the floor as a multiple of the base value, in place of `eta_min`.

    Raises:
        InvalidArgument: if an argument is out of its range.
        AssertedArgument: an AssertionError if both floors are passed.

    Source: MMEngine `CosineAnnealingParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = CosineAnnealingParamScheduler(optimizer, "lr", T_max=2)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_value()
    [0.4]
    """

    _counts = ("T_max",)

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        T_max: int | None = None,  # noqa: N803  # MMEngine's name
        eta_min: float | None = None,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
        eta_min_ratio: float | None = None,
    ) -> None:
        if T_max:
            self._check(positive_number, T_max=T_max)
        if eta_min is None and eta_min_ratio is None:
            eta_min = 0.0
        _check_floors(self, eta_min, eta_min_ratio)
        self.T_max = T_max or self._window_length(begin, end)
        self.eta_min = eta_min
        self.eta_min_ratio = eta_min_ratio
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        k = self.last_step
        length = self.T_max
        if k == 0:
            return self._present_values()
        if (k - 1 - length) % (2 * length) == 0:  # the value is at the floor, so that no ratio leads away from it
            rows = zip(self._present_values(), self.base_values, _floors(self), strict=False)
            return [value + (base - floor) * (1 - math.cos(math.pi / length)) / 2 for value, base, floor in rows]
        return _closer_to_floor(self, _cosine_ratio(k, length))


class LinearParamScheduler(_ParamScheduler):
    """Multiply the value by a factor that goes in a straight line from `start_factor` to `end_factor`.

    Formula: `v(k) = base * (start_factor + (end_factor - start_factor) * k / n)`, computed from `v(k - 1)` by the ratio
    of the two factors, where n is `end - begin - 1`. Without `end` the window has 10**9 steps, so that the factor
    practically stays at `start_factor`.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        start_factor: the factor at the first step of the window, in [0, 1].
        end_factor: the factor at the last step of the window, in [0, 1].
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if a factor is not in [0, 1].

    Source: MMEngine `LinearParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = LinearParamScheduler(optimizer, "lr", start_factor=0.25, end=4)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_value()
    [0.4]
    """

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        _check_shares(self, start_factor=start_factor, end_factor=end_factor)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = self._window_length(begin, end) - 1
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        k = self.last_step
        if k == 0:
            self._entry = [number_of(value) for value in self._present_values()]
            return self._scaled_values(self.start_factor)
        if self.start_factor == 0:  # no ratio leads away from 0
            factor = self.end_factor * min(k / self.total_iters, 1)
            return [value * factor for value in _values_at_entry(self)]
        rise = self.end_factor - self.start_factor
        ratio = 1.0 + rise / (self.total_iters * self.start_factor + (k - 1) * rise)
        return self._scaled_values(ratio)


class PolyParamScheduler(_ParamScheduler):
    """Decay the value to `eta_min` by a power of the remaining steps, reached at the last step of the window.

    Formula: `v(k) = eta_min + (base - eta_min) * (1 - k / n) ** power`, computed from `v(k - 1)` by the ratio of the
    two powers, where n is `end - begin - 1`.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        eta_min: the last value, an absolute value.
        power: the exponent.
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if an argument is not a number.

    Source: MMEngine `PolyParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = PolyParamScheduler(optimizer, "lr", power=2.0, end=3)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_value()
    [0.2]
    """

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        eta_min: float = 0,
        power: float = 1.0,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self._check(finite_number, eta_min=eta_min, power=power)
        self.eta_min = eta_min
        self.power = power
        self.total_iters = self._window_length(begin, end) - 1
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        if self.last_step == 0:
            return self._present_values()
        ratio = (1 - 1 / (self.total_iters - self.last_step + 1)) ** self.power
        name = self.param_name
        floor = self.eta_min
        return [(group[name] - floor) * ratio + floor for group in self.optimizer.param_groups]


class CosineRestartParamScheduler(_ParamScheduler):
    """Decay the value to the floor along half a cosine wave in each period.

    Formula: `v(k) = floor + (base * weight - floor) * (1 + cos(pi * k / period)) / 2` with k counted from the start of
    the period, computed from `v(k - 1)` by the ratio of the two cosines. After the last period the value stays.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        periods: the lengths of the periods in steps, each greater than 0.
        restart_weights: the value at the start of each period, as a multiple of the base value.
        eta_min: the floor, as an absolute value.
        eta_min_ratio: the floor as a multiple of the base value; exactly one floor must be passed.
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if a list does not contain numbers, or a period is not greater than 0.
        AssertedArgument: an AssertionError if the lists differ in length, or not exactly one floor is passed.

    Source: MMEngine `CosineRestartParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = CosineRestartParamScheduler(optimizer, "lr", periods=[2, 2], restart_weights=[1, 0.5], eta_min=0)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_value()
    [0.4]
    """

    _counts = ("periods",)

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        periods: Sequence[int],
        restart_weights: Sequence[float] = (1,),
        eta_min: float | None = None,
        eta_min_ratio: float | None = None,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        _check_floors(self, eta_min, eta_min_ratio)
        _check_list(self, "periods", periods)
        _check_list(self, "restart_weights", restart_weights)
        for period in periods:
            positive_number(self._site("periods"), period)
        if len(periods) != len(restart_weights):
            counts = f"{len(periods)} and {len(restart_weights)} entries"
            message = f"periods and restart_weights should have the same length, not {counts}"
            raise AssertedArgument(
                self._site("restart_weights"), message, example="periods=[10, 20], restart_weights=[1, 0.5]"
            )
        self.periods = periods
        self.restart_weights = restart_weights
        self.eta_min = eta_min
        self.eta_min_ratio = eta_min_ratio
        self.cumulative_periods = list(accumulate(periods))
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _get_value(self) -> list[float]:
        index = self.get_position_from_periods(self.last_step, self.cumulative_periods)
        if index is None:
            return self._present_values()
        k = self.last_step - (0 if index == 0 else self.cumulative_periods[index - 1])
        if k == 0:
            return [base * self.restart_weights[index] for base in self.base_values]
        return _closer_to_floor(self, _cosine_ratio(k, self.periods[index]))

    @staticmethod
    def get_position_from_periods(iteration: int, cumulative_periods: Sequence[int]) -> int | None:
        """Return the index of the period that contains an iteration; None after the last period.

        >>> CosineRestartParamScheduler.get_position_from_periods(200, [100, 200, 300, 400])
        2
        """
        for index, end in enumerate(cumulative_periods):
            if iteration < end:
                return index
        return None


class OneCycleParamScheduler(_ParamScheduler):
    """Increase the learning rate to `eta_max`, then decay it far below its initial value.

    Formula: the lr moves along half a cosine wave, or a line, from `initial_lr` (`eta_max / div_factor`) to `max_lr`
    (`eta_max`) until step `pct_start * total_steps - 1`, then to `min_lr` (`initial_lr / final_div_factor`) until step
    `total_steps - 1`. A phase of length 0 is skipped. At step `total_steps` the lr keeps its last value.

    The constructor writes the three entries into each group. It replaces `initial_lr` also for schedulers that are
    built later, as in MMEngine.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: it must be `"lr"`.
        eta_max: the highest lr, or a list with one for each group.
        total_steps: the length in steps, greater than 0; None for the length of the window.
        pct_start: the fraction of the length in which the lr increases, a float in [0, 1].
        anneal_strategy: `"cos"` or `"linear"`.
        div_factor: `eta_max` over the initial lr, greater than 0.
        final_div_factor: the initial lr over the last lr, greater than 0.
        three_phase: if True, return to the initial lr before the final decay.
        begin: the first step of the window, in epochs or iterations.
        end: the step at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: True if `step()` is called once per epoch, False if once per iteration.
        verbose: print or log the value of each group at each change.

    Raises:
        InvalidArgument: if an argument is out of its range.
        AssertedArgument: an AssertionError if `param_name` is not `"lr"`.
        ValueError: at a step after step `total_steps`.

    Source: MMEngine `OneCycleParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = OneCycleParamScheduler(optimizer, "lr", eta_max=0.5, total_steps=10, pct_start=0.3)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_value()
    [0.5]
    """

    _counts = ("total_steps",)

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        eta_max: float | Sequence[float] = 0,
        total_steps: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if param_name != "lr":
            message = f"OneCycle only works for learning rate updating, but got param_name={param_name!r}"
            raise AssertedArgument(self._site("param_name"), message, example="param_name='lr'")
        if total_steps is not None and (type(total_steps) is not int or total_steps <= 0):
            message = f"Expected positive integer total_steps, but got {total_steps}"
            raise InvalidArgument(self._site("total_steps"), message, example="total_steps=1000")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            message = f"Expected float between 0 and 1 pct_start, but got {pct_start}"
            raise InvalidArgument(self._site("pct_start"), message, example="pct_start=0.3")
        message = f'anneal_strategy must by one of "cos" or "linear", instead got {anneal_strategy}'
        require_choice(self._site("anneal_strategy"), anneal_strategy, Literal["cos", "linear"], message)
        if not isinstance(three_phase, (bool, int)):
            raise InvalidArgument(self._site("three_phase"), f"expected True or False, got {three_phase!r}")
        self._check(positive_number, div_factor=div_factor, final_div_factor=final_div_factor)
        require_optimizer(type(self).__name__, optimizer)
        peaks = _one_per_group(self, optimizer, "eta_max", eta_max, "values for max_lr")
        self.eta_max = eta_max
        self.total_steps = total_steps or self._window_length(begin, end)
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.three_phase = three_phase
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self._schedule_phases = _phases(self.total_steps, float(pct_start * self.total_steps) - 1, three_phase)
        if last_step == -1:
            self._write_levels(optimizer, peaks)
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _write_levels(self, optimizer: OptimizerLike, peaks: Sequence[float]) -> None:
        """Write the first, the highest and the last lr into each group."""
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["initial_lr"] = peak / self.div_factor
            group["max_lr"] = peak
            group["min_lr"] = group["initial_lr"] / self.final_div_factor

    def _write_arguments(self) -> None:
        peaks = _one_per_group(self, self.optimizer, "eta_max", self.eta_max, "values for max_lr")
        self._write_levels(self.optimizer, peaks)
        self.base_values = [group["initial_lr"] for group in self.optimizer.param_groups]

    def _get_value(self) -> list[float]:
        if self.last_step > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_step + 1} times. The specified number of total steps is {self.total_steps}. "
                f"Pass an end of at most {self.total_steps}, or a larger total_steps"
            )
        start, end, share = self._phase_at(min(self.last_step, self.total_steps - 1))
        groups = self.optimizer.param_groups
        if self.anneal_strategy == "cos":
            height = math.cos(math.pi * share) + 1
            return [group[end] + (group[start] - group[end]) / 2.0 * height for group in groups]
        return [(group[end] - group[start]) * share + group[start] for group in groups]

    def _phase_at(self, step: int) -> tuple[str, str, float]:
        """Return the two entries between which the lr moves, and the fraction of the phase that is over."""
        begin: float = 0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            start_lr = phase["start_lr"]
            end_lr = phase["end_lr"]
            if step <= end and begin != end:
                return start_lr, end_lr, (step - begin) / (end - begin)
            begin = end
        return start_lr, end_lr, 1.0

    def _include_added_groups(self) -> None:
        groups = self.optimizer.param_groups
        count = len(self.base_values) - (pseudo_group(self.optimizer) is not None)
        for group, name in product(groups[count:], ("initial_lr", "max_lr", "min_lr")):
            group.setdefault(name, groups[count - 1][name])  # added groups have the cycle of the last one
        super()._include_added_groups()


class ReduceOnPlateauParamScheduler(_ParamScheduler):
    """Multiply the value by `factor` when a metric has stopped improving.

    Formula: `v = max(v * factor, min_value)` after more than `patience` validations in a row without an improvement. A
    metric is an improvement if it is less than `best - threshold * abs(best)` (rule `"less"`) or greater than
    `best + threshold * abs(best)` (rule `"greater"`); with `threshold_rule="abs"` the margin is `threshold`.

    `step()` counts an epoch. `step(metrics)` processes the metrics of a validation, if the epoch is in the window.

    Args:
        optimizer: a torch optimizer, or a wrapper of one.
        param_name: the entry to schedule, such as `"lr"`.
        monitor: the name of the metric.
        rule: `"less"` if smaller metrics are better, `"greater"` if larger ones are.
        factor: the factor of one reduction, less than 1.
        patience: validations without an improvement before a reduction.
        threshold: the smallest change of the metric that counts as an improvement, at least 0.
        threshold_rule: `"rel"` if the threshold is relative to the best metric, or `"abs"`.
        cooldown: validations after a reduction that do not count.
        min_value: the floor, as an absolute value, or a list with one for each group.
        eps: a reduction of at most this size is skipped.
        begin: the first epoch of the window.
        end: the epoch at which the window ends, exclusive.
        last_step: -1 to start; a larger integer continues after `last_step + 1` steps in the window.
        by_epoch: it must be True.
        verbose: print or log the value of each group at each reduction.

    Raises:
        InvalidArgument: if an argument is out of its range.
        AssertedArgument: an AssertionError if `by_epoch` is false.

    Source: MMEngine `ReduceOnPlateauParamScheduler`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.8)
    >>> scheduler = ReduceOnPlateauParamScheduler(optimizer, "lr", patience=1, factor=0.5)
    >>> for loss in (0.9, 0.9, 0.9):
    ...     scheduler.step({"loss": loss})
    >>> scheduler.get_last_value()
    [0.4]
    """

    need_val_args = True

    def __init__(
        self,
        optimizer: OptimizerLike,
        param_name: str,
        monitor: str = "loss",
        rule: str = "less",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_rule: str = "rel",
        cooldown: int = 0,
        min_value: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        self._check(finite_number, factor=factor, patience=patience, cooldown=cooldown, eps=eps)
        self._check(not_negative, threshold=threshold)
        if not by_epoch:
            message = f"Now {type(self).__name__} only support by_epoch=True, because it acts after validations"
            raise AssertedArgument(self._site("by_epoch"), message, "Omit by_epoch")
        if factor >= 1.0:
            raise InvalidArgument(
                self._site("factor"), f"Factor should be < 1.0, but got {factor}", example="factor=0.1"
            )
        require_choice(self._site("rule"), rule, Literal["less", "greater"], f"mode {rule} is unknown!")
        message = f"threshold mode {threshold_rule} is unknown!"
        require_choice(self._site("threshold_rule"), threshold_rule, Literal["rel", "abs"], message)
        require_optimizer(type(self).__name__, optimizer)
        self.min_values = _one_per_group(self, optimizer, "min_value", min_value, "min_values")
        self.monitor = monitor
        self.rule = rule
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_rule = threshold_rule
        self.cooldown = cooldown
        self.min_value = min_value
        self.eps = eps
        self.best = math.inf if rule == "less" else -math.inf
        self.rule_worse = self.best
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_metric: float | None = None  # the metric of the last validation, and its epoch
        self.last_metric_step: int | None = None
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    def _begin_run(self) -> None:
        """Make no first step, because a plateau scheduler first acts after a validation."""
        self._global_step = 0
        self._last_value = self._present_values()

    def step(self, metrics: Mapping[str, Any] | None = None) -> None:
        """Count an epoch, or process the metrics of a validation.

        Args:
            metrics: the metrics of a validation by name; None counts an epoch.

        Raises:
            InvalidCall: a TypeError if `metrics` is not a dict.
            KeyError: if the monitored metric is missing. The state stays unchanged.
        """
        if len(self.optimizer.param_groups) > len(self.base_values):
            self._include_added_groups()
        if metrics is None:
            self._global_step += 1
            return
        if not isinstance(metrics, Mapping):
            message = f"metrics type should be dict, but got type {type(metrics).__name__}"
            raise InvalidCall(f"{type(self).__name__}.step({metrics!r})", message, example="{'loss': 0.5}")
        if self.begin <= self._global_step + self._skipped < self.end:
            if metrics.get(self.monitor) is None:
                raise KeyError(f"Excepted key in {list(metrics)}, but got key {self.monitor} is not in dict")
            self.last_step += 1
            if self._count_metric(float(metrics[self.monitor])):
                self._reduce()
        self._last_value = self._present_values()

    def _count_metric(self, metric: float) -> bool:
        """Update the counters with a metric; return whether the values are to be reduced."""
        self.last_metric = metric
        self.last_metric_step = self._global_step
        if self._is_better(metric, self.best):
            self.best = metric
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self._in_cooldown():
            self.cooldown_counter = self.cooldown_counter - 1
            self.num_bad_epochs = 0
        return self.num_bad_epochs > self.patience

    def _reduce(self) -> None:
        """Reduce the values, except by `eps` or less, and start the cooldown."""
        present = [number_of(value) for value in self._present_values()]
        pairs = zip(present, self._get_value(), strict=False)
        values = [new if old - new > self.eps else old for old, new in pairs]
        self._write_values(values)
        for index, (old, new) in enumerate(zip(present, values, strict=False)):
            if old != new:
                self.print_value(self.verbose, index, new)
        self.cooldown_counter = self.cooldown
        self.num_bad_epochs = 0

    def print_value(self, is_verbose: bool, group: int, value: float) -> None:
        """Print or log the value of a group and the epoch in which it was reduced."""
        if is_verbose:
            print_or_log(f"Adjusting parameter value of group {group} to {value:.4e} in epoch {self.last_step}.")

    def _is_better(self, a: float, best: float) -> bool:
        if best == self.rule_worse:  # the first metric
            return a < best if self.rule == "less" else a > best
        margin = self.threshold * abs(best) if self.threshold_rule == "rel" else self.threshold
        return a < best - margin if self.rule == "less" else a > best + margin

    def _in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _get_value(self) -> list[float]:
        reduced = (value * self.factor for value in self._present_values())
        return [max(value, floor) for value, floor in zip(reduced, self.min_values, strict=False)]

    def _include_added_groups(self) -> None:
        super()._include_added_groups()
        missing = len(self.optimizer.param_groups) - len(self.min_values)
        self.min_values += self.min_values[-1:] * missing

    @classmethod
    def build_iter_from_epoch(cls, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise an error, because a plateau scheduler acts after validations.

        Raises:
            InvalidArgument: always.
        """
        del args, kwargs
        message = "it cannot be converted to iterations: patience and cooldown count validations, which follow epochs"
        raise InvalidArgument(f"{cls.__name__}.build_iter_from_epoch(…)", message, "Omit convert_to_iter_based")


def _phases(total_steps: float, rise: float, three_phase: bool) -> list[dict[str, Any]]:
    """Return the last step of each phase, and the two entries of a group between which the lr moves, as MMEngine."""
    steps = [rise, total_steps - 1]
    entries = ["initial_lr", "max_lr", "min_lr"]
    if three_phase:
        steps = [rise, 2 * rise, total_steps - 1]
        entries = ["initial_lr", "max_lr", "initial_lr", "min_lr"]
    pairs = zip(steps, pairwise(entries), strict=True)
    return [{"end_step": step, "start_lr": start, "end_lr": end} for step, (start, end) in pairs]


def _check_shares(scheduler: _ParamScheduler, **factors: float) -> None:
    """Raise if a factor is not in [0, 1]."""
    for name, factor in factors.items():
        finite_number(scheduler._site(name), factor)
        if not 0 <= factor <= 1:
            message = f"{name}={factor!r} should be between 0 and 1"
            raise InvalidArgument(scheduler._site(name), message, example=f"{name}=0.1")


def _check_list(scheduler: _ParamScheduler, name: str, values: Any) -> None:
    """Raise if an argument is not a list of numbers."""
    if not isinstance(values, Collection) or isinstance(values, (str, bytes)):
        message = f"expected a list of numbers, got {values!r}"
        raise InvalidCall(scheduler._site(name), message, example=f"{name}=[8, 11]")
    for value in values:
        finite_number(scheduler._site(name), value)


def _check_floors(scheduler: _ParamScheduler, eta_min: float | None, eta_min_ratio: float | None) -> None:
    """Raise unless exactly one of the two floors is passed, as a number."""
    if (eta_min is None) == (eta_min_ratio is None):
        site = scheduler._site("eta_min" if eta_min is None else "eta_min_ratio")
        message = "exactly one of `eta_min` and `eta_min_ratio` should be specified"
        raise AssertedArgument(site, message, example="eta_min=0")
    if eta_min is not None:
        finite_number(scheduler._site("eta_min"), eta_min)
    else:
        finite_number(scheduler._site("eta_min_ratio"), eta_min_ratio)


def _one_per_group(
    scheduler: _ParamScheduler, optimizer: OptimizerLike, name: str, value: float | Sequence[float], what: str
) -> list[float]:
    """Return one number for each group from an argument: a number or a list. A pseudo group has the last number."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        finite_number(scheduler._site(name), value)
        return [value] * count  # type: ignore[list-item]  # a number, as checked above
    _check_list(scheduler, name, value)
    real = count - (pseudo_group(optimizer) is not None)
    if not real <= len(value) <= count:
        message = f"expected {real} {what}, got {len(value)}"
        raise InvalidArgument(scheduler._site(name), message, "Pass one for each group")
    return [*value, value[-1]][:count]


_WithFloor: TypeAlias = CosineAnnealingParamScheduler | CosineRestartParamScheduler


def _floors(scheduler: _WithFloor) -> list[float]:
    """Return the floor of each group."""
    if scheduler.eta_min_ratio is None:
        return [scheduler.eta_min or 0.0] * len(scheduler.base_values)
    return [base * scheduler.eta_min_ratio for base in scheduler.base_values]


def _closer_to_floor(scheduler: _WithFloor, ratio: float) -> list[float]:
    """Return the value of each group, with its distance to the floor multiplied by a ratio."""
    name = scheduler.param_name
    groups = scheduler.optimizer.param_groups
    floor = scheduler.eta_min
    if scheduler.eta_min_ratio is None and floor is not None:
        return [ratio * (group[name] - floor) + floor for group in groups]
    pairs = zip(groups, _floors(scheduler), strict=False)
    return [ratio * (group[name] - floor) + floor for group, floor in pairs]


def _cosine_ratio(k: int, length: float) -> float:
    """Return the ratio of the heights of a cosine at step k and at the step before."""
    return (1 + math.cos(math.pi * k / length)) / (1 + math.cos(math.pi * (k - 1) / length))


def _values_at_entry(scheduler: Any) -> list[float]:
    """Return the values at the first step of the window, to which a factor of 0 refers.

    The bases replace them if they are unknown: after `last_step` was passed, or in a state of MMEngine.
    """
    return list(vars(scheduler).get("_entry", scheduler.base_values))
