"""The entries of the gallery: every scheduler of torch, its constructor call and its formula."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.optim import SGD

from paramsched import show
from paramsched.compat import torch as lr_scheduler

PEAK = 1.0


@dataclass(frozen=True)
class Entry:
    """One curve of the gallery.

    Args:
        call: The constructor call without the optimizer.
        formula: The value after t steps, in plain text.
        make: A function that builds the scheduler for an optimizer.
        metrics: The observed metrics of a metric-driven scheduler. None for the other schedulers.
    """

    call: str
    formula: str
    make: Callable[[SGD], Any]
    metrics: show.Metrics | None = None

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.call.split("(")[0]


def _lr(_: int, groups: Any) -> float:
    return float(groups[0]["lr"])


L = lr_scheduler
ENTRIES = (
    Entry(
        "LambdaLR(lambda t: t % 40 / 100)",
        "lr(t) = base * f(t)",
        lambda o: L.LambdaLR(o, lambda t: t % 40 / 100),
    ),
    Entry(
        "LambdaLR(lambda t: max(0, 1 - t / 100))",
        "lr(t) = base * f(t)",
        lambda o: L.LambdaLR(o, lambda t: max(0, 1 - t / 100)),
    ),
    Entry(
        "MultiplicativeLR(lambda t: 0.95)",
        "lr(t) = base * f(1) * … * f(t)",
        lambda o: L.MultiplicativeLR(o, lambda _: 0.95),
    ),
    Entry(
        "StepLR(step_size=30, gamma=0.1)",
        "lr(t) = base * gamma ** floor(t / step_size)",
        lambda o: L.StepLR(o, step_size=30, gamma=0.1),
    ),
    Entry(
        "MultiStepLR(milestones=[30, 80], gamma=0.1)",
        "lr(t) = base * gamma ** #{m <= t}",
        lambda o: L.MultiStepLR(o, milestones=[30, 80], gamma=0.1),
    ),
    Entry(
        "ConstantLR(factor=1/3, total_iters=5)",
        "lr(t) = base * factor for t < total_iters, then base",
        lambda o: L.ConstantLR(o),
    ),
    Entry(
        "LinearLR(start_factor=1/3, total_iters=5)",
        "lr(t) = base * (s + (e - s) * min(t, N) / N)",
        lambda o: L.LinearLR(o),
    ),
    Entry("ExponentialLR(gamma=0.95)", "lr(t) = base * gamma ** t", lambda o: L.ExponentialLR(o, gamma=0.95)),
    Entry(
        "PolynomialLR(total_iters=100, power=0.9)",
        "lr(t) = base * (1 - min(t, N) / N) ** power",
        lambda o: L.PolynomialLR(o, total_iters=100, power=0.9),
    ),
    Entry(
        "CosineAnnealingLR(T_max=40, eta_min=0.2)",
        "lr(t) = eta_min + (base - eta_min) * (1 + cos(pi t / T_max)) / 2",
        lambda o: L.CosineAnnealingLR(o, T_max=40, eta_min=0.2),
    ),
    Entry(
        "CosineAnnealingWarmRestarts(T_0=10, T_mult=2, eta_min=0.1)",
        "CosineAnnealingLR with T_max = T_0 * T_mult ** i in cycle i, restarted at base",
        lambda o: L.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2, eta_min=0.1),
    ),
    Entry(
        'CyclicLR(base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular")',
        "lr(t) = base_lr + (max_lr - base_lr) * height; momentum moves in the opposite direction",
        lambda o: L.CyclicLR(o, base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular"),
    ),
    Entry(
        'CyclicLR(base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular2")',
        "triangular, with the height halved in each cycle",
        lambda o: L.CyclicLR(o, base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular2"),
    ),
    Entry(
        'CyclicLR(base_lr=0.1, max_lr=1.0, step_size_up=20, mode="exp_range", gamma=0.99)',
        "triangular, with height * gamma ** t",
        lambda o: L.CyclicLR(o, base_lr=0.1, max_lr=1.0, step_size_up=20, mode="exp_range", gamma=0.99),
    ),
    Entry(
        "OneCycleLR(max_lr=1.0, total_steps=100)",
        "cosine from max_lr / 25 to max_lr, then to max_lr / 25e4; momentum from 0.95 to 0.85 and back",
        lambda o: L.OneCycleLR(o, max_lr=1.0, total_steps=100),
    ),
    Entry(
        'OneCycleLR(max_lr=1.0, total_steps=100, pct_start=0.4, anneal_strategy="linear", three_phase=True)',
        "linear from max_lr / 25 to max_lr, back to max_lr / 25, then to max_lr / 25e4",
        lambda o: L.OneCycleLR(
            o, max_lr=1.0, total_steps=100, pct_start=0.4, anneal_strategy="linear", three_phase=True
        ),
    ),
    Entry(
        "SWALR(swa_lr=0.05, anneal_epochs=10)",
        "lr(t) = swa_lr * a + base * (1 - a), a = (1 - cos(pi min(1, t / N))) / 2",
        lambda o: L.SWALR(o, swa_lr=0.05, anneal_epochs=10),
    ),
    Entry(
        "ReduceLROnPlateau(), with the lr itself as the metric",
        "lr = lr * factor after more than patience metrics without improvement",
        lambda o: L.ReduceLROnPlateau(o),
        _lr,
    ),
    Entry(
        "SequentialLR([LinearLR(0.1, total_iters=10), CosineAnnealingLR(90)], milestones=[10])",
        "one scheduler after another; each counts its own steps from 0",
        lambda o: L.SequentialLR(o, [L.LinearLR(o, 0.1, total_iters=10), L.CosineAnnealingLR(o, 90)], milestones=[10]),
    ),
    Entry(
        "ChainedScheduler([ConstantLR(0.1, total_iters=20), ExponentialLR(0.95)])",
        "each scheduler multiplies the value that the previous one has set",
        lambda o: L.ChainedScheduler([L.ConstantLR(o, 0.1, total_iters=20), L.ExponentialLR(o, 0.95)]),
    ),
)
