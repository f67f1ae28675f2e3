"""What the gallery shows: every scheduler of torch, how it was made, and its formula."""

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
        call: how it is made, as one would write it after `optimizer,`.
        formula: the value after t steps, in plain text.
        make: from an optimizer to the built scheduler.
        metrics: for a metric-driven scheduler, what it is told.
    """

    call: str
    formula: str
    make: Callable[[SGD], Any]
    metrics: show.Metrics | None = None

    @property
    def name(self) -> str:
        """The class."""
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
        "lr(t) = base * factor before total_iters, base after",
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
        "as CosineAnnealingLR over T_i = T_0 * T_mult ** i, again and again from base",
        lambda o: L.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=2, eta_min=0.1),
    ),
    Entry(
        'CyclicLR(base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular")',
        "lr(t) = base_lr + (max_lr - base_lr) * height; momentum the other way round",
        lambda o: L.CyclicLR(o, base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular"),
    ),
    Entry(
        'CyclicLR(base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular2")',
        "as triangular, with half the height in each cycle",
        lambda o: L.CyclicLR(o, base_lr=0.1, max_lr=1.0, step_size_up=20, mode="triangular2"),
    ),
    Entry(
        'CyclicLR(base_lr=0.1, max_lr=1.0, step_size_up=20, mode="exp_range", gamma=0.99)',
        "as triangular, with height * gamma ** t",
        lambda o: L.CyclicLR(o, base_lr=0.1, max_lr=1.0, step_size_up=20, mode="exp_range", gamma=0.99),
    ),
    Entry(
        "OneCycleLR(max_lr=1.0, total_steps=100)",
        "cosine from max_lr / 25 to max_lr, then to max_lr / 25e4; momentum 0.95, 0.85, 0.95",
        lambda o: L.OneCycleLR(o, max_lr=1.0, total_steps=100),
    ),
    Entry(
        'OneCycleLR(max_lr=1.0, total_steps=100, pct_start=0.4, anneal_strategy="linear", three_phase=True)',
        "straight lines up, back, and down to nearly nothing",
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
        "ReduceLROnPlateau(), told the lr itself",
        "lr = lr * factor after more than patience metrics that are not better",
        lambda o: L.ReduceLROnPlateau(o),
        _lr,
    ),
    Entry(
        "SequentialLR([LinearLR(0.1, total_iters=10), CosineAnnealingLR(90)], milestones=[10])",
        "one after another, each on its own clock",
        lambda o: L.SequentialLR(o, [L.LinearLR(o, 0.1, total_iters=10), L.CosineAnnealingLR(o, 90)], milestones=[10]),
    ),
    Entry(
        "ChainedScheduler([ConstantLR(0.1, total_iters=20), ExponentialLR(0.95)])",
        "each multiplies what the one before has left",
        lambda o: L.ChainedScheduler([L.ConstantLR(o, 0.1, total_iters=20), L.ExponentialLR(o, 0.95)]),
    ),
)
