"""Runs of real schedulers with drawn arguments, and their logs."""

import math
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torch_lr

from support.megatron_peer import MEGATRON, import_peer
from support.timm_peer import timm_schedulers

FORMS = ("full", "six digits", "every 10th", "every 50th", "irregular")


def _rates(schedulers: Callable[[Any], Any], base: float, updates: int, every: int = 1) -> list[float]:
    """Return the rates that a scheduler, or a list of them, sets when it is stepped after every `every` updates."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base, momentum=0.9)
    made = schedulers(optimizer)
    values = []
    for update in range(1, updates + 1):
        values.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        for one in made if isinstance(made, list) else [made]:
            if not getattr(one, "by_epoch", False) and update % every == 0:
                one.step()
    return values


def _sizes(draw: random.Random) -> tuple[int, int, float]:
    """Return a number of updates, a length of a warmup and a base."""
    n = draw.choice([1000, 2000, 5000, draw.randrange(600, 6000)])
    w = draw.choice([0, 100, round(n * 0.03), round(n * 0.1), draw.randrange(5, n // 4)])
    base = draw.choice([1e-3, 3e-4, 0.1, 5e-5, 2e-4, float(f"{10 ** draw.uniform(-5, -1):.2g}")])
    return n, w, base


def torch_run(draw: random.Random) -> tuple[str, list[float]]:
    """Return the name and the rates of a run with a scheduler of torch."""
    n, w, base = _sizes(draw)
    low = base * draw.choice([0, 0.1, 0.01, round(draw.uniform(0, 0.3), 3)])
    gamma = draw.choice([0.1, 0.5, 0.3, round(draw.uniform(0.2, 0.9), 2)])
    cyclic = draw.choice(["triangular", "triangular2"])
    made: dict[str, Callable[[Any], Any]] = {
        "StepLR": lambda o: torch_lr.StepLR(o, draw.randrange(n // 9, n // 2), gamma),
        "MultiStepLR": lambda o: torch_lr.MultiStepLR(o, sorted(draw.sample(range(20, n), 3)), gamma),
        "ConstantLR": lambda o: torch_lr.ConstantLR(o, draw.choice([1 / 3, 0.1]), draw.randrange(20, n)),
        "LinearLR": lambda o: torch_lr.LinearLR(o, draw.choice([1 / 3, 0.01]), 1.0, draw.randrange(20, n)),
        "ExponentialLR": lambda o: torch_lr.ExponentialLR(o, 1 - draw.choice([1, 2, 5]) / n),
        "PolynomialLR": lambda o: torch_lr.PolynomialLR(o, draw.choice([n, 3 * n // 4]), draw.choice([1, 0.9, 2, 3])),
        "CosineAnnealingLR": lambda o: torch_lr.CosineAnnealingLR(o, draw.choice([n, n - 1, n // 2, n // 3]), low),
        "CosineAnnealingWarmRestarts": lambda o: torch_lr.CosineAnnealingWarmRestarts(
            o, draw.randrange(n // 12, n // 3), draw.choice([1, 2]), low
        ),
        "OneCycleLR": lambda o: torch_lr.OneCycleLR(
            o, base, n, pct_start=draw.choice([0.3, 0.1, 0.25]), anneal_strategy=draw.choice(["cos", "linear"]),
            three_phase=draw.random() < 0.3, div_factor=draw.choice([25, 10]), cycle_momentum=False,
        ),
        "CyclicLR": lambda o: torch_lr.CyclicLR(
            o, base / 10, base, draw.randrange(n // 20, n // 3), draw.choice([None, n // 5]), cyclic,
            cycle_momentum=False,
        ),
        "inverse square root": lambda o: torch_lr.LambdaLR(
            o, lambda t: min((t + 1) / max(w, 1), math.sqrt(max(w, 1) / (t + 1)))
        ),
    }  # fmt: skip
    after: dict[str, Callable[[Any], Any]] = {
        "warmup, cosine": lambda o: torch_lr.CosineAnnealingLR(o, n - w, low),
        "warmup, steps": lambda o: torch_lr.StepLR(o, draw.randrange(n // 9, n // 2), gamma),
        "warmup, exponential": lambda o: torch_lr.ExponentialLR(o, 1 - draw.choice([1, 2, 5]) / n),
        "warmup, linear": lambda o: torch_lr.LinearLR(o, 1.0, draw.choice([0.0, 0.1]), n - w),
        "warmup, polynomial": lambda o: torch_lr.PolynomialLR(o, n - w, draw.choice([0.9, 2.0])),
    }
    factor = draw.choice([0.01, 0.1, 0.001])
    name = draw.choice([*made, *(after if w else [])])
    build = made.get(name)
    if build is None:
        build = lambda o: torch_lr.SequentialLR(  # noqa: E731
            o, [torch_lr.LinearLR(o, factor, 1.0, w), after[name](o)], [w]
        )
    return name, _rates(build, base, n)


def transformers_run(draw: random.Random) -> tuple[str, list[float]]:
    """Return the name and the rates of a run with a scheduler of transformers."""
    transformers = pytest.importorskip("transformers")
    n, w, base = _sizes(draw)
    arguments: dict[str, dict[str, Any]] = {
        "linear": {},
        "constant": {},
        "cosine": {"num_cycles": draw.choice([0.5, 0.5, 0.4])},
        "cosine_with_restarts": {"num_cycles": draw.choice([1, 2, 3, 5])},
        "polynomial": {"power": draw.choice([1.0, 0.5, 2.0, 1.5]), "lr_end": base * draw.choice([0, 1e-3, 0.1])},
        "constant_with_warmup": {},
        "inverse_sqrt": {"timescale": draw.choice([None, draw.randrange(50, 2000)])},
        "cosine_with_min_lr": {"min_lr_rate": draw.choice([0.1, 0.05, 0.01])},
        "warmup_stable_decay": {
            "num_decay_steps": draw.randrange(50, n // 2),
            "decay_type": draw.choice(["linear", "cosine", "1-sqrt"]),
            "warmup_type": draw.choice(["linear", "linear", "cosine"]),
            "min_lr_ratio": draw.choice([0, 0.1]),
        },
    }
    name = draw.choice(list(arguments))
    given = arguments[name]
    return name, _rates(lambda o: transformers.get_scheduler(name, o, w, n, scheduler_specific_kwargs=given), base, n)


def timm_run(draw: random.Random) -> tuple[str, list[float]]:
    """Return the name and the rates of a run with a scheduler of timm, stepped per epoch or per update."""
    timm = timm_schedulers()
    _, _, base = _sizes(draw)
    epochs, length = draw.choice([20, 30, 90]), draw.choice([40, 50, draw.randrange(25, 70)])
    given = {
        "sched": draw.choice(["cosine", "poly", "step", "multistep"]),
        "num_epochs": epochs,
        "warmup_epochs": draw.choice([0, 3, 5]),
        "warmup_lr": base * draw.choice([1e-3, 1e-2]),
        "min_lr": base * draw.choice([0, 1e-2, 0.1]),
        "decay_rate": draw.choice([0.1, 0.5]),
        "decay_epochs": draw.choice([5, 8]),
        "decay_milestones": [epochs // 3, epochs // 2],
        "step_on_epochs": draw.random() < 0.5,
        "updates_per_epoch": length,
    }
    if given["sched"] == "poly":
        given["decay_rate"] = draw.choice([1.0, 0.5])
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler, epochs = timm.create_scheduler_v2(optimizer, **given)
    values = []
    for update in range(1, epochs * length + 1):
        values.append(float(optimizer.param_groups[0]["lr"]))
        scheduler.step_update(update)
        if update % length == 0:
            scheduler.step(update // length)
    return f"{given['sched']}{' by epoch' if given['step_on_epochs'] else ''}", values


def mmengine_run(draw: random.Random) -> tuple[str, list[float]]:
    """Return the name and the rates of a run with schedulers of MMEngine: a warmup and another one."""
    mmengine = pytest.importorskip("mmengine.optim.scheduler")
    n, w, base = _sizes(draw)
    low = base * draw.choice([0, 0.1, 0.01])
    third = (n - w) // 3
    arguments: dict[str, dict[str, Any]] = {
        "CosineAnnealingLR": {"T_max": n - w, "eta_min": low, "begin": w, "end": n},
        "PolyLR": {"power": draw.choice([0.9, 1.0, 2.0]), "eta_min": low, "begin": w, "end": n},
        "MultiStepLR": {"milestones": sorted(draw.sample(range(w + 5, n), 2)), "gamma": 0.1},
        "StepLR": {"step_size": draw.randrange(n // 9, n // 2), "gamma": 0.3, "begin": w},
        "ExponentialLR": {"gamma": 1 - 2 / n, "begin": w},
        "LinearLR": {"start_factor": 1.0, "end_factor": 0.1, "begin": w, "end": n},
        "CosineRestartLR": {
            "periods": [third, third, n - w - 2 * third], "restart_weights": [1, 0.5, 0.25], "eta_min": 0, "begin": w,
        },
        "OneCycleLR": {"eta_max": base, "total_steps": n},
    }  # fmt: skip
    name = draw.choice(list(arguments))
    factor = draw.choice([0.001, 0.1, 1 / 3])

    def build(optimizer: Any) -> list[Any]:
        chain = [getattr(mmengine, name)(optimizer, by_epoch=False, **arguments[name])]
        if w and name != "OneCycleLR":
            chain.append(mmengine.LinearLR(optimizer, factor, by_epoch=False, end=w))
        return chain

    return name, _rates(build, base, n)


def megatron_run(draw: random.Random) -> tuple[str, list[float]]:
    """Return the name and the rates of a run with Megatron's scheduler."""
    peer = import_peer(*MEGATRON).OptimizerParamScheduler
    n, w, base = _sizes(draw)
    style = draw.choice(["linear", "cosine", "inverse-square-root", "constant", "WSD", "WSD"])
    decay = draw.choice(["linear", "cosine", "exponential", "minus_sqrt"])
    batch = draw.choice([1, 16, 256])

    def build(optimizer: Any) -> Any:
        wd = {"start_wd": 0.1, "end_wd": 0.1, "wd_incr_steps": n * batch, "wd_incr_style": "constant"}
        horizon = draw.choice([n, n, n - n // 10])
        return peer(
            optimizer, 0.0, base, base * draw.choice([0, 0.1, 0.01]), w * batch, horizon * batch, style,
            wsd_decay_steps=draw.randrange(20, (horizon - w) // 2) * batch, lr_wsd_decay_style=decay, **wd,
        )  # fmt: skip

    optimizer = torch.optim.SGD([torch.zeros(1)], lr=base)
    made = build(optimizer)
    values = []
    for _ in range(n):
        values.append(float(optimizer.param_groups[0]["lr"]))
        made.step(batch)
    return f"{style} {decay if style == 'WSD' else ''}", values


LIBRARIES = {
    "torch": torch_run,
    "transformers": transformers_run,
    "timm": timm_run,
    "mmengine": mmengine_run,
    "megatron": megatron_run,
}


def drawn_run(library: str, seed: int) -> tuple[str, list[float]]:
    """Return the name and the rates of a run with a scheduler of a library."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LIBRARIES[library](random.Random(f"{library} {seed}"))


def rows_of(values: list[float], form: str, seed: int = 0) -> Iterator[tuple[int, float]]:
    """Return the logged pairs (update, value) of a run, in a form of `FORMS`."""
    chosen = range(0, len(values), {"every 10th": 10, "every 50th": 50}.get(form, 1))
    draw = random.Random(seed)
    for t in chosen:
        if form != "irregular" or draw.random() < 0.07:
            yield t, float(f"{values[t]:.6g}") if form == "six digits" else values[t]
