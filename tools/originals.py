"""Draw random arguments of every drop-in, and run each beside its original in this process: `make originals`.

    make originals ARGS="--seconds 600 --seed 7"
    make originals ARGS=--write        # also write the counts into docs/reference/divergences.md
    make originals ARGS="--seed 7 --case torch/StepLR/12"

A case is a program of calls on schedulers of one optimizer. The original makes all of them; the drop-in makes all, or
the two continue each other's states. A difference needs a row of the page whose condition the case fulfils, else it is
printed and the exit code is 1.
"""

import argparse
import contextlib
import copy
import io
import itertools
import logging
import math
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import test_real_configs
import torch
import warmup_scheduler
from mmengine.logging import MMLogger
from mmengine.runner import Runner as MMEngineRunner
from pytorch_accelerated import schedulers as accelerated

from mmengine import optim as mmengine
from paramsched.compat import pytorch_accelerated as accelerated_drop_ins
from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from paramsched.mmengine import engine, simulate
from paramsched.mmengine import schedulers as mmengine_drop_ins
from paramsched.mmengine.runner import Runner
from support import mmengine_original, mmengine_runs
from support.documented_warmup import printed
from support.generated_programs import CLASSES, OPTIMIZERS, Draw
from support.recording_trainer import RecordingTrainer
from support.torch_cases import DROP_IN, TORCH, Case

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "divergences.md"
BEGIN, END = "<!-- make originals -->\n", "<!-- end of make originals -->\n"
ORIGINAL, OURS = 0, 1
"""The libraries: the original, and its drop-in."""


@dataclass(frozen=True)
class Program:
    """One case.

    Args:
        text: its arguments, for a person.
        play: returns what one library computes; its argument has the library of each part of the run.
        rows: returns the rows of the page whose condition the case fulfils on a route.
        routes: the libraries of the drop-in's runs, each beside those of the original.
    """

    text: str
    play: Callable[[Sequence[int]], Any]
    rows: Callable[[tuple[int, ...]], set[str]]
    routes: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (((OURS,), (ORIGINAL,)),)


def error_of(action: Callable[[], Any]) -> Any:
    """Return the result of a call; of an error, the name of its built-in class."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001  # both libraries must fail alike
        return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def bits(value: Any) -> Any:
    """Return a value in a form that is equal if all bits of its numbers are."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [bits(item) for item in value]
    if isinstance(value, dict):
        return {str(key): bits(item) for key, item in value.items()}
    return value if value is None or isinstance(value, str) else float(value).hex()


def distance(actual: Any, expected: Any) -> float:
    """Return the largest difference of two results, relative to the largest number; infinity for other shapes."""
    if isinstance(expected, (list, tuple, np.ndarray)):
        if not isinstance(actual, (list, tuple, np.ndarray)) or len(actual) != len(expected):
            return math.inf
        return max(map(distance, actual, expected), default=0.0)
    if isinstance(expected, dict):
        return distance([*actual.values()], [*expected.values()]) if isinstance(actual, dict) else math.inf
    if not all(isinstance(value, (int, float, torch.Tensor, np.generic)) for value in (actual, expected)):
        return 0.0 if actual == expected else math.inf
    return abs(float(actual) - float(expected)) / max(abs(float(expected)), 1e-3)


# ---------------------------------------------------------------- calls on the schedulers of an optimizer


FIELDS = ("lr", "momentum", "betas", "weight_decay")
RESUMES = (
    ((OURS,), (ORIGINAL,)),
    ((OURS, OURS), (ORIGINAL,)),  # the drop-in continues its own state
    ((ORIGINAL, OURS), (ORIGINAL,)),
    ((OURS, ORIGINAL), (ORIGINAL, ORIGINAL)),
    ((OURS, ORIGINAL, OURS), (ORIGINAL, ORIGINAL)),
)


def values_of(optimizer: Any) -> list[Any]:
    """Return the scheduled fields of all groups."""
    return [group[name] for group in optimizer.param_groups for name in FIELDS if name in group]


def trace(
    build: Callable[[int], tuple[Any, list[Any]]],
    calls: Sequence[tuple[Any, ...]],
    libraries: Sequence[int],
    call: Callable[[Any, list[Any], tuple[Any, ...]], Any],
    cuts: Sequence[int],
) -> list[Any]:
    """Return the values after each call.

    At each cut, the next library builds the objects again and loads their states. If it is the drop-in, and the
    original makes the whole run in comparison, that run is not interrupted.
    """
    rows: list[Any] = []
    optimizer, schedulers = build(libraries[0])
    parts = iter(libraries[1:])
    for index, entry in enumerate(calls):
        if index in cuts and (library := next(parts, None)) is not None:
            saved = copy.deepcopy((optimizer.state_dict(), [scheduler.state_dict() for scheduler in schedulers]))
            optimizer, schedulers = build(library)
            optimizer.load_state_dict(saved[0])
            for scheduler, state in zip(schedulers, saved[1], strict=True):
                scheduler.load_state_dict(state)
        rows.append(values_of(optimizer))
        rows.append(call(optimizer, schedulers, entry))
    return [*rows, values_of(optimizer)]


