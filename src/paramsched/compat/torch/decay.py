"""The schedulers that scale: steps, lines, powers. Each is the kernel's shape of the same meaning."""

from collections import Counter
from collections.abc import Iterable

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.step_engine import TickStep, rule_over
from paramsched.compat.torch._base import Verbose
from paramsched.compat.torch._kernel import KernelLR
from paramsched.compat.torch._refusals import refused
from paramsched.errors import InvalidArgument
from paramsched.schedules import rules
from paramsched.schedules.rules import Rule


class StepLR(KernelLR, peers.StepLR):
    """Multiply by `gamma` every `step_size` epochs: lr(t) = base * gamma ** floor(t / step_size).

    Differs from torch: `step_size=0` is refused at construction (divergences, torch 29).
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

    def _rule(self) -> Rule:
        every = length("StepLR(step_size=…)", self.step_size, least=1)
        return rule_over(every, lambda n: rules.step(n, self.gamma))


class MultiStepLR(KernelLR, peers.MultiStepLR):
    """Multiply by `gamma` at each milestone: lr(t) = base * gamma ** (milestones at or before t); repeats count."""

    _option_names = ("milestones", "gamma")

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer, last_epoch, verbose)

    def _rule(self) -> Rule:
        # torch compares for equality, so a milestone between two epochs, or at infinity, never comes.
        times = [int(m) for m in self.milestones.elements() if 0 <= m < float("inf") and m == int(m)]
        return rules.multistep(times, self.gamma)


class ConstantLR(KernelLR, peers.ConstantLR):
    """`factor` times base for `total_iters` epochs, then base.

    Differs from torch: `total_iters=0` and `factor=0` give what the closed form says (divergences, torch 27 and 28).
    """

    _option_names = ("factor", "total_iters")
    _loses = True

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        if not 0 <= factor <= 1:
            raise refused("Constant multiplicative factor expected to be between 0 and 1.", "Write factor=0.1")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch, verbose)

    def _rule(self) -> Rule:
        return rules.constant(self.factor, _ceiling("ConstantLR(total_iters=…)", self.total_iters))


class LinearLR(KernelLR, peers.LinearLR):
    """A straight line of factors from `start_factor` to `end_factor` in `total_iters` epochs, then held.

    Differs from torch: `total_iters=0` is at `end_factor` at once (divergences, torch 29).
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
        if not 0 < start_factor <= 1:
            raise refused(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.",
                "Write start_factor=1e-3",
            )
        if not 0 <= end_factor <= 1:
            raise refused("Ending multiplicative factor expected to be between 0 and 1.", "Write end_factor=1.0")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch, verbose)

    def _rule(self) -> Rule:
        over = length("LinearLR(total_iters=…)", self.total_iters, least=0)
        return rule_over(over, lambda n: rules.linear(self.start_factor, self.end_factor, n))


class ExponentialLR(KernelLR, peers.ExponentialLR):
    """Multiply by `gamma` every epoch: lr(t) = base * gamma ** t."""

    _option_names = ("gamma",)

    def __init__(
        self, optimizer: Optimizer, gamma: float, last_epoch: int = -1, verbose: Verbose = "deprecated"
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch, verbose)

    def _entered(self, step: TickStep) -> TickStep:  # as in torch, but for the constructor every step does
        return self.gamma, 0.0, 0.0, 0.0

    def _rule(self) -> Rule:
        return rules.exponential(self.gamma)


class PolynomialLR(KernelLR, peers.PolynomialLR):
    """A power of what is left: lr(t) = base * (1 - t / total_iters) ** power, then 0.

    Differs from torch: `total_iters=0` is refused at construction (divergences, torch 29).
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

    def _entered(self, step: TickStep) -> TickStep:  # as in torch, whose recursion looks at epoch -1 there
        return float((1.0 / (1.0 + 1.0 / self.total_iters)) ** self.power), 0.0, 0.0, 0.0

    def _rule(self) -> Rule:
        over = length("PolynomialLR(total_iters=…)", self.total_iters, least=1)
        return rule_over(over, lambda n: rules.polynomial(self.power, over=n))


def length(asked: str, amount: float, least: int) -> float:
    """A length in epochs, whole or not.

    Raises:
        InvalidArgument: below `least`, or above 0 but not finite.
    """
    if not (amount >= least or amount > 0) or amount != amount or amount == float("inf"):
        raise InvalidArgument(f"{asked.replace('…', repr(amount))}", f"not a length from {least} on", "Write 10, say")
    return amount


def _ceiling(asked: str, amount: float) -> int:
    """The first whole epoch from `amount` on; of infinity the last that a clock counts."""
    if amount != amount:
        raise InvalidArgument(asked.replace("…", repr(amount)), "not a length from 0 on", "Write 10, say")
    amount = min(amount, 10**18)
    return max(0, int(amount) + (amount != int(amount)))
