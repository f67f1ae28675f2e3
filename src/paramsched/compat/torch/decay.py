"""The schedulers that scale base: steps, constant and linear factors, exponential and polynomial decay."""

import math
from collections import Counter
from collections.abc import Iterable

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch._argument_checks import real_number, torch_error, with_value
from paramsched.compat.torch._stepped_lr import RuleLR
from paramsched.compat.torch.base import Verbose
from paramsched.core.dropins.step_engine import rule_over
from paramsched.core.number_checks import MOST_COUNT
from paramsched.core.schedules import rules
from paramsched.core.schedules.rules import Rule
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown

_MILESTONES_EXAMPLE = "For example: milestones=[30, 80]"


class StepLR(RuleLR, peers.StepLR):
    """Multiply by `gamma` every `step_size` epochs: lr(t) = base * gamma ** floor(t / step_size).

    Differs from torch: `step_size=0` raises an error at construction (docs/reference/divergences.md, torch 29).
    """

    _option_names = ("step_size", "gamma")

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        every, gamma = self._epochs("step_size"), self._number("gamma")
        return rule_over(every, lambda n: rules.step(n, gamma))


class MultiStepLR(RuleLR, peers.MultiStepLR):
    """Multiply by `gamma` at each milestone: lr(t) = base * gamma ** (number of milestones <= t), repeats included."""

    _option_names = ("milestones", "gamma")

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        try:
            self.milestones, self.gamma = Counter(milestones), gamma
        except TypeError:  # not a list, or a nested one
            site = CallSite("MultiStepLR", "milestones", shown(milestones))
            raise InvalidCall(site, "expected a list of epochs", _MILESTONES_EXAMPLE) from None
        super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        # torch compares for equality, so it never reaches a fractional or infinite milestone.
        given = self.milestones.elements()
        numbers = [real_number(CallSite("MultiStepLR", "milestones", "[…]"), m, _MILESTONES_EXAMPLE) for m in given]
        times = [int(m) for m in numbers if 0 <= m <= MOST_COUNT and m == int(m)]
        return rules.multistep(times, self._number("gamma"))


class ConstantLR(RuleLR, peers.ConstantLR):
    """Multiply base by `factor` for `total_iters` epochs, then return to base.

    Differs from torch: with `total_iters=0` the lr is base, and after `factor=0` it returns to base
    (docs/reference/divergences.md, torch 27 and 28).
    """

    _option_names = ("factor", "total_iters")
    _may_reach_zero = True

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.factor, self.total_iters = factor, total_iters
        if not 0 <= self._number("factor") <= 1:
            raise torch_error(
                "Constant multiplicative factor expected to be between 0 and 1.", "For example: factor=0.1"
            )
        super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        number = self._number("total_iters")
        if number != number:
            site = with_value(CallSite("ConstantLR", "total_iters"), self.total_iters)
            raise InvalidArgument(site, "the length must be at least 0", "For example: 10")
        # Round up to an integer epoch; replace infinity with `MOST_COUNT`.
        return rules.constant(self._number("factor"), math.ceil(min(max(number, 0), MOST_COUNT)))


class LinearLR(RuleLR, peers.LinearLR):
    """Multiply base by a factor that changes linearly from `start_factor` to `end_factor` over `total_iters` epochs.

    Afterwards the factor stays constant.

    Differs from torch: `total_iters=0` starts at `end_factor` (docs/reference/divergences.md, torch 29).
    """

    _option_names = ("start_factor", "end_factor", "total_iters")

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        if not 0 < self._number("start_factor") <= 1:
            raise torch_error(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.",
                "For example: start_factor=1e-3",
            )
        if not 0 <= self._number("end_factor") <= 1:
            raise torch_error(
                "Ending multiplicative factor expected to be between 0 and 1.", "For example: end_factor=1.0"
            )
        super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        over = self._epochs("total_iters", or_zero=True)
        start, end = self._number("start_factor"), self._number("end_factor")
        return rule_over(over, lambda n: rules.linear(start, end, n))


class ExponentialLR(RuleLR, peers.ExponentialLR):
    """Multiply by `gamma` every epoch: lr(t) = base * gamma ** t."""

    _option_names = ("gamma",)

    def __init__(
        self, optimizer: Optimizer, gamma: float, last_epoch: int = -1, verbose: Verbose = "deprecated"
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        return rules.exponential(self._number("gamma"))


class PolynomialLR(RuleLR, peers.PolynomialLR):
    """Polynomial decay to 0: lr(t) = base * (1 - t / total_iters) ** power, then 0.

    Differs from torch: `total_iters=0` raises an error at construction (docs/reference/divergences.md, torch 29).
    """

    _option_names = ("total_iters", "power")

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        over, power = self._epochs("total_iters"), self._number("power")
        return rule_over(over, lambda n: rules.polynomial(power, over=n))