def drawn_cuts(draw: Draw, calls: Sequence[tuple[Any, ...]]) -> tuple[list[int], Any]:
    """Return two cuts and the routes.

    A state that the original has loaded and not stepped does not show it. So all schedulers are stepped between the
    cuts if a call between them writes an lr.
    """
    kinds = {kind for kind, *_ in calls} & {"step", "metric", "iteration", "epoch"}
    for _ in range(20):
        cuts = sorted(draw.sample(range(1, len(calls)), 2))
        between = {kind for kind, *_ in calls[cuts[0] : cuts[1]]}
        if between >= kinds or "write" not in between:
            return cuts, RESUMES
    return cuts, RESUMES[:-1]


# ---------------------------------------------------------------- torch


def options_of(draw: Draw, name: str) -> dict[str, Any]:
    """Return arguments of a class, among them some that the page lists."""
    required, optional, _ = CLASSES[name]
    options = {key: value(draw) for key, value in (required | optional).items() if key in required or draw.flag()}
    if name == "OneCycleLR":
        options["total_steps"] = draw.randint(5, 60)
    rare = {
        "ConstantLR": [{"factor": 0.0}, {"total_iters": 0}],
        "LinearLR": [{"total_iters": 0}],
        "PolynomialLR": [{"total_iters": 0}],
        "StepLR": [{"step_size": 0}],
        "CosineAnnealingLR": [{"T_max": 0}],
        "OneCycleLR": [{"pct_start": 1.0}, {"pct_start": 0.0}],
        "ReduceLROnPlateau": [{"threshold": 1.0}],
    }
    return options | draw.choice(rare[name]) if name in rare and draw.random() < 0.05 else options


def drawn_case(draw: Draw, name: str, depth: int = 1) -> Case:
    """Return a scheduler of a class, with its arguments; a composition has members of any class."""
    if name not in ("SequentialLR", "ChainedScheduler"):
        return Case(name, options_of(draw, name))
    names = [*(name for name in CLASSES if name != "ReduceLROnPlateau")]
    if depth:
        names += ["SequentialLR", "ChainedScheduler"]
    members = tuple(drawn_case(draw, draw.choice(names), depth - 1) for _ in range(draw.randint(1, 3)))
    if name == "ChainedScheduler":
        return Case(name, {}, members)
    return Case(name, {"milestones": sorted(draw.sample(range(1, 15), len(members) - 1))}, members)


def leaves(case: Case) -> Iterator[Case]:
    """Yield the members of a composition that are not compositions."""
    if not case.members:
        yield case
    for member in case.members:
        yield from leaves(member)


def with_descendants(case: Case) -> Iterator[Case]:
    """Yield a scheduler and all members in it."""
    yield case
    for member in case.members:
        yield from with_descendants(member)


def last_epoch_of(calls: Sequence[tuple[Any, ...]]) -> float:
    """Return the largest epoch that a scheduler reaches: `step()` adds 1, and `step(epoch)` goes to one."""
    epoch = 0.0
    last = 0.0
    for kind, *values in calls:
        if kind == "step":
            epoch += 1
        elif kind == "epoch":
            epoch = values[0]
        last = max(last, epoch)
    return last


def rows_of_torch(cases: Sequence[Case], calls: Sequence[tuple[Any, ...]]) -> set[str]:
    """Return the rows of torch's table whose condition is fulfilled."""
    everything = [one for case in cases for one in with_descendants(case)]
    simple = [one for case in cases for one in leaves(case)]
    sequences = [one for one in everything if one.name == "SequentialLR"]
    names = {one.name for one in everything}
    in_sequences = [one for sequence in sequences for member in sequence.members for one in leaves(member)]
    kinds = {kind for kind, *_ in calls}
    metrics = [value for kind, value in calls if kind == "metric"]
    last = last_epoch_of(calls)
    cycles = [one for one in simple if one.name == "OneCycleLR"]
    lengths = ("total_iters", "step_size", "T_max", "step_size_up")
    conditions = {
        4: "epoch" in kinds and "CosineAnnealingWarmRestarts" in names,
        5: any(member.members for sequence in sequences for member in sequence.members),
        6: (len(cases) > 1 and bool(names & {"OneCycleLR", "CyclicLR"}))
        or any(one.name in ("OneCycleLR", "CyclicLR") for one in in_sequences),
        7: any(one.name == "MultiplicativeLR" for one in in_sequences),
        9: "epoch" in kinds and bool(names & {"SequentialLR", "ChainedScheduler"}),
        10: any(last >= one.options["total_steps"] for one in cycles),
        11: any(one.options.get("pct_start", 0.3) * one.options["total_steps"] <= 1 for one in cycles)
        or any(one.options.get("pct_start") in (0.0, 1.0) for one in cycles),
        12: "CyclicLR" in names and (len(simple) > 1),
        17: "group" in kinds,
        21: any(
            one.name == "ConstantLR" and 0 in (one.options.get("factor"), one.options.get("total_iters"))
            for one in simple
        ),
        22: any(one.options.get(name) == 0 for one in simple for name in lengths),
        23: "epoch" in kinds and "MultiplicativeLR" in names,
        24: any(math.isnan(value) for value in metrics),
        25: any(value < 0 for value in metrics),
        26: any(one.options.get("threshold") == 1.0 for one in simple),
    }
    return {f"torch {number}" for number, holds in conditions.items() if holds}


def torch_program(name: str, draw: Draw) -> Program:
    """A scheduler of torch, or a list of two with a plateau."""
    draw.groups = draw.randint(1, 3)
    kind = draw.choice(OPTIMIZERS)
    lrs = [draw.choice([0.1, 0.5, draw.lr()]) for _ in range(draw.groups)]
    if name == "a list with a plateau":
        names = [name for name in CLASSES if name != "ReduceLROnPlateau"]
        cases = [drawn_case(draw, draw.choice(["ReduceLROnPlateau", *names])), drawn_case(draw, "ReduceLROnPlateau")]
        draw.shuffle(cases)
    else:
        cases = [drawn_case(draw, name)]
    plateaus = any(case.name == "ReduceLROnPlateau" for case in cases)
    kinds = ["step"] * 20 + (["metric"] * 20 if plateaus else []) + ["write"] * 3
    if draw.random() < 0.2:
        kinds += ["epoch"]
    calls: list[tuple[Any, ...]] = []
    metric = draw.choice([lambda: draw.uniform(0.1, 1.0), lambda: draw.choice([0.3, 0.31, -0.3, -0.2, math.nan])])
    for _ in range(draw.randint(8, 25)):
        match draw.choice(kinds):
            case "write":
                calls.append(("write", (draw.randrange(draw.groups), draw.lr())))
            case "epoch":
                calls.append(("epoch", draw.randint(0, 20)))
            case "metric":
                calls.append(("metric", metric()))
            case _:
                calls.append(("step", None))
    cuts, routes = drawn_cuts(draw, calls)

    def build(library: int) -> tuple[Any, list[Any]]:
        optimizer = kind([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in lrs])
        return optimizer, [copy.deepcopy(case).build((TORCH, DROP_IN)[library], optimizer) for case in cases]

    def call(optimizer: Any, schedulers: list[Any], entry: tuple[Any, ...]) -> Any:
        what, value = entry
        if what == "write":
            optimizer.param_groups[value[0]]["lr"] = value[1]
            return None
        is_plateau = what == "metric"
        arguments = () if what == "step" else (value,)
        stepped = [
            scheduler
            for scheduler, case in zip(schedulers, cases, strict=True)
            if (case.name == "ReduceLROnPlateau") is is_plateau
        ]
        for scheduler in stepped:
            scheduler.step(*arguments)
        return [scheduler.get_last_lr() for scheduler in stepped]

    return Program(
        f"{cases} on {lrs}, {kind([{'params': [torch.zeros(1)]}]).__class__.__name__}, {calls}, cuts {cuts}",
        lambda libraries: trace(build, calls, libraries, call, cuts),
        lambda _: rows_of_torch(cases, calls),
        routes,
    )


# ---------------------------------------------------------------- GradualWarmupScheduler


def warmup_program(name: str, draw: Draw) -> Program:
    """A warmup of the package or of the document, with any scheduler after it."""
    original = printed if name.endswith("(document)") else warmup_scheduler
    is_document = original is printed
    draw.groups = draw.randint(1, 3)
    lrs = [draw.lr() for _ in range(draw.groups)]
    names = [name for name in CLASSES if name not in ("OneCycleLR", "CyclicLR", "SWALR")]
    after = None if draw.random() < 0.3 and not is_document else drawn_case(draw, draw.choice(names))
    length = draw.choice([0, *range(1, 9)])
    multiplier = draw.choice([1.0, 1, 2, 4.5, draw.uniform(1, 20)])
    metrics = after is not None and after.name == "ReduceLROnPlateau"
    calls = [("step", draw.uniform(0.1, 1.0)) for _ in range(draw.randint(3, 20))]

    def build(library: int) -> tuple[Any, list[Any]]:
        optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": lr} for lr in lrs], lr=0.1, momentum=0.9)
        inner = None if after is None else copy.deepcopy(after).build((TORCH, DROP_IN)[library], optimizer)
        keyword = {"warmup_epoch" if is_document else "total_epoch": length}
        cls = (original.GradualWarmupScheduler, GradualWarmupScheduler)[library]
        return optimizer, [cls(optimizer, multiplier, after_scheduler=inner, **keyword)]

    def call(_: Any, schedulers: list[Any], entry: tuple[Any, ...]) -> None:
        schedulers[0].step(**({"metrics": entry[1]} if metrics else {}))

    is_composition = after is not None and after.name in ("SequentialLR", "ChainedScheduler")
    conditions = {
        1: not is_document and after is not None and not metrics and len(calls) > length,
        2: not is_document and metrics,
        3: length == 0 or (not is_document and is_composition),
        4: is_document and metrics,
    }
    rows = {f"GradualWarmupScheduler {number}" for number, holds in conditions.items() if holds}
    if after is not None:
        rows |= rows_of_torch([after], calls)
    text = f"multiplier {multiplier}, length {length}, {after} on {lrs}, {calls}"
    return Program(text, lambda libraries: trace(build, calls, libraries, call, []), lambda _: rows)


# ---------------------------------------------------------------- pytorch-accelerated


def cosine_options(draw: Draw) -> dict[str, Any]:
    """Return arguments of a CosineLrScheduler."""
    epochs = draw.randint(2, 12)
    options: dict[str, Any] = {"total_num_epochs": epochs, "num_update_steps_per_epoch": draw.randint(1, 8)}
    optional = {
        "k_decay": draw.choice([0.5, 1.0, 2.0]),
        "lr_min": draw.choice([0.0, 1e-5, 1e-2]),
        "min_lr_ratio": draw.choice([None, draw.random()]),
        "num_cooldown_epochs": draw.randint(0, epochs - 1),
        "num_warmup_epochs": draw.randint(0, epochs // 2),
        "warmup_starting_lr": draw.choice([0.0, 1e-6, 1e-3]),
        "warmup_starting_lr_ratio": draw.choice([None, draw.random()]),
    }
    return options | {name: value for name, value in optional.items() if draw.random() < 0.4}


def wsd_options(draw: Draw) -> dict[str, Any]:
    """Return arguments of a WSDLrScheduler."""
    options: dict[str, Any] = {"total_steps": draw.randint(8, 80)}
    optional = {
        "num_warmup_steps": draw.randint(0, 12),
        "decay_phase_ratio": draw.choice([0.1, 0.25, draw.random()]),
        "lr_min": draw.choice([0, 1e-6, draw.random()]),
        "warmup_starting_lr": draw.choice([0.0, 1e-6, 1e-3]),
        "use_inverse_sqrt_decay": draw.flag(),
        "num_checkpoints": draw.choice([1, 2, 3]),
    }
    return options | {name: value for name, value in optional.items() if draw.random() < 0.4}


def own_classes(base: Any) -> list[Any]:
    """Return classes of a user on one library's base class."""

    class Milestones(base):
        def get_updated_values(self, num_updates: int) -> list[float] | None:
            if num_updates % 3:
                return None
            return [group[self.param_group_field] * 0.5 for group in self.optimizer.param_groups]

        def state_dict(self) -> dict[str, Any]:
            return {"updates": self._num_updates}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self._num_updates = state["updates"]

    class Inverse(Milestones):
        def get_updated_values(self, num_updates: int) -> float:
            return 1 / (num_updates + 1)

    return [Milestones, Inverse]


OWN_CLASSES = [own_classes(accelerated.StatefulSchedulerBase), own_classes(accelerated_drop_ins.StatefulSchedulerBase)]
LIBRARIES = (accelerated, accelerated_drop_ins)


def rows_of_accelerated(name: str, options: dict[str, Any], route: tuple[int, ...]) -> set[str]:
    """Return the rows of pytorch-accelerated's table whose condition is fulfilled on a route."""
    warmup = options.get("num_warmup_epochs", 0) or options.get("num_warmup_steps", 0)
    has_state_of_original = ORIGINAL in route[:-1]
    total, halvings = options.get("total_steps", 100), options.get("num_checkpoints", 1) - 1
    segment = total // 2**halvings
    is_limit = options.get("lr_min") == 0 or int(options.get("decay_phase_ratio", 0.1) * segment) == 0
    is_limit = is_limit or halvings == 1 or segment * 2**halvings != total
    conditions = {
        3: name.startswith("Cosine") and bool(warmup),
        4: bool(warmup) and options.get("warmup_starting_lr_ratio") is not None,
        8: name.startswith("WSD") and (bool(warmup) or has_state_of_original or is_limit),
    }
    return {f"pytorch-accelerated {number}" for number, holds in conditions.items() if holds}


def accelerated_program(name: str, draw: Draw) -> Program:
    """A scheduler of pytorch-accelerated, or one of a user."""
    bases = [draw.lr() for _ in range(draw.randint(1, 3))]
    options = {"CosineLrScheduler": cosine_options, "WSDLrScheduler": wsd_options}.get(name, lambda _: {})(draw)
    number = draw.randrange(2)
    if name == "StatefulSchedulerBase":
        options = {"param_group_field": draw.choice(["lr", "weight_decay"])}
    calls = [("step", None)] * draw.randint(3, 100)
    cuts, routes = drawn_cuts(draw, calls)

    def build(library: int) -> tuple[Any, list[Any]]:
        groups = [{"params": [torch.zeros(1)], "lr": base} for base in bases]
        optimizer = torch.optim.SGD(groups, lr=1.0, weight_decay=0.01)
        cls = getattr(LIBRARIES[library], name) if options and "total" in str(options) else OWN_CLASSES[library][number]
        return optimizer, [cls(optimizer, **options)]

    def call(_: Any, schedulers: list[Any], _entry: tuple[Any, ...]) -> None:
        schedulers[0].step()

    rows = partial(rows_of_accelerated, name, options)
    text = f"{options} on {bases}, {len(calls)} updates, cuts {cuts}"
    return Program(text, lambda libraries: trace(build, calls, libraries, call, cuts), rows, routes)


def trainer_program(_name: str, draw: Draw) -> Program:
    """A scheduler in pytorch-accelerated's Trainer."""
    kind = draw.choice(["CosineLrScheduler", "WSDLrScheduler"])
    epochs, accumulation = draw.randint(1, 4), draw.choice([1, 1, 2])
    if kind == "CosineLrScheduler":
        options = {key: value for key, value in cosine_options(draw).items() if not key.startswith(("total", "num_up"))}
        options = {key: min(value, epochs - 1) if key.endswith("epochs") else value for key, value in options.items()}
    else:
        options = {"decay_phase_ratio": draw.random(), "lr_min": draw.random()} | (
            {"num_warmup_epochs": 1} if draw.flag() else {}
        )

    def play(libraries: Sequence[int]) -> Any:
        create = getattr(LIBRARIES[libraries[0]], kind).create_scheduler_fn(**options)
        return RecordingTrainer().fit(create, epochs, gradient_accumulation_steps=accumulation)

    text = f"{kind}({options}), {epochs} epochs, {accumulation} batches an update"
    return Program(text, play, partial(rows_of_accelerated, kind, options))


# ---------------------------------------------------------------- MMEngine


EPOCHS, LENGTH = mmengine_original.EPOCHS, mmengine_original.LENGTH
CURVES: dict[str, Callable[[Draw, int], dict[str, Any]]] = {
    "Constant": lambda d, _: {"factor": d.choice([d.share(), d.share(), 0.0] if d.random() < 0.1 else [d.share()])},
    "CosineAnnealing": lambda d, n: floors(d) | ({"T_max": d.randint(1, n)} if d.flag() else {}),
    "CosineRestart": lambda d, _: floors(d, True) | restarts(d),
    "Exponential": lambda d, _: {"gamma": d.uniform(0.8, 1.0)},
    "Linear": lambda d, _: {
        "start_factor": 0 if d.random() < 0.05 else d.share(), "end_factor": d.choice([0, d.share()]),
    },
    "MultiStep": lambda d, n: {"milestones": [d.randint(0, n) for _ in range(d.randint(0, 5))], "gamma": d.share()},
    "OneCycle": lambda d, n: {
        "eta_max": d.lr(), "pct_start": d.choice([0.3, d.uniform(0.0, 1.0)]), "three_phase": d.flag(),
        "anneal_strategy": d.choice(["cos", "linear"]), "div_factor": d.uniform(2, 30),
        "final_div_factor": d.uniform(1, 1e4),
    } | ({"total_steps": d.randint(3, n)} if d.flag() else {}),
    "Poly": lambda d, _: {"power": d.uniform(0.5, 3.0), "eta_min": d.choice([0, 0.001, 0.2])},
    "Step": lambda d, n: {"step_size": d.randint(1, max(2, n // 2)), "gamma": d.share()},
    "ReduceOnPlateau": lambda d, _: {
        "monitor": "loss", "rule": d.choice(["less", "greater"]), "factor": d.choice([0.1, 0.5, 0.9]),
        "patience": d.randint(0, 2), "threshold": d.choice([0.0, 1e-4, 0.1]), "cooldown": d.count(),
        "threshold_rule": d.choice(["rel", "abs"]), "min_value": d.choice([0.0, 0.01]), "eps": d.choice([1e-8, 0.01]),
    },
}  # fmt: skip
"""The arguments of each schedule of MMEngine over a number of steps."""


def floors(draw: Draw, is_required: bool = False) -> dict[str, Any]:
    """Return the argument of a floor."""
    floor = draw.choice([0.0, 0.001, 0.02, 0.3])
    return draw.choice([{"eta_min": floor}, {"eta_min_ratio": floor}, *([] if is_required else [{}])])


def restarts(draw: Draw) -> dict[str, Any]:
    """Return periods and their weights."""
    periods = [draw.randint(1, 9) for _ in range(draw.randint(1, 4))]
    return {"periods": periods, "restart_weights": [draw.uniform(0.1, 2.0) for _ in periods]}


def mmengine_config(draw: Draw, curve: str, family: str, has_momentum: bool) -> dict[str, Any]:
    """Return the config of a scheduler of MMEngine."""
    by_epoch = curve == "ReduceOnPlateau" or draw.flag()
    longest = EPOCHS if by_epoch else EPOCHS * LENGTH
    config: dict[str, Any] = {} if by_epoch and draw.flag() else {"by_epoch": by_epoch}
    if draw.random() < 0.4:
        config["begin"] = draw.randint(0, longest - 1)
    if draw.flag():
        config["end"] = draw.randint(config.get("begin", 0) + 1, longest + 3)
    if by_epoch and curve != "ReduceOnPlateau" and draw.random() < 0.3:
        config["convert_to_iter_based"] = True
    if family == "ParamScheduler":
        names = ["lr"] if curve == "OneCycle" else ["lr", "weight_decay", *(["momentum"] if has_momentum else [])]
        config["param_name"] = draw.choice(names)
    return {"type": curve + family, **config, **CURVES[curve](draw, longest)}


def rows_of_mmengine(configs: Sequence[dict[str, Any]], calls: Iterable[tuple[Any, ...]]) -> set[str]:
    """Return the rows of MMEngine's table whose condition is fulfilled."""
    metrics = [value for kind, value in calls if kind == "metric"]
    kinds = [config["type"] for config in configs]
    conditions = {
        1: any(0 in (one.get("start_factor"), one.get("factor")) for one in configs),
        2: any(kind.startswith("OneCycle") for kind in kinds),
        6: any(value < 0 for value in metrics),
    }
    return {f"MMEngine {number}" for number, holds in conditions.items() if holds}


def mmengine_program(name: str, draw: Draw) -> Program:
    """A scheduler of MMEngine, or a list of schedulers."""
    kind, groups = draw.choice(["SGD", "Adam"]), draw.randint(1, 3)
    families = re.fullmatch(r"(\w+?)(LR|Momentum|ParamScheduler)", name)
    if families:
        configs = [mmengine_config(draw, families[1], families[2], kind == "SGD")]
    else:
        every = [(curve, "LR") for curve in CURVES] + [(curve, "ParamScheduler") for curve in CURVES]
        every += [(curve, "Momentum") for curve in CURVES if curve != "OneCycle"]
        configs = [mmengine_config(draw, *draw.choice(every), kind == "SGD") for _ in range(draw.randint(2, 4))]
        if name == "a list with a plateau":
            plateau = draw.choice(["LR", "Momentum"])
            configs[draw.randrange(len(configs))] = mmengine_config(draw, "ReduceOnPlateau", plateau, True)
    metric = draw.choice([lambda: draw.uniform(0.1, 1.0), lambda: draw.choice([0.3, 0.31, -0.3, -0.2])])
    calls: list[tuple[Any, ...]] = []
    has_plateau = any(config["type"].startswith("ReduceOnPlateau") for config in configs)
    for iteration in range(draw.randint(10, EPOCHS * LENGTH)):
        calls.append(("iteration", iteration))
        if iteration % LENGTH == LENGTH - 1:
            calls.append(("epoch", None))
        if has_plateau and draw.random() < 0.2:
            calls.append(("metric", metric()))
        if draw.random() < 0.02:
            calls.append(("write", (draw.randrange(groups), draw.lr())))
    cuts, routes = drawn_cuts(draw, calls)

    def build(library: int) -> tuple[Any, list[Any]]:
        optimizer = mmengine_original.optimizer_of(kind, groups)
        if library == ORIGINAL:
            return optimizer, mmengine_original.built_by_original(configs, optimizer)
        return optimizer, mmengine_drop_ins.build_param_scheduler(
            copy.deepcopy(configs), optimizer, epoch_length=LENGTH, max_epochs=EPOCHS
        )

    def call(optimizer: Any, schedulers: list[Any], entry: tuple[Any, ...]) -> Any:
        what, value = entry
        if what == "write":
            optimizer.param_groups[value[0]]["lr"] = value[1]
        for scheduler in schedulers:
            if what == "metric":
                if hasattr(scheduler, "monitor"):
                    scheduler.step({"loss": value})
            elif what == ("epoch" if scheduler.by_epoch else "iteration"):
                scheduler.step()
        return None

    text = f"{configs} on {kind} with {groups} groups, {calls[-1]}, cuts {cuts}"
    return Program(
        text,
        lambda libraries: trace(build, calls, libraries, call, cuts),
        lambda _: rows_of_mmengine(configs, calls),
        routes,
    )


def simulate_program(_name: str, draw: Draw) -> Program:
    """A config, simulated, and MMEngine's classes stepped as by its hook."""
    kind = draw.choice(["SGD", "Adam"])
    curves = [curve for curve in CURVES if curve != "ReduceOnPlateau"]
    configs = [mmengine_config(draw, draw.choice(curves), "LR", kind == "SGD") for _ in range(draw.randint(1, 4))]
    optimizer = {"type": kind, "lr": 0.1, "weight_decay": 5e-4} | ({"momentum": 0.9} if kind == "SGD" else {})
    config = {
        "param_scheduler": configs,
        "optim_wrapper": {"type": "OptimWrapper", "optimizer": optimizer},
        "train_cfg": {"max_epochs": EPOCHS},
    }

    def play(libraries: Sequence[int]) -> Any:
        if libraries[0] == OURS:
            return simulate(copy.deepcopy(config), steps_per_epoch=LENGTH)["lr", 0].tolist()
        there = mmengine_original.optimizer_of(kind, 1)
        values = mmengine_original.run(mmengine_original.built_by_original(configs, there), there)
        return values[:, 0].tolist()

    return Program(f"{configs} on {kind}", play, lambda _: rows_of_mmengine(configs, []))


def runner_program(_name: str, draw: Draw) -> Program:
    """A config in MMEngine's own Runner, with its classes and with the drop-ins, and a resume of half of the run."""
    curves = [curve for curve in CURVES if curve != "OneCycle"]
    configs = []
    for _ in range(draw.randint(1, 3)):
        curve = draw.choice(curves)
        config = mmengine_config(draw, curve, draw.choice(["LR", "Momentum"]), True) | {"begin": 0}
        config["end"] = mmengine_runs.EPOCHS * (1 if config.get("by_epoch", True) else mmengine_runs.BATCHES)
        configs.append(config | ({"monitor": "acc"} if curve == "ReduceOnPlateau" else {}))
    resumes = draw.flag()

    def play(libraries: Sequence[int]) -> Any:
        module = (mmengine.scheduler, engine)[libraries[0]]
        schedulers = [{**config, "type": getattr(module, config["type"])} for config in configs]
        with tempfile.TemporaryDirectory() as folder:
            runs = mmengine_runs.Runs(Path(folder))
            try:
                engine.allow_checkpoints()
                if resumes:
                    runs(schedulers, validate=True, epochs=2)
                return runs(schedulers, validate=True, resume=resumes)[0].tolist()
            finally:
                runs.close()
                MMLogger._instance_dict.clear()

    return Program(f"{configs}, {resumes=}", play, lambda _: rows_of_mmengine(configs, []))


def both_runners_program(_name: str, draw: Draw) -> Program:
    """A config in MMEngine's Runner and in `paramsched.mmengine.runner`."""
    curves = [curve for curve in CURVES if curve not in ("OneCycle", "ReduceOnPlateau")]
    config = {
        "train_cfg": {"type": "EpochBasedTrainLoop", "max_epochs": 3},
        "optim_wrapper": {
            "type": "OptimWrapper",
            "optimizer": {"type": "SGD", "lr": draw.lr(), "momentum": 0.9, "weight_decay": 1e-4},
            "accumulative_counts": draw.choice([1, 1, 2, 3]),
        },
        "param_scheduler": [
            mmengine_config(draw, draw.choice(curves), draw.choice(["LR", "Momentum"]), True)
            for _ in range(draw.randint(1, 3))
        ],
    }

    def play(libraries: Sequence[int]) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            runner = (MMEngineRunner, Runner)[libraries[0]]
            calls, _ = test_real_configs.trained(runner, config, Path(folder) / "run", build=False)
            test_real_configs.close_loggers()
            return [call[-1] for call in calls]

    return Program(str(config), play, lambda _: rows_of_mmengine(config["param_scheduler"], []))


# ---------------------------------------------------------------- the run


SUBJECTS: dict[str, dict[str, Callable[[str, Draw], Program]]] = {
    "torch": dict.fromkeys((*CLASSES, "SequentialLR", "ChainedScheduler", "a list with a plateau"), torch_program),
    "GradualWarmupScheduler": {
        f"GradualWarmupScheduler ({kind})": warmup_program for kind in ("package", "document")
    },
    "pytorch-accelerated": {
        **dict.fromkeys(("CosineLrScheduler", "WSDLrScheduler", "StatefulSchedulerBase"), accelerated_program),
        "in the Trainer": trainer_program,
    },
    "MMEngine": {
        **{
            curve + family: mmengine_program
            for curve in CURVES
            for family in ("LR", "Momentum", "ParamScheduler")
            if curve + family != "OneCycleMomentum"
        },
        "a list": mmengine_program,
        "a list with a plateau": mmengine_program,
        "a config, simulated": simulate_program,
        "a config in MMEngine's Runner": runner_program,
        "a config in both Runners": both_runners_program,
    },
}  # fmt: skip


WEIGHTS = {"in the Trainer": 4, "in MMEngine's Runner": 4, "in both Runners": 4, "a list with a plateau": 3}
"""The share of the time of classes whose cases take longer, or which had faults; that of the others is 1."""


@dataclass
class Count:
    """The results of one class.

    Args:
        runs: the comparisons, one for each route of each case.
        equal: those that are equal bit for bit.
        rounded: those that differ by at most 1e-9 of the value, in which case no row is looked for.
        rows: how many differences each row may explain.
        unexplained: the cases that no row explains.
        seconds: the time that they took.
    """

    runs: int = 0
    equal: int = 0
    rounded: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)
    seconds: float = 0.0


def compare(count: Count, section: str, name: str, number: int, seed: int, show: bool = False) -> None:
    """Draw one case, run it on each route, and count the results."""
    started = time.perf_counter()
    place = f"{section}/{name}/{number}"
    program = SUBJECTS[section][name](name, Draw(f"{seed} {place}"))
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stdout if show else io.StringIO()):
        warnings.simplefilter("ignore")
        expected: dict[Any, Any] = {}
        for ours, theirs in program.routes:
            if theirs not in expected:
                expected[theirs] = error_of(partial(program.play, theirs))
            actual = error_of(partial(program.play, ours))
            count.runs += 1
            apart = 0.0 if bits(actual) == bits(expected[theirs]) else distance(actual, expected[theirs])
            if apart == 0:
                count.equal += 1
            elif apart <= 1e-9:
                count.rounded += 1
            elif rows := program.rows(ours):
                count.rows[" or ".join(sorted(rows, key=natural))] += 1
            else:
                count.unexplained.append(f"{place} {ours}: {first_difference(actual, expected[theirs])}")
            if show:
                print(
                    program.text,
                    program.rows(ours),
                    ours,
                    apart,
                    first_difference(actual, expected[theirs]),
                    sep="\n  ",
                )
    count.seconds += time.perf_counter() - started


def natural(text: str) -> list[Any]:
    """Return a key that sorts numbers by value."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def first_difference(actual: Any, expected: Any) -> str:
    """Return the first entries that differ."""
    if isinstance(actual, list) and isinstance(expected, list):
        for index, (one, other) in enumerate(itertools.zip_longest(actual, expected)):
            if bits(one) != bits(other):
                return f"[{index}] {one} beside {other}"
    return f"{str(actual)[:200]} beside {str(expected)[:200]}"


def main() -> int:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=170)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--write", action="store_true", help="write the counts into docs/reference/divergences.md")
    parser.add_argument("--case", help="run one case: SECTION/CLASS/NUMBER")
    parser.add_argument("--only", default="", help="a part of the names to run")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.case:
        section, name, number = arguments.case.split("/")
        compare(Count(), section, name, int(number), arguments.seed, show=True)
        return 0
    counts = {
        (section, name): Count()
        for section, names in SUBJECTS.items()
        for name in names
        if arguments.only in f"{section}/{name}"
    }
    print(f"seed {arguments.seed}", flush=True)
    numbers: Counter[tuple[str, str]] = Counter()
    weights = {place: next((weight for name, weight in WEIGHTS.items() if name in place[1]), 1) for place in counts}
    end = time.perf_counter() + arguments.seconds
    while time.perf_counter() < end:
        place = min(counts, key=lambda one: counts[one].seconds / weights[one])
        compare(counts[place], *place, numbers[place], arguments.seed)
        numbers[place] += 1
    for text in table_of(counts):
        print(text)
    unexplained = [text for count in counts.values() for text in count.unexplained]
    for text in unexplained[:20]:
        print("No row explains", text)
    if arguments.write:
        write(counts, arguments.seed)
    return bool(unexplained)


def table_of(counts: dict[tuple[str, str], Count]) -> list[str]:
    """Return the lines of a table; the three families of a schedule of MMEngine are one class."""
    merged: dict[tuple[str, str], Count] = {}
    for (section, name), count in counts.items():
        family = re.fullmatch(r"([A-Z]\w+?)(LR|Momentum|ParamScheduler)", name) if section == "MMEngine" else None
        total = merged.setdefault((section, f"{family[1]}…" if family else name), Count())
        total.runs += count.runs
        total.equal += count.equal
        total.rounded += count.rounded
        total.rows += count.rows
    lines = [
        "| library | class | comparisons | equal | at most 1e-9 apart | rows of the others |",
        "|---|---|---|---|---|---|",
    ]
    for (section, name), count in merged.items():
        rows = {row for text in count.rows for row in text.split(" or ")}
        short = [row.removeprefix(f"{section} ") for row in sorted(rows, key=natural)]
        others = f"{count.rows.total():,}: {', '.join(short)}" if rows else ""
        lines.append(f"| {section} | {name} | {count.runs:,} | {count.equal:,} | {count.rounded or ''} | {others} |")
    return lines


def write(counts: dict[tuple[str, str], Count], seed: int) -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [
        f'The last run, `make originals ARGS="--seed {seed}"`, with torch {torch.__version__.partition("+")[0]}:',
        "",
        *table_of(counts),
        "",
    ]
    PAGE.write_text(before + BEGIN + "\n".join(["", *lines]) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
